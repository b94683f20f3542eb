/*
 * key_set.h - a set of keys, by their hashes: those of the target that a replay leaves alone, suspects,
 * those that a new snapshot brings again, those that a loss has left out, names of dead letters.
 *
 * What it is   16 bytes for a key: the 128-bit XXH3 of database and name. Also the members of the set on
 *              the target that remembers the keys to be left alone (replay_state.h).
 * Memory       32 to 64 bytes for a key; a large set is in a file (base/table_memory.h).
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_ITEM_KEY_SET_H
#define FLOWTAPE_ITEM_KEY_SET_H

#include "base/buf.h"
#include "base/table_memory.h"

#define KEY_SET_HASH_SIZE 16

struct key_set {
    uint8_t (*slots)[KEY_SET_HASH_SIZE]; /* open addressing; all zero: free */
    size_t capacity;                     /* a power of two, or 0 */
    size_t count;
    struct table_memory memory; /* of the slots */
};

void key_set_hash(uint32_t db, struct bytes key, uint8_t ret[KEY_SET_HASH_SIZE]);
int key_set_add(struct key_set *k, const uint8_t hash[KEY_SET_HASH_SIZE], struct ft_err *err);
int key_set_add_all(struct key_set *k, const struct key_set *from, struct ft_err *err);
/* key_set_has_hash - a hash of key_set_hash. */
bool key_set_has_hash(const struct key_set *k, const uint8_t hash[KEY_SET_HASH_SIZE]);
bool key_set_has(const struct key_set *k, uint32_t db, struct bytes key);
void key_set_release(struct key_set *k);

#endif
