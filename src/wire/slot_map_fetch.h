/*
 * slot_map_fetch.h - asks nodes of a cluster whose the slots are.
 *
 * How          By CLUSTER SLOTS; where a node refuses it (a user without the right, a command that has another name), by
 *              CLUSTER SHARDS, else by CLUSTER NODES.
 * Errors       Those of slot_map.h and redis_pipe.h. FT_ERR_NET also where CLUSTER SHARDS alone is allowed, and a shard has no
 *              master, or several, for a while.
 * Threads      As the connection.
 */
#ifndef FLOWTAPE_WIRE_SLOT_MAP_FETCH_H
#define FLOWTAPE_WIRE_SLOT_MAP_FETCH_H

#include "wire/slot_map.h"

/*
 * slot_map_fetch - CLUSTER INFO and the slots over p, which was opened with `asked`. *ret
 * becomes NULL if the server is not part of a cluster. It may refuse all, in whatever words: then it
 * is taken for a single one, unless is_cluster says that it is known to be one of many. What is in
 * flight on p is drained first.
 */
int slot_map_fetch(struct slot_map **ret, struct redis_pipe *p, const struct uri *asked,
                   bool is_cluster, struct ft_err *err);
/*
 * slot_map_refetch - ask (each may be silent for timeout_ms) `first`, then every master and replica of `old`, with first's user and
 * password, until one answers whose cluster_state is ok and whose map has no gaps; else the
 * answer of the highest epoch. Fails as the last connection did when nobody answers. Bounded
 * by the connections' timeouts.
 */
int slot_map_refetch(struct slot_map **ret, const struct slot_map *old, const struct uri *first,
                     int cancel_fd, uint64_t timeout_ms, struct ft_err *err);

#endif
