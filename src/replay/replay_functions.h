/*
 * replay_functions.h - what a record that changes libraries of functions becomes on this target.
 *
 * What it is   --on-conflict is for libraries as it is for keys: with skip one that the target had before is neither
 *              replaced nor deleted, else what the source loads takes its place. LOAD replaces, so that it may be sent
 *              again after an interruption. On a shared target libraries of others stay.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_FUNCTIONS_H
#define FLOWTAPE_REPLAY_REPLAY_FUNCTIONS_H

#include "command/translation.h"
#include "item/item.h"

struct replay;

/* Room for what a record is exchanged for. */
struct replay_function {
    struct translation t;
    struct translation_command command;
    struct bytes args[4];
};

/* replay_function_take - *ret is t, or in `room` what is executed instead: without commands, nothing. FT_ERR_STATE: it would
 * concern libraries of other replays. */
int replay_function_take(struct replay *r, const struct item *item, const struct translation *t,
                         struct replay_function *room, const struct translation **ret,
                         struct ft_err *err);

#endif
