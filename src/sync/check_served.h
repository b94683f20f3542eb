/*
 * check_served.h - suspect keys of a capture that is served: their values become commands of the stream.
 *
 * What it is   A check_target. What replicas have cannot be compared, so each value is put; it is there when they have
 *              acknowledged the stream, which the cut-over waits for.
 * Threads      That of the sync_check.
 */
#ifndef FLOWTAPE_SYNC_CHECK_SERVED_H
#define FLOWTAPE_SYNC_CHECK_SERVED_H

#include "serve/serve_options.h"
#include "sync/check_target.h"

extern const struct check_target check_served;

#endif
