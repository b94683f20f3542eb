/*
 * replay_claims.h - who has which keys of a target that several replays share.
 *
 * On the target  HASH "flowtape:claims:{flowtape:replay}": the id of a capture, and its claim (key_claim.h). The state of such
 *                a replay is "flowtape:<capture id>:{flowtape:replay}". All of them, and the state of a replay that has the
 *                target alone, are in one slot.
 * Rules          Claims do not overlap, and there are none beside a replay that has the target alone. A claim counts while
 *                there is a state, or a lease that runs; one that is left of a run that began nothing does not.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_CLAIMS_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_CLAIMS_H

#include "replay/position/replay_position_set.h"

/* replay_claims_find - is the capture's state one of a shared target? Then it is where such states are from now on, whether
 * the options say so or not. */
int replay_claims_find(struct replay_position_set *set, struct ft_err *err);
/* replay_claims_check - may this replay have what it wants? Changes nothing. FT_ERR_STATE: somebody else has it. */
int replay_claims_check(struct replay_position_set *set, struct ft_err *err);
/* replay_claims_take - and has it from then on, with a lease: see take_place in replay_connect.c. */
int replay_claims_take(struct replay_position_set *set, struct ft_err *err);
/* replay_claims_drop - unless there is a state. */
int replay_claims_drop(struct replay_position_set *set, struct ft_err *err);
/* replay_claims_state - where the state of the replay is whose claim this is, or which has the target alone if that is empty. */
int replay_claims_state(struct target_client *target, const struct key_claim *claim,
                        char ret[REPLAY_KEY_SIZE], struct ft_err *err);

#endif
