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
#include "sync/sync_impl.h"

/* sync_preflight - a source that does not answer, or may not be asked, is no error here. */
int sync_preflight(struct replay_preflight *ret, struct sync *s, struct ft_err *err);

#endif
