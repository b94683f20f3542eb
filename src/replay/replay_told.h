/*
 * replay_told.h - how far the flows are, for who looks at a replay that is on its own.
 *
 * What it is   A replay of a sync publishes that in the live_flows which it shares with the capture. Any other one that
 *              was given such a struct fills in the capture's side too: what the input has, up to the cut.
 * Threads      The replay's.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_TOLD_H
#define FLOWTAPE_REPLAY_REPLAY_TOLD_H

#include "replay/replay_impl.h"

/* replay_told_begin - a pass over the journals begins, with r->set.next set. */
int replay_told_begin(struct replay *r, struct ft_err *err);
/* replay_told_move - now and then, and when everything has been answered. */
void replay_told_move(struct replay *r);

#endif
