/*
 * packed.h - packed unsigned integers, as RDB lengths (rdb/rdb_len.h) and the journal's numbers
 * (journal/journal_reader.h) are coded.
 *
 *   00xxxxxx                       6 bits
 *   01xxxxxx b                     14 bits, big-endian
 *   10000000 b b b b               32 bits, big-endian
 *   10000001 b b b b b b b b       64 bits, big-endian
 *   all others                     not a number
 *
 * Non-minimal forms are accepted. Source: redis src/rdb.c rdbLoadLenByRef (7.2); dragonfly
 * src/server/journal/serializer.cc.
 */
#ifndef FLOWTAPE_CODEC_PACKED_H
#define FLOWTAPE_CODEC_PACKED_H

#include <stddef.h>
#include <stdint.h>

#define PACKED_MAX_SIZE 9

/*
 * packed_get - decode at p. Returns the number of bytes used; 0: more bytes are needed; -1: not a
 * number.
 */
static inline int packed_get(const uint8_t *p, size_t n, uint64_t *ret_value);
/* packed_put - shortest form; returns its size. */
size_t packed_put(uint8_t out[PACKED_MAX_SIZE], uint64_t value);

/* Out of line: the forms of 5 and 9 bytes, and errors. */
int packed_get_long(const uint8_t *p, size_t n, uint64_t *ret_value);

static inline int packed_get(const uint8_t *p, size_t n, uint64_t *ret_value)
{
    if (n >= 1 && p[0] < 0x40) {
        *ret_value = p[0];
        return 1;
    }
    if (n >= 2 && p[0] < 0x80) {
        *ret_value = (uint64_t)(p[0] & 0x3f) << 8 | p[1];
        return 2;
    }
    return packed_get_long(p, n, ret_value);
}

#endif
