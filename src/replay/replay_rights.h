/*
 * replay_rights.h - whether the target lets the user do what this replay needs.
 *
 * When       Before anything is written: what any replay needs after connecting, what this input needs after the
 *            survey of it.
 * Message    One that names all that is missing. Where it is known after connecting that the replay cannot be, the
 *            input is surveyed for the message alone.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_RIGHTS_H
#define FLOWTAPE_REPLAY_REPLAY_RIGHTS_H

#include "replay/replay_survey.h"

#define REPLAY_RIGHTS_NAMES 400

/* replay_check_rights - FT_ERR_PROTOCOL if the target does not allow what any replay needs. It is asked once. */
int replay_check_rights(struct replay *r, struct ft_err *err);
/* replay_check_needs - the same of what the input needs. With dead letters it is not an error: what of it is not allowed is
 * in ret_names then, between commas; else it is "". */
int replay_check_needs(struct replay *r, const struct replay_survey *survey,
                       char ret_names[REPLAY_RIGHTS_NAMES], struct ft_err *err);
/* replay_find_later_needs - which of all the commands that records may become, and of those that deferred expiry takes, the
 * user may not run, though the target has them. */
int replay_find_later_needs(const struct replay *r, char ret_names[REPLAY_RIGHTS_NAMES],
                            struct ft_err *err);

#endif
