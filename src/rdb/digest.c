#include "rdb/digest.h"

#include <xxhash.h>

/* Each part depends on all before it. */
void value_digest_follow(struct value_digest *d, unsigned salt, struct bytes part)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(part.n == 0 ? (const void *)"" : part.p, part.n,
                                            d->low + (uint64_t)salt);

    d->low = h.low64;
    d->high = h.high64 ^ (d->high << 1 | d->high >> 63);
}
