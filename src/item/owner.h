/*
 * owner.h - the flow that owns a key, by each of the three rules a Dragonfly may use. A record for
 * a key that its flow does not own is not applied: PFMERGE is journalled on every shard that took
 * part in it.
 *
 * Source: dragonfly src/server/engine_shard_set.h (Shard), src/core/compact_object.cc (kHashSeed);
 * measured on recordings of main, August 2026.
 */
#ifndef FLOWTAPE_ITEM_OWNER_H
#define FLOWTAPE_ITEM_OWNER_H

#include "base/bytes.h"

/* owner_by_key - XXH64 of the whole key, modulo the number of flows. flow_count is never 0. */
uint32_t owner_by_key(struct bytes key, uint32_t flow_count);
/* owner_by_tag - the same over the hash tag (lock_on_hashtags, emulated cluster). */
uint32_t owner_by_tag(struct bytes key, uint32_t flow_count);
/* owner_by_slot - the cluster slot, modulo the number of flows. */
uint32_t owner_by_slot(struct bytes key, uint32_t flow_count);

#endif
