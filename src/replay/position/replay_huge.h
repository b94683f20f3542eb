/* replay_huge.h - commands with more arguments than Lua's stack holds. */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_HUGE_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_HUGE_H

#include "mapping/replay_plan.h"
#include "replay/position/replay_position_set.h"

/* replay_put_huge - such a command, in pieces where that does the same, with its position. */
int replay_put_huge(struct replay_position_set *set, struct replay_node *node,
                    const struct item *item, uint32_t db, const char *tag, const struct bytes *args,
                    size_t count, struct ft_err *err);
/* replay_classify - a reply that was asked for by a call, classified as those of batches are. */
int replay_classify(struct replay_position_set *set, const struct replay_node *node,
                    const struct item *item, const char *part, uint32_t db,
                    const struct bytes *args, size_t count, const redisReply *reply,
                    struct ft_err *err);

#endif
