/*
 * hash.h - XXH3 of 64 bits, compiled into its callers: of a short key the call alone would cost as much.
 */
#ifndef FLOWTAPE_BASE_HASH_H
#define FLOWTAPE_BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"

static inline uint64_t hash_bytes(struct bytes b)
{
    return XXH3_64bits(b.n == 0 ? "" : (const void *)b.p, b.n);
}

static inline uint64_t hash_bytes_seeded(struct bytes b, uint64_t seed)
{
    return XXH3_64bits_withSeed(b.n == 0 ? "" : (const void *)b.p, b.n, seed);
}

#endif
