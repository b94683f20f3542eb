#include "diff/diff_table.h"

#include <stdlib.h>

#include "base/array.h"

#define FIRST_CAPACITY 256u

/* Its hash, by whichever side has it. */
static const uint8_t *hash_of(const struct diff_suspect *s)
{
    static const uint8_t none[KEY_SET_HASH_SIZE];

    /* the hash of a key is never all zero */
    return memcmp(s->digest[DIFF_A].key, none, sizeof(none)) != 0 ? s->digest[DIFF_A].key
                                                                  : s->digest[DIFF_B].key;
}

static size_t slot_of_key(const struct diff_suspect *slots, size_t capacity, const uint8_t *key)
{
    uint64_t start;
    size_t i;

    memcpy(&start, key + 8, sizeof(start));
    i = (size_t)start & (capacity - 1);
    while (slots[i].used && memcmp(slots[i].key, key, KEY_SET_HASH_SIZE) != 0)
        i = (i + 1) & (capacity - 1);
    return i;
}

struct diff_suspect *diff_table_find(const struct diff_table *t,
                                     const uint8_t key[KEY_SET_HASH_SIZE])
{
    struct diff_suspect *s;

    if (t->capacity == 0)
        return NULL;
    s = &t->slots[slot_of_key(t->slots, t->capacity, key)];
    return s->used ? s : NULL;
}

static int grow(struct diff_table *t, struct ft_err *err)
{
    size_t capacity = t->capacity == 0 ? FIRST_CAPACITY : 2 * t->capacity;
    struct diff_suspect *slots;
    struct table_memory memory;

    if (table_memory_init(&memory, capacity * sizeof(*slots), "keys that differ", err) != 0)
        return -1;
    slots = memory.p;
    for (size_t i = 0; i < t->capacity; i++) {
        if (t->slots[i].used)
            slots[slot_of_key(slots, capacity, t->slots[i].key)] = t->slots[i];
    }
    table_memory_release(&t->memory);
    t->memory = memory;
    t->slots = slots;
    t->capacity = capacity;
    return 0;
}

int diff_table_add(struct diff_table *t, const struct diff_suspect *suspect, struct ft_err *err)
{
    struct diff_suspect *s;

    if (2 * (t->count + 1) > t->capacity && grow(t, err) != 0)
        return -1;
    s = &t->slots[slot_of_key(t->slots, t->capacity, hash_of(suspect))];
    *s = *suspect;
    memcpy(s->key, hash_of(suspect), sizeof(s->key));
    s->used = true;
    t->count++;
    return 0;
}

int diff_table_name(struct diff_table *t, struct diff_suspect *s, const struct diff_key *key,
                    struct ft_err *err)
{
    for (int of = DIFF_A; of <= DIFF_B; of++) {
        s->db[of] = key->db[of];
        s->name_at[of] = spool_size(&t->names);
        s->name_size[of] = (uint32_t)key->name[of].n;
        if (spool_append(&t->names, key->name[of].p, key->name[of].n, err) != 0)
            return -1;
    }
    s->named = true;
    return 0;
}

int diff_table_read_name(const struct diff_table *t, const struct diff_suspect *s, enum diff_of of,
                         struct buf *out, struct ft_err *err)
{
    if (buf_reserve(out, s->name_size[of], err) != 0)
        return -1;
    if (spool_read(&t->names, s->name_at[of], out->p + out->n, s->name_size[of], err) != 0)
        return -1;
    out->n += s->name_size[of];
    return 0;
}

int diff_table_put_value(struct diff_table *t, struct diff_suspect *s, unsigned type,
                         struct bytes value, struct ft_err *err)
{
    s->value_at = spool_size(&t->values);
    s->value_size = value.n;
    s->value_type = (uint8_t)type;
    if (spool_append(&t->values, value.p, value.n, err) != 0)
        return -1;
    s->has_value = true;
    return 0;
}

void diff_table_drop_values(struct diff_table *t)
{
    for (size_t i = 0; i < t->capacity; i++)
        t->slots[i].has_value = false;
    spool_release(&t->values);
    t->values = (struct spool){0};
}

int diff_table_place(struct diff_table *t, struct diff_suspect *s, const struct comparison *c,
                     struct ft_err *err)
{
    if (s->place == 0) {
        if (ARRAY_RESERVE(&t->comparisons, &t->comparison_capacity, t->comparison_count + 1,
                          "places that differ", err) != 0)
            return -1;
        s->place = (uint32_t)++t->comparison_count;
    }
    t->comparisons[s->place - 1] = *c;
    return 0;
}

void diff_table_release(struct diff_table *t)
{
    table_memory_release(&t->memory);
    spool_release(&t->names);
    spool_release(&t->values);
    free(t->comparisons);
    *t = (struct diff_table){0};
}
