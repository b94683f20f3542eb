/*
 * target_eval.h - a script on a server, or, where the server runs none, here.
 *
 * Here         What the script reads is asked of the server, its keys being watched, and what it writes is executed as a
 *              transaction. Should a key have changed in between, it is run again.
 * Result       In both cases what EVAL answers; error replies are replies.
 * Errors       Those of redis_pipe.h; FT_ERR_NET if the keys changed each time.
 */
#ifndef FLOWTAPE_TARGET_TARGET_EVAL_H
#define FLOWTAPE_TARGET_TARGET_EVAL_H

#include "target/target_client.h"

/* target_eval - args: EVAL and what follows. Database 0 is selected before and after it. */
int target_eval(struct redis_pipe *pipe, bool here, redisReply **ret, const struct bytes *args,
                size_t count, struct ft_err *err);
/* target_eval_keys - here, and in a database: of a script that names its keys among other arguments. */
int target_eval_keys(struct redis_pipe *pipe, uint32_t db, redisReply **ret,
                     const struct bytes *args, size_t count, const struct bytes *keys,
                     size_t key_count, struct ft_err *err);
/* target_eval_call - as target_node_call: every error reply is an error. ret may be NULL. */
int target_eval_call(const struct target_client *t, struct target_node *node, redisReply **ret,
                     const struct bytes *args, size_t count, struct ft_err *err);

#endif
