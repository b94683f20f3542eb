#include "diff/server_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "target/key_scan.h"
#include "wire/reply_error.h"

#define PORTION "500"
/* The tag of SCAN; those of keys are below. */
#define TAG_SCAN UINT64_MAX

/* The keys of one answer to SCAN. */
struct portion {
    struct key_names names;
    int64_t *expire_ms;
    bool *there;
    size_t capacity;
};

struct scanner {
    struct server_scan *s;
    struct diff_reader *reader;
    struct redis_pipe *pipe;
    uint32_t db;
    char cursor[KEY_SCAN_CURSOR_SIZE];
    struct portion portions[2];
    struct portion *read; /* whose values are being asked for */
    struct portion *next;
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

        if (wanted < 0 || (wanted > 0 && key_names_add(&c->next->names, c->db, name, err) != 0))
            return -1;
    }
    atomic_fetch_add(&c->s->progress->done[c->s->pass->of], keys->elements);
    return 0;
}

static int on_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct scanner *c = context;
    struct portion *p = c->read;
    size_t i = (size_t)(tag >> 1);
    struct rdb_entry entry;
    struct bytes name;

    if (tag == TAG_SCAN)
        return take_names(c, reply, err);
    name = key_names_at(&p->names, i);
    if (is_redirect(reply)) {
        /* its time and its value are both refused, or only the second one */
        p->there[i] = false;
        return key_names_add(&c->s->strays, c->db, name, err);
    }
    if ((tag & 1) == 0) {
        if (reply->type == REDIS_REPLY_ERROR) {
            return err_set(err, FT_ERR_PROTOCOL, "%s answered %s: %s", c->s->node->name,
                           server_times_command(c->s->times), reply->str);
        }
        p->there[i] = server_times_take(c->s->times, reply, &p->expire_ms[i]);
        return 0;
    }
    if (!p->there[i])
        return 0;
    entry = (struct rdb_entry){.db = c->db, .key = name, .expire_ms = p->expire_ms[i]};
    return server_value_take(c->reader, c->s->times, c->s->node->name, &entry, reply, err);
}

static int ask_portion(struct scanner *c, struct ft_err *err)
{
    const char *expiry = server_times_command(c->s->times);
    struct portion *p = c->read;

    if (p->names.count > p->capacity) {
        free(p->expire_ms);
        free(p->there);
        p->capacity = 2 * p->names.count;
        p->expire_ms = calloc(p->capacity, sizeof(*p->expire_ms));
        p->there = calloc(p->capacity, sizeof(*p->there));
        if (p->expire_ms == NULL || p->there == NULL) {
            p->capacity = 0;
            return err_nomem(err, "a portion of keys");
        }
    }
    for (size_t i = 0; i < p->names.count; i++) {
        const struct bytes time[] = {bytes_str(expiry), key_names_at(&p->names, i)};
        const struct bytes value[] = {bytes_str("DUMP"), key_names_at(&p->names, i)};

        if (redis_pipe_put(c->pipe, (uint64_t)i << 1, time, 2, err) != 0 ||
            redis_pipe_put(c->pipe, (uint64_t)i << 1 | 1, value, 2, err) != 0)
            return -1;
    }
    return 0;
}

static int ask_scan(struct scanner *c, struct ft_err *err)
{
    const struct bytes words[] = {bytes_str("SCAN"), bytes_str(c->cursor), bytes_str("COUNT"),
                                  bytes_str(PORTION)};

    return redis_pipe_put(c->pipe, TAG_SCAN, words, 4, err);
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
    freeReplyObject(reply);
    c->db = db;
    return rc;
}

static int scan_database(struct scanner *c, struct ft_err *err)
{
    bool last = false;

    (void)snprintf(c->cursor, sizeof(c->cursor), "0");
    key_names_clear(&c->next->names);
    if (ask_scan(c, err) != 0 || redis_pipe_drain(c->pipe, err) != 0)
        return -1;
    while (!last || c->next->names.count != 0) {
        struct portion *done = c->read;

        c->read = c->next;
        c->next = done;
        key_names_clear(&c->next->names);
        last = strcmp(c->cursor, "0") == 0;
        if (server_pace_take(c->s->pace, c->read->names.count, err) != 0 ||
            (!last && ask_scan(c, err) != 0) || ask_portion(c, err) != 0 ||
            redis_pipe_drain(c->pipe, err) != 0)
            return -1;
    }
    return 0;
}

/* The databases that hold anything: lines "db0:keys=..." */
static int scan_databases(struct scanner *c, struct ft_err *err)
{
    redisReply *reply;
    const char *at;
    int rc = 0;

    if (redis_pipe_call_text(c->pipe, &reply, "INFO keyspace", err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_STRING) {
        rc = err_set(err, FT_ERR_PROTOCOL, "%s answered INFO: %s", c->s->node->name,
                     reply->type == REDIS_REPLY_ERROR ? reply->str : "something else");
    }
    at = rc == 0 ? reply->str : NULL;
    while (at != NULL && (at = strstr(at, "keys=")) != NULL) {
        at += 5;
        atomic_fetch_add(&c->s->progress->total[c->s->pass->of], strtoull(at, NULL, 10));
    }
    at = rc == 0 ? reply->str : NULL;
    while (rc == 0 && at != NULL && (at = strstr(at, "\ndb")) != NULL) {
        at += 3;
        rc = select_database(c, (uint32_t)strtoul(at, NULL, 10), err);
        if (rc == 0)
            rc = scan_database(c, err);
    }
    freeReplyObject(reply);
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
    freeReplyObject(reply);
    return 0;
}

/* Every master has all libraries. Servers before 7.0 have none; who may not ask does not compare them. */
static int list_functions(struct scanner *c, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (c->s->pass->functions == NULL || c->s->times->version < 700)
        return 0;
    if (redis_pipe_call_text(c->pipe, &reply, "FUNCTION LIST WITHCODE", err) != 0)
        return -1;
    for (size_t i = 0; rc == 0 && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *l = reply->element[i];

        for (size_t k = 0; rc == 0 && l->type == REDIS_REPLY_ARRAY && k + 1 < l->elements; k += 2) {
            const redisReply *code = l->element[k + 1];

            if (l->element[k]->type == REDIS_REPLY_STRING && code->type == REDIS_REPLY_STRING &&
                strcmp(l->element[k]->str, "library_code") == 0)
                rc = diff_functions_add(c->s->pass->functions, c->s->pass->of,
                                        bytes_of(code->str, code->len), err);
        }
    }
    freeReplyObject(reply);
    return rc;
}

static int scan(struct scanner *c, struct ft_err *err)
{
    const struct target_host *host = c->s->host;

    if (diff_reader_new(&c->reader, c->s->pass, err) != 0 ||
        redis_pipe_open_within(&c->pipe, &c->s->node->uri, host->cancel_fd, host->give_up_ms,
                               on_reply, c, err) != 0)
        return -1;
    if (look_for_moves(c, err) != 0 || scan_databases(c, err) != 0 || list_functions(c, err) != 0 ||
        look_for_moves(c, err) != 0)
        return -1;
    return diff_reader_end(c->reader, err);
}

void server_scan_run(struct server_scan *s)
{
    struct scanner c = {.s = s};

    c.read = &c.portions[0];
    c.next = &c.portions[1];
    s->failed = scan(&c, &s->err) != 0;
    redis_pipe_free(c.pipe);
    diff_reader_free(c.reader);
    for (int i = 0; i < 2; i++) {
        key_names_release(&c.portions[i].names);
        free(c.portions[i].expire_ms);
        free(c.portions[i].there);
    }
}
