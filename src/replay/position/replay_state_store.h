/* replay_state_store.h - the state on the target, read and written. */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_STATE_STORE_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_STATE_STORE_H

#include "replay/position/replay_position_set.h"

/* replay_state_node - the node that has it. */
struct target_node *replay_state_node(struct replay_position_set *set);
/* replay_state_load - what is written down about the replay. */
int replay_state_load(struct replay_position_set *set, struct ft_err *err);
/* replay_state_set - one field of the state. */
int replay_state_set(struct replay_position_set *set, const char *field, const char *value,
                     struct ft_err *err);
/* replay_state_eval - a script of the state; any thread. */
int replay_state_eval(struct replay_position_set *set, const struct bytes *args, size_t count,
                      struct ft_err *err);
/* replay_state_remove - a field of the state, if it is there. */
int replay_state_remove(struct replay_position_set *set, const char *field, struct ft_err *err);
/* replay_state_check_owner - is it the state of this capture? */
int replay_state_check_owner(const struct replay_position_set *set, struct ft_err *err);
/* replay_state_stream_done - as the target has it now. Any thread, of that stream. */
void replay_state_stream_done(struct replay_position_set *set, uint32_t flow);
/* replay_state_forget_stream - on the target too; _all: here alone. */
int replay_state_forget_stream(struct replay_position_set *set, uint32_t flow, struct ft_err *err);
void replay_state_forget_all_streams(struct replay_position_set *set);
/* replay_state_note_deferral - before the first: the expiry of keys is deferred; released: they have their own times
 * again, though records may follow. Any thread; once is enough. */
int replay_state_note_deferral(struct replay_position_set *set, bool released, struct ft_err *err);
/* replay_state_defer_again - what was released is not any more; _end_deferral: nothing is deferred. */
int replay_state_defer_again(struct replay_position_set *set, struct ft_err *err);
int replay_state_end_deferral(struct replay_position_set *set, struct ft_err *err);
/* replay_state_prove - the state is still the one that was loaded; else FT_ERR_NET. */
int replay_state_prove(struct replay_position_set *set, struct ft_err *err);
/* replay_state_secure - the replicas of its master have the state too, see wait_replicas.h. */
int replay_state_secure(struct replay_position_set *set, struct ft_err *err);

#endif
