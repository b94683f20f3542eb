/*
 * replay_slots.h - batches of a cluster's node that runs no scripts.
 *
 * What it is   A transaction has the keys of one slot alone. So a batch is divided by slots, each a transaction: MULTI, its
 *              commands in order, the slot's mark after them (replay_marks.h), EXEC. When all have been executed, another one
 *              moves the node's position, which so is never ahead of any slot. What a slot has had beyond it, its mark says.
 * Once         The mark is WATCHed, and its `seq` found to be the last one sent, before the transaction is sent: nothing of a
 *              run before, or of one that lost its lease, is executed once somebody has claimed the mark. That costs a round
 *              trip each, so several connections work side by side, each on another slot.
 * Moving slots What a node says it does not have fails as a whole, and with it the attempt: the next one reads the marks where
 *              their slots are then.
 * Replicas     The position is moved over the node's own connection, by every batch: a WAIT on it is for the batch too.
 * Scripts      As in replay_multi.h: run here when they are put. What they read is watched on the connection that executes the
 *              slot's transaction.
 * Refused      What is not queued is left out, written into the mark, and the transaction is sent again. What fails when it is
 *              executed is written into the position with the next transaction of it.
 * Threads      The driver's.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_SLOTS_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_SLOTS_H

#include "replay/position/replay_multi.h"

/* replay_slots_begin - the node's batches go so from here on. The host outlives it. */
int replay_slots_begin(struct replay_node *node, const struct replay_multi_host *host,
                       struct ft_err *err);
/* replay_slots_is - do they? */
bool replay_slots_is(const struct replay_node *node);
/* replay_slots_put_script - args: EVAL and what follows; its keys are of one slot. */
int replay_slots_put_script(struct replay_node *node, uint32_t db, const char *tag,
                            const struct bytes *args, size_t count, struct ft_err *err);
/* replay_slots_field - with the batch, of the mark of this key's slot, also if no command is for that slot. */
int replay_slots_field(struct replay_node *node, struct bytes key, struct bytes name,
                       struct bytes value, struct ft_err *err);
/* replay_slots_forget - the d: field of this record, with the slot's next transaction. */
int replay_slots_forget(struct replay_node *node, uint16_t slot, uint64_t flow, uint64_t lsn,
                        struct ft_err *err);
bool replay_slots_are_empty(const struct replay_node *node);
/* replay_slots_send - what was put into these nodes' batches: it has been executed when this returns. */
int replay_slots_send(struct replay_node *const *nodes, size_t count, struct ft_err *err);
/* replay_slots_listen - replies on the node's connection are to batches, from here on. */
void replay_slots_listen(struct replay_node *node);
/* replay_slots_end - what of it was refused is written down, if the server can be reached. */
void replay_slots_end(struct replay_node *node);

#endif
