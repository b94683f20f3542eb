/*
 * replay_route.h - commands to whoever has their key, with redirects followed in place.
 *
 * What it is   A connection to each master, opened when the first command for it comes; a single
 *              server is the only master there is. Commands are pipelined and their answers given to
 *              a callback, in order per master.
 * Not done     An answer like MOVED, ASK, CLUSTERDOWN or OOM says that the command was not carried
 *              out. It is kept; then everything under way is awaited, what was kept is sent again
 *              one by one, in order, to those whom the answers name, waiting where nothing else helps,
 *              and a new slot map is fetched. The callback never sees such an answer. Should a
 *              command on the same key have been carried out behind one that was kept, the order
 *              cannot be mended any more: FT_ERR_NET.
 * Divided      An MSET, DEL or UNLINK of several keys that is refused for another reason is sent again key
 *              by key in the same way: the callback is told of those that are refused.
 * Failover     What a master had that is no master any more may be gone: FT_ERR_NET. A lost
 *              connection likewise. Whoever sends begins again with what is not confirmed.
 * Patience     When nothing could be carried out for give_up_ms: FT_ERR_PROTOCOL.
 * Threads      One per thread; the slot map of the replay is only where it starts.
 */
#ifndef FLOWTAPE_TARGET_REPLAY_ROUTE_H
#define FLOWTAPE_TARGET_REPLAY_ROUTE_H

#include "replay/replay_impl.h"

struct replay_route;

struct replay_answer {
    uint32_t db;
    uint32_t mark;
    const redisReply *reply;
    struct bytes command; /* as it was sent: resp_take_command */
};

typedef int replay_answer_fn(void *context, const struct replay_answer *answer, struct ft_err *err);

/* replay_route_new - underway_bytes: on each connection. */
int replay_route_new(struct replay_route **ret, struct replay *r, size_t underway_bytes,
                     replay_answer_fn *take, void *context, struct ft_err *err);
/* replay_route_put - one command, whose keys are all of key's slot. mark: below 2^30, of the caller. */
int replay_route_put(struct replay_route *route, uint32_t db, uint32_t mark, struct bytes key,
                     const struct bytes *words, size_t count, struct ft_err *err);
/* replay_route_put_all - one command to every master. */
int replay_route_put_all(struct replay_route *route, uint32_t mark, const struct bytes *words,
                         size_t count, struct ft_err *err);
/* replay_route_call - settle, then one command whose reply the caller gets; what was not carried out
 * is sent again until it was. */
int replay_route_call(struct replay_route *route, uint32_t db, redisReply **ret,
                      const struct bytes *words, size_t count, struct ft_err *err);
/* replay_route_settle - everything that was put has been carried out and answered. */
int replay_route_settle(struct replay_route *route, struct ft_err *err);
/* replay_route_secure - and the replicas that the masters have now have it too, see
 * replay_await_replicas. */
int replay_route_secure(struct replay_route *route, struct ft_err *err);
void replay_route_free(struct replay_route *route);

#endif
