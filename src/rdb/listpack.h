/*
 * listpack.h - read-only iterator over a listpack.
 *
 * Lifetime  The blob must outlive the iterator and the elements.
 * Errors    FT_ERR_CORRUPT, with the offset within the blob: the total length, each entry's bounds
 *           and length after it, the terminator and the number of elements are checked. Bytes
 *           outside the blob are never looked at.
 * Format    Source: redis src/listpack.c (7.2).
 *
 *   listpack := LE32 size of all, LE16 elements (0xffff: not known), entry*, FF
 *   entry    := encoding [data] back, back being the size of what is in front of it in 1 to 5
 *               bytes, seven bits each, the highest first, flagged 0x80 but for the first
 *   encoding := 0xxxxxxx                  integer 0..127
 *             | 10xxxxxx                  string of up to 63 bytes
 *             | 110xxxxx b                integer of 13 bits, big-endian
 *             | 1110xxxx b                string of up to 4095 bytes, big-endian
 *             | F0 LE32                   string
 *             | F1 .. F4                  integer of 2, 3, 4, 8 bytes, little-endian
 */
#ifndef FLOWTAPE_RDB_LISTPACK_H
#define FLOWTAPE_RDB_LISTPACK_H

#include "base/err.h"
#include "rdb/blob_element.h"

#define LISTPACK_COUNT_UNKNOWN 0xffffu
/* A listpack without elements. */
#define LISTPACK_EMPTY_SIZE 7

struct listpack_iter {
    const uint8_t *base;
    const uint8_t *passed; /* passed_memory.h */
    const uint8_t *p;      /* next entry */
    const uint8_t *end;    /* the terminator */
    uint32_t count;        /* as the header says */
    uint64_t seen;
};

int listpack_iter_init(struct listpack_iter *it, struct bytes blob, struct ft_err *err);
enum step listpack_iter_next(struct listpack_iter *it, struct blob_element *ret,
                             struct ft_err *err);

/* listpack_iter_offset - where the next entry begins. */
static inline size_t listpack_iter_offset(const struct listpack_iter *it)
{
    return (size_t)(it->p - it->base);
}

#endif
