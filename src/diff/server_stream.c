#include "diff/server_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"

#define ID_TEXT_SIZE 48

/* What is being put together, and whom to ask. */
struct reading {
    struct typed_stream *s;
    const struct server_means *means;
    struct bytes key;
    const struct server_call *call;
    redisReply *error; /* that ended it */
};

/*
 * Replies: lists of names and values
 */

static struct bytes text_of(const redisReply *reply)
{
    return reply != NULL && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS)
               ? bytes_of(reply->str, reply->len)
               : bytes_of("", 0);
}

static const redisReply *element(const redisReply *reply, size_t i)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY && i < reply->elements
               ? reply->element[i]
               : NULL;
}

static size_t elements(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

static const redisReply *field(const redisReply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < elements(reply); i += 2) {
        if (bytes_eq_str(text_of(reply->element[i]), name))
            return reply->element[i + 1];
    }
    return NULL;
}

static int64_t number(const redisReply *reply, int64_t otherwise)
{
    return reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer : otherwise;
}

static int not_understood(const char *command, struct ft_err *err)
{
    return err_set(err, FT_ERR_PROTOCOL, "%s was answered with something that is not understood",
                   command);
}

/* "12-3" */
static int take_id(const redisReply *reply, struct stream_id *ret, struct ft_err *err)
{
    struct bytes text = text_of(reply);
    const uint8_t *dash = text.n == 0 ? NULL : memchr(text.p, '-', text.n);
    size_t n = dash == NULL ? 0 : (size_t)(dash - text.p);

    if (dash == NULL || !bytes_to_u64(bytes_of(text.p, n), &ret->ms) ||
        !bytes_to_u64(bytes_of(dash + 1, text.n - n - 1), &ret->seq))
        return not_understood("an id of a stream", err);
    return 0;
}

/* The first id after this one. Before 6.2 a range cannot leave out where it begins. */
static struct bytes id_after(struct stream_id id, char text[ID_TEXT_SIZE])
{
    if (++id.seq == 0)
        id.ms++;
    (void)snprintf(text, ID_TEXT_SIZE, "%" PRIu64 "-%" PRIu64, id.ms, id.seq); /* fits */
    return bytes_str(text);
}

/*
 * What is told
 */

static int take_head(struct typed_stream *s, const redisReply *reply, struct ft_err *err)
{
    struct stream_head head = {0};

    if (take_id(field(reply, "last-generated-id"), &head.last_id, err) != 0)
        return -1;
    if (s->counters &&
        (take_id(field(reply, "max-deleted-entry-id"), &head.max_deleted_id, err) != 0 ||
         take_id(field(reply, "recorded-first-entry-id"), &head.first_id, err) != 0))
        return -1;
    head.entries_added = (uint64_t)number(field(reply, "entries-added"), 0);
    s->head = head;
    return 0;
}

/* Those of XRANGE, {id, {field, value...}}. ret_last: untouched if there are none. */
static int take_entries(struct typed_stream *s, const redisReply *list, struct stream_id *ret_last,
                        struct ft_err *err)
{
    struct bytes *args = NULL;
    size_t capacity = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < elements(list); i++) {
        const redisReply *pairs = element(list->element[i], 1);
        size_t count = elements(pairs);

        if (take_id(element(list->element[i], 0), ret_last, err) != 0 ||
            ARRAY_RESERVE(&args, &capacity, count + 1, "an entry of a stream", err) != 0) {
            rc = -1;
            break;
        }
        for (size_t k = 0; k < count; k++)
            args[k] = text_of(pairs->element[k]);
        rc = typed_stream_add_entry(s, *ret_last, args, count, err);
    }
    free(args);
    return rc;
}

/* A group of XINFO STREAM FULL or XINFO GROUPS. */
static int take_group(struct typed_stream *s, const redisReply *row, struct ft_err *err)
{
    struct stream_group group = {.name = text_of(field(row, "name")),
                                 .entries_read = number(field(row, "entries-read"), -1)};

    if (take_id(field(row, "last-delivered-id"), &group.last_id, err) != 0)
        return -1;
    return typed_stream_add_group(s, &group, err);
}

static int take_consumers(struct typed_stream *s, size_t group, const redisReply *list,
                          struct ft_err *err)
{
    for (size_t i = 0; i < elements(list); i++) {
        if (typed_stream_add_consumer(s, group, text_of(field(list->element[i], "name")), err) != 0)
            return -1;
    }
    return 0;
}

/* {id, consumer, time, count}. ago: the time is how long ago it was. */
static int take_pending(struct typed_stream *s, size_t group, const redisReply *list, bool ago,
                        struct ft_err *err)
{
    int64_t now_ms = (int64_t)(clock_wall_us() / 1000);

    for (size_t i = 0; i < elements(list); i++) {
        const redisReply *row = list->element[i];
        int64_t time_ms = number(element(row, 2), 0);
        struct stream_pending p = {.consumer = text_of(element(row, 1)),
                                   .delivery_time_ms = ago ? now_ms - time_ms : time_ms,
                                   .delivery_count = (uint64_t)number(element(row, 3), 0)};

        if (take_id(element(row, 0), &p.id, err) != 0 ||
            typed_stream_add_pending(s, group, &p, !ago, err) != 0)
            return -1;
    }
    return 0;
}

static bool has_counters(const struct server_means *means)
{
    return means->version >= 700;
}

int server_stream_take(struct typed_stream *s, const struct server_means *means,
                       const redisReply *reply, struct ft_err *err)
{
    const redisReply *entries = field(reply, "entries");
    const redisReply *groups = field(reply, "groups");
    struct stream_id last = {0};
    bool more = elements(entries) >= SERVER_STREAM_PAGE;

    if (entries == NULL || groups == NULL)
        return not_understood("XINFO STREAM FULL", err);
    typed_stream_begin(s, has_counters(means));
    if (take_head(s, reply, err) != 0 || take_entries(s, entries, &last, err) != 0)
        return -1;
    for (size_t i = 0; i < elements(groups); i++) {
        const redisReply *row = groups->element[i];
        const redisReply *pending = field(row, "pending");

        if (take_group(s, row, err) != 0 ||
            take_consumers(s, i, field(row, "consumers"), err) != 0 ||
            take_pending(s, i, pending, false, err) != 0)
            return -1;
        more |= elements(pending) >= SERVER_STREAM_PAGE;
    }
    return more;
}

/*
 * Page by page
 */

/* 1: an error reply, which is kept. */
static int ask(struct reading *r, redisReply **ret, const struct bytes *args, size_t count,
               struct ft_err *err)
{
    if (r->call->call(r->call->context, ret, args, count, err) != 0)
        return -1;
    if ((*ret)->type == REDIS_REPLY_ARRAY)
        return 0;
    if ((*ret)->type != REDIS_REPLY_ERROR) {
        reply_free(*ret);
        return not_understood((const char *)args[0].p, err);
    }
    r->error = *ret;
    return 1;
}

static int read_entries(struct reading *r, struct stream_id last, bool any, struct ft_err *err)
{
    size_t count = SERVER_STREAM_PAGE;

    while (count >= SERVER_STREAM_PAGE) {
        char from[ID_TEXT_SIZE];
        const struct bytes args[] = {bytes_str("XRANGE"),
                                     r->key,
                                     any ? id_after(last, from) : bytes_str("-"),
                                     bytes_str("+"),
                                     bytes_str("COUNT"),
                                     bytes_str(SERVER_STREAM_PAGE_TEXT)};
        redisReply *reply;
        int rc = ask(r, &reply, args, 6, err);

        if (rc != 0)
            return rc;
        count = reply->elements;
        rc = take_entries(r->s, reply, &last, err);
        reply_free(reply);
        if (rc != 0)
            return -1;
        any = true;
    }
    return 0;
}

static int read_pending(struct reading *r, size_t group, struct ft_err *err)
{
    size_t count = SERVER_STREAM_PAGE;

    while (count >= SERVER_STREAM_PAGE) {
        char from[ID_TEXT_SIZE];
        struct bytes begin = typed_stream_group_pending(r->s, group) == 0
                                 ? bytes_str("-")
                                 : id_after(typed_stream_last_pending(r->s, group), from);
        const struct bytes args[] = {bytes_str("XPENDING"),
                                     r->key,
                                     typed_stream_group_name(r->s, group),
                                     begin,
                                     bytes_str("+"),
                                     bytes_str(SERVER_STREAM_PAGE_TEXT)};
        redisReply *reply;
        int rc = ask(r, &reply, args, 6, err);

        if (rc != 0)
            return rc;
        count = reply->elements;
        rc = take_pending(r->s, group, reply, true, err);
        reply_free(reply);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int read_consumers(struct reading *r, size_t group, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("XINFO"), bytes_str("CONSUMERS"), r->key,
                                 typed_stream_group_name(r->s, group)};
    redisReply *reply;
    int rc = ask(r, &reply, args, 4, err);

    if (rc != 0)
        return rc;
    rc = take_consumers(r->s, group, reply, err);
    reply_free(reply);
    return rc;
}

/* Before 6.0. */
static int read_apart(struct reading *r, struct ft_err *err)
{
    const struct bytes head[] = {bytes_str("XINFO"), bytes_str("STREAM"), r->key};
    const struct bytes list[] = {bytes_str("XINFO"), bytes_str("GROUPS"), r->key};
    redisReply *reply;
    int rc = ask(r, &reply, head, 3, err);

    if (rc != 0)
        return rc;
    typed_stream_begin(r->s, has_counters(r->means));
    rc = take_head(r->s, reply, err);
    reply_free(reply);
    if (rc == 0)
        rc = read_entries(r, (struct stream_id){0}, false, err);
    if (rc == 0)
        rc = ask(r, &reply, list, 3, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < reply->elements; i++)
        rc = take_group(r->s, reply->element[i], err);
    reply_free(reply);
    for (size_t i = 0; rc == 0 && i < r->s->group_count; i++) {
        rc = read_consumers(r, i, err);
        if (rc == 0)
            rc = read_pending(r, i, err);
    }
    return rc;
}

static int read_full(struct reading *r, struct ft_err *err)
{
    const struct bytes args[] = {
        bytes_str("XINFO"), bytes_str("STREAM"), r->key,
        bytes_str("FULL"),  bytes_str("COUNT"),  bytes_str(SERVER_STREAM_PAGE_TEXT)};
    redisReply *reply;
    struct stream_id last = {0};
    const redisReply *entries;
    bool more;
    int rc = ask(r, &reply, args, 6, err);

    if (rc != 0)
        return rc;
    rc = server_stream_take(r->s, r->means, reply, err);
    entries = field(reply, "entries");
    more = rc >= 0 && elements(entries) >= SERVER_STREAM_PAGE;
    if (more)
        rc = take_id(element(entries->element[elements(entries) - 1], 0), &last, err);
    reply_free(reply);
    if (rc >= 0 && more)
        rc = read_entries(r, last, true, err);
    for (size_t i = 0; rc >= 0 && r->error == NULL && i < r->s->group_count; i++) {
        if (typed_stream_group_pending(r->s, i) >= SERVER_STREAM_PAGE)
            rc = read_pending(r, i, err);
    }
    return rc;
}

int server_stream_read(struct typed_stream *s, const struct server_means *means, struct bytes key,
                       const struct server_call *call, redisReply **ret_error, struct ft_err *err)
{
    struct reading r = {.s = s, .means = means, .key = key, .call = call};
    int rc = means->full_streams ? read_full(&r, err) : read_apart(&r, err);

    *ret_error = r.error;
    return rc < 0 ? -1 : 0;
}
