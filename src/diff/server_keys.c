#include "diff/server_keys.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "target/cluster_pipe.h"

#define READ_AT_ONCE    500u
#define IN_FLIGHT_BYTES ((size_t)1 << 20)
/* For a key whose type is another one when its value is asked for. */
#define ATTEMPTS 3

int key_names_add(struct key_names *k, uint32_t db, struct bytes name, struct ft_err *err)
{
    struct key_name one = {db, k->text.n, name.n};

    if (ARRAY_RESERVE(&k->list, &k->capacity, k->count + 1, "names of keys", err) != 0 ||
        buf_append(&k->text, name.p, name.n, err) != 0)
        return -1;
    k->list[k->count++] = one;
    return 0;
}

struct bytes key_names_at(const struct key_names *k, size_t i)
{
    return bytes_of(k->text.p + k->list[i].at, k->list[i].size);
}

void key_names_clear(struct key_names *k)
{
    buf_clear(&k->text);
    k->count = 0;
}

void key_names_release(struct key_names *k)
{
    buf_release(&k->text);
    free(k->list);
}

int server_pace_take(struct server_pace *p, size_t keys, struct ft_err *err)
{
    uint64_t now_us = clock_mono_us();
    uint64_t due_us;

    if (p->pace.per_second == 0)
        return 0;
    pthread_mutex_lock(&p->mu);
    due_us = pace_take(&p->pace, keys, now_us);
    pthread_mutex_unlock(&p->mu);
    return due_us > now_us ? target_host_sleep(p->host, (due_us - now_us) / 1000, err) : 0;
}

/*
 * By name
 */

struct by_name {
    const struct server_means *means;
    const struct key_names *keys;
    struct cluster_pipe *pipe;
    struct server_value value;
    size_t from; /* the first of those that are being read */
    struct found {
        bool there;
        uint8_t state; /* enum server_value_end */
        int class_;
        int64_t expire_ms;
    } found[READ_AT_ONCE];
    uint32_t db; /* for call */
};

static struct rdb_entry entry_of(const struct by_name *b, size_t i)
{
    return (struct rdb_entry){.db = b->keys->list[b->from + i].db,
                              .key = key_names_at(b->keys, b->from + i),
                              .expire_ms = b->found[i].expire_ms};
}

static int refused(const char *command, const redisReply *reply, struct ft_err *err)
{
    return err_set(err, FT_ERR_PROTOCOL, "the server answered %s: %s", command, reply->str);
}

static int take_answer(void *context, const struct cluster_answer *answer, struct ft_err *err)
{
    struct by_name *b = context;
    size_t i = answer->mark / QUESTION_COUNT;
    struct found *f = &b->found[i];
    struct rdb_entry entry;
    int end;

    switch ((enum server_question)(answer->mark % QUESTION_COUNT)) {
    case QUESTION_TIME:
        if (answer->reply->type == REDIS_REPLY_ERROR)
            return refused(server_means_time_command(b->means), answer->reply, err);
        f->there = server_means_take_time(b->means, answer->reply, &f->expire_ms);
        return 0;
    case QUESTION_TYPE:
        if (answer->reply->type == REDIS_REPLY_ERROR)
            return refused("TYPE", answer->reply, err);
        f->class_ = server_means_class(answer->reply->str);
        return 0;
    default:
        entry = entry_of(b, i);
        end = answer->mark % QUESTION_COUNT == QUESTION_DUMP
                  ? server_value_take_dump(&b->value, &entry, answer->reply, err)
                  : server_value_take(&b->value, &entry, (enum value_class)f->class_, answer->reply,
                                      err);
        if (end < 0)
            return -1;
        f->state = (uint8_t)end;
        return 0;
    }
}

static int put(struct by_name *b, size_t i, enum server_question question, const struct bytes *args,
               size_t count, struct ft_err *err)
{
    return cluster_pipe_put(b->pipe, b->keys->list[b->from + i].db,
                            (uint32_t)(i * QUESTION_COUNT + question),
                            key_names_at(b->keys, b->from + i), args, count, err);
}

static int ask_before(struct by_name *b, size_t count, struct ft_err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes name = key_names_at(b->keys, b->from + i);
        const struct bytes time[] = {bytes_str(server_means_time_command(b->means)), name};
        const struct bytes type[] = {bytes_str("TYPE"), name};

        if (b->found[i].state == SERVER_VALUE_TAKEN)
            continue;
        b->found[i].class_ = VALUE_MODULE; /* any, for DUMP */
        if (put(b, i, QUESTION_TIME, time, 2, err) != 0 ||
            (b->means->types && put(b, i, QUESTION_TYPE, type, 2, err) != 0))
            return -1;
    }
    return cluster_pipe_drain(b->pipe, err);
}

/* The question for a value, unless it is not wanted, or cannot be had. */
static int ask_value(struct by_name *b, size_t i, struct ft_err *err)
{
    struct bytes args[SERVER_VALUE_ARGS];
    struct found *f = &b->found[i];
    struct rdb_entry entry = entry_of(b, i);
    enum value_class class_ = (enum value_class)f->class_;
    struct diff_reader *reader = b->value.reader;
    size_t n;
    int rc = 1;

    if (f->there && f->class_ >= 0)
        rc = b->means->types ? diff_reader_filtered(reader, entry.db, entry.key, class_, err) : 0;
    if (rc != 0) {
        f->state = SERVER_VALUE_TAKEN;
        return rc < 0 ? -1 : 0;
    }
    n = server_value_command(b->means, class_, entry.key, args);
    if (n != 0)
        return put(b, i, QUESTION_VALUE, args, n, err);
    f->state = SERVER_VALUE_TAKEN;
    return diff_reader_unread(reader, entry.db, entry.key, err);
}

static int ask_values(struct by_name *b, size_t count, struct ft_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (b->found[i].state != SERVER_VALUE_TAKEN && ask_value(b, i, err) != 0)
            return -1;
    }
    return cluster_pipe_drain(b->pipe, err);
}

static int call(void *context, redisReply **ret, const struct bytes *args, size_t count,
                struct ft_err *err)
{
    struct by_name *b = context;

    return cluster_pipe_call(b->pipe, b->db, ret, args, count, err);
}

static int read_long(struct by_name *b, size_t count, struct ft_err *err)
{
    const struct server_call how = {call, b};

    for (size_t i = 0; i < count; i++) {
        struct rdb_entry entry = entry_of(b, i);
        int end;

        if (b->found[i].state != SERVER_VALUE_LONG)
            continue;
        if (b->means->dump) {
            struct bytes args[SERVER_VALUE_ARGS];

            if (put(b, i, QUESTION_DUMP, args, server_value_dump(entry.key, args), err) != 0)
                return -1;
            continue;
        }
        b->db = entry.db;
        end = server_value_read(&b->value, &entry, (enum value_class)b->found[i].class_, &how, err);
        if (end < 0)
            return -1;
        b->found[i].state = (uint8_t)end;
    }
    return cluster_pipe_drain(b->pipe, err);
}

/* A key that has another type each time it is asked for is one that is being changed. */
static int read_some(struct by_name *b, size_t count, struct ft_err *err)
{
    size_t left = count;

    for (size_t i = 0; i < count; i++)
        b->found[i] = (struct found){.state = SERVER_VALUE_OTHER_TYPE};
    for (int attempt = 0; left != 0 && attempt < ATTEMPTS; attempt++) {
        if (ask_before(b, count, err) != 0 || ask_values(b, count, err) != 0 ||
            read_long(b, count, err) != 0)
            return -1;
        left = 0;
        for (size_t i = 0; i < count; i++)
            left += b->found[i].state != SERVER_VALUE_TAKEN;
    }
    for (size_t i = 0; left != 0 && i < count; i++) {
        struct rdb_entry entry = entry_of(b, i);

        if (b->found[i].state != SERVER_VALUE_TAKEN &&
            diff_reader_touch(b->value.reader, entry.db, entry.key, err) != 0)
            return -1;
    }
    return 0;
}

int server_keys_read(struct target_client *t, const struct server_means *means,
                     struct diff_reader *reader, const struct key_names *keys,
                     struct server_pace *pace, struct ft_err *err)
{
    struct by_name b = {.means = means, .keys = keys};
    int rc = 0;

    if (keys->count == 0)
        return 0;
    server_value_begin(&b.value, means, t->nodes[0].name, reader);
    if (cluster_pipe_new(&b.pipe, t, IN_FLIGHT_BYTES, take_answer, &b, err) != 0)
        return -1;
    for (; rc == 0 && b.from < keys->count; b.from += READ_AT_ONCE) {
        size_t left = keys->count - b.from;
        size_t count = left < READ_AT_ONCE ? left : READ_AT_ONCE;

        rc = server_pace_take(pace, count, err);
        if (rc == 0)
            rc = read_some(&b, count, err);
    }
    cluster_pipe_free(b.pipe);
    server_value_release(&b.value);
    return rc;
}
