/*
 * redis_session.h - one connection to a served input, from the side of a Redis master.
 *
 * What it is   Answers what a replica, or a program that stands for one, asks before it says PSYNC or SYNC; then
 *              it is one (redis_sync.h, redis_feed.h). Source of the protocol: src/replication.c of redis 5.0 to 8.0.
 * Threads      A session belongs to its thread.
 */
#ifndef FLOWTAPE_SERVE_REDIS_SESSION_H
#define FLOWTAPE_SERVE_REDIS_SESSION_H

#include "serve/redis_peer.h"

/*
 * redis_session_run - until the peer closes, or the master stops. conn is taken over; *ret_attached, which is set in
 * any case: it was a replica. Errors of kind FT_ERR_NET, FT_ERR_TIMEOUT,
 * FT_ERR_PROTOCOL and FT_ERR_CANCELLED are the connection's; others concern the whole master.
 */
int redis_session_run(struct redis_master *master, struct conn *conn, bool *ret_attached,
                      struct ft_err *err);

#endif
