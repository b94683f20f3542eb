/* replay_content.h - what the target has besides the state of a replay. */
#ifndef FLOWTAPE_REPLAY_REPLAY_CONTENT_H
#define FLOWTAPE_REPLAY_REPLAY_CONTENT_H

#include <stdbool.h>

#include "base/err.h"

struct replay;

/* replay_content_is_empty - but for the lease; a user who may not ask gets "no". Of a shared target: has it none of the
 * keys that are claimed? */
int replay_content_is_empty(struct replay *r, bool *ret, struct ft_err *err);
/* replay_content_refuse - a growing capture needs that; always -1. */
int replay_content_refuse(const struct replay *r, struct ft_err *err);
/* replay_content_flush - of every master, all its keys go. */
int replay_content_flush(struct replay *r, struct ft_err *err);
/* replay_content_has_functions - on any master; a user who may not ask gets "yes". _drop_functions: all of them go;
 * FT_ERR_PROTOCOL: there are some that stay. */
int replay_content_has_functions(struct replay *r, bool *ret, struct ft_err *err);
int replay_content_drop_functions(struct replay *r, struct ft_err *err);

#endif
