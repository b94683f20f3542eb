/*
 * value_check.h - read every element of a serialised value, for verification: FT_ERR_CORRUPT if
 * anything in it does not hold together. Values that only their owner understands (modules,
 * Dragonfly's probabilistic types) are checked by their framing alone (value_walk.h).
 */
#ifndef FLOWTAPE_RDB_VALUE_CHECK_H
#define FLOWTAPE_RDB_VALUE_CHECK_H

#include "base/buf.h"
#include "rdb/value_iter.h"

struct value_check {
    struct value_iter *it; /* made on first use, kept for the next value */
};

int value_check_run(struct value_check *c, unsigned type, struct bytes value, struct ft_err *err);
void value_check_release(struct value_check *c);

#endif
