#include "base/hash.h"

#include <sys/random.h>

#include "base/clock.h"

atomic_uint_fast64_t hash_secret;

uint64_t hash_secret_make(void)
{
    uint_fast64_t none = 0;
    uint64_t made = 0;

    if (getrandom(&made, sizeof(made), GRND_NONBLOCK) != sizeof(made) || made == 0)
        made = clock_mono_ms() | 1; /* better than one that everybody has */
    (void)atomic_compare_exchange_strong(&hash_secret, &none,
                                         made); /* or another thread was first */
    return atomic_load(&hash_secret);
}

/* The same as in one go. */
uint64_t hash_large(struct bytes b, uint64_t seed)
{
    XXH3_state_t state;

    XXH3_INITSTATE(&state);
    (void)XXH3_64bits_reset_withSeed(&state, seed); /* valid arguments */
    while (b.n != 0) {
        size_t n = b.n < MEMORY_STRIDE ? b.n : MEMORY_STRIDE;

        (void)XXH3_64bits_update(&state, b.p, n);
        memory_passed(b.p, n);
        b = bytes_of(b.p + n, b.n - n);
    }
    return XXH3_64bits_digest(&state);
}
