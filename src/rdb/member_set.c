#include "rdb/member_set.h"

#define CAPACITY_MIN ((size_t)64)
/* What a value says of its size is believed up to here; beyond, the set grows with what is there. */
#define EXPECTED_MAX ((size_t)1 << 20)
/* More than this is given back when the next value begins. */
#define KEEP_BYTES ((size_t)1 << 20)

static int make(struct member_set *ret, size_t capacity, struct ft_err *err)
{
    if (table_memory_init(&ret->memory, capacity * sizeof(*ret->slots), "a set of members", err) !=
        0)
        return -1;
    ret->slots = ret->memory.p;
    ret->capacity = capacity;
    ret->count = 0;
    return 0;
}

int member_set_begin(struct member_set *s, uint64_t expected, struct ft_err *err)
{
    size_t wanted = expected < EXPECTED_MAX ? 2 * (size_t)expected : 2 * EXPECTED_MAX;
    size_t capacity = CAPACITY_MIN;

    while (capacity < wanted)
        capacity *= 2;
    if (s->memory.size_bytes > KEEP_BYTES)
        member_set_release(s);
    if (capacity * sizeof(*s->slots) > s->memory.size_bytes) {
        member_set_release(s);
        return make(s, capacity, err);
    }
    memset(s->slots, 0, capacity * sizeof(*s->slots));
    s->capacity = capacity;
    s->count = 0;
    return 0;
}

int member_set_grow(struct member_set *s, struct ft_err *err)
{
    struct member_set wider = {0};

    if (make(&wider, 2 * s->capacity, err) != 0)
        return -1;
    for (size_t i = 0; i < s->capacity; i++) {
        if (s->slots[i] != 0)
            wider.slots[member_set_place(&wider, s->slots[i])] = s->slots[i];
    }
    wider.count = s->count;
    member_set_release(s);
    *s = wider;
    return 0;
}

void member_set_release(struct member_set *s)
{
    table_memory_release(&s->memory);
    *s = (struct member_set){0};
}
