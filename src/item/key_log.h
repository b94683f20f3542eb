/*
 * key_log.h - which keys were written more than once, for a data set of any size: a log of their hashes (base/hash_log.h).
 * Two keys may share a hash: repeated_keys.h tells the names.
 */
#ifndef FLOWTAPE_ITEM_KEY_LOG_H
#define FLOWTAPE_ITEM_KEY_LOG_H

#include "base/hash_log.h"

int key_log_new(struct hash_log **ret, struct ft_err *err);
uint64_t key_log_hash(uint32_t db, struct bytes key);
int key_log_add(struct hash_log *l, struct hash_log_batch *batch, uint32_t db, struct bytes key,
                struct ft_err *err);

#endif
