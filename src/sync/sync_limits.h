/*
 * sync_limits.h - when the directory or the file system has reached its limit.
 *
 * Threads      The thread of sync_run.
 */
#ifndef FLOWTAPE_SYNC_SYNC_LIMITS_H
#define FLOWTAPE_SYNC_SYNC_LIMITS_H

#include "sync/sync_impl.h"

/* sync_check_free - before anything is begun: is there as much room as --min-free asks for? FT_ERR_STATE. */
int sync_check_free(const struct sync *s, struct ft_err *err);
/* sync_check_limits - now and then: the capture ends when there is no more room. */
void sync_check_limits(struct sync *s);

#endif
