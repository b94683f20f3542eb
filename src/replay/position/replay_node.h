/* replay_node.h - a node's batches, and what it answers to them. */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_NODE_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_NODE_H

#include <hiredis/hiredis.h>

#include "base/bytes.h"
#include "base/err.h"
#include "item/item.h"
#include "replay/position/replay_position_set.h"
#include "replay/position/replay_state.h"

/* replay_nodes_open - one for each of an open target; also after a failure they are to be closed. */
int replay_nodes_open(struct replay_position_set *set, struct ft_err *err);
/* replay_nodes_listen - replies on the nodes' connections are to batches, from here on. */
void replay_nodes_listen(struct replay_position_set *set);
/* replay_nodes_begin_multi - their batches are transactions: see replay_multi.h, and of a cluster replay_slots.h. */
int replay_nodes_begin_multi(struct replay_position_set *set, struct ft_err *err);
/* replay_node_by_transactions - its batches go so, not by a script. */
static inline bool replay_node_by_transactions(const struct replay_node *node)
{
    return node->batch.steps != NULL;
}
/* replay_nodes_close - what was sent to them is reported. */
void replay_nodes_close(struct replay_position_set *set);
/* replay_node_of - the node that has this key. */
struct replay_node *replay_node_of(const struct replay_position_set *set, struct bytes key);
/* replay_node_reply - the redis_reply_fn of nodes: answers to batches. */
int replay_node_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err);
/* replay_tag - "flow:lsn:part", what the target calls a command; doubtful: see replay_is_doubtful. */
void replay_tag(const struct item *item, unsigned part, bool doubtful, char tag[REPLAY_TAG_TEXT]);
/* replay_node_put - into the batch; nothing is sent. */
int replay_node_put(struct replay_node *node, uint32_t db, const char *tag,
                    const struct bytes *args, size_t count, struct ft_err *err);
/* replay_node_pass - the batch moves the position of a flow to this LSN. */
int replay_node_pass(struct replay_node *node, uint32_t flow, uint64_t next_lsn,
                     struct ft_err *err);
/* replay_node_flush - send the batch with the positions in set->next; a small one only if `all`. */
int replay_node_flush(struct replay_node *node, bool all, struct ft_err *err);
/* replay_nodes_flush - of all nodes, what is large enough. */
int replay_nodes_flush(struct replay_position_set *set, struct ft_err *err);
/* replay_nodes_gather - on: records from here on may be gathered (replay_gather.h), where batches are scripts of a cluster; off: what
 * was gathered is sent, and what is put from here on goes into batches in its order. Between two records. */
int replay_nodes_gather(struct replay_position_set *set, bool on, struct ft_err *err);
/* replay_nodes_send_soon - as _flush_soon, of what is gathered. */
int replay_nodes_send_soon(struct replay_position_set *set, struct ft_err *err);
/* replay_node_flush_soon - while nothing else is to be done: what there is, the positions alone too if wanted, unless
 * some batches are in flight; and what can be sent and read without waiting. */
int replay_node_flush_soon(struct replay_node *node, bool positions, struct ft_err *err);
/* replay_node_is_over - the batch is larger than one becomes for the sake of a transaction. */
bool replay_node_is_over(const struct replay_node *node);
/* replay_node_drain - what was sent has been answered, and executed. */
int replay_node_drain(struct replay_node *node, struct ft_err *err);
/* replay_drain - every batch of every node has been sent and answered. */
int replay_drain(struct replay_position_set *set, struct ft_err *err);
/* replay_check_failed - refused commands that earlier runs left on the target. */
int replay_check_failed(struct replay_position_set *set, struct ft_err *err);

#endif
