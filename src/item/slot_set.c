#include "item/slot_set.h"

int slot_set_put(struct buf *out, const uint8_t slots[SLOT_SET_BYTES], struct ft_err *err)
{
    const char *separator = "";

    for (unsigned first = 0; first < SLOT_COUNT; first++) {
        unsigned last = first;

        if (!slot_set_has(slots, (uint16_t)first))
            continue;
        while (last + 1 < SLOT_COUNT && slot_set_has(slots, (uint16_t)(last + 1)))
            last++;
        if (buf_printf(out, err, "%s%u-%u", separator, first, last) != 0)
            return -1;
        separator = ",";
        first = last;
    }
    return 0;
}

int slot_set_parse(struct bytes text, uint8_t slots[SLOT_SET_BYTES], struct ft_err *err)
{
    memset(slots, 0, SLOT_SET_BYTES);
    while (text.n != 0) {
        struct bytes range = bytes_take_until(&text, ',');
        struct bytes last = range;
        struct bytes first = bytes_take_until(&last, '-');
        uint64_t from;
        uint64_t to;

        if (first.n == range.n)
            last = first;
        if (!bytes_to_u64(first, &from) || !bytes_to_u64(last, &to) || to >= SLOT_COUNT ||
            from > to)
            return err_set(err, FT_ERR_PROTOCOL, "this is not a list of slots from 0 to %d",
                           SLOT_COUNT - 1);
        for (uint64_t slot = from; slot <= to; slot++)
            slot_set_add(slots, (uint16_t)slot);
    }
    return 0;
}
