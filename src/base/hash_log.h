/*
 * hash_log.h - which hashes of 64 bits were added more than once, however many there are.
 *
 * How it works  They are sorted by their first bits into parts (parted_log.h), each of which collects a block in memory and
 *               appends it to a spool; so adding writes in sequence and never searches. In the end each part, which
 *               then fits into memory, is looked through, several at a time as long as their tables are small.
 * Memory        Up to 3 MiB, then 8 bytes for each in the spool's file; in the end up to 8 MiB, or 32 bytes for
 *               each 256th of those that differ, if that is more.
 * Threads       A batch belongs to one thread, the log locks.
 */
#ifndef FLOWTAPE_BASE_HASH_LOG_H
#define FLOWTAPE_BASE_HASH_LOG_H

#include "base/bytes.h"
#include "base/err.h"

#define HASH_LOG_BATCH 512u

struct hash_log;

/* Zeroed to begin with. */
struct hash_log_batch {
    uint64_t hashes[HASH_LOG_BATCH];
    unsigned count;
};

/* hash_log_new - what: for messages; a literal. */
int hash_log_new(struct hash_log **ret, const char *what, struct ft_err *err);
/* hash_log_add - hash must not be 0. */
static inline int hash_log_add(struct hash_log *l, struct hash_log_batch *batch, uint64_t hash,
                               struct ft_err *err);
/* hash_log_flush - call when the batch's thread has added its last hash. */
int hash_log_flush(struct hash_log *l, struct hash_log_batch *batch, struct ft_err *err);
/* hash_log_repeats - hashes that were added more than once, ascending, at most max of them. Nothing may be added
 * afterwards. */
int hash_log_repeats(struct hash_log *l, uint64_t *ret, size_t max, size_t *ret_count,
                     struct ft_err *err);
void hash_log_free(struct hash_log *l);

static inline int hash_log_add(struct hash_log *l, struct hash_log_batch *batch, uint64_t hash,
                               struct ft_err *err)
{
    batch->hashes[batch->count++] = hash;
    return batch->count < HASH_LOG_BATCH ? 0 : hash_log_flush(l, batch, err);
}

#endif
