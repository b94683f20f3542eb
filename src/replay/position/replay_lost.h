/*
 * replay_lost.h - keys that the target does not have as the source has them, by a loss that was allowed.
 *
 * What it is   A set of hashes, here and on the target (replay_state.h), where it outlives whoever found
 *              them. It may name too many keys, as one that gets another value stays in it; so what
 *              follows from it is decided by what the target has.
 * Order        Those that were added are on the target before a batch moves its position past the
 *              record, or a flow's snapshot counts as done: _save.
 * Threads      Any; note_mu of the replay is taken.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_LOST_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_LOST_H

#include "replay/position/replay_position_set.h"
#include "replay/position/replay_state.h"

/* replay_lost_name - the set's key. */
void replay_lost_name(const char *capture, char out[REPLAY_KEY_SIZE]);
/* replay_lost_add - under the name that the source has for it. */
int replay_lost_add(struct replay_position_set *set, uint32_t db, struct bytes key,
                    struct ft_err *err);
bool replay_lost_has(struct replay_position_set *set, uint32_t db, struct bytes key);
int replay_lost_save(struct replay_position_set *set, struct ft_err *err);
int replay_lost_load(struct replay_position_set *set, struct ft_err *err);
/* replay_lost_clear - a snapshot brings everything again. */
int replay_lost_clear(struct replay_position_set *set, struct ft_err *err);

#endif
