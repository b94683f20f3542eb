#include "replay/replay_run.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "item/slot.h"

/* Of one command. */
#define GROUP_KEYS  64u
#define GROUP_BYTES (32u << 10)
/* So many are gathered at most, however small they are. */
#define KEY_BYTES 64u
/* Fewer than that are not worth looking for pairs. */
#define SORT_FROM 64u
/* Neighbouring slots are of one node: it is not to get a third of everything at a time. */
#define SLOT_STRIDE 10127u
_Static_assert(SLOT_STRIDE % 2 == 1, "comes to each slot");
/* Keys that are put are in memory all over: they are asked for so many keys before. */
#define AHEAD      8u
#define LINE_BYTES 64u
#define NONE       UINT32_MAX

struct waiting {
    uint32_t start; /* in bytes: the key, then the value */
    uint32_t value_bytes;
    uint16_t key_bytes;
    uint16_t bucket;
    uint32_t before; /* the last one before it in its bucket, or NONE */
};

/* A slot; without a cluster there is one for all keys. */
struct bucket {
    uint32_t last; /* or NONE */
    uint32_t count;
};

struct replay_run {
    size_t limit_bytes;
    size_t limit_keys;
    replay_run_fn *put;
    void *context;
    size_t group_keys;
    uint32_t db;
    struct buf bytes;
    struct waiting *waiting; /* in the order in which they came */
    uint32_t *order;         /* as they are put */
    uint32_t count;
    size_t cap;
    struct bucket *buckets;
    uint32_t bucket_count;
    struct bytes args[2 * GROUP_KEYS + 1];
};

int replay_run_new(struct replay_run **ret, bool by_slot, size_t limit_bytes, replay_run_fn *put,
                   void *context, struct ft_err *err)
{
    struct replay_run *run = calloc(1, sizeof(*run));

    if (run == NULL)
        return err_nomem(err, "small strings");
    run->bucket_count = by_slot ? SLOT_COUNT : 1;
    run->buckets = calloc(run->bucket_count, sizeof(*run->buckets));
    if (run->buckets == NULL) {
        free(run);
        return err_nomem(err, "small strings");
    }
    for (uint32_t i = 0; i < run->bucket_count; i++)
        run->buckets[i].last = NONE;
    run->limit_bytes = by_slot ? limit_bytes : GROUP_BYTES;
    run->limit_keys = by_slot ? limit_bytes / KEY_BYTES : GROUP_KEYS;
    run->group_keys = GROUP_KEYS;
    run->put = put;
    run->context = context;
    *ret = run;
    return 0;
}

void replay_run_apart(struct replay_run *run)
{
    run->group_keys = 1;
}

void replay_run_free(struct replay_run *run)
{
    if (run == NULL)
        return;
    buf_release(&run->bytes);
    free(run->waiting);
    free(run->order);
    free(run->buckets);
    free(run);
}

static uint16_t bucket_of(const struct replay_run *run, struct bytes key)
{
    return run->bucket_count == 1 ? 0 : slot_of(key);
}

static struct bytes key_of(const struct replay_run *run, const struct waiting *w)
{
    return bytes_of(run->bytes.p + w->start, w->key_bytes);
}

static struct bytes value_of(const struct replay_run *run, const struct waiting *w)
{
    return bytes_of(run->bytes.p + w->start + w->key_bytes, w->value_bytes);
}

static int put_group(struct replay_run *run, size_t keys, struct ft_err *err)
{
    run->args[0] = bytes_str(keys == 1 ? "SET" : "MSET");
    return run->put(run->context, run->db, run->args, 2 * keys + 1, err);
}

static void keep_order(struct replay_run *run)
{
    for (uint32_t i = 0; i < run->count; i++)
        run->order[i] = i;
}

/* One bucket after the other; within each the order stays. Counts become places. */
static void sort_by_bucket(struct replay_run *run)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < run->bucket_count; i++) {
        struct bucket *bucket = &run->buckets[i * SLOT_STRIDE % run->bucket_count];
        uint32_t count = bucket->count;

        if (count != 0)
            bucket->count = at;
        at += count;
    }
    for (uint32_t i = 0; i < run->count; i++)
        run->order[run->buckets[run->waiting[i].bucket].count++] = i;
}

static void fetch_ahead(const struct replay_run *run, uint32_t i)
{
    const struct waiting *w;
    const uint8_t *p;
    uint32_t n;

    if (i + 2 * AHEAD < run->count)
        __builtin_prefetch(&run->waiting[run->order[i + 2 * AHEAD]]);
    if (i + AHEAD >= run->count)
        return;
    w = &run->waiting[run->order[i + AHEAD]];
    p = run->bytes.p + w->start;
    n = w->key_bytes + w->value_bytes;
    for (uint32_t at = 0; at < n && at < 4 * LINE_BYTES; at += LINE_BYTES)
        __builtin_prefetch(p + at);
    if (n != 0) /* it may end in one line more */
        __builtin_prefetch(p + n - 1);
}

static void clear(struct replay_run *run)
{
    for (uint32_t i = 0; i < run->count; i++)
        run->buckets[run->waiting[i].bucket] = (struct bucket){.last = NONE};
    run->count = 0;
    buf_clear(&run->bytes);
}

int replay_run_flush(struct replay_run *run, struct ft_err *err)
{
    size_t bytes = 0;
    size_t keys = 0;

    if (run->bucket_count == 1 || run->count < SORT_FROM)
        keep_order(run);
    else
        sort_by_bucket(run);
    for (uint32_t i = 0; i < run->count; i++) {
        const struct waiting *w = &run->waiting[run->order[i]];
        bool last = i + 1 == run->count || run->waiting[run->order[i + 1]].bucket != w->bucket;

        fetch_ahead(run, i);
        run->args[2 * keys + 1] = key_of(run, w);
        run->args[2 * keys + 2] = value_of(run, w);
        keys++;
        bytes += w->key_bytes + w->value_bytes;
        if (!last && keys < run->group_keys && bytes < GROUP_BYTES)
            continue;
        if (put_group(run, keys, err) != 0)
            return -1;
        bytes = 0;
        keys = 0;
    }
    clear(run);
    return 0;
}

static bool has_key(const struct replay_run *run, struct bytes key)
{
    uint32_t at = run->buckets[bucket_of(run, key)].last;

    while (at != NONE && !bytes_eq(key_of(run, &run->waiting[at]), key))
        at = run->waiting[at].before;
    return at != NONE;
}

int replay_run_before(struct replay_run *run, uint32_t db, struct bytes key, struct ft_err *err)
{
    if (run->count == 0 || run->db != db || !has_key(run, key))
        return 0;
    return replay_run_flush(run, err);
}

static int grow(struct replay_run *run, struct ft_err *err)
{
    size_t cap = run->cap;

    if (ARRAY_RESERVE(&run->waiting, &cap, run->count + 1, "small strings", err) != 0)
        return -1;
    return ARRAY_RESERVE(&run->order, &run->cap, run->count + 1, "small strings", err);
}

static int append(struct replay_run *run, struct bytes key, struct bytes value, struct ft_err *err)
{
    uint16_t index = bucket_of(run, key);
    struct bucket *bucket = &run->buckets[index];

    if (grow(run, err) != 0)
        return -1;
    run->waiting[run->count] = (struct waiting){.start = (uint32_t)run->bytes.n,
                                                .value_bytes = (uint32_t)value.n,
                                                .key_bytes = (uint16_t)key.n,
                                                .bucket = index,
                                                .before = bucket->last};
    if (buf_reserve(&run->bytes, key.n + value.n, err) != 0)
        return -1;
    if (key.n != 0)
        memcpy(run->bytes.p + run->bytes.n, key.p, key.n);
    if (value.n != 0)
        memcpy(run->bytes.p + run->bytes.n + key.n, value.p, value.n);
    run->bytes.n += key.n + value.n;
    bucket->last = run->count++;
    bucket->count++;
    return 0;
}

int replay_run_add(struct replay_run *run, uint32_t db, struct bytes key, struct bytes value,
                   struct ft_err *err)
{
    if (run->count != 0 && run->db != db && replay_run_flush(run, err) != 0)
        return -1;
    run->db = db;
    if (append(run, key, value, err) != 0)
        return -1;
    if (run->count < run->limit_keys && run->bytes.n < run->limit_bytes)
        return 0;
    return replay_run_flush(run, err);
}
