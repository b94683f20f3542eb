/*
 * replay_times.h - keys get their own times while a replay still follows, before a cut-over.
 *
 * What it is   Beside the replay, over connections of its own: walks over the target's keys
 *              (replay_release.h) that give a key its own time if it ends later than a window, and
 *              defer it again when it comes near its end. So a key that a record on its way may be about is
 *              always deferred, and what is left for the moment in which the source stands still are
 *              the keys that end within seconds, by name, whatever the number of all.
 * Window       Wide enough for each key to be walked over again before its end comes near; from one
 *              walk to the next the keys within it are known by name, and deferred only while they end within
 *              REPLAY_TIMES_NEAR_MS.
 * Going back   replay_times_undo defers everything again, for a replay that follows on.
 * Errors       FT_ERR_NET, FT_ERR_TIMEOUT: the next call connects anew; what is known by name stays known.
 * Threads      One, beside that of the replay, which shares the struct replay_held.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_TIMES_H
#define FLOWTAPE_REPLAY_REPLAY_TIMES_H

#include "replay/replay_deferred.h"

#define REPLAY_TIMES_NEAR_MS 3000

struct replay_times;

/* replay_times_new - options: those of the replay, with `held`; all pointers must outlive the object. From
 * now on the replay lists what it defers; the walks must not begin before it has applied what it took before. */
int replay_times_new(struct replay_times **ret, const struct replay_options *options,
                     struct replay_progress *progress, struct loss_report *losses,
                     struct ft_err *err);
/* replay_times_step - a little of the work. 1: it is as good as it gets, and needs steps only to stay so; 0:
 * not yet. */
int replay_times_step(struct replay_times *t, struct ft_err *err);
/* replay_times_finish - everything is applied, and nothing follows: what is left. source_ahead_ms: how far
 * the source's clock is ahead of this machine's. NULL: as far as the records told. */
int replay_times_finish(struct replay_times *t, const int64_t *source_ahead_ms, struct ft_err *err);
/* replay_times_undo - some of the work. 1: everything is deferred again. */
int replay_times_undo(struct replay_times *t, struct ft_err *err);
/* replay_times_insist - what follows is not cancelled. */
void replay_times_insist(struct replay_times *t);
/* replay_times_overdue - keys that were deleted, as their time was over. */
uint64_t replay_times_overdue(const struct replay_times *t);
void replay_times_free(struct replay_times *t);

#endif
