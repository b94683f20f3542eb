#include "rdb/ziplist.h"

#include "base/endian.h"
#include "base/passed_memory.h"

#define HEADER_SIZE  10
#define TERMINATOR   0xff
#define PREVIOUS_BIG 0xfe

static enum step corrupt(const struct ziplist_iter *it, const char *what, struct ft_err *err)
{
    return err_at(err, FT_ERR_CORRUPT, (uint64_t)(it->p - it->base), "ziplist: %s", what);
}

bool ziplist_looks_like(struct bytes blob)
{
    return blob.n >= ZIPLIST_EMPTY_SIZE && load_le32(blob.p) == blob.n &&
           load_le32(blob.p + 4) >= HEADER_SIZE && load_le32(blob.p + 4) < blob.n &&
           blob.p[blob.n - 1] == TERMINATOR;
}

int ziplist_iter_init(struct ziplist_iter *it, struct bytes blob, struct ft_err *err)
{
    if (blob.n < ZIPLIST_EMPTY_SIZE) {
        return err_at(err, FT_ERR_CORRUPT, 0, "ziplist of %zu bytes, wanted at least %d", blob.n,
                      ZIPLIST_EMPTY_SIZE);
    }
    if (load_le32(blob.p) != blob.n) {
        return err_at(err, FT_ERR_CORRUPT, 0, "ziplist of %zu bytes claims to have %u", blob.n,
                      load_le32(blob.p));
    }
    if (!ziplist_looks_like(blob))
        return err_at(err, FT_ERR_CORRUPT, 4, "ziplist with a bad tail offset or end mark");
    it->base = blob.p;
    it->passed = blob.p;
    it->p = blob.p + HEADER_SIZE;
    it->last = it->p;
    it->end = blob.p + blob.n - 1;
    it->count = load_le16(blob.p + 8);
    it->seen = 0;
    return 0;
}

/* Size of the record of the predecessor, which must tell the truth; 0 if not. */
static size_t check_previous(const struct ziplist_iter *it, size_t left)
{
    size_t want = it->seen == 0 ? 0 : (size_t)(it->p - it->last);

    if (it->p[0] < PREVIOUS_BIG)
        return it->p[0] == want ? 1 : 0;
    return it->p[0] == PREVIOUS_BIG && left >= 5 && load_le32(it->p + 1) == want ? 5 : 0;
}

/* Size of an integer's data by its encoding byte; -1 if it is none. */
static int integer_size(uint8_t encoding)
{
    switch (encoding) {
    case 0xc0:
        return 2;
    case 0xd0:
        return 4;
    case 0xe0:
        return 8;
    case 0xf0:
        return 3;
    case 0xfe:
        return 1;
    default:
        return encoding > 0xf0 && encoding < 0xfe ? 0 : -1;
    }
}

static int64_t load_integer(const uint8_t *p, uint8_t encoding)
{
    switch (encoding) {
    case 0xc0:
        return (int16_t)load_le16(p);
    case 0xd0:
        return (int32_t)load_le32(p);
    case 0xe0:
        return (int64_t)load_le64(p);
    case 0xf0:
        return (int32_t)((uint32_t)(int8_t)p[2] << 16 | load_le16(p));
    case 0xfe:
        return (int8_t)p[0];
    default:
        return encoding - 0xf1;
    }
}

/*
 * Decodes encoding and data at p; *ret_size is the size of both. False: bad, or more than `left`
 * bytes.
 */
static bool decode_entry(const uint8_t *p, size_t left, uint64_t *ret_size,
                         struct blob_element *ret)
{
    size_t head;
    uint64_t n;

    if (left == 0)
        return false;
    if (p[0] >= 0xc0) {
        int size = integer_size(p[0]);

        if (size < 0 || (size_t)size + 1 > left)
            return false;
        blob_element_set_integer(ret, load_integer(p + 1, p[0]));
        *ret_size = (uint64_t)size + 1;
        return true;
    }
    head = p[0] < 0x40 ? 1 : p[0] < 0x80 ? 2 : 5;
    if (left < head || (head == 5 && p[0] != 0x80))
        return false;
    n = head == 1 ? p[0] : head == 2 ? (load_be16(p) & 0x3fffu) : load_be32(p + 1);
    if (n > left - head)
        return false;
    blob_element_set_text(ret, p + head, n);
    *ret_size = head + n;
    return true;
}

static enum step end_of(const struct ziplist_iter *it, struct ft_err *err)
{
    if (it->count != ZIPLIST_COUNT_UNKNOWN && it->count != it->seen)
        return corrupt(it, "number of elements is not what the header says", err);
    if (it->seen > 0 && load_le32(it->base + 4) != (uint64_t)(it->last - it->base))
        return corrupt(it, "last entry is not where the header says", err);
    return STEP_END;
}

enum step ziplist_iter_next(struct ziplist_iter *it, struct blob_element *ret, struct ft_err *err)
{
    size_t left = (size_t)(it->end - it->p);
    struct blob_element element;
    size_t previous;
    uint64_t size;

    if (left == 0)
        return end_of(it, err);
    previous = check_previous(it, left);
    if (previous == 0)
        return corrupt(it, "element with a wrong length of its predecessor", err);
    if (!decode_entry(it->p + previous, left - previous, &size, &element))
        return corrupt(it, "bad encoding, or element reaches beyond the end", err);
    it->last = it->p;
    it->p += previous + size;
    it->seen++;
    it->passed = memory_pass(it->passed, it->p);
    *ret = element;
    return STEP_ITEM;
}
