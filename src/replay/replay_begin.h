/* replay_begin.h - what is on the target, checked against this replay, which then begins or resumes. */
#ifndef FLOWTAPE_REPLAY_REPLAY_BEGIN_H
#define FLOWTAPE_REPLAY_REPLAY_BEGIN_H

#include "base/bytes.h"
#include "base/err.h"

struct replay;

/* replay_begin - read what is on the target, check it against this replay, begin or go on. */
int replay_begin(struct replay *r, struct ft_err *err);
/* replay_check_owner - is the state on the target that of this capture? */
int replay_check_owner(const struct replay *r, struct ft_err *err);
/* replay_target_is_empty - but for the lease; a user who may not ask gets "no". */
int replay_target_is_empty(struct replay *r, bool *ret, struct ft_err *err);
/* replay_state_load - what is written down about the replay. */
int replay_state_load(struct replay *r, struct ft_err *err);
/* replay_state_set - one field of the state. */
int replay_state_set(struct replay *r, const char *field, const char *value, struct ft_err *err);
/* replay_state_remove - a field of the state, if it is there. */
int replay_state_remove(struct replay *r, const char *field, struct ft_err *err);
/* replay_state_prove - the state is still the one that was loaded; else FT_ERR_NET. */
int replay_state_prove(struct replay *r, struct ft_err *err);
/* replay_state_secure - the replicas of its master have the state too, see wait_replicas.h. */
int replay_state_secure(struct replay *r, struct ft_err *err);
/* replay_set_shift - of --ttl shift, with the state loaded. */
void replay_set_shift(struct replay *r);
/* replay_begin_journal - all snapshots are there: write down the first positions. */
int replay_begin_journal(struct replay *r, struct ft_err *err);
/* replay_remove_state - nothing of ours stays on the target. */
int replay_remove_state(struct replay *r, struct ft_err *err);

#endif
