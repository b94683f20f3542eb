/* replay_setup.h - a replay put together: for its run, or for what works beside one. */
#ifndef FLOWTAPE_REPLAY_REPLAY_SETUP_H
#define FLOWTAPE_REPLAY_REPLAY_SETUP_H

#include "replay/replay_impl.h"

/* replay_setup - neither input nor target is open then. All that is given outlives r; *result is filled in. */
void replay_setup(struct replay *r, const struct replay_options *options,
                  struct replay_progress *progress, struct loss_report *losses,
                  struct replay_result *result);
/* replay_setup_letters - the file of the options, if they name one. */
int replay_setup_letters(struct replay *r, struct ft_err *err);
/* replay_teardown - disconnected. */
void replay_teardown(struct replay *r);

#endif
