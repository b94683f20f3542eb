/*
 * check_replayed.h - suspect keys of a target that a replay writes to, which has their list.
 *
 * What it is   A check_target, by replay_recheck.h.
 * Threads      That of the sync_check.
 */
#ifndef FLOWTAPE_SYNC_CHECK_REPLAYED_H
#define FLOWTAPE_SYNC_CHECK_REPLAYED_H

#include "sync/check_target.h"

extern const struct check_target check_replayed;

#endif
