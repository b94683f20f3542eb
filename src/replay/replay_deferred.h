/*
 * replay_deferred.h - times to live of a target on which records are still to come.
 *
 * What it is   A key that ended on the target while the source still had it would be lost to the record that
 *              gave it more time, and made again, without what it held, by one that changed it. So a
 *              key's expiry is deferred (times_shift.h): as on a replica, records end it, as
 *              they did at the source. When the replay has come to its end each key gets its own time
 *              (replay_release.h).
 * Fields       of hashes likewise, where the target has times for them, if the source says when one has
 *              expired (from 1.40 on).
 * Which        A replay that follows defers every time: nobody knows how long it will take. One with an end
 *              defers those of the next day. Where no records are, as in a plain RDB, none.
 * Cut-over     Before the end of a sync most keys get their own times while the source goes on. From then
 *              on only what ends soon is deferred, and listed in struct replay_held.
 * Threads      As each function says; struct replay_held: any.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_DEFERRED_H
#define FLOWTAPE_REPLAY_REPLAY_DEFERRED_H

#include "mapping/replay_mapper.h"
#include "replay/replay_impl.h"

/* A key whose expiry is deferred, or may be. */
struct replay_held_key {
    int64_t end_ms; /* its own time; 0: not known, or it has none */
    uint32_t db;
    struct bytes key; /* owned */
    bool given;       /* it was given its own time again */
};

struct replay_held_keys {
    struct replay_held_key *keys;
    size_t count, capacity;
};

/* What a replay and those who give times back beside it share. */
struct replay_held {
    pthread_mutex_t mu;
    /* 0: every time is deferred, none is listed; else those that end within this time, by the clock of
     * this machine, which the farthest node of the target is ahead_ms before */
    atomic_int_fast64_t window_ms;
    atomic_int_fast64_t ahead_ms;
    atomic_int_fast64_t source_behind_ms; /* its clock, as far as the records tell */
    struct replay_held_keys added;        /* guarded by mu */
};

void replay_held_init(struct replay_held *h);
void replay_held_release(struct replay_held *h);
int replay_held_keys_add(struct replay_held_keys *list, int64_t end_ms, uint32_t db,
                         struct bytes key, struct ft_err *err);
void replay_held_keys_clear(struct replay_held_keys *list);

/* replay_defers - only where records follow. */
bool replay_defers(const struct replay *r);
/* replay_defers_fields - then fields of hashes too. */
bool replay_defers_fields(const struct replay *r);
/* replay_retime - the arguments with the times that the key is to have for now: as --ttl wants them, deferred
 * where they have to be. *ret_count 0: nothing is left of the command. They lie in memory of mapper and defer.
 * Any thread that has these two. */
int replay_retime(struct replay *r, struct replay_mapper *mapper, struct times_shift *defer,
                  uint32_t db, const struct bytes *args, size_t count,
                  const struct bytes **ret_args, size_t *ret_count, struct ft_err *err);
/* replay_defer_moved - a key gets the time of another one, whatever that is. */
int replay_defer_moved(struct replay *r, uint32_t db, struct bytes key, struct ft_err *err);
/* replay_note_deferred - before the first: written down. released: keys have their own times again, though
 * records may follow. Any thread. */
int replay_note_deferred(struct replay *r, bool released, struct ft_err *err);
bool replay_has_deferred(const struct replay *r);
/* replay_gives_back_itself - at the end of this run; else those beside it do. */
bool replay_gives_back_itself(const struct replay *r);
/* replay_source_ahead_ms - of this machine's clock, as far as the records tell: never above 0. */
int64_t replay_source_ahead_ms(const struct replay *r);

#endif
