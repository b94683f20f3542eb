/*
 * redis_feed.h - the replication stream to one replica.
 *
 * What it is   Sends the stream from a position on, as fast as the replica takes it, and notes what it acknowledges.
 *              After a state that ended with a mark nothing may follow before the replica has said that it has it, as it
 *              looks for the mark at the end of what it has read.
 * Threads      The session's.
 */
#ifndef FLOWTAPE_SERVE_REDIS_FEED_H
#define FLOWTAPE_SERVE_REDIS_FEED_H

#include "serve/redis_peer.h"

/* redis_feed_run - until the connection ends; never 0. */
int redis_feed_run(struct redis_peer *s, uint64_t position, struct ft_err *err);

#endif
