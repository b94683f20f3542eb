/* command_fn.h - who takes the commands that a value is rendered as. */
#ifndef FLOWTAPE_ITEM_COMMAND_FN_H
#define FLOWTAPE_ITEM_COMMAND_FN_H

#include "base/bytes.h"
#include "base/err.h"

/* Takes one command. The arguments are valid during the call. 0, or -1 with err set. */
typedef int command_fn(void *context, const struct bytes *args, size_t count, struct ft_err *err);

#endif
