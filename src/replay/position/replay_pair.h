/* replay_pair.h - pairs in the journal, where each side has its position. */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_PAIR_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_PAIR_H

#include "mapping/replay_plan.h"
#include "replay/position/replay_position_set.h"

/* replay_is_past - has the node that has this key had the record already? */
bool replay_is_past(struct replay_position_set *set, const struct item *item, struct bytes key);
/* replay_node_is_past - the same, when it is known which node that is. */
bool replay_node_is_past(const struct replay_node *node, const struct item *item, struct bytes key);
enum replay_standing replay_pair_standing(struct replay_position_set *set, const struct item *item,
                                          struct bytes dst, struct bytes src);
int replay_pair_run(struct replay_position_set *set, const struct item *item,
                    const struct replay_pair *pair, struct ft_err *err);
/* replay_pair_forget_old - what is known of records before these LSNs is of no use any more. */
int replay_pair_forget_old(struct replay_position_set *set, const uint64_t *start,
                           struct ft_err *err);

#endif
