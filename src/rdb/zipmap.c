#include "rdb/zipmap.h"

#include "base/endian.h"
#include "base/passed_memory.h"

#define LENGTH_BIG 0xfe
#define TERMINATOR 0xff

static enum step corrupt(const struct zipmap_iter *it, const char *what, struct ft_err *err)
{
    return err_at(err, FT_ERR_CORRUPT, (uint64_t)(it->p - it->base), "zipmap: %s", what);
}

int zipmap_iter_init(struct zipmap_iter *it, struct bytes blob, struct ft_err *err)
{
    if (blob.n < ZIPMAP_EMPTY_SIZE)
        return err_at(err, FT_ERR_CORRUPT, 0, "zipmap of %zu bytes, wanted at least %d", blob.n,
                      ZIPMAP_EMPTY_SIZE);
    if (blob.p[blob.n - 1] != TERMINATOR)
        return err_at(err, FT_ERR_CORRUPT, blob.n - 1, "zipmap without its end mark");
    it->base = blob.p;
    it->passed = blob.p;
    it->p = blob.p + 1;
    it->end = blob.p + blob.n - 1;
    it->count = blob.p[0];
    it->seen = 0;
    return 0;
}

/* The string at p whose data begins `gap` bytes after its length; false: beyond the end. */
static bool take_string(const uint8_t **p, const uint8_t *end, size_t gap, struct bytes *ret)
{
    size_t left = (size_t)(end - *p);
    size_t head;
    uint32_t n;

    if (left == 0 || (*p)[0] == TERMINATOR)
        return false;
    head = (*p)[0] == LENGTH_BIG ? 5 : 1;
    if (left < head + gap)
        return false;
    n = head == 1 ? (*p)[0] : load_le32(*p + 1);
    if (n > left - head - gap)
        return false;
    *ret = bytes_of(*p + head + gap, n);
    *p += head + gap + n;
    return true;
}

static enum step end_of(const struct zipmap_iter *it, struct ft_err *err)
{
    if (it->count < ZIPMAP_COUNT_UNKNOWN && it->count != it->seen)
        return corrupt(it, "number of fields is not what the header says", err);
    return STEP_END;
}

enum step zipmap_iter_next(struct zipmap_iter *it, struct bytes *ret_field, struct bytes *ret_value,
                           struct ft_err *err)
{
    const uint8_t *p = it->p;
    struct bytes field;
    struct bytes value;
    uint8_t unused;

    if (p == it->end)
        return end_of(it, err);
    if (!take_string(&p, it->end, 0, &field) || !take_string(&p, it->end, 1, &value))
        return corrupt(it, "field or value reaches beyond the end", err);
    unused = value.p[-1];
    if (unused > (size_t)(it->end - p))
        return corrupt(it, "unused bytes reach beyond the end", err);
    it->p = p + unused;
    it->passed = memory_pass(it->passed, it->p);
    it->seen++;
    *ret_field = field;
    *ret_value = value;
    return STEP_ITEM;
}
