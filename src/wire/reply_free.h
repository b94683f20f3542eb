/*
 * reply_free.h - frees a hiredis' redisReply that reply_reader.h, or hiredis, has made: the text of one may be in large_memory.h,
 * which freeReplyObject would not know.
 */
#ifndef FLOWTAPE_WIRE_REPLY_FREE_H
#define FLOWTAPE_WIRE_REPLY_FREE_H

#include <hiredis/hiredis.h>

/* reply_free - with all that is in it; NULL: nothing. */
void reply_free(redisReply *reply);

#endif
