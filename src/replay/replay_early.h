/*
 * replay_early.h - the snapshot of a full sync, brought while that is still running.
 *
 * What it is   The forerunner of a replay, in a sync. It reads what the capture has written so far and waits for more. When
 *              the full sync is complete and all of it is on the target, the replay proper begins there. Whatever goes
 *              wrong before, the replay proper restarts from the beginning: the target was empty, or was to be emptied,
 *              and is emptied again (replay_begin.c). So nothing has to be known beforehand of what will come, and it
 *              need not be durable.
 * When         Only if everything could be taken back: see replay_preflight_early.
 * Trouble      A full sync that dies, a connection that is lost: once more, with the next full sync if there is one, for as
 *              long as one is running. A loss that the policy does not allow, or anything else that another attempt
 *              would not change, leaves the rest to the replay proper, whose survey then sees the whole snapshot.
 * Threads      It blocks, and uses threads of its own: one for each flow.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_EARLY_H
#define FLOWTAPE_REPLAY_REPLAY_EARLY_H

#include "replay/replay.h"

/*
 * replay_early_run - of the capture in this process that `live` reports on; options are those of the replay proper.
 * *ret_generation: what is on the target, for the early_generation of the replay proper; 0: nothing that counts. Losses are
 * added to and *ret is filled in if there is something; else *ret is empty. -1: FT_ERR_CANCELLED or FT_ERR_NOMEM.
 */
int replay_early_run(const struct replay_options *options, struct live_flows *live,
                     struct replay_progress *progress, struct loss_report *losses,
                     struct replay_result *ret, uint32_t *ret_generation, struct ft_err *err);

#endif
