/*
 * sync_cutover.h - executes what cutover.h decides.
 *
 * Threads      The thread of sync_run.
 */
#ifndef FLOWTAPE_SYNC_SYNC_CUTOVER_H
#define FLOWTAPE_SYNC_SYNC_CUTOVER_H

#include "sync/sync_impl.h"

/* sync_step_cutover - look, and do what is to be done now. An error ends the run. */
int sync_step_cutover(struct sync *s, struct ft_err *err);
/* sync_has_caught_up - the target has all but what was received just now. */
bool sync_has_caught_up(const struct sync *s);
/* sync_follow_again - without a goal. */
int sync_follow_again(struct sync *s, struct ft_err *err);
/* sync_let_go - a paused source resumes. */
void sync_let_go(struct sync *s);

#endif
