/*
 * key_log.h - which keys were written more than once, for a data set of any size.
 *
 * How it works  Each key is a hash of 64 bits. Hashes are sorted by their first bits into parts, each of
 *               which collects a block in memory and appends it to a spool; so adding writes in
 *               sequence and never searches. In the end each part, which then fits into memory, is looked
 *               through, several at a time as long as their tables are small. Two keys may share a hash:
 *               repeated_keys.h tells the names.
 * Memory        Up to 3 MiB, then 8 bytes for a key in the spool's file; in the end up to 8 MiB, or 32 bytes for
 *               each 256th key if that is more.
 * Threads       A batch belongs to one thread, the log locks.
 */
#ifndef FLOWTAPE_ITEM_KEY_LOG_H
#define FLOWTAPE_ITEM_KEY_LOG_H

#include "base/buf.h"

#define KEY_LOG_BATCH 512u

struct key_log;

/* Zeroed to begin with. */
struct key_log_batch {
    uint64_t hashes[KEY_LOG_BATCH];
    unsigned count;
};

int key_log_new(struct key_log **ret, struct ft_err *err);
uint64_t key_log_hash(uint32_t db, struct bytes key);
int key_log_add(struct key_log *l, struct key_log_batch *batch, uint32_t db, struct bytes key,
                struct ft_err *err);
/* key_log_flush - when a batch's thread has added its last key. */
int key_log_flush(struct key_log *l, struct key_log_batch *batch, struct ft_err *err);
/* key_log_repeats - the hashes that were added more than once, ascending, at most max of them. Nothing
 * may be added afterwards. */
int key_log_repeats(struct key_log *l, uint64_t *ret, size_t max, size_t *ret_count,
                    struct ft_err *err);
void key_log_free(struct key_log *l);

#endif
