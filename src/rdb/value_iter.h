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

#endif
