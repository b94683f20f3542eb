/* replay_begin.h - what is on the target, checked against this replay, which then begins or resumes. */
#ifndef FLOWTAPE_REPLAY_REPLAY_BEGIN_H
#define FLOWTAPE_REPLAY_REPLAY_BEGIN_H

#include "base/bytes.h"
#include "base/err.h"

struct replay;

/* replay_begin - read what is on the target, check it against this replay, begin or go on. */
int replay_begin(struct replay *r, struct ft_err *err);
/* replay_begin_early - begin, if that can be while the full sync is still running (replay_early.h). FT_ERR_STATE: it
 * cannot. */
int replay_begin_early(struct replay *r, struct ft_err *err);
/* replay_check_resumed - is the state on the target that of this capture and these options, and of no later
 * generation? */
int replay_check_resumed(const struct replay *r, struct ft_err *err);
/* replay_set_shift - of --ttl shift, with the state loaded. */
void replay_set_shift(struct replay *r);
/* replay_begin_journal - all snapshots are there: write down the first positions. */
int replay_begin_journal(struct replay *r, struct ft_err *err);
/* replay_remove_state - nothing of ours stays on the target. */
int replay_remove_state(struct replay *r, struct ft_err *err);

#endif
