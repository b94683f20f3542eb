/*
 * cluster_nodes.h - the masters of a cluster, and which slots they have, as the cluster tells it.
 *
 * Errors       Those of slot_map.h.
 * Threads      One.
 */
#ifndef FLOWTAPE_CAPTURE_CLUSTER_NODES_H
#define FLOWTAPE_CAPTURE_CLUSTER_NODES_H

#include "input/source_nodes.h"
#include "store/capture_set.h"
#include "wire/uri.h"

/*
 * cluster_nodes_find - the masters that the node at `asked` knows, with its user and password. FT_ERR_USAGE: it
 * is not part of a cluster. *ret is released by uri_list_free.
 */
int cluster_nodes_find(struct uri **ret, uint32_t *ret_count, const struct uri *asked,
                       int cancel_fd, struct ft_err *err);
/*
 * cluster_nodes_place - put the nodes in the order that they have in the set in this directory, if there is one: by what the
 * cluster calls them, else by their addresses. One that it does not know takes a place that is left. In a set of a Redis Cluster there may be others
 * besides: nodes that have given away all slots, or have left, are at the addresses they had; those that have joined come last.
 */
int cluster_nodes_place(struct uri **nodes, uint32_t *count, const char *directory, int cancel_fd,
                        struct ft_err *err);
/*
 * cluster_nodes_owners - whose the slots are, by index of the nodes. Without a node that tells, all are
 * SLOT_OWNER_NONE. FT_ERR_USAGE: the cluster has a master that is not one of the nodes.
 */
int cluster_nodes_owners(const struct uri *nodes, uint32_t count, int cancel_fd,
                         uint16_t ret[SLOT_COUNT], struct ft_err *err);

#endif
