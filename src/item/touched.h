/*
 * touched.h - which keys may have been touched: a set that never forgets one and may name others
 * too, in memory of a fixed size however many keys there are.
 *
 * What it is   A blocked Bloom filter over database and key: one cache line per key, TOUCHED_PROBES
 *              bits in it. A million keys give about one false answer in ten thousand, ten million about
 *              one in fifty. A false answer costs work, never truth: such
 *              a key takes the longer way, with the same result.
 * Threads      touched_add by one thread at a time; touched_may from any number after that.
 */
#ifndef FLOWTAPE_ITEM_TOUCHED_H
#define FLOWTAPE_ITEM_TOUCHED_H

#include "base/bytes.h"
#include "base/err.h"

#define TOUCHED_PROBES    6
#define TOUCHED_MAX_BYTES (16u << 20)
#define TOUCHED_MIN_BYTES (64u << 10)

/* When nobody knows how many. */
#define TOUCHED_UNKNOWN UINT64_MAX

struct touched;

/* keys: how many are expected. Of the memory that gives few false answers for so many, rounded up to a
 * power of two, TOUCHED_MIN_BYTES to TOUCHED_MAX_BYTES are used. */
int touched_new(struct touched **ret, uint64_t keys, struct ft_err *err);
void touched_add(struct touched *t, uint32_t db, struct bytes key);
/* touched_may - false: certainly never added. */
bool touched_may(const struct touched *t, uint32_t db, struct bytes key);
/* touched_is_empty - nothing was ever added. */
bool touched_is_empty(const struct touched *t);
void touched_free(struct touched *t);

#endif
