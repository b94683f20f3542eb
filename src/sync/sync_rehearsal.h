/*
 * sync_rehearsal.h - what a sync would do, with nothing recorded and nothing written: `sync --dry-run`.
 *
 * What it is   The checks of replay_rehearsal.h for the target, with what the source says of itself: INFO, TIME and
 *              the greeting of a replica, after which no flow is opened. The directory is not made.
 */
#ifndef FLOWTAPE_SYNC_SYNC_REHEARSAL_H
#define FLOWTAPE_SYNC_SYNC_REHEARSAL_H

#include "replay/replay_rehearsal.h"
#include "sync/sync.h"

/* sync_rehearse - an error is one of the looking, as that it was cancelled. */
int sync_rehearse(struct replay_rehearsal *ret, const struct sync_options *options,
                  struct ft_err *err);

#endif
