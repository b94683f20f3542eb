/*
 * replay_recheck.h - suspect keys of a target get the values that the source has.
 *
 * What it is   While no replay is running on the target: its list of suspect keys (replay_state.h) in
 *              portions, and for each key the comparison of what the target has with a value of the
 *              source, by elements (rdb/value_digest.h), and the replacement where they differ. Names,
 *              databases, filters, times and encodings are those of the replay that wrote the target.
 * Repeating    Replacing a value is harmless however often it is done; a key is taken off the list
 *              only when its value is there, replicas included.
 * Errors       FT_ERR_NET, FT_ERR_TIMEOUT: the object accepts only _close; open another. FT_ERR_PROTOCOL:
 *              the target is not where a replay of this input left it.
 * Threads      One.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_RECHECK_H
#define FLOWTAPE_REPLAY_REPLAY_RECHECK_H

#include "rdb/rdb_stream.h"
#include "replay/replay.h"

#define REPLAY_WHY_SIZE 200

struct replay_recheck;

/* A key as the source has it. */
struct replay_suspect {
    uint32_t db;
    struct bytes key;
};

enum replay_rechecked {
    REPLAY_RECHECK_ERROR = -1,
    REPLAY_RECHECK_EQUAL, /* also: not among what is replayed */
    REPLAY_RECHECK_CORRECTED,
    REPLAY_RECHECK_DELETED,
    REPLAY_RECHECK_REFUSED, /* the target cannot hold it, or does not take it: ret_why */
};

/* replay_recheck_open - options: those of the replay; live, follow and the like are passed over. All
 * pointers must outlive the object. progress->suspects is kept up to date. */
int replay_recheck_open(struct replay_recheck **ret, const struct replay_options *options,
                        struct replay_progress *progress, struct loss_report *losses,
                        struct ft_err *err);
/* replay_recheck_next - the next portion of the list, valid until the next call. *ret_end: the list has
 * been gone through; the portion may be empty before that, and the next call begins anew. */
int replay_recheck_next(struct replay_recheck *c, const struct replay_suspect **ret,
                        size_t *ret_count, bool *ret_end, struct ft_err *err);
/* replay_recheck_add - a key onto the list. */
int replay_recheck_add(struct replay_recheck *c, uint32_t db, struct bytes key, struct ft_err *err);
/* replay_recheck_touched - do records of the capture that name the key, or a flush, lie in [from, to) of any flow?
 * to: written, and never less than before with the same from. */
int replay_recheck_touched(struct replay_recheck *c, const uint64_t *from, const uint64_t *to,
                           const struct replay_suspect *key, bool *ret, struct ft_err *err);
/* replay_recheck_put - entry: the value that the source has under entry->db and entry->key. gone: it has
 * none. */
enum replay_rechecked replay_recheck_put(struct replay_recheck *c, const struct rdb_entry *entry,
                                         bool gone, char ret_why[REPLAY_WHY_SIZE],
                                         struct ft_err *err);
/* replay_recheck_done - these need no further look. */
int replay_recheck_done(struct replay_recheck *c, const struct replay_suspect *keys, size_t count,
                        struct ft_err *err);
void replay_recheck_close(struct replay_recheck *c);

#endif
