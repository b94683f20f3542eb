/*
 * cluster_shards.h - what one node of a cluster says of its shards: CLUSTER SHARDS.
 *
 * Errors       FT_ERR_PROTOCOL: an answer that makes no sense.
 * Source       redis src/cluster.c (genClusterShardsReply) 7.0 to 8.0; dragonfly src/server/cluster/cluster_family.cc.
 */
#ifndef FLOWTAPE_WIRE_CLUSTER_SHARDS_H
#define FLOWTAPE_WIRE_CLUSTER_SHARDS_H

#include "wire/slot_map.h"

/*
 * cluster_shards_parse - whose the slots are. *ret stays NULL where a shard with slots has not one master, but none or
 * several: then it does not say. asked_host stands for what is not told; secure: the ports for TLS are wanted.
 */
int cluster_shards_parse(struct slot_map **ret, const redisReply *reply, const char *asked_host,
                         bool secure, struct ft_err *err);

#endif
