/*
 * key_pick.h - some keys out of any number: those with the highest ranks.
 *
 * What it is   Random ones if the ranks are hashes with a salt, the last ones if they are numbers that grow. A key that comes
 *              again counts once, with its highest rank.
 * Memory       Up to four times as many names as are wanted.
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_DIFF_KEY_PICK_H
#define FLOWTAPE_DIFF_KEY_PICK_H

#include "base/bytes.h"
#include "item/key_set.h"

struct picked_key {
    uint8_t hash[KEY_SET_HASH_SIZE];
    uint64_t rank;
    uint32_t db;
    struct bytes name; /* owned */
};

/* max is set by the owner; the rest is zero at first. */
struct key_pick {
    size_t max;
    struct picked_key *list; /* owned */
    size_t count;
    size_t capacity;
    uint64_t least; /* no lower rank is of interest */
    bool full;
};

/* key_pick_rank - at random, the same for a key with the same salt. */
uint64_t key_pick_rank(uint32_t db, struct bytes name, uint64_t salt);
int key_pick_add(struct key_pick *p, uint32_t db, struct bytes name, uint64_t rank,
                 struct ft_err *err);
/* key_pick_finish - list has those that were picked, each once, the highest rank first. */
void key_pick_finish(struct key_pick *p);
void key_pick_release(struct key_pick *p);

#endif
