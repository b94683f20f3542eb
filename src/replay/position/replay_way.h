/*
 * replay_way.h - how batches of the journal reach a server: each by one script, or as a transaction of the commands themselves.
 *
 * Both         have effects and position in one step, and refuse what does not follow the last batch.
 * Transactions (replay_multi.h) are taken wherever they can be, as a command that a script calls costs the server half a
 *              microsecond more than itself, on a mixed load half as much again; and where scripts are not allowed.
 * Scripts      (replay_batch.h) remain
 *                on a cluster, where the keys of a transaction share a slot, and those of a batch do not;
 *                on servers before 7.0: those do not all count what they refuse, which is how a transaction says in the position
 *                that something of it was (lua/count_refused.lua), and may be set to replicate a script instead of what it did;
 *                where the user may not run MULTI or WATCH.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_WAY_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_WAY_H

#include "target/rights.h"
#include "target/target_client.h"

/* replay_way_may_be_transactions - if the user may run them: what is wanted of rights.h. */
bool replay_way_may_be_transactions(const struct target_client *target);
/* replay_way_is_transactions - with the rights that there are. */
bool replay_way_is_transactions(const struct rights *rights);

#endif
