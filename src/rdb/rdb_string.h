/*
 * rdb_string.h - RDB strings: raw, integer-encoded (C0 int8, C1 LE16, C2 LE32) or LZF (C3,
 * compressed length, raw length, data). Source: redis src/rdb.c rdbGenericLoadStringObject (7.2).
 */
#ifndef FLOWTAPE_RDB_RDB_STRING_H
#define FLOWTAPE_RDB_RDB_STRING_H

#include "base/buf.h"

enum rdb_string_kind {
    RDB_STRING_RAW,
    RDB_STRING_INT,
    RDB_STRING_LZF,
};

/* The head of a string: everything in front of its payload. */
struct rdb_string_head {
    enum rdb_string_kind kind;
    size_t head_size;      /* bytes of the head itself */
    uint64_t payload_size; /* bytes that follow the head (0 for INT) */
    uint64_t raw_size;     /* bytes of the decoded string (LZF: as claimed; INT: not set) */
    int64_t integer;       /* INT only */
};

/* The longest head: C3 and two lengths of 9 bytes. */
#define RDB_STRING_HEAD_MAX 19

/*
 * rdb_string_head_get - STEP_ITEM, STEP_MORE (n is too small), or STEP_ERROR without an error text
 * (first byte is no string).
 */
enum step rdb_string_head_get(const uint8_t *p, size_t n, struct rdb_string_head *ret);

/*
 * rdb_string_take - decode the string at the front of *in and advance *in after it.
 *
 * ret      RAW: points into the input. INT: into scratch (decimal text). LZF: into scratch.
 * scratch  Reused memory; cleared by each call, so ret is valid until the next use of scratch. Its
 *          limit bounds what an LZF string may claim.
 * Errors   FT_ERR_CORRUPT (ends early, bad coding, LZF that does not give what it claims).
 */
int rdb_string_take(struct bytes *in, struct bytes *ret, struct buf *scratch, struct ft_err *err);

/* rdb_string_skip - advance *in after the string without decoding it. */
int rdb_string_skip(struct bytes *in, struct ft_err *err);

/* rdb_string_put - append as raw string, or integer-encoded where Redis would do so. */
int rdb_string_put(struct buf *out, struct bytes s, struct ft_err *err);

#endif
