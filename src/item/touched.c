#include "item/touched.h"

#include <stdlib.h>
#include <xxhash.h>

#define LINE_BYTES 64u
#define LINE_BITS  9u /* 512 bits */
/* So that a cache line is shared by few keys. */
#define BYTES_PER_KEY 16

struct touched {
    uint64_t *lines;
    uint64_t line_mask;
    bool used;
};

int touched_new(struct touched **ret, uint64_t keys, struct ft_err *err)
{
    struct touched *t = calloc(1, sizeof(*t));
    size_t size = TOUCHED_MIN_BYTES;

    while (size < TOUCHED_MAX_BYTES && size / BYTES_PER_KEY < keys)
        size *= 2;
    if (t == NULL || (t->lines = calloc(size / 8, 8)) == NULL) {
        free(t);
        return err_nomem(err, "the set of touched keys");
    }
    t->line_mask = size / LINE_BYTES - 1;
    *ret = t;
    return 0;
}

/* Two independent halves: which line, and which bits of it. */
static XXH128_hash_t hash_of(uint32_t db, struct bytes key)
{
    return XXH3_128bits_withSeed(key.p, key.n, db);
}

void touched_add(struct touched *t, uint32_t db, struct bytes key)
{
    XXH128_hash_t hash = hash_of(db, key);
    uint64_t *line = t->lines + (hash.low64 & t->line_mask) * (LINE_BYTES / 8);
    uint64_t bits = hash.high64;

    for (int i = 0; i < TOUCHED_PROBES; i++, bits >>= LINE_BITS)
        line[bits >> 6 & 7] |= UINT64_C(1) << (bits & 63);
    t->used = true;
}

bool touched_may(const struct touched *t, uint32_t db, struct bytes key)
{
    const uint64_t *line;
    XXH128_hash_t hash;
    uint64_t bits;

    if (!t->used)
        return false;
    hash = hash_of(db, key);
    line = t->lines + (hash.low64 & t->line_mask) * (LINE_BYTES / 8);
    bits = hash.high64;
    for (int i = 0; i < TOUCHED_PROBES; i++, bits >>= LINE_BITS) {
        if ((line[bits >> 6 & 7] & UINT64_C(1) << (bits & 63)) == 0)
            return false;
    }
    return true;
}

bool touched_is_empty(const struct touched *t)
{
    return !t->used;
}

void touched_free(struct touched *t)
{
    if (t == NULL)
        return;
    free(t->lines);
    free(t);
}
