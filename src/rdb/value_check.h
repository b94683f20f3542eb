/*
 * value_check.h - read every element of a serialised value: FT_ERR_CORRUPT if anything in it does not
 * hold together, or is what redis-server refuses to load or would fail on later: a member, field, group
 * or consumer twice, a listpack of a stream twice, a pending entry with two consumers, a score that is not a
 * number. Values that only their owner understands (modules, Dragonfly's probabilistic types) are checked by their
 * framing alone (value_walk.h).
 *
 * Cost         A value that is a plain string costs nothing; of others each element is hashed. Memory is that of a member_set,
 *              or, from a million members on, of a log of their hashes (hash_log.h).
 * Source       redis src/rdb.c rdbLoadObject, src/t_hash.c hashTypeConvertListpack (7.0, 7.2).
 */
#ifndef FLOWTAPE_RDB_VALUE_CHECK_H
#define FLOWTAPE_RDB_VALUE_CHECK_H

#include "base/buf.h"
#include "rdb/member_set.h"
#include "rdb/value_iter.h"

/* Zeroed to begin with. */
struct value_check {
    struct value_iter *it; /* made on first use, kept for the next value */
    struct member_set members;
};

int value_check_run(struct value_check *c, unsigned type, struct bytes value, struct ft_err *err);
void value_check_release(struct value_check *c);

#endif
