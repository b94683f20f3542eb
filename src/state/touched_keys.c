#include "state/touched_keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xxhash.h>

#include "item/touched.h"

/* A line of the cache: most keys cost one look at memory. */
#define LINE_SLOTS 8u
/* Of the slots so many in four may be used. */
#define USED_MAX         3u
#define SLOTS_MIN        8192u
#define SLOTS_MAX        (TOUCHED_KEYS_BYTES_MAX / sizeof(uint64_t))
#define MARKS            UINT64_C(3)
#define NEVER_EMPTY      UINT64_C(4) /* of a slot in use */
#define LARGE_PAGE_BYTES ((size_t)2 << 20)
/* Keys whose places in memory are on their way into the cache. */
#define PENDING 16u

struct pending {
    XXH128_hash_t hash;
    unsigned marks;
};

struct touched_keys {
    uint64_t *slots; /* fingerprint, then marks; NULL: there are too many keys for that */
    uint64_t line_mask;
    size_t count, limit;
    bool full;
    struct pending pending[PENDING]; /* from number pending_first modulo PENDING on */
    size_t pending_first, pending_end;
    struct touched *touched; /* instead of slots */
    struct touched *served;
};

static int use_sets(struct touched_keys *t, struct ft_err *err)
{
    return touched_new(&t->touched, TOUCHED_UNKNOWN, err) != 0 ||
                   touched_new(&t->served, TOUCHED_UNKNOWN, err) != 0
               ? -1
               : 0;
}

/* Looked at in no order: with small pages each look would be a search for the page too. */
static void *new_table(size_t size)
{
    void *table;

    if (size % LARGE_PAGE_BYTES != 0)
        return calloc(1, size);
    table = aligned_alloc(LARGE_PAGE_BYTES, size);
    if (table == NULL)
        return NULL;
    (void)madvise(table, size, MADV_HUGEPAGE); /* a hint */
    memset(table, 0, size);
    return table;
}

static int use_slots(struct touched_keys *t, uint64_t keys, struct ft_err *err)
{
    size_t slots = SLOTS_MIN;

    while (slots / 4 * USED_MAX < keys)
        slots *= 2;
    t->slots = new_table(slots * sizeof(*t->slots));
    if (t->slots == NULL)
        return err_nomem(err, "the touched keys");
    t->line_mask = slots / LINE_SLOTS - 1;
    t->limit = slots / 4 * USED_MAX;
    return 0;
}

int touched_keys_new(struct touched_keys **ret, uint64_t keys, struct ft_err *err)
{
    struct touched_keys *t = calloc(1, sizeof(*t));
    int rc;

    if (t == NULL)
        return err_nomem(err, "the touched keys");
    rc = keys <= SLOTS_MAX / 4 * USED_MAX ? use_slots(t, keys, err) : use_sets(t, err);
    if (rc != 0) {
        touched_keys_free(t);
        return -1;
    }
    *ret = t;
    return 0;
}

static uint64_t fingerprint_of(XXH128_hash_t hash)
{
    return (hash.high64 & ~MARKS) | NEVER_EMPTY;
}

/* Where the key is, or the free slot for it. There is always a free one. */
static uint64_t *find(const struct touched_keys *t, XXH128_hash_t hash)
{
    for (uint64_t line = hash.low64 & t->line_mask;; line = (line + 1) & t->line_mask) {
        uint64_t *slot = t->slots + line * LINE_SLOTS;

        for (const uint64_t *end = slot + LINE_SLOTS; slot < end; slot++) {
            if (*slot == 0 || (*slot & ~MARKS) == fingerprint_of(hash))
                return slot;
        }
    }
}

static void add(struct touched_keys *t, const struct pending *key)
{
    uint64_t *slot = find(t, key->hash);

    if (*slot == 0 && t->count == t->limit) {
        t->full = true;
        return;
    }
    t->count += *slot == 0;
    *slot |= fingerprint_of(key->hash) | (key->marks & MARKS);
}

static void add_first(struct touched_keys *t)
{
    add(t, &t->pending[t->pending_first++ % PENDING]);
}

void touched_keys_drain(struct touched_keys *t)
{
    while (t->pending_first < t->pending_end)
        add_first(t);
}

void touched_keys_add(struct touched_keys *t, uint32_t db, struct bytes key, unsigned marks)
{
    struct pending *last = &t->pending[t->pending_end % PENDING];

    if (t->slots == NULL) {
        touched_add(t->touched, db, key);
        if ((marks & KEY_SERVED) != 0)
            touched_add(t->served, db, key);
        return;
    }
    if (t->pending_end - t->pending_first == PENDING)
        add_first(t);
    *last = (struct pending){XXH3_128bits_withSeed(key.p, key.n, db), marks};
    t->pending_end++;
    __builtin_prefetch(t->slots + (last->hash.low64 & t->line_mask) * LINE_SLOTS, 1);
}

unsigned touched_keys_look(const struct touched_keys *t, uint32_t db, struct bytes key)
{
    uint64_t slot;

    if (t->slots == NULL) {
        if (!touched_may(t->touched, db, key))
            return 0;
        return KEY_TOUCHED | KEY_NEEDED | (touched_may(t->served, db, key) ? KEY_SERVED : 0);
    }
    if (t->count == 0)
        return 0;
    slot = *find(t, XXH3_128bits_withSeed(key.p, key.n, db));
    return slot == 0 ? 0 : KEY_TOUCHED | (unsigned)(slot & MARKS);
}

uint64_t touched_keys_look_run(const struct touched_keys *t, const struct rdb_run *run)
{
    XXH128_hash_t hashes[RDB_RUN_MAX];
    uint64_t ret = 0;

    if (t->slots == NULL) {
        for (size_t i = 0; i < run->count; i++)
            ret |= (uint64_t)touched_may(t->touched, run->db, run->entries[i].key) << i;
        return ret;
    }
    if (t->count == 0)
        return 0;
    for (size_t i = 0; i < run->count; i++) {
        hashes[i] = XXH3_128bits_withSeed(run->entries[i].key.p, run->entries[i].key.n, run->db);
        __builtin_prefetch(t->slots + (hashes[i].low64 & t->line_mask) * LINE_SLOTS);
    }
    for (size_t i = 0; i < run->count; i++)
        ret |= (uint64_t)(*find(t, hashes[i]) != 0) << i;
    return ret;
}

bool touched_keys_is_empty(const struct touched_keys *t)
{
    return t->slots == NULL ? touched_is_empty(t->touched) : t->count == 0;
}

bool touched_keys_is_full(const struct touched_keys *t)
{
    return t->full;
}

int touched_keys_widen(struct touched_keys *t, struct ft_err *err)
{
    free(t->slots);
    t->slots = NULL;
    t->full = false;
    return use_sets(t, err);
}

void touched_keys_free(struct touched_keys *t)
{
    if (t == NULL)
        return;
    free(t->slots);
    touched_free(t->touched);
    touched_free(t->served);
    free(t);
}
