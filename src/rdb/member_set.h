/*
 * member_set.h - has a member, field or name been seen in this value before?
 *
 * What it is   Hashes of 64 bits with open addressing. Two different members may share a hash, so a hit is
 *              to be confirmed by who asks.
 * Memory       16 to 32 bytes for a member; a large set is in a file (base/table_memory.h).
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_RDB_MEMBER_SET_H
#define FLOWTAPE_RDB_MEMBER_SET_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/table_memory.h"

struct member_set {
    uint64_t *slots; /* 0: free */
    size_t capacity; /* in use: a power of two, or 0 */
    size_t count;
    struct table_memory memory; /* may be larger */
};

/* member_set_begin - empty, with room for so many; they may become more. A zeroed struct may begin. */
int member_set_begin(struct member_set *s, uint64_t expected, struct ft_err *err);
static inline uint64_t member_set_hash(struct bytes member);
/* member_set_add - 1: a member of this hash was there already, 0, or -1 with an error. */
static inline int member_set_add(struct member_set *s, uint64_t hash, struct ft_err *err);
void member_set_release(struct member_set *s);

/* Out of line: twice the room. */
int member_set_grow(struct member_set *s, struct ft_err *err);

static inline uint64_t member_set_hash(struct bytes member)
{
    return hash_bytes(member, 0);
}

/* Where the hash is, or the free place for it. There is always a free one. */
static inline size_t member_set_place(const struct member_set *s, uint64_t hash)
{
    size_t i = (size_t)hash & (s->capacity - 1);

    while (s->slots[i] != hash && s->slots[i] != 0)
        i = (i + 1) & (s->capacity - 1);
    return i;
}

static inline int member_set_add(struct member_set *s, uint64_t hash, struct ft_err *err)
{
    size_t i;

    if (2 * (s->count + 1) > s->capacity && member_set_grow(s, err) != 0)
        return -1;
    i = member_set_place(s, hash);
    if (s->slots[i] != 0)
        return 1;
    s->slots[i] = hash;
    s->count++;
    return 0;
}

#endif
