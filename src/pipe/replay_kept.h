/*
 * replay_kept.h - a set of keys: those of the target that a replay leaves alone (--on-conflict skip),
 * and those of the source that are suspect.
 *
 * What it is   A set of 16 bytes per key: the 128-bit XXH3 of database and key. Also the members of the
 *              set on the target that remembers the keys to be left alone (replay_state.h). The file
 *              of dead letters uses it for names of its own.
 * Memory       32 to 64 bytes per key; a large set is in a file (base/table_memory.h).
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_PIPE_REPLAY_KEPT_H
#define FLOWTAPE_PIPE_REPLAY_KEPT_H

#include "base/buf.h"
#include "base/table_memory.h"

#define REPLAY_KEPT_SIZE 16

struct replay_kept {
    uint8_t (*slots)[REPLAY_KEPT_SIZE]; /* open addressing; all zero: free */
    size_t capacity;                    /* a power of two, or 0 */
    size_t count;
    struct table_memory memory; /* of the slots */
};

void replay_kept_hash(uint32_t db, struct bytes key, uint8_t ret[REPLAY_KEPT_SIZE]);
int replay_kept_add(struct replay_kept *k, const uint8_t hash[REPLAY_KEPT_SIZE],
                    struct ft_err *err);
/* replay_kept_has_hash - a hash of replay_kept_hash. */
bool replay_kept_has_hash(const struct replay_kept *k, const uint8_t hash[REPLAY_KEPT_SIZE]);
bool replay_kept_has(const struct replay_kept *k, uint32_t db, struct bytes key);
void replay_kept_release(struct replay_kept *k);

#endif
