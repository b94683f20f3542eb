/*
 * server_keys.h - values of keys of a running Redis, as a reader of a comparison takes them.
 *
 * What it is   Time and value of a key, by PEXPIRETIME (PTTL before 7.0) and DUMP; and keys read by name, wherever in a
 *              cluster they are by now.
 * Deferred     A key whose expiry a replay has deferred has its own time (item/times_shift.h).
 */
#ifndef FLOWTAPE_DIFF_SERVER_KEYS_H
#define FLOWTAPE_DIFF_SERVER_KEYS_H

#include "base/pace.h"
#include "diff/diff_side.h"
#include "target/target_client.h"

/* Names of keys that wait to be read. */
struct key_names {
    struct buf text;
    struct key_name {
        uint32_t db;
        size_t at, size;
    } * list;
    size_t count;
    size_t capacity;
};

int key_names_add(struct key_names *k, uint32_t db, struct bytes name, struct ft_err *err);
struct bytes key_names_at(const struct key_names *k, size_t i);
void key_names_clear(struct key_names *k);
void key_names_release(struct key_names *k);

/* What protects the server: so many keys a second, of all threads together. */
struct server_pace {
    pthread_mutex_t mu;
    struct pace pace; /* per_second 0: no limit */
    const struct target_host *host;
};

int server_pace_take(struct server_pace *p, size_t keys, struct ft_err *err);

/* What a server says of the end of a key, and how. */
struct server_times {
    unsigned version;
    bool deferred; /* a replay has moved the times of keys, and not given them back yet */
};

/* server_times_find - of an open target; with what the replay that has written there has noted down: options and began_ms of
 * a diff_side. */
int server_times_find(struct target_client *t, struct diff_side *side, struct server_times *ret,
                      struct ft_err *err);
/* server_times_command - what asks when a key ends. */
const char *server_times_command(const struct server_times *times);
/* server_times_take - from its answer. false: there is no such key. */
bool server_times_take(const struct server_times *times, const redisReply *reply, int64_t *ret_ms);
/* server_value_take - the answer to DUMP, if it is a value, to the reader. entry: database, key and time. */
int server_value_take(struct diff_reader *reader, const struct server_times *times,
                      const char *server, struct rdb_entry *entry, const redisReply *reply,
                      struct ft_err *err);
/* server_keys_read - keys by their names, through the nodes that have them. */
int server_keys_read(struct target_client *t, const struct server_times *times,
                     struct diff_reader *reader, const struct key_names *keys,
                     struct server_pace *pace, struct ft_err *err);

#endif
