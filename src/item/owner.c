#include "item/owner.h"

#include "base/hash.h"
#include "item/slot.h"

#define OWNER_SEED 120577240643ULL

uint32_t owner_by_key(struct bytes key, uint32_t flow_count)
{
    return (uint32_t)(XXH64(key.p, key.n, OWNER_SEED) % flow_count);
}

uint32_t owner_by_tag(struct bytes key, uint32_t flow_count)
{
    return owner_by_key(slot_tag(key), flow_count);
}

uint32_t owner_by_slot(struct bytes key, uint32_t flow_count)
{
    return slot_of(key) % flow_count;
}
