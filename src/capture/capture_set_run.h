/*
 * capture_set_run.h - record the nodes of a cluster into a set of captures: `flowtape capture` of several.
 *
 * What it is   A capture_run for each node, at once, each with its own sessions, generations and resumptions.
 *              As soon as all nodes have a complete generation, and again when one of them begins another
 *              one, these become a generation of the set.
 * Moving slots The full syncs of the nodes have to fit together (input/set_slots.h). If they do not, slots
 *              were moving: all nodes begin again with a full sync, until they fit or the time for which a
 *              source is waited for is over.
 * Redis        Of a Redis Cluster the nodes' places are watched (cluster_watch.h), so that another master is recorded
 *              when it takes over; and whose the slots are is written down as they come to rest (set_rest.h), so no
 *              node has to begin again.
 * Dragonfly    When a node has given slots up, it is written down how far the journals of all have to be for what the others got of
 *              them to be there (set_marks.h).
 * Ends         As a capture_run. If one node fails or is given up, all end.
 * Threads      Blocks in the calling thread; one thread for each node. Callbacks come one at a time, but
 *              from any of these threads.
 */
#ifndef FLOWTAPE_CAPTURE_CAPTURE_SET_RUN_H
#define FLOWTAPE_CAPTURE_CAPTURE_SET_RUN_H

#include "capture/capture_set_options.h"

/* capture_set_run - as capture_run; then capture_set_result_release. */
int capture_set_run(const struct capture_set_options *options, struct capture_set_result *ret,
                    struct ft_err *err);
/* capture_set_sum - of all nodes, as if it were one. */
struct capture_run_result capture_set_sum(const struct capture_set_result *r);
void capture_set_result_release(struct capture_set_result *r);

#endif
