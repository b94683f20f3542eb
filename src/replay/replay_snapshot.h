/* replay_snapshot.h - the snapshots of all flows, in parallel. */
#ifndef FLOWTAPE_REPLAY_REPLAY_SNAPSHOT_H
#define FLOWTAPE_REPLAY_REPLAY_SNAPSHOT_H

#include "base/err.h"

struct replay;

int replay_snapshot(struct replay *r, struct ft_err *err);

#endif
