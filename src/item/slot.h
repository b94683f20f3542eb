/*
 * slot.h - the hash slot of a key in a Redis Cluster: CRC-16 (XMODEM: 0x1021, init 0) of the key's
 * hash tag, modulo 16384. Source: redis cluster specification, "hash tags". Check: slot_of
 * "123456789" is 0x31C3 (12739).
 */
#ifndef FLOWTAPE_ITEM_SLOT_H
#define FLOWTAPE_ITEM_SLOT_H

#include "base/bytes.h"

#define SLOT_COUNT 16384

struct slot_range {
    uint16_t first, last; /* both included */
};

/* slot_tag - the bytes between the first '{' and the next '}' if there are any, else the key. */
struct bytes slot_tag(struct bytes key);
uint16_t slot_of(struct bytes key);

#endif
