/*
 * replay_walk.h - the keys that a capture names, in its snapshots and in its records.
 *
 * What it is   What a replay has brought, or is about to bring, without asking the target. A key comes
 *              once for each time it is named, but for repetitions close to each other; records of
 *              another flow's keys are left out.
 * Threads      One per thread.
 */
#ifndef FLOWTAPE_PIPE_REPLAY_WALK_H
#define FLOWTAPE_PIPE_REPLAY_WALK_H

#include "pipe/replay_impl.h"

/* Takes a key as the source has it. */
typedef int replay_key_fn(void *context, uint32_t db, struct bytes key, struct ft_err *err);

struct replay_walk {
    const struct source *source;
    struct owner_guard guard;
    struct translator *finder;
    uint64_t *recent; /* hashes of keys that were taken */
    /* what the caller may set */
    bool entries;             /* those of the snapshot too, not only of records */
    bool no_records;          /* those of the snapshot alone */
    bool follow;              /* the capture may have grown since it was opened */
    const uint64_t *from_lsn; /* per flow: begin with this record of the journal; NULL: all */
    const uint64_t *to_lsn; /* per flow: end before this one, which is there; NULL: all there is */
    replay_key_fn *take;
    void *context;
};

/* replay_walk_init - the caller then sets what it wants. */
int replay_walk_init(struct replay_walk *w, const struct replay *r, const struct source *source,
                     replay_key_fn *take, void *context, struct ft_err *err);
void replay_walk_release(struct replay_walk *w);
int replay_walk_stream(struct replay_walk *w, uint32_t index, struct ft_err *err);
int replay_walk_all(struct replay_walk *w, struct ft_err *err);

#endif
