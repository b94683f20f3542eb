/*
 * server_keys.h - keys of a running Redis by their names, wherever in a cluster they are by now.
 *
 * What it is   Type and time of each key first, then the value, as a reader of a comparison takes it.
 * Deferred     A key whose expiry a replay has deferred has its own time (item/times_shift.h).
 */
#ifndef FLOWTAPE_DIFF_SERVER_KEYS_H
#define FLOWTAPE_DIFF_SERVER_KEYS_H

#include "base/pace.h"
#include "diff/server_value.h"

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

/* server_keys_read - keys by their names, through the nodes that have them. */
int server_keys_read(struct target_client *t, const struct server_means *means,
                     struct diff_reader *reader, const struct key_names *keys,
                     struct server_pace *pace, struct ft_err *err);

#endif
