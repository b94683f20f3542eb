/*
 * cluster_pipe.h - commands to whoever has their key, with redirects followed in place.
 *
 * What it is   A connection to each master, opened when the first command for it comes; a single
 *              server is the only master there is. Commands are pipelined and their answers given to
 *              a callback, in order per master.
 * Not done     An answer like MOVED, ASK, CLUSTERDOWN or OOM says that the command was not
 *              executed. It is kept; then everything in flight is awaited, what was kept is sent again
 *              one by one, in order, to those whom the answers name, waiting where nothing else helps,
 *              and a new slot map is fetched. The callback never sees such an answer. Should a
 *              command on the same key have been executed after one that was kept, the order cannot be
 *              mended any more: FT_ERR_NET.
 * Divided      An MSET, DEL or UNLINK of several keys that is refused for another reason is sent again key
 *              by key in the same way: the callback is told of those that are refused.
 * Failover     What a master had that is no master any more may be gone: FT_ERR_NET. A lost
 *              connection likewise. Whoever sends begins again with what is not confirmed.
 * Patience     When nothing could be executed for give_up_ms: FT_ERR_PROTOCOL.
 * Threads      One per thread; the slot map of the target is only where it starts.
 */
#ifndef FLOWTAPE_TARGET_CLUSTER_PIPE_H
#define FLOWTAPE_TARGET_CLUSTER_PIPE_H

#include "target/target_client.h"

struct cluster_pipe;

struct cluster_answer {
    uint32_t db;
    uint32_t mark;
    const redisReply *reply;
    struct bytes command; /* as it was sent: resp_take_command */
};

typedef int cluster_pipe_take_fn(void *context, const struct cluster_answer *answer,
                                 struct ft_err *err);

/* cluster_pipe_new - in_flight_bytes: on each connection. The target outlives it. */
int cluster_pipe_new(struct cluster_pipe **ret, struct target_client *t, size_t in_flight_bytes,
                     cluster_pipe_take_fn *take, void *context, struct ft_err *err);
/* cluster_pipe_put - one command, whose keys are all of key's slot. mark: below 2^30, of the caller. */
int cluster_pipe_put(struct cluster_pipe *c, uint32_t db, uint32_t mark, struct bytes key,
                     const struct bytes *args, size_t count, struct ft_err *err);
/* cluster_pipe_put_all - one command to every master. */
int cluster_pipe_put_all(struct cluster_pipe *c, uint32_t mark, const struct bytes *args,
                         size_t count, struct ft_err *err);
/* cluster_pipe_call - drain, then one command whose reply the caller gets; what was not executed is
 * sent again until it was. */
int cluster_pipe_call(struct cluster_pipe *c, uint32_t db, redisReply **ret,
                      const struct bytes *args, size_t count, struct ft_err *err);
/* cluster_pipe_drain - everything that was put has been executed and answered. */
int cluster_pipe_drain(struct cluster_pipe *c, struct ft_err *err);
/* cluster_pipe_wait_replicas - drained, and the replicas that the masters have now have it too, see
 * wait_replicas.h. */
int cluster_pipe_wait_replicas(struct cluster_pipe *c, struct ft_err *err);
void cluster_pipe_free(struct cluster_pipe *c);

#endif
