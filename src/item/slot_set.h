/*
 * slot_set.h - some of a cluster's slots, a bit for each.
 *
 * Text         "0-5460,5465-5465": ranges in ascending order, both ends included. "5465" is read too.
 */
#ifndef FLOWTAPE_ITEM_SLOT_SET_H
#define FLOWTAPE_ITEM_SLOT_SET_H

#include "base/buf.h"
#include "item/slot.h"

#define SLOT_SET_BYTES (SLOT_COUNT / 8)

int slot_set_put(struct buf *out, const uint8_t slots[SLOT_SET_BYTES], struct ft_err *err);
/* slot_set_parse - FT_ERR_PROTOCOL: it is not a list of slots. */
int slot_set_parse(struct bytes text, uint8_t slots[SLOT_SET_BYTES], struct ft_err *err);

static inline bool slot_set_has(const uint8_t slots[SLOT_SET_BYTES], uint16_t slot)
{
    return (slots[slot / 8] & 1u << slot % 8) != 0;
}
static inline void slot_set_add(uint8_t slots[SLOT_SET_BYTES], uint16_t slot)
{
    slots[slot / 8] |= (uint8_t)(1u << slot % 8);
}
static inline void slot_set_remove(uint8_t slots[SLOT_SET_BYTES], uint16_t slot)
{
    slots[slot / 8] &= (uint8_t) ~(1u << slot % 8);
}

#endif
