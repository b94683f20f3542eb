/*
 * hash.h - hashes of 64 bits for the tables and logs of one process.
 *
 * What it is   XXH3, seeded with a number that no other process has: else it would be easy to make a file in which a million names
 *              share a hash, and whoever confirms a hit would look at all of them a million times. Compiled into its callers:
 *              of a short name the call alone would cost as much.
 * Threads      Any.
 */
#ifndef FLOWTAPE_BASE_HASH_H
#define FLOWTAPE_BASE_HASH_H

#include <stdatomic.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"

/* Names of the same bytes, of which the salts differ, have other hashes. */
#define HASH_SALT_FACTOR 0x9e3779b97f4a7c15u

extern atomic_uint_fast64_t hash_secret; /* 0: not made yet */
uint64_t hash_secret_make(void);
/* hash_large - of more than a stride: its pages leave the memory (passed_memory.h). */
uint64_t hash_large(struct bytes b, uint64_t seed);

/* hash_bytes - never 0. */
static inline uint64_t hash_bytes(struct bytes b, uint32_t salt)
{
    uint64_t seed = atomic_load_explicit(&hash_secret, memory_order_relaxed);
    uint64_t hash;

    seed = (seed != 0 ? seed : hash_secret_make()) + salt * HASH_SALT_FACTOR;
    if (b.n > MEMORY_STRIDE)
        hash = hash_large(b, seed);
    else
        hash = XXH3_64bits_withSeed(b.n == 0 ? "" : (const void *)b.p, b.n, seed);
    return hash == 0 ? 1 : hash;
}

#endif
