#include "diff/server_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "diff/server_stream.h"
#include "item/dump.h"
#include "item/times_shift.h"
#include "target/key_scan.h"
#include "wire/reply_error.h"

/* Elements that are asked for at a time; the last of the first page. */
#define PAGE      1000u
#define PAGE_TEXT "1000"
#define PAGE_LAST "999"
/* What is larger comes by DUMP, if it may. */
#define TWICE_BYTES_MAX ((size_t)4 << 20)
/* A value that was another one each time is being changed. */
#define READINGS_MAX 5

void server_value_begin(struct server_value *v, const struct server_means *means,
                        const char *server, struct diff_reader *reader)
{
    v->means = means;
    v->server = server;
    v->reader = reader;
}

void server_value_release(struct server_value *v)
{
    typed_value_release(&v->typed);
    typed_stream_release(&v->stream);
}

/* Fields with times need a second question. */
static bool has_field_times(const struct server_value *v, enum value_class class_)
{
    return class_ == VALUE_HASH && v->means->field_times;
}

/* Up to the first NULL; KEY stands for the key. */
#define KEY ""
static const char *const commands[VALUE_CLASS_COUNT][SERVER_VALUE_ARGS] = {
    [VALUE_STRING] = {"GET", KEY},
    [VALUE_LIST] = {"LRANGE", KEY, "0", PAGE_LAST},
    [VALUE_SET] = {"SSCAN", KEY, "0", "COUNT", PAGE_TEXT},
    [VALUE_ZSET] = {"ZRANGE", KEY, "0", PAGE_LAST, "WITHSCORES"},
    [VALUE_HASH] = {"HSCAN", KEY, "0", "COUNT", PAGE_TEXT},
    [VALUE_STREAM] = {"XINFO", "STREAM", KEY, "FULL", "COUNT", SERVER_STREAM_PAGE_TEXT},
    [VALUE_JSON] = {"JSON.GET", KEY, "."},
};

/* A server compresses what it dumps, which takes longer than to tell a few elements. */
static bool by_dump(const struct server_means *means, enum value_class class_)
{
    if (!means->dump || !means->types)
        return means->dump;
    return class_ > VALUE_HASH || (class_ == VALUE_HASH && means->field_times);
}

size_t server_value_dump(struct bytes key, struct bytes args[SERVER_VALUE_ARGS])
{
    args[0] = bytes_str("DUMP");
    args[1] = key;
    return 2;
}

size_t server_value_command(const struct server_means *means, enum value_class class_,
                            struct bytes key, struct bytes args[SERVER_VALUE_ARGS])
{
    size_t count = 0;

    if (by_dump(means, class_))
        return server_value_dump(key, args);
    if (class_ == VALUE_JSON && !means->json)
        return 0;
    for (; count < SERVER_VALUE_ARGS && commands[class_][count] != NULL; count++) {
        const char *arg = commands[class_][count];

        args[count] = arg[0] == '\0' ? key : bytes_str(arg);
    }
    /* before 6.0 a stream comes in parts, and the first of them is as good as any to learn that it is there */
    return class_ == VALUE_STREAM && !means->full_streams ? 3 : count;
}

/*
 * To the reader
 */

static int give(struct server_value *v, struct rdb_entry *entry, uint8_t type, struct bytes value,
                struct ft_err *err)
{
    struct buf undone = {0};
    int rc = 0;

    if (v->means->deferred)
        rc = times_shift_undo_value(type, value, &undone, err);
    if (rc == 0) {
        entry->type = undone.n == 0 ? type : times_shift_type(type);
        entry->value = undone.n == 0 ? value : buf_bytes(&undone);
        entry->value_bytes = entry->value.n;
        rc = diff_reader_entry(v->reader, entry, (int64_t)(clock_wall_us() / 1000), err);
    }
    buf_release(&undone);
    return rc;
}

static int give_dump(struct server_value *v, struct rdb_entry *entry, const redisReply *reply,
                     struct ft_err *err)
{
    struct dump dump;

    if (dump_parse(bytes_of(reply->str, reply->len), &dump, err) != 0)
        return -1;
    return give(v, entry, dump.type, dump.value, err);
}

static int give_typed(struct server_value *v, struct rdb_entry *entry, struct ft_err *err)
{
    uint8_t type;
    struct bytes value = typed_value_end(&v->typed, &type);
    int rc = v->typed.count == 0 ? 0 : give(v, entry, type, value, err);

    typed_value_trim(&v->typed);
    return rc;
}

static int give_stream(struct server_value *v, struct rdb_entry *entry, struct ft_err *err)
{
    struct bytes value;
    uint8_t type;

    if (typed_stream_end(&v->stream, &type, &value, err) != 0)
        return -1;
    return give(v, entry, type, value, err);
}

/*
 * Answers
 */

static int wrap(const struct server_value *v, const struct rdb_entry *entry, struct ft_err *err)
{
    char shown[100];

    return err_wrap(err, "key \"%s\" in database %u of %s",
                    bytes_escape(entry->key, shown, sizeof(shown)), entry->db, v->server);
}

/* An error reply. */
static int take_refusal(const redisReply *reply, struct ft_err *err)
{
    enum reply_error_kind kind = reply_error_kind_of(bytes_str(reply->str));

    if (kind == REPLY_ERROR_MOVED || kind == REPLY_ERROR_ASK || kind == REPLY_ERROR_TRYAGAIN)
        return SERVER_VALUE_ELSEWHERE;
    if (strncmp(reply->str, "WRONGTYPE", 9) == 0)
        return SERVER_VALUE_OTHER_TYPE;
    if (strstr(reply->str, "no such key") != NULL)
        return SERVER_VALUE_TAKEN;
    return err_set(err, target_node_is_transient(reply->str) ? FT_ERR_NET : FT_ERR_PROTOCOL,
                   "it was refused: %s", reply->str);
}

static int not_understood(struct ft_err *err)
{
    return err_set(err, FT_ERR_PROTOCOL, "the answer is not what was asked for");
}

/* Elements of a list, set, hash or sorted set. */
static int take_elements(struct server_value *v, const redisReply *list, struct ft_err *err)
{
    enum value_class class_ = v->typed.class_;
    size_t step = class_ == VALUE_HASH || class_ == VALUE_ZSET ? 2 : 1;

    if (list->type != REDIS_REPLY_ARRAY || list->elements % step != 0)
        return not_understood(err);
    for (size_t i = 0; i < list->elements; i += step) {
        const redisReply *first = list->element[i];
        const redisReply *second = list->element[i + step - 1];
        struct value_element e = {.expire_ms = VALUE_NO_TTL};

        if (first->type != REDIS_REPLY_STRING || second->type != REDIS_REPLY_STRING)
            return not_understood(err);
        e.value = bytes_of(first->str, first->len);
        if (class_ == VALUE_HASH) {
            e.field = e.value;
            e.value = bytes_of(second->str, second->len);
        }
        if (class_ == VALUE_ZSET && !bytes_to_double(bytes_of(second->str, second->len), &e.score))
            return not_understood(err);
        if (typed_value_add(&v->typed, &e, err) != 0)
            return -1;
    }
    return 0;
}

/* The text of a string or of JSON. */
static int take_text(struct server_value *v, const redisReply *reply, struct ft_err *err)
{
    const struct value_element e = {.value = bytes_of(reply->str, reply->len),
                                    .expire_ms = VALUE_NO_TTL};

    return typed_value_add(&v->typed, &e, err);
}

/* The first page. 1: there are more. */
static int take_page(struct server_value *v, enum value_class class_, const redisReply *reply,
                     struct ft_err *err)
{
    if (typed_value_begin(&v->typed, class_, false, err) != 0)
        return -1;
    if (class_ == VALUE_STRING || class_ == VALUE_JSON)
        return reply->type == REDIS_REPLY_STRING ? take_text(v, reply, err) : not_understood(err);
    if (class_ == VALUE_LIST || class_ == VALUE_ZSET) {
        if (take_elements(v, reply, err) != 0)
            return -1;
        return v->typed.count >= PAGE;
    }
    if (!key_scan_is_portion(reply))
        return not_understood(err);
    if (take_elements(v, reply->element[1], err) != 0)
        return -1;
    return strcmp(reply->element[0]->str, "0") != 0;
}

/* Bytes of a text, or of the texts of a list. */
static size_t count_bytes(const redisReply *reply)
{
    size_t sum = reply->type == REDIS_REPLY_STRING ? reply->len : 0;

    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        sum += count_bytes(reply->element[i]);
    return sum;
}

static int take_first(struct server_value *v, struct rdb_entry *entry, enum value_class class_,
                      const redisReply *reply, struct ft_err *err)
{
    int more;

    if (reply->type == REDIS_REPLY_NIL)
        return SERVER_VALUE_TAKEN;
    /* it would be in memory twice, as it came and put together again */
    if (v->means->dump && count_bytes(reply) > TWICE_BYTES_MAX)
        return SERVER_VALUE_LONG;
    if (has_field_times(v, class_) || (class_ == VALUE_STREAM && !v->means->full_streams))
        return SERVER_VALUE_LONG;
    more = class_ == VALUE_STREAM ? server_stream_take(&v->stream, v->means, reply, err)
                                  : take_page(v, class_, reply, err);
    if (more != 0)
        return more < 0 ? -1 : SERVER_VALUE_LONG;
    if ((class_ == VALUE_STREAM ? give_stream(v, entry, err) : give_typed(v, entry, err)) != 0)
        return -1;
    return SERVER_VALUE_TAKEN;
}

int server_value_take_dump(struct server_value *v, struct rdb_entry *entry, const redisReply *reply,
                           struct ft_err *err)
{
    int rc = SERVER_VALUE_TAKEN;

    if (reply->type == REDIS_REPLY_ERROR)
        rc = take_refusal(reply, err);
    else if (reply->type == REDIS_REPLY_STRING)
        rc = give_dump(v, entry, reply, err);
    else if (reply->type != REDIS_REPLY_NIL)
        rc = not_understood(err);
    return rc < 0 ? wrap(v, entry, err) : rc;
}

int server_value_take(struct server_value *v, struct rdb_entry *entry, enum value_class class_,
                      const redisReply *reply, struct ft_err *err)
{
    int rc;

    if (by_dump(v->means, class_))
        return server_value_take_dump(v, entry, reply, err);
    rc = reply->type == REDIS_REPLY_ERROR ? take_refusal(reply, err)
                                          : take_first(v, entry, class_, reply, err);
    return rc < 0 ? wrap(v, entry, err) : rc;
}

/*
 * Page by page. All of these return 1 with *ret_error for an error reply that ends it.
 */

static int ask(const struct server_call *call, redisReply **ret, redisReply **ret_error,
               const struct bytes *args, size_t count, struct ft_err *err)
{
    if (call->call(call->context, ret, args, count, err) != 0)
        return -1;
    if ((*ret)->type != REDIS_REPLY_ERROR)
        return 0;
    *ret_error = *ret;
    return 1;
}

static int read_ranges(struct server_value *v, struct bytes key, const struct server_call *call,
                       redisReply **ret_error, struct ft_err *err)
{
    bool scores = v->typed.class_ == VALUE_ZSET;
    uint64_t got = PAGE;

    for (uint64_t at = 0; got >= PAGE; at += PAGE) {
        char from[I64_TEXT_SIZE];
        char to[I64_TEXT_SIZE];
        const struct bytes args[] = {bytes_str(scores ? "ZRANGE" : "LRANGE"), key,
                                     bytes_of(from, i64_to_text((int64_t)at, from)),
                                     bytes_of(to, i64_to_text((int64_t)(at + PAGE - 1), to)),
                                     bytes_str("WITHSCORES")};
        redisReply *reply;
        int rc = ask(call, &reply, ret_error, args, scores ? 5 : 4, err);

        if (rc != 0)
            return rc;
        got = v->typed.count;
        rc = take_elements(v, reply, err);
        got = v->typed.count - got;
        reply_free(reply);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* HPEXPIRETIME key FIELDS n field...: -1 of a field without a time, -2 of one that is not there any more. */
static int ask_field_times(const redisReply *fields, struct bytes key,
                           const struct server_call *call, redisReply **ret, redisReply **ret_error,
                           struct ft_err *err)
{
    size_t count = fields->elements / 2;
    struct bytes *args = malloc((count + 4) * sizeof(*args));
    char number[I64_TEXT_SIZE];
    int rc;

    if (args == NULL)
        return err_nomem(err, "fields of a hash");
    args[0] = bytes_str("HPEXPIRETIME");
    args[1] = key;
    args[2] = bytes_str("FIELDS");
    args[3] = bytes_of(number, i64_to_text((int64_t)count, number));
    for (size_t i = 0; i < count; i++)
        args[4 + i] = bytes_of(fields->element[2 * i]->str, fields->element[2 * i]->len);
    rc = ask(call, ret, ret_error, args, count + 4, err);
    free(args);
    return rc;
}

static int take_timed(struct server_value *v, const redisReply *fields, const redisReply *times,
                      struct ft_err *err)
{
    if (times->type != REDIS_REPLY_ARRAY || 2 * times->elements != fields->elements)
        return not_understood(err);
    for (size_t i = 0; i < times->elements; i++) {
        const redisReply *name = fields->element[2 * i];
        const redisReply *value = fields->element[2 * i + 1];
        const redisReply *time = times->element[i];
        struct value_element e = {.field = bytes_of(name->str, name->len),
                                  .value = bytes_of(value->str, value->len),
                                  .expire_ms = VALUE_NO_TTL};

        if (time->type != REDIS_REPLY_INTEGER)
            return not_understood(err);
        if (time->integer == -2)
            continue;
        if (time->integer >= 0)
            e.expire_ms = time->integer;
        if (typed_value_add(&v->typed, &e, err) != 0)
            return -1;
    }
    return 0;
}

/* One portion of a set or hash. */
static int take_portion(struct server_value *v, struct bytes key, const redisReply *list,
                        const struct server_call *call, redisReply **ret_error, struct ft_err *err)
{
    redisReply *times;
    int rc;

    if (!v->typed.timed || list->elements == 0)
        return take_elements(v, list, err);
    if (list->elements % 2 != 0)
        return not_understood(err);
    rc = ask_field_times(list, key, call, &times, ret_error, err);
    if (rc != 0)
        return rc;
    rc = take_timed(v, list, times, err);
    reply_free(times);
    return rc;
}

static int read_portions(struct server_value *v, struct bytes key, const struct server_call *call,
                         redisReply **ret_error, struct ft_err *err)
{
    char cursor[KEY_SCAN_CURSOR_SIZE] = "0";
    int rc = 0;

    do {
        const struct bytes args[] = {bytes_str(v->typed.class_ == VALUE_SET ? "SSCAN" : "HSCAN"),
                                     key, bytes_str(cursor), bytes_str("COUNT"),
                                     bytes_str(PAGE_TEXT)};
        redisReply *reply;

        rc = ask(call, &reply, ret_error, args, 5, err);
        if (rc != 0)
            return rc;
        if (!key_scan_is_portion(reply))
            rc = not_understood(err);
        if (rc == 0) {
            (void)snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str); /* was checked */
            rc = take_portion(v, key, reply->element[1], call, ret_error, err);
        }
        reply_free(reply);
    } while (rc == 0 && strcmp(cursor, "0") != 0);
    return rc;
}

/* *ret: of all that came. */
static int read_once(struct server_value *v, struct bytes key, enum value_class class_,
                     const struct server_call *call, struct value_digest *ret,
                     redisReply **ret_error, struct ft_err *err)
{
    int rc;

    *ret_error = NULL;
    if (class_ == VALUE_STREAM) {
        rc = server_stream_read(&v->stream, v->means, key, call, ret_error, err);
        *ret = v->stream.digest;
        return rc;
    }
    if (typed_value_begin(&v->typed, class_, has_field_times(v, class_), err) != 0)
        return -1;
    rc = class_ == VALUE_SET || class_ == VALUE_HASH ? read_portions(v, key, call, ret_error, err)
                                                     : read_ranges(v, key, call, ret_error, err);
    *ret = v->typed.digest;
    return rc < 0 ? -1 : 0;
}

static int read_until_still(struct server_value *v, struct rdb_entry *entry,
                            enum value_class class_, const struct server_call *call,
                            struct ft_err *err)
{
    struct value_digest before = {0};

    for (int reading = 0; reading < READINGS_MAX; reading++) {
        struct value_digest digest;
        redisReply *error;

        if (read_once(v, entry->key, class_, call, &digest, &error, err) != 0)
            return -1;
        if (error != NULL) {
            int rc = take_refusal(error, err);

            reply_free(error);
            return rc;
        }
        if (reading > 0 && value_digest_eq(&before, &digest))
            return class_ == VALUE_STREAM ? give_stream(v, entry, err) : give_typed(v, entry, err);
        before = digest;
    }
    return diff_reader_touch(v->reader, entry->db, entry->key, err);
}

int server_value_read(struct server_value *v, struct rdb_entry *entry, enum value_class class_,
                      const struct server_call *call, struct ft_err *err)
{
    int rc = read_until_still(v, entry, class_, call, err);

    return rc < 0 ? wrap(v, entry, err) : rc;
}
