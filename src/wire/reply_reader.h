/*
 * reply_reader.h - replies in RESP2 from a peer that is not trusted.
 *
 * What it is   Sans-I/O: takes pieces of what was received and makes hiredis' redisReply of them, one
 *              at a time; what lies after a reply is left to the caller. Each byte is looked at once,
 *              however small the pieces are.
 * Memory       Follows what has come, not what a header claims; a text of many megabytes is in a file (large_memory.h).
 *              It is bounded for each reply: a line by REPLY_LINE_MAX, everything together by the limit given, in
 *              which each element counts REPLY_ELEMENT_COST besides its text, and nesting by REPLY_DEPTH_MAX.
 * Errors       FT_ERR_PROTOCOL (not a reply, too long, nested too deeply), FT_ERR_NOMEM; the caller
 *              adds who said it. After one nothing can be read any more.
 * Threads      Not shared.
 * Source       redis.io/docs/reference/protocol-spec; redis src/networking.c (7.2).
 */
#ifndef FLOWTAPE_WIRE_REPLY_READER_H
#define FLOWTAPE_WIRE_REPLY_READER_H

#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "wire/reply_free.h"

#define REPLY_LINE_MAX     ((size_t)64 << 10)
#define REPLY_DEPTH_MAX    8
#define REPLY_ELEMENT_COST 96u

struct reply_reader {
    size_t limit_bytes; /* of the reply being read; may be changed between replies */
    size_t used_bytes;  /* of it */
    struct buf line;    /* the first bytes of a line that has not come whole */
    redisReply *root;   /* begun, not complete */
    struct {
        redisReply *array;
        size_t wanted; /* elements, as claimed */
        size_t room;
    } stack[REPLY_DEPTH_MAX];
    size_t depth;
    redisReply *bulk; /* whose text is being read */
    size_t bulk_room;
    size_t bulk_left; /* with its line end */
    bool failed;      /* where the next reply begins is not known any more */
};

void reply_reader_init(struct reply_reader *r, size_t limit_bytes);
/*
 * reply_reader_feed - take from the front of *in, which is advanced, until a reply is complete (*ret,
 * for reply_free) or nothing is left (*ret is NULL).
 */
int reply_reader_feed(struct reply_reader *r, struct bytes *in, redisReply **ret,
                      struct ft_err *err);
/* reply_reader_failed - says whose the error of a feed is: the peer's, unless memory lacked here. */
int reply_reader_failed(const char *peer, struct ft_err *err);
/* reply_reader_is_idle - no reply has been begun. */
bool reply_reader_is_idle(const struct reply_reader *r);
void reply_reader_release(struct reply_reader *r);

#endif
