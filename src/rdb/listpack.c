#include "rdb/listpack.h"

#include "base/endian.h"
#include "base/passed_memory.h"

#define HEADER_SIZE 6
#define TERMINATOR  0xff

static enum step corrupt(const struct listpack_iter *it, const char *what, struct ft_err *err)
{
    return err_at(err, FT_ERR_CORRUPT, listpack_iter_offset(it), "listpack: %s", what);
}

int listpack_iter_init(struct listpack_iter *it, struct bytes blob, struct ft_err *err)
{
    if (blob.n < LISTPACK_EMPTY_SIZE) {
        return err_at(err, FT_ERR_CORRUPT, 0, "listpack of %zu bytes, wanted at least %d", blob.n,
                      LISTPACK_EMPTY_SIZE);
    }
    if (load_le32(blob.p) != blob.n) {
        return err_at(err, FT_ERR_CORRUPT, 0, "listpack of %zu bytes claims to have %u", blob.n,
                      load_le32(blob.p));
    }
    if (blob.p[blob.n - 1] != TERMINATOR)
        return err_at(err, FT_ERR_CORRUPT, blob.n - 1, "listpack without its end mark");
    it->base = blob.p;
    it->passed = blob.p;
    it->p = blob.p + HEADER_SIZE;
    it->end = blob.p + blob.n - 1;
    it->count = load_le16(blob.p + 4);
    it->seen = 0;
    return 0;
}

/* Sign-extends the lowest `bits` bits. */
static int64_t signed_bits(uint64_t value, unsigned bits)
{
    uint64_t sign = (uint64_t)1 << (bits - 1);

    return (int64_t)((value ^ sign) - sign);
}

/*
 * Decodes the encoding byte and the length or integer after it; *ret_head is their size. All bytes
 * of the head lie in front of the terminator when this returns true.
 */
static bool decode_head(const uint8_t *p, size_t left, size_t *ret_head, struct blob_element *ret)
{
    uint8_t first = p[0];

    if ((first & 0x80) == 0) {
        *ret_head = 1;
        blob_element_set_integer(ret, first);
    } else if ((first & 0xc0) == 0x80) {
        *ret_head = 1;
        blob_element_set_text(ret, p + 1, first & 0x3f);
    } else if ((first & 0xe0) == 0xc0) {
        *ret_head = 2;
        if (left < 2)
            return false;
        blob_element_set_integer(ret, signed_bits((uint64_t)(first & 0x1f) << 8 | p[1], 13));
    } else if ((first & 0xf0) == 0xe0) {
        *ret_head = 2;
        if (left < 2)
            return false;
        blob_element_set_text(ret, p + 2, (size_t)(first & 0x0f) << 8 | p[1]);
    } else {
        static const uint8_t sizes[16] = {5, 3, 4, 5, 9};
        size_t head = sizes[first & 0x0f];

        if (head == 0 || left < head)
            return false;
        *ret_head = head;
        if (first == 0xf0)
            blob_element_set_text(ret, p + 5, load_le32(p + 1));
        else if (first == 0xf1)
            blob_element_set_integer(ret, (int16_t)load_le16(p + 1));
        else if (first == 0xf2)
            blob_element_set_integer(ret, signed_bits((uint64_t)p[3] << 16 | load_le16(p + 1), 24));
        else if (first == 0xf3)
            blob_element_set_integer(ret, (int32_t)load_le32(p + 1));
        else
            blob_element_set_integer(ret, (int64_t)load_le64(p + 1));
    }
    return true;
}

/* The writer's limits are one lower than seven bits a byte would allow. */
static size_t back_size(uint64_t size)
{
    return size <= 127 ? 1 : size < 16383 ? 2 : size < 2097151 ? 3 : size < 268435455 ? 4 : 5;
}

static bool back_matches(const uint8_t *p, size_t n, uint64_t size)
{
    if (n == 1)
        return p[0] == size;
    for (size_t i = n; i-- > 0; size >>= 7) {
        if (p[i] != ((size & 0x7f) | (i == 0 ? 0 : 0x80)))
            return false;
    }
    return true;
}

static enum step end_of(const struct listpack_iter *it, struct ft_err *err)
{
    if (it->count != LISTPACK_COUNT_UNKNOWN && it->count != it->seen)
        return corrupt(it, "number of elements is not what the header says", err);
    return STEP_END;
}

enum step listpack_iter_next(struct listpack_iter *it, struct blob_element *ret, struct ft_err *err)
{
    size_t left = (size_t)(it->end - it->p);
    struct blob_element element;
    size_t head;
    uint64_t size;
    size_t back;

    if (left == 0)
        return end_of(it, err);
    if (!decode_head(it->p, left, &head, &element))
        return corrupt(it, "bad encoding of an element", err);
    size = head + (uint64_t)element.text.n;
    back = back_size(size);
    if (size + back > left)
        return corrupt(it, "element reaches beyond the end", err);
    if (!back_matches(it->p + size, back, size))
        return corrupt(it, "element with a wrong length after it", err);
    it->p += size + back;
    it->seen++;
    it->passed = memory_pass(it->passed, it->p);
    *ret = element;
    return STEP_ITEM;
}
