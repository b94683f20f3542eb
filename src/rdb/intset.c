#include "rdb/intset.h"

#include "base/endian.h"
#include "base/passed_memory.h"

#define HEADER_SIZE 8

int intset_iter_init(struct intset_iter *it, struct bytes blob, struct ft_err *err)
{
    uint32_t width;
    uint32_t count;

    if (blob.n < HEADER_SIZE)
        return err_at(err, FT_ERR_CORRUPT, 0, "intset of %zu bytes, wanted at least %d", blob.n,
                      HEADER_SIZE);
    width = load_le32(blob.p);
    count = load_le32(blob.p + 4);
    if (width != 2 && width != 4 && width != 8)
        return err_at(err, FT_ERR_CORRUPT, 0, "intset: bad size of elements %u", width);
    if ((uint64_t)count * width != blob.n - HEADER_SIZE) {
        return err_at(err, FT_ERR_CORRUPT, 4, "intset of %zu bytes claims %u elements of %u bytes",
                      blob.n, count, width);
    }
    it->base = blob.p;
    it->passed = blob.p;
    it->p = blob.p + HEADER_SIZE;
    it->end = blob.p + blob.n;
    it->previous = 0;
    it->width = width;
    it->count = count;
    return 0;
}

static int64_t load(const uint8_t *p, uint32_t width)
{
    if (width == 2)
        return (int16_t)load_le16(p);
    if (width == 4)
        return (int32_t)load_le32(p);
    return (int64_t)load_le64(p);
}

enum step intset_iter_next(struct intset_iter *it, struct blob_element *ret, struct ft_err *err)
{
    int64_t value;

    if (it->p == it->end)
        return STEP_END;
    value = load(it->p, it->width);
    if (it->p != it->base + HEADER_SIZE && value <= it->previous) {
        return err_at(err, FT_ERR_CORRUPT, (uint64_t)(it->p - it->base),
                      "intset: elements are not in ascending order");
    }
    it->previous = value;
    it->p += it->width;
    it->passed = memory_pass(it->passed, it->p);
    blob_element_set_integer(ret, value);
    return STEP_ITEM;
}
