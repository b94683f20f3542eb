#include "rdb/blob_writer.h"

#include "base/endian.h"

#define LISTPACK_HEAD 6
#define ZIPLIST_HEAD  10
#define COUNT_UNKNOWN 0xffffu
/* Of an element without its bytes: the length before it, or after it, included. */
#define ELEMENT_MAX 16
/* An integer of 64 bits has so many characters at most: longer ones are not looked at. */
#define INTEGER_TEXT_MAX 20

int blob_writer_begin(struct blob_writer *w, enum blob_kind kind, struct ft_err *err)
{
    static const uint8_t head[ZIPLIST_HEAD];

    w->kind = kind;
    w->count = 0;
    w->last = 0;
    buf_clear(&w->out);
    return buf_append(&w->out, head, kind == BLOB_LISTPACK ? LISTPACK_HEAD : ZIPLIST_HEAD, err);
}

/* Is it the text that Redis would make of this integer? */
static bool is_integer(struct bytes element, int64_t *ret)
{
    char text[I64_TEXT_SIZE];

    return element.n > 0 && element.n <= INTEGER_TEXT_MAX && bytes_to_i64(element, ret) &&
           bytes_eq(bytes_of(text, i64_to_text(*ret, text)), element);
}

static void put_le(struct buf *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_push(out, (uint8_t)(value >> 8 * i));
}

static bool fits(int64_t v, unsigned bits)
{
    return v >= -(INT64_C(1) << (bits - 1)) && v < INT64_C(1) << (bits - 1);
}

static void listpack_integer(struct buf *out, int64_t v)
{
    if (v >= 0 && v < 128) {
        buf_push(out, (uint8_t)v);
    } else if (fits(v, 13)) {
        buf_push(out, (uint8_t)(0xc0 | ((uint64_t)v >> 8 & 0x1f)));
        buf_push(out, (uint8_t)v);
    } else {
        unsigned bytes = fits(v, 16) ? 2 : fits(v, 24) ? 3 : fits(v, 32) ? 4 : 8;

        buf_push(out, bytes == 8 ? 0xf4 : (uint8_t)(0xf1 + bytes - 2));
        put_le(out, (uint64_t)v, bytes);
    }
}

static void listpack_string_head(struct buf *out, size_t n)
{
    if (n < 64) {
        buf_push(out, (uint8_t)(0x80 | n));
    } else if (n < 4096) {
        buf_push(out, (uint8_t)(0xe0 | n >> 8));
        buf_push(out, (uint8_t)n);
    } else {
        buf_push(out, 0xf0);
        put_le(out, n, 4);
    }
}

/* The size of what is before it, so that a listpack can be read from its end. */
static void listpack_back(struct buf *out, size_t size)
{
    unsigned groups = 1;

    while (size >> 7 * groups != 0)
        groups++;
    for (unsigned i = groups; i-- > 0;)
        buf_push(out, (uint8_t)((size >> 7 * i & 0x7f) | (i + 1 < groups ? 0x80 : 0)));
}

static void ziplist_integer(struct buf *out, int64_t v)
{
    unsigned bytes = fits(v, 8) ? 1 : fits(v, 16) ? 2 : fits(v, 32) ? 4 : 8;

    if (v >= 0 && v <= 12) {
        buf_push(out, (uint8_t)(0xf1 + v));
        return;
    }
    buf_push(out, bytes == 1 ? 0xfe : bytes == 2 ? 0xc0 : bytes == 4 ? 0xd0 : 0xe0);
    put_le(out, (uint64_t)v, bytes);
}

static void ziplist_string_head(struct buf *out, size_t n)
{
    if (n < 64) {
        buf_push(out, (uint8_t)n);
    } else if (n < 16384) {
        buf_push(out, (uint8_t)(0x40 | n >> 8));
        buf_push(out, (uint8_t)n);
    } else {
        buf_push(out, 0x80);
        for (unsigned i = 4; i-- > 0;)
            buf_push(out, (uint8_t)(n >> 8 * i));
    }
}

static void ziplist_previous(struct blob_writer *w)
{
    size_t size = w->last == 0 ? 0 : w->out.n - w->last;

    w->last = w->out.n;
    if (size < 254) {
        buf_push(&w->out, (uint8_t)size);
    } else {
        buf_push(&w->out, 0xfe);
        put_le(&w->out, size, 4);
    }
}

int blob_writer_add(struct blob_writer *w, struct bytes element, struct ft_err *err)
{
    struct buf *out = &w->out;
    size_t start;
    int64_t v;

    if (element.n > UINT32_MAX - 2 * ELEMENT_MAX - out->n)
        return err_set(err, FT_ERR_LIMIT, "cannot pack elements of more than 4 GiB");
    if (buf_reserve(out, element.n + ELEMENT_MAX, err) != 0)
        return -1;
    if (w->kind == BLOB_ZIPLIST)
        ziplist_previous(w);
    start = out->n;
    if (is_integer(element, &v)) {
        w->kind == BLOB_ZIPLIST ? ziplist_integer(out, v) : listpack_integer(out, v);
    } else {
        w->kind == BLOB_ZIPLIST ? ziplist_string_head(out, element.n)
                                : listpack_string_head(out, element.n);
        if (element.n > 0)
            memcpy(out->p + out->n, element.p, element.n);
        out->n += element.n;
    }
    if (w->kind == BLOB_LISTPACK)
        listpack_back(out, out->n - start);
    w->count++;
    return 0;
}

int blob_writer_end(struct blob_writer *w, struct bytes *ret, struct ft_err *err)
{
    size_t count_at = w->kind == BLOB_LISTPACK ? 4 : 8;
    uint32_t count = w->count < COUNT_UNKNOWN ? w->count : COUNT_UNKNOWN;
    uint8_t *head;

    if (buf_append(&w->out, "\xff", 1, err) != 0)
        return -1;
    head = w->out.p;
    store_le32(head, (uint32_t)w->out.n);
    if (w->kind == BLOB_ZIPLIST)
        store_le32(head + 4, (uint32_t)(w->last == 0 ? ZIPLIST_HEAD : w->last));
    head[count_at] = (uint8_t)count;
    head[count_at + 1] = (uint8_t)(count >> 8);
    *ret = buf_bytes(&w->out);
    return 0;
}

void blob_writer_release(struct blob_writer *w)
{
    buf_release(&w->out);
}
