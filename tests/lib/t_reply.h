/*
 * t_reply.h - replies of a server, written as text.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_REPLY_H
#define FLOWTAPE_TESTS_LIB_T_REPLY_H

#include <hiredis/hiredis.h>

#include "lib/test_main.h"

/* t_reply - of RESP with blanks for the ends of lines. Then freeReplyObject. */
static inline redisReply *t_reply(const char *text)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    assert_non_null(reader);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == ' ')
            assert_int_equal(redisReaderFeed(reader, "\r\n", 2), REDIS_OK);
        else
            assert_int_equal(redisReaderFeed(reader, c, 1), REDIS_OK);
    }
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

#endif
