/*
 * plain_keys.h - values of touched keys for which no server is needed: kept as they came, replaced, given a
 * time, removed.
 *
 * What it is   A log of values (base/spool.h) and a table that says where in it the value of each key is. Most records
 *              of a journal set, delete or expire a whole key; these need no idea of what a value is. A key that is
 *              changed in any other way is given away (to the private server), and from then on the table knows no
 *              more of it than that.
 * Keys         By 100 bits of the hash of key_set.h, in parts with a lock each.
 * Memory       32 to 64 bytes for a key, in a file where they are many (base/table_memory.h); values are in a file but
 *              for the last 256 KiB of each part.
 * Threads      Any, but one at a time for the same key. plain_keys_read alone, when nothing is changed any more.
 */
#ifndef FLOWTAPE_STATE_PLAIN_KEYS_H
#define FLOWTAPE_STATE_PLAIN_KEYS_H

#include "command/translation.h"

struct plain_keys;

/* What a command does to one key. */
enum plain_kind {
    PLAIN_SET,     /* value, expire_ms; keeps_time: whatever time the key has */
    PLAIN_DELETE,  /* the key */
    PLAIN_EXPIRE,  /* expire_ms, RDB_NO_EXPIRY to persist; only if the key is there */
    PLAIN_UNKNOWN, /* something else */
};

/* A command as changes: those of count keys, args[first], args[first + step]... */
struct plain_command {
    enum plain_kind kind;
    const struct bytes *args;
    size_t first, step, count;
    int64_t expire_ms;
    bool keeps_time;
};

/* plain_command_of - as translate.h writes commands: times are absolute. Borrows the arguments. */
struct plain_command plain_command_of(const struct translation_command *c);

int plain_keys_new(struct plain_keys **ret, struct ft_err *err);
/*
 * plain_keys_put - an entry and its time, in place of what was there. plain_keys_apply - time_ms: of the record.
 * *ret_done: false: not done, as the key, or one of them, was given away.
 */
int plain_keys_put(struct plain_keys *k, const struct rdb_entry *entry, int64_t time_ms,
                   bool *ret_done, struct ft_err *err);
int plain_keys_apply(struct plain_keys *k, uint32_t db, const struct plain_command *c,
                     int64_t time_ms, bool *ret_done, struct ft_err *err);
int plain_keys_flush(struct plain_keys *k, uint32_t db, const struct translation_flush *flush,
                     struct ft_err *err);

/* Takes a key's value, valid during the call; time_ms: of the entry or record that brought it. */
typedef int plain_key_fn(void *context, const struct rdb_entry *entry, int64_t time_ms,
                         struct ft_err *err);

/* plain_keys_give_away - calls `take` if the key has a value. */
int plain_keys_give_away(struct plain_keys *k, uint32_t db, struct bytes key, plain_key_fn *take,
                         void *context, struct ft_err *err);
/* plain_keys_read - all that have a value. */
int plain_keys_read(struct plain_keys *k, plain_key_fn *take, void *context, struct ft_err *err);
void plain_keys_free(struct plain_keys *k);

#endif
