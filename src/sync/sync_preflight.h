/*
 * sync_preflight.h - decide before touching: what can be known before the source is made to send a full
 * sync, which may take hours.
 *
 * What it is   The checks of replay_preflight.h for the target, with what the source says of its
 *              databases and memory, and a look at the disk.
 */
#ifndef FLOWTAPE_SYNC_SYNC_PREFLIGHT_H
#define FLOWTAPE_SYNC_SYNC_PREFLIGHT_H

#include "replay/replay_preflight.h"
#include "store/capture.h"
#include "sync/sync_impl.h"

#define SYNC_DBS_MAX 256u

/* What is known before anything is recorded. */
struct sync_source_facts {
    bool answered; /* to INFO */
    uint32_t dbs[SYNC_DBS_MAX];
    size_t db_count;
    uint64_t keys;
    uint64_t used_memory;
    bool begun;                            /* a sync into this directory was at work before */
    char capture[2 * CAPTURE_ID_SIZE + 1]; /* "": there is none */
};

/* sync_ask_source - what it, and the directory, tell; neither need to be there, but a capture can be read. */
int sync_ask_source(struct sync_source_facts *ret, const struct sync_options *o,
                    struct ft_err *err);
/* sync_expect - the same as the target is asked for it; points into f. */
struct replay_expected sync_expect(const struct sync_source_facts *f);
/* sync_preflight - a source that does not answer, or may not be asked, is no error here. */
int sync_preflight(struct replay_checks *ret, struct sync *s, struct ft_err *err);

#endif
