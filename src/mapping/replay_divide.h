/* replay_divide.h - commands with more arguments than a script can pass on, in pieces. */
#ifndef FLOWTAPE_MAPPING_REPLAY_DIVIDE_H
#define FLOWTAPE_MAPPING_REPLAY_DIVIDE_H

#include "item/command_fn.h"
#include "wire/reach.h"

/* replay_divide - can the command be executed in pieces, each the first `head` arguments and so many
 * others, a multiple of `step`? */
bool replay_divide(const struct bytes *args, size_t count, size_t *ret_head, size_t *ret_step);
/* replay_divide_to_fit - in pieces, as large as the limit allows, of which one may be too large for it if a single step is;
 * *ret_divided: false if there is but one, or none is possible, and nothing was put. */
int replay_divide_to_fit(const struct reach_limit *limit, const struct bytes *args, size_t count,
                         command_fn *put, void *context, bool *ret_divided, struct ft_err *err);
/* replay_divide_by_key - has it several keys that do not depend on each other? Then the first argument and each *ret_step
 * others, at most 2, do the same for one key. */
bool replay_divide_by_key(const struct bytes *args, size_t count, size_t *ret_step);
/* replay_divide_take - the command of 1 + step arguments for the key at args[at]: of an MSET it is a SET. */
void replay_divide_take(const struct bytes *args, size_t at, size_t step, struct bytes ret[3]);

#endif
