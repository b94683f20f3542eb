/* replay_divide.h - commands with more arguments than a script can pass on, in pieces. */
#ifndef FLOWTAPE_MAPPING_REPLAY_DIVIDE_H
#define FLOWTAPE_MAPPING_REPLAY_DIVIDE_H

#include "base/bytes.h"

/* replay_divide - can the command be executed in pieces, each the first `head` arguments and so many
 * others, a multiple of `step`? */
bool replay_divide(const struct bytes *args, size_t count, size_t *ret_head, size_t *ret_step);
/* replay_divide_by_key - has it several keys that do not depend on each other? Then the first argument and each *ret_step
 * others, at most 2, do the same for one key. */
bool replay_divide_by_key(const struct bytes *args, size_t count, size_t *ret_step);

#endif
