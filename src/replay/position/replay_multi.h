/*
 * replay_multi.h - batches of a node that are transactions.
 *
 * What it is   A batch is one transaction: MULTI, its commands, the position after them, EXEC. The position's hash is WATCHed
 *              since its `seq` was read and found to be the last one sent, so a transaction is executed only if it follows the
 *              last, and nothing of a run before is once somebody has claimed the position. So one is executed at a time.
 * Early        Meanwhile the first commands of the next are queued by the server: WATCH and the look at `seq` were put after the
 *              last EXEC. The position and EXEC follow when the last one's replies, and that to the look, have been read. If
 *              these say otherwise, or others use the connection, what was queued is DISCARDed, and queued again later.
 * Scripts      Commands that are scripts go as such (replay_multi_script.h). Where the server runs none they are run here when
 *              they are put: what they read is read then, its keys being WATCHed too, and what they write becomes part of the
 *              transaction.
 * Refused      What the server does not queue is left out, written down, and the transaction is sent again without it. What
 *              fails when it is executed is written down right after that; until the replies to a transaction have been
 *              read, the position says so (`unread`): always without scripts, with them if the server has counted something
 *              that it refused (lua/count_refused.lua).
 * Threads      The driver's.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_MULTI_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_MULTI_H

#include "replay/position/replay_position_set.h"
#include "target/local_script.h"

/* What it asks of replay_node.h. */
struct replay_multi_host {
    /* a command was refused; *ret_keep: the target has to remember it */
    int (*refuse)(struct replay_node *node, uint32_t db, const char *tag, const struct bytes *args,
                  size_t count, const char *error, bool *ret_keep, struct ft_err *err);
    int (*put)(struct replay_node *node, uint32_t db, const char *tag, const struct bytes *args,
               size_t count, struct ft_err *err);
    int (*flush)(struct replay_node *node, bool all, struct ft_err *err);
};

/* replay_multi_begin - the node's batches, and the replies of its pipe, go so from here on. The host outlives it. */
int replay_multi_begin(struct replay_node *node, const struct replay_multi_host *host,
                       bool has_scripts, struct ft_err *err);
/* replay_multi_is - do they? */
bool replay_multi_is(const struct replay_node *node);
/* replay_multi_runs_scripts - here, as the server does not. */
bool replay_multi_runs_scripts(const struct replay_node *node);
/* replay_multi_joins_sets - SETs that come before all else may be one MSET. */
bool replay_multi_joins_sets(const struct replay_node *node);
/* replay_multi_put_script - here: args: EVAL and what follows. */
int replay_multi_put_script(struct replay_node *node, uint32_t db, const char *tag,
                            const struct bytes *args, size_t count, struct ft_err *err);
/* replay_multi_put_writes - what a script wanted to write that was run here; also of replay_slots.h. */
int replay_multi_put_writes(struct replay_node *node, const struct replay_multi_host *host,
                            const struct local_script *script, const char *tag, struct ft_err *err);
/* replay_multi_look_at_db - where a server has no such database, the command is refused. */
int replay_multi_look_at_db(struct replay_node *node, uint32_t db, const char *tag,
                            const struct bytes *args, size_t count, bool *ret_there,
                            struct ft_err *err);
/* replay_multi_send - what was put since the last one, when that has been executed. */
int replay_multi_send(struct replay_node *node, struct ft_err *err);
/* replay_multi_queue_early - while the last one is executed, what was put since goes to the server to be queued, if it is worth
 * it. It does not wait. */
int replay_multi_queue_early(struct replay_node *node, struct ft_err *err);
/* replay_multi_drain - all that was sent has been executed. */
int replay_multi_drain(struct replay_node *node, struct ft_err *err);
/* replay_multi_is_far - a reply from the server takes so long that larger transactions are worth it. */
bool replay_multi_is_far(const struct replay_node *node);
/* replay_multi_is_answered - there is a reply to all that was to be executed; it may have to be sent again. */
bool replay_multi_is_answered(const struct replay_node *node);
/* replay_multi_is_drained - as far as is known without waiting. */
bool replay_multi_is_drained(const struct replay_node *node);
/* replay_multi_confirm - all replies have been read, which the position says from here on. */
int replay_multi_confirm(struct replay_node *node, struct ft_err *err);
/* replay_multi_end - what of it was refused is written down, if the connection still serves. */
void replay_multi_end(struct replay_node *node);

#endif
