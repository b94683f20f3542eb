/*
 * reply_free.h - frees a reply that reply_reader.h, or hiredis, has made: its text may be in a file (large_memory.h), of which
 * hiredis' freeReplyObject knows nothing.
 */
#ifndef FLOWTAPE_WIRE_REPLY_FREE_H
#define FLOWTAPE_WIRE_REPLY_FREE_H

#include <hiredis/hiredis.h>

/* reply_free - with all its elements. NULL is allowed. */
void reply_free(redisReply *reply);

#endif
