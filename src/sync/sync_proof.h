/*
 * sync_proof.h - --check of a sync: is the target what the capture says, before the cut-over is confirmed?
 *
 * Where        In the preparation of a cut-over, while capture and replay go on, everything is compared at a position that the
 *              target has passed (diff/copy_check.h), and what was touched meanwhile once or twice more. So at the goal,
 *              where the target stands still and the source may be paused, only what was touched after that is left.
 * Difference   A cut-over ends with it, before it is confirmed.
 * Afterwards   A source moves on after that, if only as its keys end by their time, or as it hands over. Comparing again each time
 *              might never end. So what came after the goal is compared when the cut-over is done.
 * Threads      sync_proof_* belong to the thread of sync_run; comparing has a thread of its own, which they look after.
 */
#ifndef FLOWTAPE_SYNC_SYNC_PROOF_H
#define FLOWTAPE_SYNC_SYNC_PROOF_H

#include <stdbool.h>

#include "base/err.h"

struct sync;

int sync_proof_init(struct sync *s, struct ft_err *err);
void sync_proof_release(struct sync *s);
/* sync_proof_prepare - 1: the cut-over can go on, 0: not yet. */
int sync_proof_prepare(struct sync *s, struct ft_err *err);
/* sync_proof_is_due - it has not been compared since the preparation began, or only in another generation. */
bool sync_proof_is_due(struct sync *s);
/* sync_proof_step - compare there; waits for a moment. FT_ERR_LOSS: it differs, and the user has been told in what. */
int sync_proof_step(struct sync *s, struct ft_err *err);
/* sync_proof_stop - the target goes further. */
void sync_proof_stop(struct sync *s);
/* sync_proof_finish - after a cut-over: what came after the goal that was compared is, too. As sync_proof_step. */
int sync_proof_finish(struct sync *s, struct ft_err *err);
/* sync_proof_run - all of it at once: no replay runs any more. Differences are in the result. */
int sync_proof_run(struct sync *s, const char *at, struct ft_err *err);

#endif
