#include "state/touched_keys.h"

#include <stdlib.h>
#include <xxhash.h>

#include "item/touched.h"

/* A cache line: most keys cost one look at memory. */
#define LINE_SLOTS 8u
/* Of the slots so many in four may be used. */
#define USED_MAX    3u
#define SLOTS_MIN   8192u
#define SLOTS_MAX   (TOUCHED_KEYS_BYTES_MAX / sizeof(uint64_t))
#define MARKS       UINT64_C(3)
#define NEVER_EMPTY UINT64_C(4) /* of a slot in use */

struct touched_keys {
    uint64_t *slots; /* fingerprint, then marks; NULL: there are too many keys for that */
    uint64_t line_mask;
    size_t count, limit;
    bool full;
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

static int use_slots(struct touched_keys *t, uint64_t keys, struct ft_err *err)
{
    size_t slots = SLOTS_MIN;

    while (slots / 4 * USED_MAX < keys)
        slots *= 2;
    t->slots = calloc(slots, sizeof(*t->slots));
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

/* Where the key is, or the free slot for it. There is always a free one. */
static uint64_t *find(const struct touched_keys *t, uint32_t db, struct bytes key,
                      uint64_t *ret_fingerprint)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(key.p, key.n, db);
    uint64_t fingerprint = (hash.high64 & ~MARKS) | NEVER_EMPTY;

    *ret_fingerprint = fingerprint;
    for (uint64_t line = hash.low64 & t->line_mask;; line = (line + 1) & t->line_mask) {
        uint64_t *slot = t->slots + line * LINE_SLOTS;

        for (const uint64_t *end = slot + LINE_SLOTS; slot < end; slot++) {
            if (*slot == 0 || (*slot & ~MARKS) == fingerprint)
                return slot;
        }
    }
}

void touched_keys_add(struct touched_keys *t, uint32_t db, struct bytes key, unsigned marks)
{
    uint64_t fingerprint;
    uint64_t *slot;

    if (t->slots == NULL) {
        touched_add(t->touched, db, key);
        if ((marks & KEY_SERVED) != 0)
            touched_add(t->served, db, key);
        return;
    }
    slot = find(t, db, key, &fingerprint);
    if (*slot == 0 && t->count == t->limit) {
        t->full = true;
        return;
    }
    t->count += *slot == 0;
    *slot |= fingerprint | (marks & MARKS);
}

unsigned touched_keys_look(const struct touched_keys *t, uint32_t db, struct bytes key)
{
    uint64_t fingerprint, slot;

    if (t->slots == NULL) {
        if (!touched_may(t->touched, db, key))
            return 0;
        return KEY_TOUCHED | KEY_NEEDED | (touched_may(t->served, db, key) ? KEY_SERVED : 0);
    }
    if (t->count == 0)
        return 0;
    slot = *find(t, db, key, &fingerprint);
    return slot == 0 ? 0 : KEY_TOUCHED | (unsigned)(slot & MARKS);
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
