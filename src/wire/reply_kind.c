#include "wire/reply_kind.h"

#include <stdlib.h>
#include <string.h>

#define O REPLY_KIND_OK
#define S REPLY_KIND_STATUS
#define I REPLY_KIND_INTEGER
#define B REPLY_KIND_BULK
#define N REPLY_KIND_NIL
#define A REPLY_KIND_ARRAY

struct row {
    const char *name;
    unsigned kinds;
};

/* Sorted by name. */
static const struct row rows[] = {
    {"APPEND", I},
    {"ASKING", O},
    {"AUTH", O},
    {"BITFIELD", A},
    {"BITOP", I},
    {"BLMOVE", B | N},
    {"BLMPOP", A | N},
    {"BRPOPLPUSH", B | N},
    {"CONFIG", O | A},
    {"COPY", I},
    {"DBSIZE", I},
    {"DECR", I},
    {"DECRBY", I},
    {"DEL", I},
    {"DELEX", I},
    {"DISCARD", O},
    {"DUMP", B | N},
    {"ECHO", B},
    {"EXEC", A | N},
    {"EXISTS", I},
    {"EXPIRE", I},
    {"EXPIREAT", I},
    {"EXPIRETIME", I},
    {"FLUSHALL", O},
    {"FLUSHDB", O},
    {"FUNCTION", O | B | A},
    {"GEOADD", I},
    {"GEORADIUS", I | A},
    {"GEORADIUSBYMEMBER", I | A},
    {"GEOSEARCHSTORE", I},
    {"GET", B | N},
    {"GETDEL", B | N},
    {"GETEX", B | N},
    {"GETRANGE", B},
    {"GETSET", B | N},
    {"HDEL", I},
    {"HEXISTS", I},
    {"HEXPIRE", A},
    {"HEXPIREAT", A},
    {"HGET", B | N},
    {"HGETALL", A},
    {"HGETDEL", A},
    {"HGETEX", A},
    {"HINCRBY", I},
    {"HINCRBYFLOAT", B},
    {"HLEN", I},
    {"HMGET", A},
    {"HMSET", O},
    {"HPERSIST", A},
    {"HPEXPIRE", A},
    {"HPEXPIREAT", A},
    {"HPEXPIRETIME", A},
    {"HSCAN", A},
    {"HSET", I},
    {"HSETEX", I},
    {"HSETNX", I},
    {"INCR", I},
    {"INCRBY", I},
    {"INCRBYFLOAT", B},
    {"LINDEX", B | N},
    {"LINSERT", I},
    {"LLEN", I},
    {"LMOVE", B | N},
    {"LMPOP", A | N},
    {"LPOP", B | N | A},
    {"LPUSH", I},
    {"LPUSHX", I},
    {"LRANGE", A},
    {"LREM", I},
    {"LSET", O},
    {"LTRIM", O},
    {"MGET", A},
    {"MOVE", I},
    {"MSET", O},
    {"MSETNX", I},
    {"MULTI", O},
    {"PERSIST", I},
    {"PEXPIRE", I},
    {"PEXPIREAT", I},
    {"PEXPIRETIME", I},
    {"PFADD", I},
    {"PFMERGE", O},
    {"PSETEX", O},
    {"PTTL", I},
    {"RANDOMKEY", B | N},
    {"READONLY", O},
    {"RENAME", O},
    {"RENAMENX", I},
    {"RESTORE", O},
    {"RPOP", B | N | A},
    {"RPOPLPUSH", B | N},
    {"RPUSH", I},
    {"RPUSHX", I},
    {"SADD", I},
    {"SCAN", A},
    {"SCARD", I},
    {"SCRIPT", O | B | A},
    {"SDIFFSTORE", I},
    {"SELECT", O},
    {"SET", O},
    {"SETBIT", I},
    {"SETEX", O},
    {"SETNX", I},
    {"SETRANGE", I},
    {"SINTERSTORE", I},
    {"SISMEMBER", I},
    {"SMEMBERS", A},
    {"SMOVE", I},
    {"SORT", I | A},
    {"SPOP", B | N | A},
    {"SREM", I},
    {"SSCAN", A},
    {"STRLEN", I},
    {"SUNIONSTORE", I},
    {"SWAPDB", O},
    {"TIME", A},
    {"TTL", I},
    {"TYPE", S},
    {"UNLINK", I},
    {"UNWATCH", O},
    {"WAIT", I},
    {"WATCH", O},
    {"XACK", I},
    {"XADD", B | N},
    {"XAUTOCLAIM", A},
    {"XCLAIM", A},
    {"XDEL", I},
    {"XGROUP", O | I},
    {"XINFO", A},
    {"XLEN", I},
    {"XPENDING", A},
    {"XRANGE", A},
    {"XREADGROUP", A | N},
    {"XSETID", O},
    {"XTRIM", I},
    {"ZADD", I},
    {"ZDIFFSTORE", I},
    {"ZINCRBY", B},
    {"ZINTERSTORE", I},
    {"ZMPOP", A | N},
    {"ZPOPMAX", A},
    {"ZPOPMIN", A},
    {"ZRANGE", A},
    {"ZRANGESTORE", I},
    {"ZREM", I},
    {"ZREMRANGEBYLEX", I},
    {"ZREMRANGEBYRANK", I},
    {"ZREMRANGEBYSCORE", I},
    {"ZSCORE", B | N},
    {"ZUNIONSTORE", I},
};

#undef O
#undef S
#undef I
#undef B
#undef N
#undef A

static int compare_name(const void *key, const void *row)
{
    const struct bytes *name = key;
    const char *known = ((const struct row *)row)->name;

    /* most differ in their first letters, and each command is looked up */
    for (size_t i = 0; i < name->n; i++) {
        int order = byte_lower(name->p[i]) - byte_lower((uint8_t)known[i]);

        if (order != 0 || known[i] == '\0')
            return known[i] == '\0' ? 1 : order;
    }
    return -(known[name->n] != '\0');
}

/* From this status on; also a value that looks like one gives more kinds, never fewer. */
static bool has_option(const struct bytes *args, size_t count, size_t first, const char *option)
{
    for (size_t i = first; i < count; i++) {
        if (bytes_is_word(args[i], option))
            return true;
    }
    return false;
}

/* SET key value with a condition may have done nothing, and with GET tells what was there. */
static unsigned kinds_of_set(const struct bytes *args, size_t count)
{
    if (count <= 3)
        return REPLY_KIND_OK;
    if (has_option(args, count, 3, "GET"))
        return REPLY_KIND_OK | REPLY_KIND_BULK | REPLY_KIND_NIL;
    if (has_option(args, count, 3, "NX") || has_option(args, count, 3, "XX"))
        return REPLY_KIND_OK | REPLY_KIND_NIL;
    return REPLY_KIND_OK;
}

unsigned reply_kinds_of(const struct bytes *args, size_t count)
{
    const struct row *row =
        bsearch(&args[0], rows, sizeof(rows) / sizeof(rows[0]), sizeof(rows[0]), compare_name);

    if (row == NULL)
        return REPLY_KIND_ANY;
    if (row->kinds == REPLY_KIND_OK && bytes_is_word(args[0], "SET"))
        return kinds_of_set(args, count);
    if (bytes_is_word(args[0], "ZADD") && has_option(args, count < 7 ? count : 7, 2, "INCR"))
        return REPLY_KIND_INTEGER | REPLY_KIND_BULK | REPLY_KIND_NIL;
    return row->kinds;
}

static unsigned kind_of(const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_STATUS:
        if (strcmp(reply->str, "OK") == 0)
            return REPLY_KIND_OK;
        return strcmp(reply->str, "QUEUED") == 0 ? REPLY_KIND_QUEUED : REPLY_KIND_STATUS;
    case REDIS_REPLY_INTEGER:
        return REPLY_KIND_INTEGER;
    case REDIS_REPLY_STRING:
        return REPLY_KIND_BULK;
    case REDIS_REPLY_NIL:
        return REPLY_KIND_NIL;
    case REDIS_REPLY_ARRAY:
        return REPLY_KIND_ARRAY;
    default:
        return 0;
    }
}

bool reply_is_of(const redisReply *reply, unsigned kinds)
{
    return (kind_of(reply) & kinds) != 0;
}

static const char *kind_name(const redisReply *reply)
{
    switch (kind_of(reply)) {
    case REPLY_KIND_OK:
        return "OK";
    case REPLY_KIND_QUEUED:
        return "QUEUED";
    case REPLY_KIND_STATUS:
        return "a status";
    case REPLY_KIND_INTEGER:
        return "an integer";
    case REPLY_KIND_BULK:
        return "a value";
    case REPLY_KIND_NIL:
        return "nothing";
    case REPLY_KIND_ARRAY:
        return "an array";
    default:
        return "an error";
    }
}

int reply_not_of(const redisReply *reply, const char *server, const char *command,
                 struct ft_err *err)
{
    return err_set(err, FT_ERR_PROTOCOL, "%s answered %s with %s, which is not a reply to it",
                   server, command, kind_name(reply));
}

int reply_check(const redisReply *reply, const char *server, const struct bytes *args, size_t count,
                struct ft_err *err)
{
    char shown[64];

    if (reply->type == REDIS_REPLY_ERROR || reply_is_of(reply, reply_kinds_of(args, count)))
        return 0;
    return reply_not_of(reply, server, bytes_escape(args[0], shown, sizeof(shown)), err);
}
