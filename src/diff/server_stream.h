/*
 * server_stream.h - a stream of a running server by XINFO, XRANGE and XPENDING.
 *
 * What it is   XINFO STREAM FULL (6.0) tells all of a small one at once. Of a larger one the rest follows in pages; before
 *              6.0 there is XINFO GROUPS, XINFO CONSUMERS and XPENDING, whose times count from now on backwards.
 */
#ifndef FLOWTAPE_DIFF_SERVER_STREAM_H
#define FLOWTAPE_DIFF_SERVER_STREAM_H

#include "diff/server_call.h"
#include "diff/server_means.h"
#include "diff/typed_stream.h"

#define SERVER_STREAM_PAGE      1000u
#define SERVER_STREAM_PAGE_TEXT "1000"

/* server_stream_take - the answer to XINFO STREAM FULL with that page, into the stream. 1: there is more, 0, -1. */
int server_stream_take(struct typed_stream *s, const struct server_means *means,
                       const redisReply *reply, struct ft_err *err);
/* server_stream_read - all of it. *ret_error: an error reply that ended it, to be freed; else NULL. */
int server_stream_read(struct typed_stream *s, const struct server_means *means, struct bytes key,
                       const struct server_call *call, redisReply **ret_error, struct ft_err *err);

#endif
