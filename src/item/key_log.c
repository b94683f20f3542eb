#include "item/key_log.h"

#include <pthread.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/array.h"
#include "base/spool.h"
#include "base/table_memory.h"

#define PART_COUNT   256u
#define BLOCK_HASHES 8192u
#define BLOCK_BYTES  (BLOCK_HASHES * sizeof(uint64_t))

struct part {
    uint64_t *block; /* the hashes that are not in the spool; NULL: none yet */
    size_t block_count;
    uint64_t *offsets; /* of the blocks in the spool */
    size_t offset_count;
};

struct key_log {
    pthread_mutex_t mu;
    struct spool spool;
    struct part parts[PART_COUNT];
};

int key_log_new(struct key_log **ret, struct ft_err *err)
{
    struct key_log *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return err_nomem(err, "a log of keys");
    (void)pthread_mutex_init(&l->mu, NULL); /* default attributes: cannot fail on Linux */
    *ret = l;
    return 0;
}

uint64_t key_log_hash(uint32_t db, struct bytes key)
{
    uint64_t hash = XXH3_64bits_withSeed(key.n == 0 ? "" : (const void *)key.p, key.n, db);

    return hash == 0 ? 1 : hash;
}

static int write_block(struct key_log *l, struct part *p, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&p->offsets, p->offset_count, "a log of keys", err) != 0)
        return -1;
    p->offsets[p->offset_count++] = spool_size(&l->spool);
    p->block_count = 0;
    return spool_append(&l->spool, p->block, BLOCK_BYTES, err);
}

static int put(struct key_log *l, uint64_t hash, struct ft_err *err)
{
    struct part *p = &l->parts[hash >> 56];

    if (p->block == NULL && (p->block = malloc(BLOCK_BYTES)) == NULL)
        return err_nomem(err, "a log of keys");
    if (p->block_count == BLOCK_HASHES && write_block(l, p, err) != 0)
        return -1;
    p->block[p->block_count++] = hash;
    return 0;
}

int key_log_flush(struct key_log *l, struct key_log_batch *batch, struct ft_err *err)
{
    int rc = 0;

    pthread_mutex_lock(&l->mu);
    for (unsigned i = 0; rc == 0 && i < batch->count; i++)
        rc = put(l, batch->hashes[i], err);
    pthread_mutex_unlock(&l->mu);
    batch->count = 0;
    return rc;
}

int key_log_add(struct key_log *l, struct key_log_batch *batch, uint32_t db, struct bytes key,
                struct ft_err *err)
{
    batch->hashes[batch->count++] = key_log_hash(db, key);
    return batch->count < KEY_LOG_BATCH ? 0 : key_log_flush(l, batch, err);
}

/* The hashes of a part as they are looked through: a table, and what was found to be in it already. */
struct search {
    struct table_memory memory;
    uint64_t *slots;
    size_t mask;
    uint64_t *found;
    size_t found_max;
    size_t found_count;
};

static void note_repeat(struct search *s, uint64_t hash)
{
    for (size_t i = s->found_count; i-- > 0;) {
        if (s->found[i] == hash)
            return;
    }
    if (s->found_count < s->found_max)
        s->found[s->found_count++] = hash;
}

static void look_up(struct search *s, const uint64_t *hashes, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        size_t i = (size_t)hashes[n] & s->mask;

        while (s->slots[i] != 0 && s->slots[i] != hashes[n])
            i = (i + 1) & s->mask;
        if (s->slots[i] == 0)
            s->slots[i] = hashes[n];
        else
            note_repeat(s, hashes[n]);
    }
}

static int search_part(const struct key_log *l, const struct part *p, struct search *s,
                       uint64_t *block, struct ft_err *err)
{
    size_t count = p->block_count + p->offset_count * BLOCK_HASHES;
    size_t capacity = 64;
    int rc = 0;

    while (capacity < 2 * count)
        capacity *= 2;
    if (table_memory_init(&s->memory, capacity * sizeof(*s->slots), "a part of a log of keys",
                          err) != 0)
        return -1;
    s->slots = s->memory.p;
    s->mask = capacity - 1;
    look_up(s, p->block, p->block_count);
    for (size_t i = 0; rc == 0 && i < p->offset_count; i++) {
        rc = spool_read(&l->spool, p->offsets[i], block, BLOCK_BYTES, err);
        if (rc == 0)
            look_up(s, block, BLOCK_HASHES);
    }
    table_memory_release(&s->memory);
    return rc;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

int key_log_repeats(struct key_log *l, uint64_t *ret, size_t max, size_t *ret_count,
                    struct ft_err *err)
{
    struct search s = {.found = ret, .found_max = max};
    uint64_t *block = malloc(BLOCK_BYTES);
    int rc = block == NULL ? err_nomem(err, "a log of keys") : 0;

    for (size_t i = 0; rc == 0 && i < PART_COUNT; i++) {
        if (l->parts[i].block_count != 0)
            rc = search_part(l, &l->parts[i], &s, block, err);
    }
    free(block);
    if (rc != 0)
        return -1;
    qsort(ret, s.found_count, sizeof(*ret), by_value);
    *ret_count = s.found_count;
    return 0;
}

void key_log_free(struct key_log *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < PART_COUNT; i++) {
        free(l->parts[i].block);
        free(l->parts[i].offsets);
    }
    spool_release(&l->spool);
    (void)pthread_mutex_destroy(&l->mu);
    free(l);
}
