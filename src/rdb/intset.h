/*
 * intset.h - read-only iterator over an intset: LE32 bytes per element (2, 4 or 8), LE32 elements,
 * then signed little-endian integers, strictly ascending. Source: redis src/intset.c (7.2).
 *
 * Lifetime  The blob must outlive the iterator.
 * Errors    FT_ERR_CORRUPT, with the offset within the blob.
 */
#ifndef FLOWTAPE_RDB_INTSET_H
#define FLOWTAPE_RDB_INTSET_H

#include "base/err.h"
#include "rdb/blob_element.h"

/* An intset without elements. */
#define INTSET_EMPTY_SIZE 8

struct intset_iter {
    const uint8_t *base;
    const uint8_t *passed; /* passed_memory.h */
    const uint8_t *p;
    const uint8_t *end;
    int64_t previous;
    uint32_t width;
    uint32_t count;
};

int intset_iter_init(struct intset_iter *it, struct bytes blob, struct ft_err *err);
enum step intset_iter_next(struct intset_iter *it, struct blob_element *ret, struct ft_err *err);

#endif
