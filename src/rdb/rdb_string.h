/*
 * rdb_string.h - RDB strings: raw, integer-encoded (C0 int8, C1 LE16, C2 LE32) or LZF (C3,
 * compressed length, raw length, data). Source: redis src/rdb.c rdbGenericLoadStringObject (7.2).
 */
#ifndef FLOWTAPE_RDB_RDB_STRING_H
#define FLOWTAPE_RDB_RDB_STRING_H

#include "base/buf.h"
#include "rdb/rdb_len.h"

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

/* The most that one compressed string may claim to become. */
#define RDB_STRING_MAX_BYTES ((size_t)1 << 30)

/* The longest head: C3 and two lengths of 9 bytes. */
#define RDB_STRING_HEAD_MAX 19

/* Out of line: all but a length. */
enum step rdb_string_head_other(const uint8_t *p, size_t n, int used, struct rdb_string_head *ret);

/*
 * rdb_string_head_get - STEP_ITEM, STEP_MORE (n is too small), or STEP_ERROR without an error text
 * (first byte is no string).
 */
static inline enum step rdb_string_head_get(const uint8_t *p, size_t n, struct rdb_string_head *ret)
{
    uint64_t len;
    int used = rdb_len_get(p, n, &len);

    if (used <= 0)
        return rdb_string_head_other(p, n, used, ret);
    ret->kind = RDB_STRING_RAW;
    ret->head_size = (size_t)used;
    ret->payload_size = len;
    ret->raw_size = len;
    return STEP_ITEM;
}

/*
 * rdb_string_is_raw - is it a string that is stored as it is, whole? Nearly all are, so this is all that
 * most of them cost. *ret_head: the size of its head.
 */
static inline bool rdb_string_is_raw(const uint8_t *p, size_t n, size_t *ret_head, size_t *ret_size)
{
    uint64_t len;
    int used = rdb_len_get(p, n, &len);

    if (used <= 0 || len > n - (size_t)used)
        return false;
    *ret_head = (size_t)used;
    *ret_size = (size_t)len;
    return true;
}

/*
 * rdb_string_take - decode the string at the front of *in and advance *in after it.
 *
 * ret      RAW: points into the input. INT: into scratch (decimal text). LZF: into scratch.
 * scratch  Reused memory; cleared by each call, so ret is valid until the next use of scratch. Its
 *          limit bounds what an LZF string may claim.
 * Errors   FT_ERR_CORRUPT (ends early, bad coding, LZF that does not give what it claims).
 */
static inline int rdb_string_take(struct bytes *in, struct bytes *ret, struct buf *scratch,
                                  struct ft_err *err);
/* Out of line: what is not stored as it is. */
int rdb_string_take_other(struct bytes *in, struct bytes *ret, struct buf *scratch,
                          struct ft_err *err);

/* rdb_string_lzf_holds - what follows such a head, all of which is there: does it decode to what the head claims? */
bool rdb_string_lzf_holds(const struct rdb_string_head *head, const uint8_t *payload);

/* rdb_string_skip - advance *in after the string without decoding it. */
int rdb_string_skip(struct bytes *in, struct ft_err *err);

/* rdb_string_put - append as raw string, or integer-encoded where Redis would do so. */
int rdb_string_put(struct buf *out, struct bytes s, struct ft_err *err);

static inline int rdb_string_take(struct bytes *in, struct bytes *ret, struct buf *scratch,
                                  struct ft_err *err)
{
    size_t head;
    size_t n;

    buf_clear(scratch);
    if (!rdb_string_is_raw(in->p, in->n, &head, &n))
        return rdb_string_take_other(in, ret, scratch, err);
    *ret = bytes_of(in->p + head, n);
    *in = bytes_of(ret->p + n, in->n - head - n);
    return 0;
}

#endif
