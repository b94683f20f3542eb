#include "pipe/replay_kept.h"

#include <xxhash.h>

#define FIRST_CAPACITY 1024u

void replay_kept_hash(uint32_t db, struct bytes key, uint8_t ret[REPLAY_KEPT_SIZE])
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(key.p, key.n, db));
    memcpy(ret, canonical.digest, REPLAY_KEPT_SIZE);
    ret[0] |= 1; /* never all zero */
}

/* Where the hash is, or the free place for it. There is always a free one. */
static size_t find(const struct replay_kept *k, const uint8_t hash[REPLAY_KEPT_SIZE])
{
    static const uint8_t free_slot[REPLAY_KEPT_SIZE];
    uint64_t start;
    size_t i;

    memcpy(&start, hash + 8, sizeof(start));
    i = (size_t)start & (k->capacity - 1);
    while (memcmp(k->slots[i], hash, REPLAY_KEPT_SIZE) != 0 &&
           memcmp(k->slots[i], free_slot, REPLAY_KEPT_SIZE) != 0)
        i = (i + 1) & (k->capacity - 1);
    return i;
}

static int grow(struct replay_kept *k, struct ft_err *err)
{
    struct replay_kept wider = {.capacity = k->capacity == 0 ? FIRST_CAPACITY : 2 * k->capacity};

    if (table_memory_init(&wider.memory, wider.capacity * REPLAY_KEPT_SIZE, "a set of keys", err) !=
        0)
        return -1;
    wider.slots = wider.memory.p;
    for (size_t i = 0; i < k->capacity; i++) {
        if (k->slots[i][0] != 0)
            memcpy(wider.slots[find(&wider, k->slots[i])], k->slots[i], REPLAY_KEPT_SIZE);
    }
    wider.count = k->count;
    table_memory_release(&k->memory);
    *k = wider;
    return 0;
}

int replay_kept_add(struct replay_kept *k, const uint8_t hash[REPLAY_KEPT_SIZE], struct ft_err *err)
{
    uint8_t *slot;

    if (2 * k->count >= k->capacity && grow(k, err) != 0)
        return -1;
    slot = k->slots[find(k, hash)];
    if (slot[0] == 0) {
        memcpy(slot, hash, REPLAY_KEPT_SIZE);
        slot[0] |= 1;
        k->count++;
    }
    return 0;
}

bool replay_kept_has_hash(const struct replay_kept *k, const uint8_t hash[REPLAY_KEPT_SIZE])
{
    return k->count != 0 && k->slots[find(k, hash)][0] != 0;
}

bool replay_kept_has(const struct replay_kept *k, uint32_t db, struct bytes key)
{
    uint8_t hash[REPLAY_KEPT_SIZE];

    if (k->count == 0)
        return false;
    replay_kept_hash(db, key, hash);
    return replay_kept_has_hash(k, hash);
}

void replay_kept_release(struct replay_kept *k)
{
    table_memory_release(&k->memory);
    *k = (struct replay_kept){0};
}
