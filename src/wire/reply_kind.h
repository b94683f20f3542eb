/*
 * reply_kind.h - what kind of reply a command has when it was executed.
 *
 * What it is   A bit for each kind that a command's reply may be of. What is not a Redis, or something in between
 *              that gets out of step, must not be taken for a confirmation because it does not say "-ERR".
 * Errors       An error reply is of no kind: whoever sends a command classifies it by its text.
 * Scripts      EVAL and EVALSHA, modules' commands and what the table does not know may answer anything; who runs a
 *              script knows what it returns.
 * Source       redis src/commands (reply schemas), RESP2.
 */
#ifndef FLOWTAPE_WIRE_REPLY_KIND_H
#define FLOWTAPE_WIRE_REPLY_KIND_H

#include <hiredis/hiredis.h>

#include "base/bytes.h"
#include "base/err.h"

enum reply_kind {
    REPLY_KIND_OK = 1 << 0,     /* +OK */
    REPLY_KIND_STATUS = 1 << 1, /* any other status */
    REPLY_KIND_INTEGER = 1 << 2,
    REPLY_KIND_BULK = 1 << 3,
    REPLY_KIND_NIL = 1 << 4,
    REPLY_KIND_ARRAY = 1 << 5,
    REPLY_KIND_QUEUED = 1 << 6, /* between MULTI and EXEC */
    REPLY_KIND_ANY = (1 << 7) - 1,
};

/* reply_kinds_of - of this command, outside of a transaction. */
unsigned reply_kinds_of(const struct bytes *args, size_t count);
/* reply_is_of - an error reply is of none. */
bool reply_is_of(const redisReply *reply, unsigned kinds);
/* reply_not_of - says that a server answered a command with something else; always -1. */
int reply_not_of(const redisReply *reply, const char *server, const char *command,
                 struct ft_err *err);
/* reply_check - of one that a script or a transaction hands on: FT_ERR_PROTOCOL if it is neither an error
 * nor of a kind that this command has. */
int reply_check(const redisReply *reply, const char *server, const struct bytes *args, size_t count,
                struct ft_err *err);

#endif
