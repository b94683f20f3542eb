/*
 * zipmap.h - read-only iterator over a zipmap, the small hashes of Redis before 2.6.
 *
 * Lifetime  The blob must outlive the iterator and the elements.
 * Errors    FT_ERR_CORRUPT, with the offset within the blob.
 * Format    Source: redis src/zipmap.c (7.2).
 *
 *   zipmap := pairs (254 and more: not known), pair*, FF
 *   pair   := length field, length free value, `free` unused bytes after the value
 *   length := a byte below 254, or FE LE32
 */
#ifndef FLOWTAPE_RDB_ZIPMAP_H
#define FLOWTAPE_RDB_ZIPMAP_H

#include "base/bytes.h"
#include "base/err.h"

#define ZIPMAP_COUNT_UNKNOWN 254
/* A zipmap without pairs. */
#define ZIPMAP_EMPTY_SIZE 2

struct zipmap_iter {
    const uint8_t *base;
    const uint8_t *passed; /* passed_memory.h */
    const uint8_t *p;
    const uint8_t *end; /* the terminator */
    uint32_t count;     /* as the header says */
    uint64_t seen;
};

int zipmap_iter_init(struct zipmap_iter *it, struct bytes blob, struct ft_err *err);
enum step zipmap_iter_next(struct zipmap_iter *it, struct bytes *ret_field, struct bytes *ret_value,
                           struct ft_err *err);

#endif
