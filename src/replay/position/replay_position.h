/* replay_position.h - where each node is in the journal, as the target has it. */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_POSITION_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_POSITION_H

#include "base/err.h"
#include "replay/position/replay_position_set.h"

/* replay_positions_load - of all nodes, in line with who has which slots now. */
int replay_positions_load(struct replay_position_set *set, struct ft_err *err);
/* replay_positions_reset - every node at these LSNs. */
int replay_positions_reset(struct replay_position_set *set, const uint64_t *lsn,
                           struct ft_err *err);

/* replay_positions_remove - those of the capture that the state names. */
int replay_positions_remove(struct replay_position_set *set, struct ft_err *err);
/* replay_positions_furthest - the first LSN of a flow that the node, or any slot of it, has not applied. */
uint64_t replay_positions_furthest(const struct replay_position_set *set, size_t node,
                                   uint32_t flow);
/* replay_positions_start - a pass over the journals begins at *start, per flow: where the node that is least far is. */
void replay_positions_start(struct replay_position_set *set, uint64_t *start);
/* replay_positions_follow, _applied - from here on it is known which LSN of a flow all nodes have, though batches are
 * in flight. */
int replay_positions_follow(struct replay_position_set *set, struct ft_err *err);
uint64_t replay_positions_applied(const struct replay_position_set *set, uint32_t flow);
/* replay_positions_prove - what the target has is what this run has written, to the last batch. FT_ERR_NET
 * if not: somebody has emptied a node, or it came back with older data. */
int replay_positions_prove(struct replay_position_set *set, struct ft_err *err);

#endif
