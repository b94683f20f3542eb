/*
 * redis_sync.h - what a replica gets first: nothing, as it can resume, or the state at a point of the stream.
 *
 * How it works  The state is an RDB that is sent while it is made, ended by a mark that the replica is told before;
 *               to one that does not know such marks it goes by way of a file without a name, with its length. Each
 *               replica's state is made for it, at its own pace.
 * Threads       The session's, which must outlive the call (state/fold.h).
 */
#ifndef FLOWTAPE_SERVE_REDIS_SYNC_H
#define FLOWTAPE_SERVE_REDIS_SYNC_H

#include "serve/redis_commands.h"

/* redis_sync_answer - *ret_position: where the stream begins for the replica. */
int redis_sync_answer(struct redis_peer *s, const struct redis_request *request,
                      uint64_t *ret_position, struct ft_err *err);

#endif
