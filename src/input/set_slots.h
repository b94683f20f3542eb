/*
 * set_slots.h - do the full syncs of a set's nodes fit together?
 *
 * What it is   Each slot's keys have to be in one of them only. They are in two when the slot was on its way
 *              from one node to the other: which of the values counts, and what of them was replaced later,
 *              nothing in the streams tells then.
 * Owners       Where the nodes do not tell whose the slots are, the keys do.
 * Cost         Reads the snapshots once, without their values.
 * Threads      Runs in the caller's thread.
 */
#ifndef FLOWTAPE_INPUT_SET_SLOTS_H
#define FLOWTAPE_INPUT_SET_SLOTS_H

#include "input/source_nodes.h"
#include "store/capture_set.h"

/* A slot of which two nodes have keys, or one that has none of its own. */
struct set_slots_clash {
    bool found;
    uint16_t slot;
    uint32_t node, other; /* has keys of it, and so has this one, or owns it */
};

/*
 * set_slots_read - of these generations of the nodes. owner: as the nodes tell it, or SLOT_OWNER_NONE, which
 * becomes the node with the slot's keys.
 */
int set_slots_read(const struct capture_set *set, const uint32_t *generations,
                   uint16_t owner[SLOT_COUNT], struct set_slots_clash *ret, struct ft_err *err);
/* set_slots_ranges - the same as ranges, to be freed. */
int set_slots_ranges(const uint16_t owner[SLOT_COUNT], struct set_slots **ret, size_t *ret_count,
                     struct ft_err *err);

#endif
