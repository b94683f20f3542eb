/*
 * replay_walk.h - the keys that a capture names, in its snapshots and in its records.
 *
 * What it is   What a replay has brought, or is about to bring, without asking the target. A key comes
 *              once for each time it is named, but for repetitions close to each other; those of
 *              another flow or of another node's slots, and what filters leave out or the target keeps, do not come.
 * Threads      One per thread.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_WALK_H
#define FLOWTAPE_REPLAY_REPLAY_WALK_H

#include "replay/replay_impl.h"

/* As the source has it, and as the target does. */
struct replay_walked {
    uint32_t db;
    struct bytes key;
    uint32_t target_db;
    struct bytes target_key;
    uint32_t flow;
    uint64_t lsn; /* of the record that names it; 0: inside the full sync */
    bool entry;
};

/* Takes a key that goes to the target. */
typedef int replay_key_fn(void *context, const struct replay_walked *key, struct ft_err *err);

/* Takes a flush, of whatever: in each flow at its LSN. */
typedef int replay_flush_fn(void *context, uint32_t flow, uint64_t lsn, struct ft_err *err);

struct replay_walk {
    const struct source *source;
    struct owner_guard guard;
    struct replay_mapper *mapper;
    struct translator *finder;
    uint64_t *recent; /* hashes of keys that were taken */
    /* what the caller may set */
    bool entries;             /* those of the snapshot too, not only of records */
    bool no_records;          /* those of the snapshot alone */
    bool every;               /* repetitions too */
    bool up_to_now;           /* with follow: to_lsn is what comes next, and need not be there */
    bool follow;              /* the capture may have grown since it was opened */
    const uint64_t *from_lsn; /* per flow: begin with this record of the journal; NULL: all */
    const uint64_t *to_lsn; /* per flow: end before this one, which is there; NULL: all there is */
    replay_key_fn *take;
    replay_flush_fn *flushed; /* NULL: flushes are passed over */
    void *context;
};

/* replay_walk_init - the caller then sets what it wants. */
int replay_walk_init(struct replay_walk *w, struct replay *r, const struct source *source,
                     replay_key_fn *take, void *context, struct ft_err *err);
void replay_walk_release(struct replay_walk *w);
int replay_walk_stream(struct replay_walk *w, uint32_t index, struct ft_err *err);
int replay_walk_all(struct replay_walk *w, struct ft_err *err);

#endif
