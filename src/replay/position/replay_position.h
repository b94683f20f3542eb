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

/* replay_positions_prove - what the target has is what this run has written, to the last batch. FT_ERR_NET
 * if not: somebody has emptied a node, or it came back with older data. */
int replay_positions_prove(struct replay_position_set *set, struct ft_err *err);

#endif
