/*
 * value_iter.h - elements of a serialised value, whatever its encoding.
 *
 * What it is   An iterator per value class over struct bytes (type byte and serialised value, as in
 *              struct rdb_entry). Nothing is decoded ahead; every inner length is checked.
 * Lifetime     Elements are valid until the next call on the iterator. The value must outlive it.
 * Errors       FT_ERR_CORRUPT, with the offset within the value. An iterator that ended early with
 *              bytes left over is an error too.
 * Use          value_iter_init; value_iter_next_... until STEP_END or STEP_ERROR;
 *              value_iter_release.
 */
#ifndef FLOWTAPE_RDB_VALUE_ITER_H
#define FLOWTAPE_RDB_VALUE_ITER_H

#include "base/buf.h"
#include "rdb/rdb_types.h"

/* A member's or field's time to live: none. */
#define VALUE_NO_TTL INT64_MIN

/* One element of a list (value), set (value, ttl), hash (field, value, ttl) or sorted set (value,
 * score). */
struct value_element {
    struct bytes field;
    struct bytes value;
    double score;
    int64_t expire_ms; /* absolute unix time, or VALUE_NO_TTL */
    /* field and value as they lie in the value (rdb_string.h), where each is a string of its own;
     * else empty */
    struct bytes stored_field;
    struct bytes stored_value;
};

struct value_iter; /* one for lists, sets, hashes and sorted sets */

/*
 * value_iter_new - types of the classes LIST, SET, HASH, ZSET, and STRING (one element). Bare nodes
 * in a quicklist of ziplists (dragonfly up to 1.26 writes them) are delivered as one element.
 */
int value_iter_new(struct value_iter **ret, unsigned type, struct bytes value, struct ft_err *err);
/* value_iter_reset - the same object for the next value. */
int value_iter_reset(struct value_iter *it, unsigned type, struct bytes value, struct ft_err *err);
/* value_iter_count - elements as the encoding declares them; 0 if only a walk can tell. */
uint64_t value_iter_count(const struct value_iter *it);
enum step value_iter_next(struct value_iter *it, struct value_element *ret, struct ft_err *err);
void value_iter_free(struct value_iter *it);

/*
 * value_bare_node - does a LIST_QUICKLIST value contain a node that is not a ziplist? Redis refuses
 * such a value. 1, 0, or -1 with an error.
 */
int value_bare_node(struct bytes value, struct ft_err *err);

struct stream_id {
    uint64_t ms;
    uint64_t seq;
};

/* Stream values: head, then entries, then groups, in this order. */
struct stream_head {
    unsigned type;
    uint64_t length;
    struct stream_id last_id;
    /* from STREAM_LISTPACKS_2 on; for older ones length, the first entry's id and 0-0 */
    struct stream_id first_id;
    struct stream_id max_deleted_id;
    uint64_t entries_added;
    uint64_t group_count;
};

struct stream_entry {
    struct stream_id id;
    /* field, value, field, value ... */
    const struct bytes *words;
    size_t word_count;
};

struct stream_group {
    struct bytes name;
    struct stream_id last_id;
    int64_t entries_read; /* -1: not known */
    uint64_t pending_count;
    uint64_t consumer_count;
    /* the pending entries as they lie in the value: n x (16 bytes id, LE64 time, LEN count) */
    struct bytes stored_pending;
};

struct stream_pending {
    struct stream_id id;
    struct bytes consumer; /* its owner */
    int64_t delivery_time_ms;
    uint64_t delivery_count;
};

struct stream_consumer {
    struct bytes name;
    int64_t seen_time_ms;
    int64_t active_time_ms; /* seen time where the encoding has none; may be -1 */
    uint64_t pending_count;
    struct bytes stored_pending; /* n x 16 bytes id */
};

struct stream_iter;

int stream_iter_new(struct stream_iter **ret, unsigned type, struct bytes value,
                    struct ft_err *err);
/* stream_iter_head - known from the beginning (the listpacks were passed over once). */
const struct stream_head *stream_iter_head(const struct stream_iter *it);
/* stream_iter_listpacks - the part "PU(n), n x (STR id, STR listpack)" as it lies in the value. */
struct bytes stream_iter_listpacks(const struct stream_iter *it);
/* Deleted entries are not delivered. */
enum step stream_iter_next_entry(struct stream_iter *it, struct stream_entry *ret,
                                 struct ft_err *err);
/* The groups; for each its consumers, for each consumer its pending ids (with the group's delivery
 * data). Each call leaves the inner level it was at. */
enum step stream_iter_next_group(struct stream_iter *it, struct stream_group *ret,
                                 struct ft_err *err);
enum step stream_iter_next_consumer(struct stream_iter *it, struct stream_consumer *ret,
                                    struct ft_err *err);
enum step stream_iter_next_pending(struct stream_iter *it, struct stream_pending *ret,
                                   struct ft_err *err);
void stream_iter_free(struct stream_iter *it);

#endif
