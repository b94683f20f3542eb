/*
 * value_digest.h - are two serialised values the same to a user?
 *
 * What it is   128 bits over the elements of a value, whatever its encoding. Members of sets and sorted
 *              sets and fields of hashes count without regard to order. Of streams entries, ids,
 *              counters, groups, and what is pending; not when a consumer was seen last. Values of
 *              modules, JSON and Dragonfly's probabilistic types count as their bytes.
 * Not a key    Fit to see that two values differ, not to withstand somebody who makes them collide.
 */
#ifndef FLOWTAPE_RDB_VALUE_DIGEST_H
#define FLOWTAPE_RDB_VALUE_DIGEST_H

#include "base/bytes.h"
#include "base/err.h"

struct value_digest {
    uint64_t low, high;
};

/* value_digest_run - FT_ERR_CORRUPT: the value cannot be walked. */
int value_digest_run(unsigned type, struct bytes value, struct value_digest *ret,
                     struct ft_err *err);

static inline bool value_digest_eq(const struct value_digest *a, const struct value_digest *b)
{
    return a->low == b->low && a->high == b->high;
}

#endif
