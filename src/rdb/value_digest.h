/*
 * value_digest.h - are two serialised values the same to a client?
 *
 * What it is   Digests over the elements of a value, whatever its encoding. Members of sets and sorted
 *              sets and fields of hashes count without regard to order, scores as doubles (-0 is 0), a
 *              HyperLogLog by its registers, JSON by what it means (also RedisJSON's). Of streams
 *              entries, ids, counters, groups, consumers and what is pending; not when a consumer was
 *              seen last, nor what idempotent producers added. Values of other modules and Dragonfly's probabilistic types count as their bytes.
 * Parts        Times of members, and what a stream has besides entries, have a digest of their own, so that
 *              a caller can say in what two values differ, or allow for times that are nearly the same.
 * Not a key    Fit to see that two values differ, not to withstand somebody who makes them collide.
 * Threads      A digester belongs to one thread.
 */
#ifndef FLOWTAPE_RDB_VALUE_DIGEST_H
#define FLOWTAPE_RDB_VALUE_DIGEST_H

#include "base/err.h"
#include "rdb/digest.h"
#include "rdb/rdb_types.h"

struct value_parts {
    enum value_class class_;   /* RedisJSON's values are VALUE_JSON */
    uint64_t count;            /* elements; of streams entries; else 1 */
    struct value_digest value; /* without what is below */
    uint64_t times;            /* which member ends when; 0: none ends */
    uint64_t state;            /* of a stream: all but its entries; 0: not a stream */
    bool has_counters;         /* the encoding of the stream has entries-added and the like */
};

/* now_ms of who wants all members, whether they have ended or not. */
#define VALUE_DIGEST_ALL INT64_MIN

struct value_digester;

int value_digester_new(struct value_digester **ret, struct ft_err *err);
/* value_digester_run - members that have ended by now_ms do not count. FT_ERR_CORRUPT: it cannot be walked. */
int value_digester_run(struct value_digester *d, unsigned type, struct bytes value, int64_t now_ms,
                       struct value_parts *ret, struct ft_err *err);
void value_digester_free(struct value_digester *d);

/* value_digest_run - everything of one value, times and state included. */
int value_digest_run(unsigned type, struct bytes value, struct value_digest *ret,
                     struct ft_err *err);

#endif
