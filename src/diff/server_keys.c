#include "diff/server_keys.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "item/dump.h"
#include "item/times_shift.h"
#include "mapping/replay_own_key.h"
#include "target/cluster_pipe.h"

#define EXPIRETIME_VERSION 700u
#define READ_AT_ONCE       500u
#define IN_FLIGHT_BYTES    ((size_t)1 << 20)

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

static struct bytes field(const redisReply *reply, size_t i)
{
    const redisReply *f = i < reply->elements ? reply->element[i] : NULL;

    return f != NULL && f->type == REDIS_REPLY_STRING ? bytes_of(f->str, f->len) : bytes_of("", 0);
}

/* Who may not ask is told of no replay. */
int server_times_find(struct target_client *t, struct diff_side *side, struct server_times *ret,
                      struct ft_err *err)
{
    const struct bytes words[] = {bytes_str("HMGET"), bytes_str(REPLAY_STATE_KEY),
                                  bytes_str("overdue"), bytes_str("began_ms"),
                                  bytes_str("options")};
    struct server_times times = {.version = t->version};
    redisReply *reply;
    struct bytes options;
    int rc = 0;

    if (target_node_ask(target_client_node(t, words[1]), &reply, words, 5, err) != 0)
        return -1;
    buf_clear(&side->options);
    side->began_ms = 0;
    if (reply->type == REDIS_REPLY_ARRAY) {
        times.deferred = field(reply, 0).n != 0; /* some keys still are when most are released */
        (void)bytes_to_i64(field(reply, 1), &side->began_ms); /* stays 0 */
        options = field(reply, 2);
        rc = buf_append(&side->options, options.p, options.n, err);
    }
    freeReplyObject(reply);
    *ret = times;
    return rc;
}

static bool is_absolute(const struct server_times *times)
{
    return times->version >= EXPIRETIME_VERSION;
}

const char *server_times_command(const struct server_times *times)
{
    return is_absolute(times) ? "PEXPIRETIME" : "PTTL";
}

bool server_times_take(const struct server_times *times, const redisReply *reply, int64_t *ret_ms)
{
    *ret_ms = RDB_NO_EXPIRY;
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer == -2)
        return false;
    if (reply->integer >= 0)
        *ret_ms = reply->integer + (is_absolute(times) ? 0 : (int64_t)(clock_wall_us() / 1000));
    if (times->deferred && *ret_ms >= TIMES_MOVED_MS)
        *ret_ms -= TIMES_SHIFT_MS;
    return true;
}

static int take_dump(struct diff_reader *reader, const struct server_times *times,
                     struct rdb_entry *entry, const redisReply *reply, struct ft_err *err)
{
    struct buf undone = {0};
    struct dump dump;
    int rc = dump_parse(bytes_of(reply->str, reply->len), &dump, err);

    if (rc == 0 && times->deferred)
        rc = times_shift_undo_value(dump.type, dump.value, &undone, err);
    if (rc == 0) {
        entry->type = dump.type;
        entry->value = undone.n == 0 ? dump.value : buf_bytes(&undone);
        entry->value_bytes = entry->value.n;
        rc = diff_reader_entry(reader, entry, (int64_t)(clock_wall_us() / 1000), err);
    }
    buf_release(&undone);
    return rc;
}

int server_value_take(struct diff_reader *reader, const struct server_times *times,
                      const char *server, struct rdb_entry *entry, const redisReply *reply,
                      struct ft_err *err)
{
    char shown[100];

    if (reply->type == REDIS_REPLY_NIL)
        return 0;
    if (reply->type != REDIS_REPLY_STRING) {
        return err_set(err, FT_ERR_PROTOCOL, "%s answered DUMP: %s", server,
                       reply->type == REDIS_REPLY_ERROR ? reply->str : "something else");
    }
    if (take_dump(reader, times, entry, reply, err) == 0)
        return 0;
    return err_wrap(err, "key \"%s\" in database %u of %s",
                    bytes_escape(entry->key, shown, sizeof(shown)), entry->db, server);
}

/*
 * By name
 */

struct by_name {
    struct target_client *target;
    const struct server_times *times;
    struct diff_reader *reader;
    const struct key_names *keys;
    size_t from; /* the first of those that are being read */
    bool values; /* what is being asked for: values, or times before */
    struct {
        bool there;
        int64_t expire_ms;
    } found[READ_AT_ONCE];
};

static int take_answer(void *context, const struct cluster_answer *answer, struct ft_err *err)
{
    struct by_name *b = context;
    size_t i = answer->mark;
    struct rdb_entry entry;

    if (!b->values) {
        if (answer->reply->type == REDIS_REPLY_ERROR) {
            return err_set(err, FT_ERR_PROTOCOL, "the server answered %s: %s",
                           server_times_command(b->times), answer->reply->str);
        }
        b->found[i].there = server_times_take(b->times, answer->reply, &b->found[i].expire_ms);
        return 0;
    }
    entry = (struct rdb_entry){.db = answer->db,
                               .key = key_names_at(b->keys, b->from + i),
                               .expire_ms = b->found[i].expire_ms};
    return server_value_take(b->reader, b->times, b->target->nodes[0].name, &entry, answer->reply,
                             err);
}

static int ask_all(struct by_name *b, struct cluster_pipe *pipe, size_t count, struct ft_err *err)
{
    const char *command = b->values ? "DUMP" : server_times_command(b->times);

    for (size_t i = 0; i < count; i++) {
        struct bytes name = key_names_at(b->keys, b->from + i);
        const struct bytes words[] = {bytes_str(command), name};

        if (b->values && !b->found[i].there)
            continue;
        if (cluster_pipe_put(pipe, b->keys->list[b->from + i].db, (uint32_t)i, name, words, 2,
                             err) != 0)
            return -1;
    }
    return cluster_pipe_drain(pipe, err);
}

int server_keys_read(struct target_client *t, const struct server_times *times,
                     struct diff_reader *reader, const struct key_names *keys,
                     struct server_pace *pace, struct ft_err *err)
{
    struct by_name b = {.target = t, .times = times, .reader = reader, .keys = keys};
    struct cluster_pipe *pipe;
    int rc = 0;

    if (keys->count == 0)
        return 0;
    if (cluster_pipe_new(&pipe, t, IN_FLIGHT_BYTES, take_answer, &b, err) != 0)
        return -1;
    for (; rc == 0 && b.from < keys->count; b.from += READ_AT_ONCE) {
        size_t left = keys->count - b.from;
        size_t count = left < READ_AT_ONCE ? left : READ_AT_ONCE;

        rc = server_pace_take(pace, count, err);
        b.values = false;
        if (rc == 0)
            rc = ask_all(&b, pipe, count, err);
        b.values = true;
        if (rc == 0)
            rc = ask_all(&b, pipe, count, err);
    }
    cluster_pipe_free(pipe);
    return rc;
}
