#include "rdb/digest.h"

#define XXH_STATIC_LINKING_ONLY /* a state on the stack */
#include <xxhash.h>

#include "base/passed_memory.h"

/* The same as in one go. */
static XXH128_hash_t hash_large(struct bytes part, uint64_t seed)
{
    XXH3_state_t state;

    XXH3_INITSTATE(&state);
    (void)XXH3_128bits_reset_withSeed(&state, seed); /* valid arguments */
    while (part.n != 0) {
        size_t n = part.n < MEMORY_STRIDE ? part.n : MEMORY_STRIDE;

        (void)XXH3_128bits_update(&state, part.p, n);
        memory_passed(part.p, n);
        part = bytes_of(part.p + n, part.n - n);
    }
    return XXH3_128bits_digest(&state);
}

static XXH128_hash_t hash(struct bytes part, uint64_t seed)
{
    if (part.n > MEMORY_STRIDE)
        return hash_large(part, seed);
    return XXH3_128bits_withSeed(part.n == 0 ? (const void *)"" : part.p, part.n, seed);
}

/* Each part depends on all before it. */
void value_digest_follow(struct value_digest *d, unsigned salt, struct bytes part)
{
    XXH128_hash_t h = hash(part, d->low + (uint64_t)salt);

    d->low = h.low64;
    d->high = h.high64 ^ (d->high << 1 | d->high >> 63);
}
