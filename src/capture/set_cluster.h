/*
 * set_cluster.h - a set of a Redis Cluster while it is recorded: slots that come to rest, nodes that join and leave.
 *
 * What it is   What the watch sees (cluster_watch.h) is brought together with what the nodes' captures have on disk, and written down in the set: whose
 *              the slots are (set_rest.h), and which nodes there are.
 * Joining      A master that has slots becomes another node of the set, and a new generation of the set begins: of its full sync, and
 *              of the generations that the others have, which need no new one. What each slot's owner has of it is all of it, by whatever way
 *              the slot has come there.
 * Leaving      A node that the others have forgotten is idle: it stays in the set's generation with all that it has, but not in the next one.
 * Threads      That of the run.
 */
#ifndef FLOWTAPE_CAPTURE_SET_CLUSTER_H
#define FLOWTAPE_CAPTURE_SET_CLUSTER_H

#include "capture/set_node.h"

/* set_cluster_watch - begin to watch, unless the caller of the run does; r->watch stays NULL if it is not a Redis Cluster. */
int set_cluster_watch(struct set_run *r, struct ft_err *err);
/* set_cluster_look - once more. */
int set_cluster_look(struct set_run *r, struct ft_err *err);

#endif
