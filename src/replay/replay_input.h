/* replay_input.h - the input of a replay: opened, known by its id, and once more when it has changed. */
#ifndef FLOWTAPE_REPLAY_REPLAY_INPUT_H
#define FLOWTAPE_REPLAY_REPLAY_INPUT_H

#include "base/err.h"

struct replay;

/* replay_input_open - the input, its cut, and all else that is known without the target. */
int replay_input_open(struct replay *r, struct ft_err *err);
/* replay_input_reopen - the input as it is now, to the same target. */
int replay_input_reopen(struct replay *r, struct ft_err *err);
void replay_input_close(struct replay *r);

#endif
