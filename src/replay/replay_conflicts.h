/* replay_conflicts.h - keys and libraries of functions of the target's own. */
#ifndef FLOWTAPE_REPLAY_REPLAY_CONFLICTS_H
#define FLOWTAPE_REPLAY_REPLAY_CONFLICTS_H

#include "base/err.h"
#include "replay/position/replay_state.h"

struct replay;

/* replay_find_kept - --on-conflict: which keys does the target have already? Writes nothing. */
int replay_find_kept(struct replay *r, struct ft_err *err);
/* replay_find_kept_libraries - --on-conflict skip: which libraries it has, of the input or not, as a record that
 * is still to come may load one of the same name. Writes nothing. */
int replay_find_kept_libraries(struct replay *r, struct ft_err *err);
/* replay_write_kept - what was found is kept for good: before anything of the input is written. */
int replay_write_kept(struct replay *r, struct ft_err *err);
int replay_load_kept(struct replay *r, struct ft_err *err);
/* replay_kept_name, replay_kept_libraries_name - the keys of what is kept; they return `out`. */
const char *replay_kept_name(const char *capture, char out[REPLAY_KEY_SIZE]);
const char *replay_kept_libraries_name(const char *capture, char out[REPLAY_KEY_SIZE]);

#endif
