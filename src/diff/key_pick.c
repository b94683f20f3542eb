#include "diff/key_pick.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/array.h"

/* How many more than are wanted are kept before the rest is thrown away. */
#define SPARE_FACTOR 4u
#define SPARE_LEAST  1024u

uint64_t key_pick_rank(uint32_t db, struct bytes name, uint64_t salt)
{
    return XXH3_64bits_withSeed(name.p, name.n, salt + db);
}

static int by_hash(const void *a, const void *b)
{
    const struct picked_key *x = a;
    const struct picked_key *y = b;
    int order = memcmp(x->hash, y->hash, sizeof(x->hash));

    return order != 0 ? order : (x->rank < y->rank) - (x->rank > y->rank);
}

static int by_rank(const void *a, const void *b)
{
    const struct picked_key *x = a;
    const struct picked_key *y = b;

    return (x->rank < y->rank) - (x->rank > y->rank);
}

static void drop(struct picked_key *k)
{
    free((void *)(uintptr_t)k->name.p);
}

void key_pick_finish(struct key_pick *p)
{
    size_t kept = 0;

    if (p->count == 0)
        return;
    qsort(p->list, p->count, sizeof(*p->list), by_hash);
    for (size_t i = 0; i < p->count; i++) {
        if (kept != 0 && memcmp(p->list[kept - 1].hash, p->list[i].hash, KEY_SET_HASH_SIZE) == 0)
            drop(&p->list[i]);
        else
            p->list[kept++] = p->list[i];
    }
    qsort(p->list, kept, sizeof(*p->list), by_rank);
    for (p->count = kept; p->count > p->max; p->count--)
        drop(&p->list[p->count - 1]);
    p->full = p->count == p->max && p->max != 0;
    if (p->full)
        p->least = p->list[p->count - 1].rank;
}

int key_pick_add(struct key_pick *p, uint32_t db, struct bytes name, uint64_t rank,
                 struct ft_err *err)
{
    struct picked_key key = {.rank = rank, .db = db};
    uint8_t *copy;

    if (p->max == 0 || (p->full && rank <= p->least))
        return 0;
    key_set_hash(db, name, key.hash);
    if (p->count != 0 && memcmp(p->list[p->count - 1].hash, key.hash, sizeof(key.hash)) == 0) {
        if (rank > p->list[p->count - 1].rank)
            p->list[p->count - 1].rank = rank;
        return 0;
    }
    if (p->count >= SPARE_LEAST && p->count / SPARE_FACTOR >= p->max)
        key_pick_finish(p);
    if (ARRAY_RESERVE(&p->list, &p->capacity, p->count + 1, "some keys", err) != 0)
        return -1;
    copy = malloc(name.n + 1);
    if (copy == NULL)
        return err_nomem(err, "some keys");
    memcpy(copy, name.p, name.n);
    key.name = bytes_of(copy, name.n);
    p->list[p->count++] = key;
    return 0;
}

void key_pick_release(struct key_pick *p)
{
    for (size_t i = 0; i < p->count; i++)
        drop(&p->list[i]);
    free(p->list);
    *p = (struct key_pick){.max = p->max};
}
