/*
 * replay_release.h - deferred times become the keys' own ones again.
 *
 * What it is   A walk over all keys of the target (SCAN) in small steps, and the same for keys that are known
 *              by name. Each step is a script, so that a key is looked at and changed at once.
 * Walks        RELEASE: keys that end later than a limit get their own times, others are deferred, and
 *              collected in `near`. DEFER: all are deferred. END: no record follows any more; who has a
 *              deferred time gets its own, or goes if that is over by the source's clock. If it is
 *              over by the target's alone, the key keeps what is left of it at the source: it would be
 *              gone at once.
 * Slots        Keys of slots that moved during a walk of a cluster, or are on their way, are looked at
 *              again where they are then, so that none is missed.
 * Late         A step that reaches the target LATE_MS after it was sent does nothing.
 * Errors       FT_ERR_NET: begin the walk again, with a new connection. Cancelled as the replay is.
 * Threads      That of the replay, whose connections it uses.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_RELEASE_H
#define FLOWTAPE_REPLAY_REPLAY_RELEASE_H

#include "replay/replay_deferred.h"

enum replay_walk_kind {
    REPLAY_WALK_RELEASE,
    REPLAY_WALK_DEFER,
    REPLAY_WALK_END,
};

struct replay_release;

int replay_release_new(struct replay_release **ret, struct replay *r, struct ft_err *err);
void replay_release_free(struct replay_release *w);
/* replay_release_ahead_ms - how far the target's clock is ahead of this machine's; of a cluster the one
 * that is farthest. */
int64_t replay_release_ahead_ms(const struct replay_release *w);
/* replay_release_begin - a walk. limit_ms: for RELEASE the limit from now on, by the target's clock; for END
 * how far the source's clock is ahead of this machine's. */
int replay_release_begin(struct replay_release *w, enum replay_walk_kind kind, int64_t limit_ms,
                         struct ft_err *err);
/* replay_release_step - some keys. 1: the walk is done; 0: there is more. */
int replay_release_step(struct replay_release *w, struct ft_err *err);
/* replay_release_near - RELEASE: what the walk has collected; taken over by the caller. */
struct replay_held_keys replay_release_near(struct replay_release *w);
/* replay_release_keys - some keys by name, as a walk does it. near: those that are deferred then. 1: some are
 * on no node for sure, as their slots are moving; only a walk finds them. */
int replay_release_keys(struct replay_release *w, enum replay_walk_kind kind, int64_t limit_ms,
                        const struct replay_held_key *keys, size_t count,
                        struct replay_held_keys *near, struct ft_err *err);

/* replay_release_moved - have slots changed hands since the walk began, or are they about to? */
int replay_release_moved(struct replay_release *w, bool *ret, struct ft_err *err);

/* replay_release_all - no more records follow: a walk to its END, if there is anything deferred; then
 * the state says that there is not. */
int replay_release_all(struct replay *r, int64_t source_ahead_ms, struct ft_err *err);
/* replay_release_undo - records follow after all: everything is deferred again. */
int replay_release_undo(struct replay *r, struct ft_err *err);
/* replay_release_done - nothing is deferred any more. */
int replay_release_done(struct replay *r, struct ft_err *err);

#endif
