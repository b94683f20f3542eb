#include "item/key_set.h"

#include <xxhash.h>

#define FIRST_CAPACITY 1024u

void key_set_hash(uint32_t db, struct bytes key, uint8_t ret[KEY_SET_HASH_SIZE])
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(key.p, key.n, db));
    memcpy(ret, canonical.digest, KEY_SET_HASH_SIZE);
    ret[0] |= 1; /* never all zero */
}

/* Where the hash is, or the free place for it. There is always a free one. */
static size_t find(const struct key_set *k, const uint8_t hash[KEY_SET_HASH_SIZE])
{
    static const uint8_t free_slot[KEY_SET_HASH_SIZE];
    uint64_t start;
    size_t i;

    memcpy(&start, hash + 8, sizeof(start));
    i = (size_t)start & (k->capacity - 1);
    while (memcmp(k->slots[i], hash, KEY_SET_HASH_SIZE) != 0 &&
           memcmp(k->slots[i], free_slot, KEY_SET_HASH_SIZE) != 0)
        i = (i + 1) & (k->capacity - 1);
    return i;
}

static int grow(struct key_set *k, struct ft_err *err)
{
    struct key_set wider = {.capacity = k->capacity == 0 ? FIRST_CAPACITY : 2 * k->capacity};

    if (table_memory_init(&wider.memory, wider.capacity * KEY_SET_HASH_SIZE, "a set of keys",
                          err) != 0)
        return -1;
    wider.slots = wider.memory.p;
    for (size_t i = 0; i < k->capacity; i++) {
        if (k->slots[i][0] != 0)
            memcpy(wider.slots[find(&wider, k->slots[i])], k->slots[i], KEY_SET_HASH_SIZE);
    }
    wider.count = k->count;
    table_memory_release(&k->memory);
    *k = wider;
    return 0;
}

int key_set_add(struct key_set *k, const uint8_t hash[KEY_SET_HASH_SIZE], struct ft_err *err)
{
    uint8_t *slot;

    if (2 * k->count >= k->capacity && grow(k, err) != 0)
        return -1;
    slot = k->slots[find(k, hash)];
    if (slot[0] == 0) {
        memcpy(slot, hash, KEY_SET_HASH_SIZE);
        slot[0] |= 1;
        k->count++;
    }
    return 0;
}

int key_set_add_all(struct key_set *k, const struct key_set *from, struct ft_err *err)
{
    for (size_t i = 0; i < from->capacity; i++) {
        if (from->slots[i][0] != 0 && key_set_add(k, from->slots[i], err) != 0)
            return -1;
    }
    return 0;
}

bool key_set_has_hash(const struct key_set *k, const uint8_t hash[KEY_SET_HASH_SIZE])
{
    return k->count != 0 && k->slots[find(k, hash)][0] != 0;
}

bool key_set_has(const struct key_set *k, uint32_t db, struct bytes key)
{
    uint8_t hash[KEY_SET_HASH_SIZE];

    if (k->count == 0)
        return false;
    key_set_hash(db, key, hash);
    return key_set_has_hash(k, hash);
}

void key_set_release(struct key_set *k)
{
    table_memory_release(&k->memory);
    *k = (struct key_set){0};
}
