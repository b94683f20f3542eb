/*
 * plain_keys.h - values of touched keys for which no server is needed: kept as they came, replaced, given a
 * time, removed.
 *
 * What it is   Most records of a journal set, delete or expire a whole key; these need no idea of what a value is. What
 *              happens is only written down, values in one log and changes in another that is divided by key
 *              (base/parted_log.h). In the end the changes to the keys of one part after the other are gone through, which
 *              tells what value each key has; then the log of values is read in sequence.
 * Order        Entries are what was there before all changes and flushes, whenever they are put. Changes to a key
 *              follow each other as they come.
 * Memory       Fixed, but for one part's keys and a bit for each change; the logs are in files.
 * Threads      Entries may be put by any number of threads. Changes and flushes come from one, as nobody puts entries.
 *              plain_keys_read when nothing is changed any more; it uses threads of its own.
 */
#ifndef FLOWTAPE_STATE_PLAIN_KEYS_H
#define FLOWTAPE_STATE_PLAIN_KEYS_H

#include "command/translation.h"

struct plain_keys;

/* What a command does to each of its keys. */
enum plain_kind {
    PLAIN_SET,     /* a value after it, expire_ms; keeps_time: whatever time the key has */
    PLAIN_DELETE,  /* the key */
    PLAIN_EXPIRE,  /* expire_ms, RDB_NO_EXPIRY to persist; only if the key is there */
    PLAIN_UNKNOWN, /* something else */
};

/* A command on keys args[first], args[first + step]..., count of them. */
struct plain_command {
    enum plain_kind kind;
    const struct bytes *args;
    size_t first, step, count;
    int64_t expire_ms;
    bool keeps_time;
};

/* plain_command_of - of a translation (translate.h), where times are absolute. Borrows its arguments. */
struct plain_command plain_command_of(const struct translation *t);

int plain_keys_new(struct plain_keys **ret, struct ft_err *err);
/* plain_keys_put - an entry of the snapshot; time_ms: when it came. */
int plain_keys_put(struct plain_keys *k, const struct rdb_entry *entry, int64_t time_ms,
                   struct ft_err *err);
/* plain_keys_change - what the command does to its key number `index`. */
int plain_keys_change(struct plain_keys *k, uint32_t db, const struct plain_command *c,
                      size_t index, int64_t time_ms, struct ft_err *err);
int plain_keys_flush(struct plain_keys *k, uint32_t db, const struct translation_flush *flush,
                     struct ft_err *err);

/* plain_keys_restart - forget everything, as if it were new. */
int plain_keys_restart(struct plain_keys *k, struct ft_err *err);

/* Takes a key's value, valid during the call; time_ms: of the entry or record that brought it. */
typedef int plain_key_fn(void *context, const struct rdb_entry *entry, int64_t time_ms,
                         struct ft_err *err);

/* plain_keys_read - all keys that have a value, once. */
int plain_keys_read(struct plain_keys *k, plain_key_fn *take, void *context, struct ft_err *err);
void plain_keys_free(struct plain_keys *k);

#endif
