/*
 * rdb_len.h - RDB lengths: packed unsigned integers (codec/packed.h shows the coding). A first byte
 * of 11xxxxxx is not a length but a string encoding (rdb_string.h).
 */
#ifndef FLOWTAPE_RDB_RDB_LEN_H
#define FLOWTAPE_RDB_RDB_LEN_H

#include "base/bytes.h"
#include "base/err.h"
#include "codec/packed.h"

#define RDB_LEN_MAX_SIZE PACKED_MAX_SIZE

/*
 * rdb_len_get - decode at p. Returns the number of bytes used; 0: more bytes are needed; -1: not a
 * length (no error text is set).
 */
static inline int rdb_len_get(const uint8_t *p, size_t n, uint64_t *ret_value)
{
    return packed_get(p, n, ret_value);
}

/* rdb_len_put - shortest form; returns its size. */
static inline size_t rdb_len_put(uint8_t out[RDB_LEN_MAX_SIZE], uint64_t value)
{
    return packed_put(out, value);
}

#endif
