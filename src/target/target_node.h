/*
 * target_node.h - one master of a target, and a connection to it.
 *
 * What it is   The only server, or one of a cluster. Its connection is for commands one by one, or
 *              pipelined by whoever sets redis_pipe_on_reply; cluster_pipe has connections of its own.
 * Errors       FT_ERR_NET: a transient error, or a lost connection: whoever connects again may succeed.
 *              FT_ERR_PROTOCOL: anything else the server refuses.
 * Threads      One at a time; `redirected` from any.
 */
#ifndef FLOWTAPE_TARGET_TARGET_NODE_H
#define FLOWTAPE_TARGET_TARGET_NODE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "wire/redis_pipe.h"

/* Scripts of this program begin an error reply so when they refuse to do anything at all: a transient
 * error. NOT_HERE: as the node does not have the slots of all keys. */
#define TARGET_REFUSED  "FLOWTAPE "
#define TARGET_NOT_HERE TARGET_REFUSED "not here: "

struct target_node {
    struct uri uri; /* owned */
    char name[URI_ADDRESS_SIZE];
    struct redis_pipe *pipe;
    char run_id[41];    /* another one says that it was restarted */
    uint64_t maxmemory; /* 0: no limit, or not known */
    size_t replica_count;
    struct buf slots;       /* of a cluster: as CLUSTER NODES lists those it has */
    atomic_bool redirected; /* it has said that slots have moved, or a master has changed */
};

/* target_node_is_transient - an error reply that will go away, or says that slots have moved. */
bool target_node_is_transient(const char *text);
/* target_node_refused - the error of a reply: FT_ERR_NET for a transient one, else FT_ERR_PROTOCOL. */
int target_node_refused(struct target_node *node, const char *text, struct ft_err *err);
/* target_node_keep - a reply that came: a transient error is an error, and the reply freed; any other is *ret. */
int target_node_keep(struct target_node *node, redisReply **ret, redisReply *reply,
                     struct ft_err *err);
/* target_node_ask - one command; of error replies only transient ones are errors. The caller frees
 * *ret. */
int target_node_ask(struct target_node *node, redisReply **ret, const struct bytes *args,
                    size_t count, struct ft_err *err);
/* target_node_take - a reply, which is the caller's as *ret or freed; every error reply is an error. ret may be NULL if
 * the reply is not wanted. */
int target_node_take(struct target_node *node, redisReply **ret, redisReply *reply,
                     struct ft_err *err);
/* target_node_call - one command, and target_node_take. */
int target_node_call(struct target_node *node, redisReply **ret, const struct bytes *args,
                     size_t count, struct ft_err *err);
/* target_node_has_db - by SELECT; database 0 is selected after it. */
int target_node_has_db(struct target_node *node, uint32_t db, bool *ret, struct ft_err *err);

#endif
