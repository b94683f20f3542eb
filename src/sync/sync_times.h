/*
 * sync_times.h - keys get their own times around a cut-over.
 *
 * What it is   A replay that follows defers the expiry of keys (replay_deferred.h). Before the source is paused, or
 *              its position becomes the goal, most keys get their own times (replay_times.h); that is kept up
 *              until the end, where the few that are left get theirs. A cut-over that comes to nothing
 *              defers all of them again.
 * Threads      That of sync_run.
 */
#ifndef FLOWTAPE_SYNC_SYNC_TIMES_H
#define FLOWTAPE_SYNC_SYNC_TIMES_H

#include <stdbool.h>

#include "base/err.h"

struct sync;

void sync_times_init(struct sync *s);
void sync_times_release(struct sync *s);
/* sync_times_prepare - some of the work. 1: the cut-over can go on. */
int sync_times_prepare(struct sync *s, struct ft_err *err);
/* sync_times_keep - some of what keeps it so, or of going back. */
void sync_times_keep(struct sync *s);
/* sync_times_finish - everything is applied. */
int sync_times_finish(struct sync *s, struct ft_err *err);
/* sync_times_undo - the replay follows on. */
void sync_times_undo(struct sync *s);
/* sync_times_end - the run ends otherwise than by a cut-over, and nothing replays any more. complete: all that
 * there will be is applied. */
void sync_times_end(struct sync *s, bool complete);

#endif
