/*
 * ziplist.h - read-only iterator over a ziplist.
 *
 * Lifetime  The blob must outlive the iterator and the elements.
 * Errors    FT_ERR_CORRUPT, with the offset within the blob: the total length, each entry's bounds
 *           and record of its predecessor, the offset of the last entry, the terminator and the
 *           number of elements are checked. Bytes outside the blob are never looked at.
 * Format    Source: redis src/ziplist.c (6.2).
 *
 *   ziplist  := LE32 size of all, LE32 offset of the last entry, LE16 elements (0xffff: not known),
 *               entry*, FF
 *   entry    := previous encoding [data], previous being the size of the entry in front: a byte
 *               below 254, or FE LE32
 *   encoding := 00xxxxxx                  string of up to 63 bytes
 *             | 01xxxxxx b                string of up to 16383 bytes, big-endian
 *             | 80 BE32                   string
 *             | C0, D0, E0, F0, FE        integer of 2, 4, 8, 3, 1 bytes, little-endian
 *             | F1 .. FD                  integer 0..12
 */
#ifndef FLOWTAPE_RDB_ZIPLIST_H
#define FLOWTAPE_RDB_ZIPLIST_H

#include "base/err.h"
#include "rdb/blob_element.h"

#define ZIPLIST_COUNT_UNKNOWN 0xffffu
/* A ziplist without elements. */
#define ZIPLIST_EMPTY_SIZE 11

struct ziplist_iter {
    const uint8_t *base;
    const uint8_t *passed; /* passed_memory.h */
    const uint8_t *p;      /* next entry */
    const uint8_t *last;   /* the entry before it */
    const uint8_t *end;    /* the terminator */
    uint32_t count;        /* as the header says */
    uint64_t seen;
};

int ziplist_iter_init(struct ziplist_iter *it, struct bytes blob, struct ft_err *err);
enum step ziplist_iter_next(struct ziplist_iter *it, struct blob_element *ret, struct ft_err *err);

/* ziplist_looks_like - size, offset of the last entry and end mark are those of a ziplist. */
bool ziplist_looks_like(struct bytes blob);

#endif
