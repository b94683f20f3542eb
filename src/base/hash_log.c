#include "base/hash_log.h"

#include <stdlib.h>

#include "base/parted_log.h"
#include "base/table_memory.h"
#include "base/task_pool.h"

#define BLOCK_HASHES 1024u
/* What the tables of all threads may take. */
#define SURVEY_BYTES ((size_t)8 << 20)
#define CAPACITY_MIN ((size_t)64)

struct hash_log {
    struct parted_log *hashes;
};

int hash_log_new(struct hash_log **ret, const char *what, struct ft_err *err)
{
    const struct parted_log_options options = {.record_bytes = sizeof(uint64_t),
                                               .part_byte = sizeof(uint64_t) - 1,
                                               .block_records = BLOCK_HASHES,
                                               .what = what};
    struct hash_log *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return err_nomem(err, what);
    if (parted_log_new(&l->hashes, &options, err) != 0) {
        free(l);
        return -1;
    }
    *ret = l;
    return 0;
}

int hash_log_flush(struct hash_log *l, struct hash_log_batch *batch, struct ft_err *err)
{
    unsigned count = batch->count;

    batch->count = 0;
    return parted_log_add(l->hashes, batch->hashes, count, err);
}

/* The hashes of a part as they are looked through: a table, and what was found to be in it already. */
struct search {
    struct table_memory memory;
    uint64_t *slots; /* 0: free */
    size_t mask;
    size_t count;
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

/* An empty table. */
static int search_begin(struct search *s, size_t capacity, struct ft_err *err)
{
    if (capacity * sizeof(*s->slots) > s->memory.size_bytes) {
        table_memory_release(&s->memory);
        if (table_memory_init(&s->memory, capacity * sizeof(*s->slots), "a part of a log of hashes",
                              err) != 0)
            return -1;
        s->slots = s->memory.p;
    } else {
        memset(s->slots, 0, capacity * sizeof(*s->slots));
    }
    s->mask = capacity - 1;
    s->count = 0;
    return 0;
}

/* Where the hash is, or the free place for it. There is always a free one. */
static inline size_t place_of(const struct search *s, uint64_t hash)
{
    size_t i = (size_t)hash & s->mask;

    while (s->slots[i] != 0 && s->slots[i] != hash)
        i = (i + 1) & s->mask;
    return i;
}

static int grow(struct search *s, struct ft_err *err)
{
    struct search wider = {.memory = {0}};

    if (search_begin(&wider, 2 * (s->mask + 1), err) != 0)
        return -1;
    for (size_t i = 0; i <= s->mask; i++) {
        if (s->slots[i] != 0)
            wider.slots[place_of(&wider, s->slots[i])] = s->slots[i];
    }
    table_memory_release(&s->memory);
    s->memory = wider.memory;
    s->slots = wider.slots;
    s->mask = wider.mask;
    return 0;
}

static int look_up(void *context, const void *records, size_t count, struct ft_err *err)
{
    const uint64_t *hashes = records;
    struct search *s = context;

    for (size_t n = 0; n < count; n++) {
        size_t i = place_of(s, hashes[n]);

        if (s->slots[i] != 0) {
            note_repeat(s, hashes[n]);
            continue;
        }
        s->slots[i] = hashes[n];
        if (2 * ++s->count > s->mask + 1 && grow(s, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * Nearly always nothing is there twice. Whether it is so is found out by several threads, each of which looks through every
 * n-th part; the parts that have something are then looked through once more, one after the other.
 */
struct survey {
    const struct hash_log *log;
    uint32_t threads;
    size_t capacity; /* to begin with */
    bool has_repeats[PARTED_LOG_PARTS];
};

static int search_part(const struct survey *v, unsigned part, struct search *s, struct ft_err *err)
{
    if (search_begin(s, v->capacity, err) != 0)
        return -1;
    return parted_log_read(v->log->hashes, part, look_up, s, err);
}

static int survey_parts(void *context, uint32_t index, struct ft_err *err)
{
    struct survey *v = context;
    uint64_t found;
    struct search s = {.found = &found, .found_max = 1};
    int rc = 0;

    for (unsigned i = index; rc == 0 && i < PARTED_LOG_PARTS; i += v->threads) {
        s.found_count = 0;
        if (parted_log_count(v->log->hashes, i) != 0)
            rc = search_part(v, i, &s, err);
        v->has_repeats[i] = s.found_count != 0;
    }
    table_memory_release(&s.memory);
    return rc;
}

/* Enough for all hashes of any part, unless it has many more than others: such a one is full of repeats, and needs less. */
static size_t usual_capacity(const struct hash_log *l)
{
    size_t capacity = CAPACITY_MIN;
    size_t total = 0;
    size_t max = 0;
    size_t usual;

    for (unsigned i = 0; i < PARTED_LOG_PARTS; i++) {
        size_t count = parted_log_count(l->hashes, i);

        total += count;
        max = count > max ? count : max;
    }
    usual = total / PARTED_LOG_PARTS / 4 * 5 + CAPACITY_MIN;
    while (capacity < 2 * (max < usual ? max : usual))
        capacity *= 2;
    return capacity;
}

/* So many threads as their tables leave memory for. */
static int run_survey(struct survey *v, struct ft_err *err)
{
    size_t fit = SURVEY_BYTES / (v->capacity * sizeof(uint64_t));

    v->threads = task_pool_threads(PARTED_LOG_PARTS, fit == 0 ? 1 : (uint32_t)fit);
    return task_pool_run(v->threads, v->threads, survey_parts, v, err);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

int hash_log_repeats(struct hash_log *l, uint64_t *ret, size_t max, size_t *ret_count,
                     struct ft_err *err)
{
    struct search s = {.found = ret, .found_max = max};
    struct survey v = {.log = l, .capacity = usual_capacity(l)};
    int rc = run_survey(&v, err);

    for (unsigned i = 0; rc == 0 && i < PARTED_LOG_PARTS; i++) {
        if (v.has_repeats[i])
            rc = search_part(&v, i, &s, err);
    }
    table_memory_release(&s.memory);
    if (rc != 0)
        return -1;
    qsort(ret, s.found_count, sizeof(*ret), by_value);
    *ret_count = s.found_count;
    return 0;
}

void hash_log_free(struct hash_log *l)
{
    if (l == NULL)
        return;
    parted_log_free(l->hashes);
    free(l);
}
