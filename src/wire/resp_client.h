/*
 * resp_client.h - requests and replies over a connection.
 *
 * What it is   One request at a time, sent as a RESP array; the reply is parsed by
 *              reply_reader. Bytes after a reply are kept: the next reply takes them, or, when the
 *              socket turns into a raw stream, resp_client_leftover hands them out.
 * Limits       A reply of more than RESP_REPLY_MAX bytes (as reply_reader.h counts them) is
 *              FT_ERR_PROTOCOL: the peers this is for send no such thing. It must be complete within
 *              the time given.
 * Threads      Belongs to one thread at a time.
 */
#ifndef FLOWTAPE_WIRE_RESP_CLIENT_H
#define FLOWTAPE_WIRE_RESP_CLIENT_H

#include "base/bytes.h"
#include "wire/conn.h"
#include "wire/reply_reader.h"

#define RESP_REPLY_MAX (1u << 20)
#define RESP_ARGS_MAX  8

/* The arguments of a call. */
#define RESP_ARGS(...)    \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

struct resp_client {
    struct conn conn;
    struct reach *reach; /* a reference; NULL: no rules */
    struct reply_reader reader;
    uint8_t in[4096]; /* received, not yet given to the reader */
    size_t in_pos;
    size_t in_len;
};

int resp_client_open(struct resp_client *r, const struct uri *u, int cancel_fd, uint64_t timeout_ms,
                     struct ft_err *err);
/*
 * resp_client_call - send arguments (the last is NULL, at most RESP_ARGS_MAX) and wait for the reply.
 * An error reply is a reply: the caller classifies it. *ret_reply is freed with reply_free.
 */
int resp_client_call(struct resp_client *r, redisReply **ret_reply, const char *const *args,
                     uint64_t timeout_ms, struct ft_err *err);
/* resp_client_send - only send: what comes then is not a reply, and is read by resp_client_line. */
int resp_client_send(struct resp_client *r, const char *const *args, uint64_t timeout_ms,
                     struct ft_err *err);
/*
 * resp_client_line - the next line that is not empty, without its end, of less than `size` bytes. Masters send empty
 * lines to say that they are there: the time counts from the last byte that came.
 */
int resp_client_line(struct resp_client *r, char *ret, size_t size, uint64_t timeout_ms,
                     struct ft_err *err);
/* resp_client_leftover - what came after the last reply; valid as long as r, given out once. */
struct bytes resp_client_leftover(struct resp_client *r);
void resp_client_close(struct resp_client *r);

#endif
