#include "rdb/rdb_string.h"

#include <inttypes.h>

#include "base/endian.h"
#include "codec/lzf.h"
#include "rdb/rdb_len.h"

enum {
    STRING_INT8 = 0xc0,
    STRING_INT16 = 0xc1,
    STRING_INT32 = 0xc2,
    STRING_LZF = 0xc3,
};

/* Three bytes of LZF give at most 264; a claim beyond that is a lie. */
#define LZF_MAX_RATIO 88

/* The longest text that is tried as an integer: "-2147483648". */
#define INT32_TEXT_MAX 11

static enum step int_head(const uint8_t *p, size_t n, struct rdb_string_head *ret)
{
    size_t size = (size_t)1 << (p[0] - STRING_INT8);

    if (n < 1 + size)
        return STEP_MORE;
    ret->kind = RDB_STRING_INT;
    ret->head_size = 1 + size;
    ret->payload_size = 0;
    ret->raw_size = 0;
    if (size == 1)
        ret->integer = (int8_t)p[1];
    else if (size == 2)
        ret->integer = (int16_t)load_le16(p + 1);
    else
        ret->integer = (int32_t)load_le32(p + 1);
    return STEP_ITEM;
}

static enum step lzf_head(const uint8_t *p, size_t n, struct rdb_string_head *ret)
{
    uint64_t packed = 0;
    uint64_t raw = 0;
    int a = rdb_len_get(p + 1, n - 1, &packed);
    int b = a > 0 ? rdb_len_get(p + 1 + a, n - 1 - (size_t)a, &raw) : a;

    if (b < 0)
        return STEP_ERROR;
    if (b == 0)
        return STEP_MORE;
    ret->kind = RDB_STRING_LZF;
    ret->head_size = (size_t)(1 + a + b);
    ret->payload_size = packed;
    ret->raw_size = raw;
    return STEP_ITEM;
}

enum step rdb_string_head_other(const uint8_t *p, size_t n, int used, struct rdb_string_head *ret)
{
    if (used == 0)
        return STEP_MORE;
    if (p[0] >= STRING_INT8 && p[0] <= STRING_INT32)
        return int_head(p, n, ret);
    return p[0] == STRING_LZF ? lzf_head(p, n, ret) : STEP_ERROR;
}

/* The head of a string that must lie in *in as a whole. */
static int whole_head(struct bytes in, struct rdb_string_head *ret, struct ft_err *err)
{
    switch (rdb_string_head_get(in.p, in.n, ret)) {
    case STEP_ITEM:
        break;
    case STEP_MORE:
        return err_set(err, FT_ERR_CORRUPT, "a string ends in its head");
    default:
        return err_set(err, FT_ERR_CORRUPT, "0x%02x does not begin a string", in.p[0]);
    }
    if (ret->payload_size > in.n - ret->head_size) {
        return err_set(err, FT_ERR_CORRUPT, "a string of %" PRIu64 " bytes ends after %zu",
                       ret->payload_size, in.n - ret->head_size);
    }
    return 0;
}

static int take_int(int64_t value, struct bytes *ret, struct buf *scratch, struct ft_err *err)
{
    char text[I64_TEXT_SIZE];
    size_t n = i64_to_text(value, text);

    if (buf_append(scratch, text, n, err) != 0)
        return -1;
    *ret = buf_bytes(scratch);
    return 0;
}

/* What a so much shorter block cannot be is not tried. */
static bool is_possible(uint64_t packed_size, uint64_t raw_size)
{
    return raw_size != 0 && raw_size / LZF_MAX_RATIO <= packed_size;
}

bool rdb_string_lzf_holds(const struct rdb_string_head *head, const uint8_t *payload)
{
    return is_possible(head->payload_size, head->raw_size) &&
           lzf_holds(bytes_of(payload, (size_t)head->payload_size), head->raw_size);
}

static int take_lzf(struct bytes packed, uint64_t raw_size, struct bytes *ret, struct buf *scratch,
                    struct ft_err *err)
{
    if (!is_possible(packed.n, raw_size)) {
        return err_set(err, FT_ERR_CORRUPT, "%zu bytes of lzf cannot be %" PRIu64 " bytes",
                       packed.n, raw_size);
    }
    if (buf_reserve(scratch, (size_t)raw_size, err) != 0)
        return -1;
    if (!lzf_decompress(packed, scratch->p, (size_t)raw_size)) {
        return err_set(err, FT_ERR_CORRUPT,
                       "%zu bytes of lzf do not decompress to %" PRIu64 " bytes", packed.n,
                       raw_size);
    }
    scratch->n = (size_t)raw_size;
    *ret = buf_bytes(scratch);
    return 0;
}

int rdb_string_take_other(struct bytes *in, struct bytes *ret, struct buf *scratch,
                          struct ft_err *err)
{
    struct rdb_string_head head;
    struct bytes payload;
    int rc = 0;

    if (whole_head(*in, &head, err) != 0)
        return -1;
    payload = bytes_of(in->p + head.head_size, (size_t)head.payload_size);
    if (head.kind == RDB_STRING_INT)
        rc = take_int(head.integer, ret, scratch, err);
    else
        rc = take_lzf(payload, head.raw_size, ret, scratch, err);
    if (rc != 0)
        return -1;
    in->p += head.head_size + payload.n;
    in->n -= head.head_size + payload.n;
    return 0;
}

int rdb_string_skip(struct bytes *in, struct ft_err *err)
{
    struct rdb_string_head head;

    if (whole_head(*in, &head, err) != 0)
        return -1;
    in->p += head.head_size + head.payload_size;
    in->n -= head.head_size + head.payload_size;
    return 0;
}

/* The integer coding of s, or 0 when it has none: only what comes back as the same text. */
static size_t int_coding(struct bytes s, uint8_t out[5])
{
    char text[I64_TEXT_SIZE];
    int64_t value;

    if (s.n == 0 || s.n > INT32_TEXT_MAX || !bytes_to_i64(s, &value))
        return 0;
    if (value < INT32_MIN || value > INT32_MAX)
        return 0;
    if (!bytes_eq(s, bytes_of(text, i64_to_text(value, text))))
        return 0;
    if (value >= INT8_MIN && value <= INT8_MAX) {
        out[0] = STRING_INT8;
        out[1] = (uint8_t)value;
        return 2;
    }
    if (value >= INT16_MIN && value <= INT16_MAX) {
        out[0] = STRING_INT16;
        store_le16(out + 1, (uint16_t)value);
        return 3;
    }
    out[0] = STRING_INT32;
    store_le32(out + 1, (uint32_t)value);
    return 5;
}

int rdb_string_put(struct buf *out, struct bytes s, struct ft_err *err)
{
    uint8_t head[RDB_LEN_MAX_SIZE];
    size_t n = int_coding(s, head);

    if (n != 0)
        return buf_append(out, head, n, err);
    n = rdb_len_put(head, s.n);
    if (buf_reserve(out, n + s.n, err) != 0 || buf_append(out, head, n, err) != 0)
        return -1;
    return buf_append(out, s.p, s.n, err);
}
