/*
 * digest.h - 128 bits over things that have an order, or none.
 *
 * Not a key    Fit to see that two things differ, not to withstand somebody who makes them collide.
 */
#ifndef FLOWTAPE_RDB_DIGEST_H
#define FLOWTAPE_RDB_DIGEST_H

#include "base/bytes.h"

struct value_digest {
    uint64_t low, high;
};

static inline bool value_digest_eq(const struct value_digest *a, const struct value_digest *b)
{
    return a->low == b->low && a->high == b->high;
}

/* value_digest_follow - the next part of something that has an order; salt: what kind of part. */
void value_digest_follow(struct value_digest *d, unsigned salt, struct bytes part);
/* value_digest_add - one more of things without an order. A sum, and not an exclusive or, so that two equal ones
 * (of a damaged value, say) do not vanish. */
static inline void value_digest_add(struct value_digest *sum, const struct value_digest *d)
{
    sum->low += d->low;
    sum->high += d->high;
}

#endif
