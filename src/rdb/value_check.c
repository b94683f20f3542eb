#include "rdb/value_check.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/endian.h"
#include "base/hash_log.h"
#include "base/passed_memory.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/value_stream.h"
#include "rdb/value_walk.h"

#define STREAM_ID_BYTES 16

static int begin(struct value_check *c, unsigned type, struct bytes value, struct ft_err *err)
{
    return c->it == NULL ? value_iter_new(&c->it, type, value, err)
                         : value_iter_reset(c->it, type, value, err);
}

/* What has to be the only one of its kind in the value. */
static struct bytes name_of(enum value_class class, const struct value_element *element)
{
    return class == VALUE_HASH ? element->field : element->value;
}

static int is_twice(enum value_class class, struct bytes name, struct ft_err *err)
{
    char shown[100];

    return err_set(err, FT_ERR_CORRUPT, "%s \"%s\" is in the value twice",
                   class == VALUE_HASH ? "field" : "member",
                   bytes_escape(name, shown, sizeof(shown)));
}

/* Another element of the same hash was seen: is it the same? `index` is this one's. */
static int check_same(struct value_check *c, unsigned type, struct bytes value, uint64_t index,
                      struct bytes name, struct ft_err *err)
{
    enum value_class class = rdb_type_class(type);
    struct value_element element;
    struct buf copy = {0};
    bool same = false;
    int rc = buf_append(&copy, name.p, name.n, err);

    if (rc == 0)
        rc = begin(c, type, value, err);
    for (uint64_t i = 0; rc == 0 && i < index && !same; i++) {
        rc = value_iter_next(c->it, &element, err) == STEP_ITEM ? 0 : -1;
        same = rc == 0 && bytes_eq(name_of(class, &element), buf_bytes(&copy));
    }
    if (same)
        rc = is_twice(class, buf_bytes(&copy), err);
    /* a mere coincidence: to where the check was */
    if (rc == 0)
        rc = begin(c, type, value, err);
    for (uint64_t i = 0; rc == 0 && i <= index; i++)
        rc = value_iter_next(c->it, &element, err) == STEP_ITEM ? 0 : -1;
    buf_release(&copy);
    return rc;
}

static int check_score(enum value_class class, const struct value_element *element,
                       struct ft_err *err)
{
    char shown[100];

    if (class != VALUE_ZSET || !isnan(element->score))
        return 0;
    return err_set(err, FT_ERR_CORRUPT, "the score of member \"%s\" is not a number",
                   bytes_escape(element->value, shown, sizeof(shown)));
}

/* 0 or -1; 1: one of the same hash was there before. */
static int check_element(struct value_check *c, enum value_class class,
                         const struct value_element *element, struct ft_err *err)
{
    if (check_score(class, element, err) != 0)
        return -1;
    return member_set_add(&c->members, member_set_hash(name_of(class, element)), err);
}

/* A table of more would take too much memory. */
#define TABLE_MEMBERS_MAX ((uint64_t)1 << 20)
/* Of hashes that were there before; so many are not there by chance. */
#define REPEATS_MAX 16u

/* Names that have one of a few hashes, as they came. */
struct repeats {
    uint64_t hashes[REPEATS_MAX];
    size_t count;
    struct buf seen[REPEATS_MAX]; /* one after the other, each after its size */
};

static bool is_among(struct bytes names, struct bytes name)
{
    while (names.n != 0) {
        size_t n;

        memcpy(&n, names.p, sizeof(n));
        if (bytes_eq(bytes_of(names.p + sizeof(n), n), name))
            return true;
        names = bytes_of(names.p + sizeof(n) + n, names.n - sizeof(n) - n);
    }
    return false;
}

/* Is this one of those, and there for the second time? */
static int see_name(struct repeats *r, enum value_class class, struct bytes name,
                    struct ft_err *err)
{
    const uint64_t hash = member_set_hash(name);
    size_t i = 0;

    while (i < r->count && r->hashes[i] != hash)
        i++;
    if (i == r->count)
        return 0;
    if (is_among(buf_bytes(&r->seen[i]), name))
        return is_twice(class, name, err);
    if (buf_append(&r->seen[i], &name.n, sizeof(name.n), err) != 0)
        return -1;
    return buf_append(&r->seen[i], name.p, name.n, err);
}

static int log_members(struct value_check *c, unsigned type, struct bytes value,
                       struct hash_log *log, struct ft_err *err)
{
    const enum value_class class = rdb_type_class(type);
    struct hash_log_batch batch = {.count = 0};
    struct value_element element;
    enum step step;

    if (begin(c, type, value, err) != 0)
        return -1;
    while ((step = value_iter_next(c->it, &element, err)) == STEP_ITEM) {
        if (check_score(class, &element, err) != 0 ||
            hash_log_add(log, &batch, member_set_hash(name_of(class, &element)), err) != 0)
            return -1;
    }
    return step == STEP_END ? hash_log_flush(log, &batch, err) : -1;
}

static int see_names(struct value_check *c, unsigned type, struct bytes value, struct repeats *r,
                     struct ft_err *err)
{
    const enum value_class class = rdb_type_class(type);
    struct value_element element;
    enum step step;

    if (begin(c, type, value, err) != 0)
        return -1;
    while ((step = value_iter_next(c->it, &element, err)) == STEP_ITEM) {
        if (see_name(r, class, name_of(class, &element), err) != 0)
            return -1;
    }
    return step == STEP_END ? 0 : -1;
}

/* So many that what was seen is not kept in memory: whether a hash repeats itself is known in the end. */
static int check_many(struct value_check *c, unsigned type, struct bytes value, struct ft_err *err)
{
    struct repeats r = {.count = 0};
    struct hash_log *log;
    int rc;

    member_set_release(&c->members);
    if (hash_log_new(&log, "a log of members", err) != 0)
        return -1;
    rc = log_members(c, type, value, log, err);
    if (rc == 0)
        rc = hash_log_repeats(log, r.hashes, REPEATS_MAX, &r.count, err);
    hash_log_free(log);
    if (rc == 0 && r.count != 0)
        rc = see_names(c, type, value, &r, err);
    for (size_t i = 0; i < r.count; i++)
        buf_release(&r.seen[i]);
    return rc;
}

/*
 * Encodings that are strings one after the other, of which the first of each element is its name. That
 * nothing is wrong with such a value is seen at a fraction of the cost of an iterator; what is wrong, or
 * has a compressed name, is left to that.
 */
struct plain {
    uint8_t strings; /* of an element; 0: another encoding */
    bool scored;     /* a double follows them */
};

static const struct plain plain_encodings[RDB_TYPE_COUNT] = {
    [RDB_TYPE_SET] = {1, false},
    [RDB_TYPE_HASH] = {2, false},
    [RDB_TYPE_ZSET_2] = {1, true},
};

/* A string that is there as a whole, and good if it is compressed. */
static inline bool take_string(struct bytes *in, struct rdb_string_head *ret)
{
    size_t n;

    if (rdb_string_head_get(in->p, in->n, ret) != STEP_ITEM ||
        ret->payload_size > in->n - ret->head_size ||
        (ret->kind == RDB_STRING_LZF && (ret->raw_size > RDB_STRING_MAX_BYTES ||
                                         !rdb_string_lzf_holds(ret, in->p + ret->head_size))))
        return false;
    n = ret->head_size + (size_t)ret->payload_size;
    *in = bytes_of(in->p + n, in->n - n);
    return true;
}

/* A name as text, in `digits` if it is stored as a number. */
static inline bool take_name(struct bytes *in, char digits[I64_TEXT_SIZE], struct bytes *ret)
{
    struct rdb_string_head head;

    if (!take_string(in, &head) || head.kind == RDB_STRING_LZF)
        return false;
    *ret = head.kind == RDB_STRING_RAW
               ? bytes_of(in->p - head.payload_size, (size_t)head.payload_size)
               : bytes_of(digits, i64_to_text(head.integer, digits));
    return true;
}

static inline bool take_score(struct bytes *in)
{
    double score;

    if (in->n < sizeof(score))
        return false;
    score = load_le_double(in->p);
    *in = bytes_of(in->p + sizeof(score), in->n - sizeof(score));
    return !isnan(score);
}

/* 1: good; 0: not seen to be; -1 with an error. */
static int check_plain(struct value_check *c, struct plain encoding, struct bytes in,
                       struct ft_err *err)
{
    char digits[I64_TEXT_SIZE];
    struct rdb_string_head other;
    const uint8_t *done = in.p;
    struct bytes name;
    uint64_t count;
    int used = rdb_len_get(in.p, in.n, &count);

    if (used <= 0 || count > TABLE_MEMBERS_MAX)
        return 0;
    if (member_set_begin(&c->members, count, err) != 0)
        return -1;
    in = bytes_of(in.p + used, in.n - (size_t)used);
    for (; count != 0; count--) {
        int rc;

        done = memory_pass(done, in.p);
        if (!take_name(&in, digits, &name))
            return 0;
        rc = member_set_add(&c->members, member_set_hash(name), err);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
        if ((encoding.strings == 2 && !take_string(&in, &other)) ||
            (encoding.scored && !take_score(&in)))
            return 0;
    }
    return in.n == 0;
}

/* Elements of which each is there once. */
static int check_members(struct value_check *c, unsigned type, struct bytes value,
                         struct ft_err *err)
{
    const enum value_class class = rdb_type_class(type);
    struct value_element element;
    uint64_t index = 0;
    enum step step;
    int rc;

    if (plain_encodings[type].strings != 0 &&
        (rc = check_plain(c, plain_encodings[type], value, err)) != 0)
        return rc < 0 ? -1 : 0;
    if (begin(c, type, value, err) != 0)
        return -1;
    if (value_iter_count(c->it) > TABLE_MEMBERS_MAX)
        return check_many(c, type, value, err);
    if (member_set_begin(&c->members, value_iter_count(c->it), err) != 0)
        return -1;
    while ((step = value_iter_next(c->it, &element, err)) == STEP_ITEM) {
        if (c->members.count == TABLE_MEMBERS_MAX)
            return check_many(c, type, value, err);
        rc = check_element(c, class, &element, err);
        if (rc > 0)
            rc = check_same(c, type, value, index, name_of(class, &element), err);
        if (rc != 0)
            return -1;
        index++;
    }
    return step == STEP_END ? 0 : -1;
}

static int check_elements(struct value_check *c, unsigned type, struct bytes value,
                          struct ft_err *err)
{
    struct value_element element;
    enum step step;

    if (begin(c, type, value, err) != 0)
        return -1;
    do
        step = value_iter_next(c->it, &element, err);
    while (step == STEP_ITEM);
    return step == STEP_END ? 0 : -1;
}

/* One RDB string. */
static int check_string(struct value_check *c, struct bytes value, struct ft_err *err)
{
    struct rdb_string_head head;
    struct bytes rest = value;

    if (take_string(&rest, &head) && rest.n == 0)
        return 0;
    return check_elements(c, RDB_TYPE_STRING, value, err);
}

/* Names of groups, or of one group's consumers. */
static int check_name(struct member_set *seen, const char *what, struct bytes name,
                      struct ft_err *err)
{
    char shown[100];
    int rc = member_set_add(seen, member_set_hash(name), err);

    if (rc <= 0)
        return rc;
    return err_set(err, FT_ERR_CORRUPT, "%s \"%s\" is in the stream twice", what,
                   bytes_escape(name, shown, sizeof(shown)));
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, STREAM_ID_BYTES);
}

/* Ids of listpacks that do not ascend, which a server puts in order: is one of them there twice? */
static int check_sorted(struct buf *ids, struct ft_err *err)
{
    qsort(ids->p, ids->n / STREAM_ID_BYTES, STREAM_ID_BYTES, compare_ids);
    for (size_t at = STREAM_ID_BYTES; at < ids->n; at += STREAM_ID_BYTES) {
        if (compare_ids(ids->p + at - STREAM_ID_BYTES, ids->p + at) == 0)
            return err_set(err, FT_ERR_CORRUPT,
                           "a listpack of entries from %" PRIu64 "-%" PRIu64
                           " on is in the stream twice",
                           load_be64(ids->p + at), load_be64(ids->p + at + 8));
    }
    return 0;
}

static int gather_ids(struct buf *ids, struct bytes in, bool *ret_ascend, struct ft_err *err)
{
    const uint8_t *done = in.p;
    struct buf scratch = {0};
    struct bytes id;
    uint64_t nodes;
    int used = rdb_len_get(in.p, in.n, &nodes); /* the iterator has been through all this */
    int rc = 0;

    *ret_ascend = true;
    in = bytes_of(in.p + used, in.n - (size_t)used);
    for (; rc == 0 && nodes != 0; nodes--) {
        rc = rdb_string_take(&in, &id, &scratch, err);
        if (rc == 0)
            rc = buf_append(ids, id.p, STREAM_ID_BYTES, err);
        if (rc == 0)
            rc = rdb_string_skip(&in, err);
        done = memory_pass(done, in.p);
        *ret_ascend &= ids->n < 2 * (size_t)STREAM_ID_BYTES ||
                       compare_ids(ids->p + ids->n - 2 * (size_t)STREAM_ID_BYTES,
                                   ids->p + ids->n - STREAM_ID_BYTES) < 0;
    }
    buf_release(&scratch);
    return rc;
}

static int check_nodes(struct stream_iter *it, struct ft_err *err)
{
    struct buf ids = {0};
    bool ascend;
    int rc = gather_ids(&ids, stream_iter_listpacks(it), &ascend, err);

    if (rc == 0 && !ascend)
        rc = check_sorted(&ids, err);
    if (rc == 0 && ids.n == 0 && stream_iter_head(it)->length != 0)
        rc = err_set(err, FT_ERR_CORRUPT, "a stream that counts %" PRIu64 " entries has none",
                     stream_iter_head(it)->length);
    buf_release(&ids);
    return rc;
}

static int check_consumers(struct stream_iter *it, struct member_set *names, struct ft_err *err)
{
    struct stream_consumer consumer;
    struct stream_pending pending;
    enum step step;

    if (member_set_begin(names, 0, err) != 0)
        return -1;
    while ((step = stream_iter_next_consumer(it, &consumer, err)) == STEP_ITEM) {
        if (check_name(names, "a group's consumer", consumer.name, err) != 0)
            return -1;
        do
            step = stream_iter_next_pending(it, &pending, err);
        while (step == STEP_ITEM);
        if (step == STEP_ERROR)
            return -1;
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int check_groups(struct value_check *c, struct stream_iter *it, struct ft_err *err)
{
    struct member_set consumers = {0};
    struct stream_group group;
    enum step step;
    int rc = member_set_begin(&c->members, stream_iter_head(it)->group_count, err);

    while (rc == 0 && (step = stream_iter_next_group(it, &group, err)) != STEP_END) {
        rc = step == STEP_ITEM ? check_name(&c->members, "group", group.name, err) : -1;
        if (rc == 0)
            rc = check_consumers(it, &consumers, err);
    }
    member_set_release(&consumers);
    return rc;
}

static int check_stream(struct value_check *c, unsigned type, struct bytes value,
                        struct ft_err *err)
{
    struct stream_iter *it;
    struct stream_entry entry;
    enum step step;
    int rc = -1;

    if (stream_iter_new(&it, type, value, err) != 0)
        return -1;
    do
        step = stream_iter_next_entry(it, &entry, err);
    while (step == STEP_ITEM);
    if (step == STEP_END && check_nodes(it, err) == 0)
        rc = check_groups(c, it, err);
    stream_iter_free(it);
    return rc;
}

static int check(struct value_check *c, unsigned type, struct bytes value, struct ft_err *err)
{
    switch (rdb_type_class(type)) {
    case VALUE_STRING:
    case VALUE_JSON: /* its text is one RDB string */
        return check_string(c, value, err);
    case VALUE_LIST:
        return check_elements(c, type, value, err);
    case VALUE_SET:
    case VALUE_ZSET:
    case VALUE_HASH:
        return check_members(c, type, value, err);
    case VALUE_STREAM:
        return check_stream(c, type, value, err);
    case VALUE_MODULE:
    case VALUE_PROBABILISTIC:
        break;
    }
    return 0;
}

/* The commonest value, of which there is nothing to check. */
static bool is_raw_string(unsigned type, struct bytes value)
{
    size_t head;
    size_t n;

    return type == RDB_TYPE_STRING && rdb_string_is_raw(value.p, value.n, &head, &n) &&
           head + n == value.n;
}

int value_check_run(struct value_check *c, unsigned type, struct bytes value, struct ft_err *err)
{
    return is_raw_string(type, value) ? 0 : check(c, type, value, err);
}

void value_check_release(struct value_check *c)
{
    value_iter_free(c->it);
    member_set_release(&c->members);
    c->it = NULL;
}
