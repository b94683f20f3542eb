#include "rdb/value_digest.h"

#include <xxhash.h>

#include "rdb/value_stream.h"
#include "rdb/value_walk.h"

/* So that bytes of one kind are never taken for those of another. */
enum salt {
    SALT_VALUE,
    SALT_FIELD,
    SALT_SCORE,
    SALT_TTL,
    SALT_ENTRY,
    SALT_GROUP,
    SALT_CONSUMER,
    SALT_PENDING,
};

/* Each part depends on all before it. */
static void follow(struct value_digest *d, enum salt salt, const void *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(n == 0 ? "" : p, n, d->low + (uint64_t)salt);

    d->low = h.low64;
    d->high = h.high64 ^ (d->high << 1 | d->high >> 63);
}

static void follow_number(struct value_digest *d, enum salt salt, uint64_t n)
{
    follow(d, salt, &n, sizeof(n));
}

static void follow_bytes(struct value_digest *d, enum salt salt, struct bytes b)
{
    follow(d, salt, b.p, b.n);
}

/*
 * The order does not matter: sets, hashes and sorted sets are written in the order of a hash table, which
 * differs from server to server. A sum, and not an exclusive or, so that two equal elements (of a
 * damaged value, say) do not vanish.
 */
static void add(struct value_digest *sum, const struct value_digest *d)
{
    sum->low += d->low;
    sum->high += d->high;
}

static struct value_digest digest_element(enum value_class c, const struct value_element *e)
{
    double score = e->score == 0 ? 0 : e->score; /* -0 is 0 */
    struct value_digest d = {0};

    follow_bytes(&d, SALT_VALUE, e->value);
    if (c == VALUE_HASH)
        follow_bytes(&d, SALT_FIELD, e->field);
    if (c == VALUE_ZSET)
        follow(&d, SALT_SCORE, &score, sizeof(score));
    if ((c == VALUE_HASH || c == VALUE_SET) && e->expire_ms != VALUE_NO_TTL)
        follow_number(&d, SALT_TTL, (uint64_t)e->expire_ms);
    return d;
}

static int digest_elements(enum value_class c, unsigned type, struct bytes value,
                           struct value_digest *ret, struct ft_err *err)
{
    struct value_element element;
    struct value_iter *it;
    enum step step;

    if (value_iter_new(&it, type, value, err) != 0)
        return -1;
    while ((step = value_iter_next(it, &element, err)) == STEP_ITEM) {
        struct value_digest d;

        if (c == VALUE_LIST) {
            follow_bytes(ret, SALT_VALUE, element.value);
            continue;
        }
        d = digest_element(c, &element);
        add(ret, &d);
    }
    value_iter_free(it);
    return step == STEP_ERROR ? -1 : 0;
}

static void follow_id(struct value_digest *d, enum salt salt, struct stream_id id)
{
    follow_number(d, salt, id.ms);
    follow_number(d, salt, id.seq);
}

static int digest_entries(struct stream_iter *it, struct value_digest *ret, struct ft_err *err)
{
    struct stream_entry entry;
    enum step step;

    while ((step = stream_iter_next_entry(it, &entry, err)) == STEP_ITEM) {
        follow_id(ret, SALT_ENTRY, entry.id);
        for (size_t i = 0; i < entry.word_count; i++)
            follow_bytes(ret, SALT_VALUE, entry.words[i]);
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int digest_consumer(struct stream_iter *it, const struct stream_consumer *consumer,
                           struct value_digest *group, struct ft_err *err)
{
    struct value_digest d = {0};
    struct stream_pending p;
    enum step step;

    follow_bytes(&d, SALT_CONSUMER, consumer->name);
    while ((step = stream_iter_next_pending(it, &p, err)) == STEP_ITEM) {
        follow_id(&d, SALT_PENDING, p.id);
        follow_number(&d, SALT_PENDING, (uint64_t)p.delivery_time_ms);
        follow_number(&d, SALT_PENDING, p.delivery_count);
    }
    add(group, &d);
    return step == STEP_ERROR ? -1 : 0;
}

static int digest_groups(struct stream_iter *it, struct value_digest *ret, struct ft_err *err)
{
    struct stream_consumer consumer;
    struct stream_group group;
    enum step step;

    while ((step = stream_iter_next_group(it, &group, err)) == STEP_ITEM) {
        struct value_digest d = {0};

        follow_bytes(&d, SALT_GROUP, group.name);
        follow_id(&d, SALT_GROUP, group.last_id);
        follow_number(&d, SALT_GROUP, (uint64_t)group.entries_read);
        while ((step = stream_iter_next_consumer(it, &consumer, err)) == STEP_ITEM) {
            if (digest_consumer(it, &consumer, &d, err) != 0)
                return -1;
        }
        if (step == STEP_ERROR)
            return -1;
        add(ret, &d);
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int digest_stream(unsigned type, struct bytes value, struct value_digest *ret,
                         struct ft_err *err)
{
    const struct stream_head *head;
    struct stream_iter *it;
    int rc;

    if (stream_iter_new(&it, type, value, err) != 0)
        return -1;
    head = stream_iter_head(it);
    follow_number(ret, SALT_VALUE, head->length);
    follow_id(ret, SALT_VALUE, head->last_id);
    follow_id(ret, SALT_VALUE, head->max_deleted_id);
    follow_number(ret, SALT_VALUE, head->entries_added);
    rc = digest_entries(it, ret, err);
    if (rc == 0)
        rc = digest_groups(it, ret, err);
    stream_iter_free(it);
    return rc;
}

int value_digest_run(unsigned type, struct bytes value, struct value_digest *ret,
                     struct ft_err *err)
{
    enum value_class c = rdb_type_class(type);
    struct value_digest d = {.low = c};
    int rc = 0;

    switch (c) {
    case VALUE_STRING:
    case VALUE_LIST:
    case VALUE_SET:
    case VALUE_ZSET:
    case VALUE_HASH:
        rc = digest_elements(c, type, value, &d, err);
        break;
    case VALUE_STREAM:
        rc = digest_stream(type, value, &d, err);
        break;
    case VALUE_JSON:
    case VALUE_MODULE:
    case VALUE_PROBABILISTIC:
        follow_bytes(&d, SALT_VALUE, value);
        break;
    }
    if (rc == 0)
        *ret = d;
    return rc;
}
