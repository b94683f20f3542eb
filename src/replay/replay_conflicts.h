/* replay_conflicts.h - keys of the target's own. */
#ifndef FLOWTAPE_REPLAY_REPLAY_CONFLICTS_H
#define FLOWTAPE_REPLAY_REPLAY_CONFLICTS_H

#include "base/err.h"

struct replay;

/* replay_find_kept - --on-conflict: which keys does the target have already? Writes nothing. */
int replay_find_kept(struct replay *r, struct ft_err *err);
/* replay_write_kept - what was found is kept for good: before anything of the input is written. */
int replay_write_kept(struct replay *r, struct ft_err *err);
int replay_load_kept(struct replay *r, struct ft_err *err);

#endif
