#include "state/fold_read.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "item/dump.h"
#include "wire/redis_info.h"

#define SCAN_COUNT "512"

/* Keys of one SCAN whose values are on their way. */
struct fold_read {
    struct fold_stream *stream;
    plain_key_fn *take;
    void *context;
    uint32_t db;
    struct buf keys; /* back to back */
    size_t *ends;
    size_t key_count;
    size_t key_capacity;
    int64_t expire_ms; /* of the key whose DUMP comes next */
    struct buf value;  /* with its times moved back */
};

static struct bytes key_at(const struct fold_read *r, size_t i)
{
    size_t start = i == 0 ? 0 : r->ends[i - 1];

    return bytes_of(r->keys.p + start, r->ends[i] - start);
}

static int strange(const char *command, const redisReply *reply, struct ft_err *err)
{
    return err_set(err, FT_ERR_PROTOCOL, "the private redis-server answered %s with %s", command,
                   reply->type == REDIS_REPLY_ERROR ? reply->str : "something else");
}

static int take_dump(struct fold_read *r, size_t i, const redisReply *reply, struct ft_err *err)
{
    struct rdb_entry entry = {.db = r->db, .key = key_at(r, i), .expire_ms = r->expire_ms};
    struct dump dump;

    if (reply->type == REDIS_REPLY_NIL)
        return 0;
    if (reply->type != REDIS_REPLY_STRING)
        return strange("DUMP", reply, err);
    if (dump_parse(bytes_of(reply->str, reply->len), &dump, err) != 0)
        return err_wrap(err, "value from the private redis-server");
    entry.type = dump.type;
    entry.value = dump.value;
    if (times_shift_value(dump.type, dump.value, -TIMES_SHIFT_MS, &r->value, err) != 0)
        return -1;
    if (r->value.n != 0) {
        entry.type = times_shift_type(dump.type);
        entry.value = buf_bytes(&r->value);
    }
    entry.value_bytes = entry.value.n;
    return r->take(r->context, &entry, (int64_t)(clock_wall_us() / 1000), err);
}

/* For each key PEXPIRETIME was sent, with an even tag, and then DUMP. */
static int take_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct fold_read *r = context;

    if (tag % 2 != 0)
        return take_dump(r, tag / 2, reply, err);
    if (reply->type != REDIS_REPLY_INTEGER)
        return strange("PEXPIRETIME", reply, err);
    r->expire_ms = reply->integer < 0 ? RDB_NO_EXPIRY : reply->integer;
    if (reply->integer >= TIMES_SHIFT_MS) /* else a script of the source has set it */
        r->expire_ms -= TIMES_SHIFT_MS;
    return 0;
}

static int add_key(struct fold_read *r, const redisReply *key, struct ft_err *err)
{
    if (ARRAY_RESERVE(&r->ends, &r->key_capacity, r->key_count + 1, "a list of keys", err) != 0)
        return -1;
    if (buf_append(&r->keys, key->str, key->len, err) != 0)
        return -1;
    r->ends[r->key_count++] = r->keys.n;
    return 0;
}

static int scan(struct fold_read *r, char *cursor, size_t cursor_size, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("SCAN"), bytes_str(cursor), bytes_str("COUNT"),
                                 bytes_str(SCAN_COUNT)};
    redisReply *reply;
    int rc = 0;

    r->key_count = 0;
    buf_clear(&r->keys);
    if (redis_pipe_call(r->stream->pipe, &reply, args, 4, err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->len >= cursor_size)
        rc = strange("SCAN", reply, err);
    for (size_t i = 0; rc == 0 && i < reply->element[1]->elements; i++)
        rc = add_key(r, reply->element[1]->element[i], err);
    if (rc == 0)
        (void)strcpy(cursor, reply->element[0]->str); /* its size was checked */
    reply_free(reply);
    return rc;
}

static int fetch(struct fold_read *r, struct ft_err *err)
{
    for (size_t i = 0; i < r->key_count; i++) {
        const struct bytes expire[] = {bytes_str("PEXPIRETIME"), key_at(r, i)};
        const struct bytes dump[] = {bytes_str("DUMP"), key_at(r, i)};

        if (redis_pipe_put(r->stream->pipe, 2 * i, expire, 2, err) != 0 ||
            redis_pipe_put(r->stream->pipe, 2 * i + 1, dump, 2, err) != 0)
            return -1;
    }
    return redis_pipe_drain(r->stream->pipe, err);
}

/*
 * SCAN may name a key twice while the table is being resized; nothing writes to the server now, and
 * a table at rest is named once. A resize in progress is finished first.
 */
static int read_db(struct fold_read *r, uint32_t db, struct ft_err *err)
{
    char cursor[32] = "0";

    r->db = db;
    do {
        if (scan(r, cursor, sizeof(cursor), err) != 0 || fetch(r, err) != 0)
            return -1;
    } while (strcmp(cursor, "0") != 0);
    return 0;
}

static int list_dbs(struct fold_stream *s, uint8_t *dbs, struct ft_err *err)
{
    redisReply *reply;
    uint64_t keys;
    uint32_t db;

    if (redis_pipe_call_text(s->pipe, &reply, "INFO keyspace", err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_STRING) {
        int rc = strange("INFO", reply, err);

        reply_free(reply);
        return rc;
    }
    for (const char *at = reply->str; redis_info_next_db(&at, &db, &keys);) {
        if (db < PRIVATE_REDIS_DATABASES)
            dbs[db] = 1;
    }
    reply_free(reply);
    return 0;
}

static int read_dbs(struct fold_read *r, const uint8_t *dbs, struct ft_err *err)
{
    struct fold_stream *s = r->stream;
    int rc = 0;

    for (uint32_t db = 0; rc == 0 && db < PRIVATE_REDIS_DATABASES; db++) {
        if (dbs[db] == 0)
            continue;
        s->reader = NULL; /* SELECT's reply is not one of ours */
        rc = fold_stream_select(s, db, err);
        if (rc == 0)
            rc = fold_stream_drain(s, err);
        s->reader = take_reply;
        s->reader_context = r;
        if (rc == 0)
            rc = read_db(r, db, err);
    }
    s->reader = NULL;
    return rc;
}

/* Of keys that the server has, what plain records do was written down too. */
static int take_plain(void *context, const struct rdb_entry *entry, int64_t time_ms,
                      struct ft_err *err)
{
    const struct fold_read *r = context;

    if ((fold_look(r->stream->fold, entry->db, entry->key) & KEY_SERVED) != 0)
        return 0;
    return r->take(r->context, entry, time_ms, err);
}

int fold_read_out(struct fold_stream *s, plain_key_fn *take, void *context, struct ft_err *err)
{
    uint8_t dbs[PRIVATE_REDIS_DATABASES] = {0};
    struct fold_read read = {.stream = s, .take = take, .context = context};
    int rc = 0;

    if (s->pipe == NULL)
        return plain_keys_read(s->fold->plain, take, context, err);
    rc = list_dbs(s, dbs, err);
    if (rc == 0)
        rc = read_dbs(&read, dbs, err);
    if (rc == 0)
        rc = plain_keys_read(s->fold->plain, take_plain, &read, err);
    buf_release(&read.keys);
    buf_release(&read.value);
    free(read.ends);
    return rc;
}

/* name, value, name, value: the value of library_code; NULL: there is none. */
static const redisReply *code_of(const redisReply *library)
{
    for (size_t i = 0; library->type == REDIS_REPLY_ARRAY && i + 1 < library->elements; i += 2) {
        const redisReply *name = library->element[i];
        const redisReply *value = library->element[i + 1];

        if (name->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING &&
            strcmp(name->str, "library_code") == 0)
            return value;
    }
    return NULL;
}

int fold_read_functions(struct fold_stream *s, fold_function_fn *take, void *context,
                        struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (redis_pipe_call_text(s->pipe, &reply, "FUNCTION LIST WITHCODE", err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_ARRAY)
        rc = strange("FUNCTION LIST", reply, err);
    for (size_t i = 0; rc == 0 && i < reply->elements; i++) {
        const redisReply *code = code_of(reply->element[i]);

        rc = code == NULL ? strange("FUNCTION LIST", reply, err)
                          : take(context, bytes_of(code->str, code->len), err);
    }
    reply_free(reply);
    return rc;
}
