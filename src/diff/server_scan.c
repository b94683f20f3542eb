#include "diff/server_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/item_limit.h"
#include "item/dump.h"
#include "rdb/rdb_string.h"
#include "target/key_scan.h"
#include "wire/redis_info.h"
#include "wire/reply_error.h"

#define PORTION "500"
/* The tag of SCAN; those of keys are below. */
#define TAG_SCAN UINT64_MAX
/* Databases of a server that does not tell them; it says which is one too many. */
#define DATABASES_MAX     100000u
#define FUNCTIONS_VERSION 700u
/* More would spare a server nothing, and all of them are in memory at a time: strings as long as that come one by one. */
#define STRINGS_AT_ONCE   8u
#define STRING_LONG_BYTES ((size_t)64 << 10)

/* The keys of one answer to SCAN. */
struct portion {
    struct key_names names;
    struct portion_key {
        int64_t expire_ms;
        int class_; /* -1: it is not there any more, or not here */
        bool taken; /* as one of several strings */
        bool is_long;
    } * keys;
    size_t capacity;
};

/* In each step, of four portions: the names of one, times of the second, and where most keys are strings, their values, types of
 * what is left of the third, the values of that of the fourth. */
#define PORTIONS 4

struct scanner {
    struct server_scan *s;
    struct server_means means; /* as they are for this database */
    bool no_times;             /* of keys of this database */
    struct server_value value;
    struct diff_reader *reader;
    struct redis_pipe *pipe;
    uint32_t db;
    char cursor[KEY_SCAN_CURSOR_SIZE];
    struct portion portions[PORTIONS];
    struct portion *named, *timed, *typed, *valued;
    bool mostly_strings;         /* of the last portion of which that is known */
    size_t longest_string_bytes; /* of late */
};

/* Answers like MOVED say that somebody else has the key by now. */
static bool is_redirect(const redisReply *reply)
{
    enum reply_error_kind kind;

    if (reply->type != REDIS_REPLY_ERROR)
        return false;
    kind = reply_error_kind_of(bytes_str(reply->str));
    return kind == REPLY_ERROR_MOVED || kind == REPLY_ERROR_ASK || kind == REPLY_ERROR_TRYAGAIN;
}

static int leave(struct scanner *c, struct portion_key *k, struct bytes name, struct ft_err *err)
{
    k->class_ = -1;
    return key_names_add(&c->s->strays, c->db, name, err);
}

/*
 * Answers
 */

static int take_names(struct scanner *c, const redisReply *reply, struct ft_err *err)
{
    const redisReply *keys;

    if (!key_scan_is_portion(reply)) {
        return err_set(err,
                       reply->type == REDIS_REPLY_ERROR && target_node_is_transient(reply->str)
                           ? FT_ERR_NET
                           : FT_ERR_PROTOCOL,
                       "%s answered SCAN: %s", c->s->node->name,
                       reply->type == REDIS_REPLY_ERROR ? reply->str : "something else");
    }
    (void)snprintf(c->cursor, sizeof(c->cursor), "%s", reply->element[0]->str);
    keys = reply->element[1];
    for (size_t i = 0; i < keys->elements; i++) {
        struct bytes name = bytes_of(keys->element[i]->str, keys->element[i]->len);
        int wanted = diff_reader_wants(c->reader, c->db, name, err);

        if (wanted < 0 || (wanted > 0 && key_names_add(&c->named->names, c->db, name, err) != 0))
            return -1;
    }
    atomic_fetch_add(&c->s->progress->done[c->s->pass->of], keys->elements);
    return 0;
}

/* Its time, or its type. */
static int take_before(struct scanner *c, struct portion_key *k, enum server_question question,
                       const redisReply *reply, struct ft_err *err)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        return err_set(err, FT_ERR_PROTOCOL, "%s answered %s: %s", c->s->node->name,
                       question == QUESTION_TYPE ? "TYPE" : server_means_time_command(&c->means),
                       reply->str);
    }
    if (question == QUESTION_TYPE && k->class_ >= 0)
        k->class_ = server_means_class(reply->str);
    else if (question == QUESTION_TIME && !server_means_take_time(&c->means, reply, &k->expire_ms))
        k->class_ = -1;
    return 0;
}

static int take_value(struct scanner *c, struct portion_key *k, struct bytes name, bool dump,
                      const redisReply *reply, struct ft_err *err)
{
    struct rdb_entry entry = {.db = c->db, .key = name, .expire_ms = k->expire_ms};
    int end = dump ? server_value_take_dump(&c->value, &entry, reply, err)
                   : server_value_take(&c->value, &entry, (enum value_class)k->class_, reply, err);

    if (k->class_ == VALUE_STRING && reply->type == REDIS_REPLY_STRING &&
        reply->len > c->longest_string_bytes)
        c->longest_string_bytes = reply->len;
    if (end < 0)
        return -1;
    if (end == SERVER_VALUE_LONG)
        k->is_long = true;
    return end == SERVER_VALUE_TAKEN || end == SERVER_VALUE_LONG ? 0 : leave(c, k, name, err);
}

static size_t strings_from(const struct portion *p, size_t i)
{
    size_t left = p->names.count - i;

    return left < STRINGS_AT_ONCE ? left : STRINGS_AT_ONCE;
}

/* Nothing comes of a key that is no string. If all are refused they are asked for one by one, which says why. */
static int take_strings(struct scanner *c, size_t first, const redisReply *reply,
                        struct ft_err *err)
{
    struct portion *p = c->timed;

    if (reply->type == REDIS_REPLY_ERROR) {
        c->means.many_strings = false;
        return 0;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != strings_from(p, first))
        return err_set(err, FT_ERR_PROTOCOL,
                       "%s answered MGET with something else than the values of its keys",
                       c->s->node->name);
    for (size_t i = 0; i < reply->elements; i++) {
        struct portion_key *k = &p->keys[first + i];

        if (reply->element[i]->type == REDIS_REPLY_NIL || k->class_ < 0)
            continue;
        k->class_ = VALUE_STRING;
        k->taken = true;
        if (take_value(c, k, key_names_at(&p->names, first + i), false, reply->element[i], err) !=
            0)
            return -1;
    }
    return 0;
}

static int on_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    enum server_question question = (enum server_question)(tag % QUESTION_COUNT);
    size_t i = (size_t)(tag / QUESTION_COUNT);
    struct scanner *c = context;
    struct portion *p;

    if (tag == TAG_SCAN)
        return take_names(c, reply, err);
    if (question == QUESTION_STRINGS)
        return take_strings(c, i, reply, err);
    if (question == QUESTION_TIME)
        p = c->timed;
    else
        p = question == QUESTION_TYPE ? c->typed : c->valued;
    if (question == QUESTION_VALUE || question == QUESTION_DUMP)
        return take_value(c, &p->keys[i], key_names_at(&p->names, i), question == QUESTION_DUMP,
                          reply, err);
    if (is_redirect(reply))
        return leave(c, &p->keys[i], key_names_at(&p->names, i), err);
    return take_before(c, &p->keys[i], question, reply, err);
}

/*
 * Questions
 */

static int put(struct scanner *c, size_t i, enum server_question question, const struct bytes *args,
               size_t count, struct ft_err *err)
{
    return redis_pipe_put(c->pipe, (uint64_t)i * QUESTION_COUNT + question, args, count, err);
}

static int ask_strings(struct scanner *c, struct ft_err *err)
{
    struct portion *p = c->timed;
    struct bytes args[1 + STRINGS_AT_ONCE] = {bytes_str("MGET")};

    for (size_t i = 0, count; i < p->names.count; i += count) {
        count = strings_from(p, i);
        for (size_t n = 0; n < count; n++)
            args[1 + n] = key_names_at(&p->names, i + n);
        if (put(c, i, QUESTION_STRINGS, args, 1 + count, err) != 0)
            return -1;
    }
    return 0;
}

static int ask_times(struct scanner *c, struct ft_err *err)
{
    const char *expiry = server_means_time_command(&c->means);
    struct portion *p = c->timed;

    if (ARRAY_RESERVE(&p->keys, &p->capacity, p->names.count, "a portion of keys", err) != 0)
        return -1;
    /* any type will do for DUMP */
    for (size_t i = 0; i < p->names.count; i++)
        p->keys[i] = (struct portion_key){.expire_ms = RDB_NO_EXPIRY, .class_ = VALUE_MODULE};
    for (size_t i = 0; i < p->names.count; i++) {
        const struct bytes time[] = {bytes_str(expiry), key_names_at(&p->names, i)};

        if (!c->no_times && put(c, i, QUESTION_TIME, time, 2, err) != 0)
            return -1;
    }
    return c->means.many_strings && c->mostly_strings && c->longest_string_bytes < STRING_LONG_BYTES
               ? ask_strings(c, err)
               : 0;
}

static int ask_types(struct scanner *c, struct ft_err *err)
{
    struct portion *p = c->typed;

    for (size_t i = 0; c->means.types && i < p->names.count; i++) {
        const struct bytes type[] = {bytes_str("TYPE"), key_names_at(&p->names, i)};
        const struct portion_key *k = &p->keys[i];

        if (k->class_ >= 0 && !k->taken && put(c, i, QUESTION_TYPE, type, 2, err) != 0)
            return -1;
    }
    return 0;
}

static int ask_values(struct scanner *c, struct ft_err *err)
{
    struct portion *p = c->valued;

    for (size_t i = 0; i < p->names.count; i++) {
        struct bytes args[SERVER_VALUE_ARGS];
        struct bytes name = key_names_at(&p->names, i);
        struct portion_key *k = &p->keys[i];
        size_t count;
        int rc;

        if (k->class_ < 0 || k->taken)
            continue;
        rc = c->means.types
                 ? diff_reader_filtered(c->reader, c->db, name, (enum value_class)k->class_, err)
                 : 0;
        if (rc < 0)
            return -1;
        if (rc > 0)
            continue;
        count = server_value_command(&c->means, (enum value_class)k->class_, name, args);
        rc = count == 0 ? diff_reader_unread(c->reader, c->db, name, err)
                        : put(c, i, QUESTION_VALUE, args, count, err);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int call(void *context, redisReply **ret, const struct bytes *args, size_t count,
                struct ft_err *err)
{
    return redis_pipe_call(context, ret, args, count, err);
}

static int read_long(struct scanner *c, struct ft_err *err)
{
    const struct server_call how = {call, c->pipe};
    struct portion *p = c->valued;

    for (size_t i = 0; i < p->names.count; i++) {
        struct portion_key *k = &p->keys[i];
        struct rdb_entry entry = {
            .db = c->db, .key = key_names_at(&p->names, i), .expire_ms = k->expire_ms};
        int end;

        if (k->class_ < 0 || !k->is_long)
            continue;
        if (c->means.dump) {
            struct bytes args[SERVER_VALUE_ARGS];
            size_t count = server_value_dump(entry.key, args);

            if (put(c, i, QUESTION_DUMP, args, count, err) != 0)
                return -1;
            continue;
        }
        end = server_value_read(&c->value, &entry, (enum value_class)k->class_, &how, err);
        if (end < 0 || (end != SERVER_VALUE_TAKEN && leave(c, k, entry.key, err) != 0))
            return -1;
    }
    return redis_pipe_drain(c->pipe, err);
}

static int ask_scan(struct scanner *c, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("SCAN"), bytes_str(c->cursor), bytes_str("COUNT"),
                                 bytes_str(PORTION)};

    return redis_pipe_put(c->pipe, TAG_SCAN, args, 4, err);
}

/* A connection begins in database 0; a cluster has no other, and no SELECT. */
static int select_database(struct scanner *c, uint32_t db, struct ft_err *err)
{
    char command[32];
    redisReply *reply;
    int rc = 0;

    if (c->db == db)
        return 0;
    (void)snprintf(command, sizeof(command), "SELECT %" PRIu32, db); /* fits */
    if (redis_pipe_call_text(c->pipe, &reply, command, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        rc = err_set(err, FT_ERR_PROTOCOL, "%s answered SELECT: %s", c->s->node->name, reply->str);
    reply_free(reply);
    c->db = db;
    return rc;
}

/* What the types of one portion say about those to come; the first one of a database is asked for key by key. */
static void look_at_types(struct scanner *c)
{
    const struct portion *p = c->typed;
    size_t strings = 0;

    for (size_t i = 0; i < p->names.count; i++)
        strings += p->keys[i].class_ == VALUE_STRING;
    if (p->names.count != 0)
        c->mostly_strings = strings > p->names.count / 2;
    c->longest_string_bytes /= 2;
}

static int scan_database(struct scanner *c, struct ft_err *err)
{
    bool last = false;

    c->mostly_strings = false;
    c->longest_string_bytes = 0;
    (void)snprintf(c->cursor, sizeof(c->cursor), "0");
    for (int i = 0; i < PORTIONS; i++)
        key_names_clear(&c->portions[i].names);
    if (ask_scan(c, err) != 0 || redis_pipe_drain(c->pipe, err) != 0)
        return -1;
    while (!last || c->named->names.count != 0 || c->timed->names.count != 0 ||
           c->typed->names.count != 0) {
        struct portion *done = c->valued;

        c->valued = c->typed;
        c->typed = c->timed;
        c->timed = c->named;
        c->named = done;
        key_names_clear(&c->named->names);
        last |= strcmp(c->cursor, "0") == 0;
        if (server_pace_take(c->s->pace, c->timed->names.count, err) != 0 ||
            (!last && ask_scan(c, err) != 0) || ask_times(c, err) != 0 || ask_types(c, err) != 0 ||
            ask_values(c, err) != 0 || redis_pipe_drain(c->pipe, err) != 0 ||
            read_long(c, err) != 0)
            return -1;
        look_at_types(c);
    }
    return 0;
}

/* "dbN:keys=12,expires=0,avg_ttl=0,subexpiry=0": a number of it, if it is there. */
static bool find_number(struct bytes line, const char *name, uint64_t *ret)
{
    char text[200];
    const char *at;

    (void)snprintf(text, sizeof(text), "%.*s", (int)line.n, (const char *)line.p); /* fits */
    at = strstr(text, name);
    if (at == NULL)
        return false;
    *ret = strtoull(at + strlen(name), NULL, 10);
    return true;
}

/* What INFO says of a database; without it everything has to be asked for. */
static void look_at_database(struct scanner *c, struct bytes line)
{
    uint64_t n;

    c->means = *c->s->means;
    c->no_times = find_number(line, "expires=", &n) && n == 0;
    if ((find_number(line, "subexpiry=", &n) ||
         find_number(line, "keys_with_volatile_items=", &n)) &&
        n == 0)
        c->means.field_times = false;
}

/* The databases that hold anything: lines "db0:keys=..." */
static int scan_listed(struct scanner *c, const char *info, struct ft_err *err)
{
    struct bytes line;
    uint64_t keys;
    uint32_t db;

    for (const char *at = info; redis_info_next_db(&at, &db, &keys);)
        atomic_fetch_add(&c->s->progress->total[c->s->pass->of], keys);
    for (const char *at = info; redis_info_next(&at, "db", &db, &line);) {
        if (select_database(c, db, err) != 0)
            return -1;
        look_at_database(c, line);
        if (scan_database(c, err) != 0)
            return -1;
    }
    return 0;
}

/* One after the other, until the server has no more of them. */
static int scan_unlisted(struct scanner *c, struct ft_err *err)
{
    look_at_database(c, bytes_of("", 0));
    for (uint32_t db = 0; db < DATABASES_MAX; db++) {
        if (db != 0 && select_database(c, db, err) != 0) {
            if (err->kind != FT_ERR_PROTOCOL)
                return -1;
            err_clear(err);
            return 0;
        }
        if (scan_database(c, err) != 0)
            return -1;
    }
    return 0;
}

static int scan_databases(struct scanner *c, struct ft_err *err)
{
    redisReply *reply;
    int rc;

    if (redis_pipe_call_text(c->pipe, &reply, "INFO keyspace", err) != 0)
        return -1;
    rc =
        reply->type == REDIS_REPLY_STRING ? scan_listed(c, reply->str, err) : scan_unlisted(c, err);
    reply_free(reply);
    return rc;
}

/* CLUSTER NODES says in the line of a node which of its slots are on their way: [93->-id], [77-<-id] */
static int look_for_moves(struct scanner *c, struct ft_err *err)
{
    redisReply *reply;

    if (c->s->node->slots.n == 0)
        return 0;
    if (redis_pipe_call_text(c->pipe, &reply, "CLUSTER NODES", err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING &&
        (strstr(reply->str, "->-") != NULL || strstr(reply->str, "-<-") != NULL))
        c->s->moving = true;
    reply_free(reply);
    return 0;
}

/*
 * Libraries of functions: every master has all of them
 */

static int take_list(struct diff_pass *pass, const redisReply *list, struct ft_err *err)
{
    for (size_t i = 0; i < list->elements; i++) {
        const redisReply *l = list->element[i];

        for (size_t k = 0; l->type == REDIS_REPLY_ARRAY && k + 1 < l->elements; k += 2) {
            const redisReply *code = l->element[k + 1];

            if (l->element[k]->type == REDIS_REPLY_STRING && code->type == REDIS_REPLY_STRING &&
                strcmp(l->element[k]->str, "library_code") == 0 &&
                diff_functions_add(pass->functions, pass->of, bytes_of(code->str, code->len),
                                   err) != 0)
                return -1;
        }
    }
    return 0;
}

/* What FUNCTION DUMP gives: libraries as in an RDB, then a version and a checksum as of DUMP. */
static int take_dump(struct diff_pass *pass, struct bytes dump, struct ft_err *err)
{
    struct bytes in = bytes_of(dump.p, dump.n < DUMP_FOOTER_SIZE ? 0 : dump.n - DUMP_FOOTER_SIZE);
    struct buf scratch = {.limit_bytes = item_limit()};
    struct bytes code;
    int rc = 0;

    while (rc == 0 && in.n != 0 && in.p[0] == RDB_OP_FUNCTION2) {
        in = bytes_of(in.p + 1, in.n - 1);
        rc = rdb_string_take(&in, &code, &scratch, err);
        if (rc == 0)
            rc = diff_functions_add(pass->functions, pass->of, code, err);
    }
    buf_release(&scratch);
    if (rc == 0 && in.n != 0)
        rc = err_set(err, FT_ERR_PROTOCOL, "FUNCTION DUMP: something else than a library follows");
    return rc;
}

/* Servers before 7.0 have none. */
static int read_functions(struct scanner *c, struct ft_err *err)
{
    struct diff_pass *pass = c->s->pass;
    redisReply *reply;
    int rc = 0;

    if (pass->functions == NULL || c->s->means->version < FUNCTIONS_VERSION)
        return 0;
    if (redis_pipe_call_text(c->pipe, &reply, "FUNCTION LIST WITHCODE", err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR) {
        reply_free(reply);
        if (redis_pipe_call_text(c->pipe, &reply, "FUNCTION DUMP", err) != 0)
            return -1;
    }
    if (reply->type == REDIS_REPLY_ARRAY)
        rc = take_list(pass, reply, err);
    else if (reply->type == REDIS_REPLY_STRING)
        rc = take_dump(pass, bytes_of(reply->str, reply->len), err);
    else
        diff_functions_hide(pass->functions, pass->of);
    reply_free(reply);
    return rc;
}

static int scan(struct scanner *c, struct ft_err *err)
{
    const struct target_host *host = c->s->host;

    if (diff_reader_new(&c->reader, c->s->pass, err) != 0 ||
        redis_pipe_open_within(&c->pipe, &c->s->node->uri, host->cancel_fd, host->give_up_ms,
                               on_reply, c, err) != 0)
        return -1;
    diff_reader_ask(c->reader);
    server_value_begin(&c->value, &c->means, c->s->node->name, c->reader);
    if (look_for_moves(c, err) != 0 || scan_databases(c, err) != 0 || read_functions(c, err) != 0 ||
        look_for_moves(c, err) != 0)
        return -1;
    return diff_reader_end(c->reader, err);
}

void server_scan_run(struct server_scan *s)
{
    struct scanner c = {.s = s};

    c.named = &c.portions[0];
    c.timed = &c.portions[1];
    c.typed = &c.portions[2];
    c.valued = &c.portions[3];
    s->failed = scan(&c, &s->err) != 0;
    redis_pipe_free(c.pipe);
    server_value_release(&c.value);
    diff_reader_free(c.reader);
    for (int i = 0; i < PORTIONS; i++) {
        key_names_release(&c.portions[i].names);
        free(c.portions[i].keys);
    }
}
