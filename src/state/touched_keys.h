/*
 * touched_keys.h - which keys a journal touches, and what its records need of them.
 *
 * What it is   As long as there are not more than some million keys, a table of fingerprints of 61 bits in lines by other bits
 *              of the same hash, which is as good as the keys themselves: it alone may say that a value is not
 *              needed. For more there are sets that may name other keys too (item/touched.h), and every value is.
 * Full         Who expected too few keys has to begin again, after touched_keys_widen.
 * Memory       TOUCHED_KEYS_BYTES_MAX, or two sets, however many keys there are.
 * Threads      touched_keys_add by one thread at a time; touched_keys_look by any number after that.
 */
#ifndef FLOWTAPE_STATE_TOUCHED_KEYS_H
#define FLOWTAPE_STATE_TOUCHED_KEYS_H

#include "base/bytes.h"
#include "base/err.h"
#include "rdb/rdb_stream_run.h"

#define TOUCHED_KEYS_BYTES_MAX (16u << 20)

enum touched_marks {
    KEY_SERVED = 1, /* the private server is needed for it */
    KEY_NEEDED = 2, /* its value in the snapshot is */
    KEY_TOUCHED = 4,
};

struct touched_keys;

/* touched_keys_new - keys: how many are expected, or TOUCHED_UNKNOWN. */
int touched_keys_new(struct touched_keys **ret, uint64_t keys, struct ft_err *err);
/* touched_keys_add - marks: KEY_SERVED, KEY_NEEDED, in addition to those that the key has. What follows holds for it after
 * touched_keys_drain. */
void touched_keys_add(struct touched_keys *t, uint32_t db, struct bytes key, unsigned marks);
void touched_keys_drain(struct touched_keys *t);
/* touched_keys_look - enum touched_marks of a key; 0: certainly never added. */
unsigned touched_keys_look(const struct touched_keys *t, uint32_t db, struct bytes key);
/* touched_keys_look_run - bit i: has entry i of the run any marks? Their places in memory are waited for together. */
uint64_t touched_keys_look_run(const struct touched_keys *t, const struct rdb_run *run);
bool touched_keys_is_empty(const struct touched_keys *t);
/* touched_keys_is_full - a key was not taken. touched_keys_widen - begin again, for any number of them. */
bool touched_keys_is_full(const struct touched_keys *t);
int touched_keys_widen(struct touched_keys *t, struct ft_err *err);
void touched_keys_free(struct touched_keys *t);

#endif
