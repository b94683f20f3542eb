/* replay_scan.h - every key that a node of the target has, in portions. */
#ifndef FLOWTAPE_TARGET_REPLAY_SCAN_H
#define FLOWTAPE_TARGET_REPLAY_SCAN_H

#include "replay/replay_impl.h"

/* Of SCAN and SSCAN. */
#define REPLAY_CURSOR_SIZE 32

/* Takes keys of one database, which is the one selected; they are valid during the call. It may use
 * the node's connection. */
typedef int replay_scan_fn(void *context, struct replay_node *node, uint32_t db,
                           const struct bytes *keys, size_t count, struct ft_err *err);

/* Keys that are there from beginning to end come at least once. Database 0 is selected again. */
int replay_scan_db(struct replay_node *node, uint32_t db, replay_scan_fn *take, void *context,
                   struct ft_err *err);
/* replay_scan - the same for every database. */
int replay_scan(struct replay_node *node, replay_scan_fn *take, void *context, struct ft_err *err);
/* replay_is_scan_reply - {cursor, {text...}}, the cursor shorter than REPLAY_CURSOR_SIZE. */
bool replay_is_scan_reply(const redisReply *reply);

#endif
