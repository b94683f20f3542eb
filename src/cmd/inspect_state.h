/* inspect_state.h - inspect's views of the state at a moment: all keys as a list, or one key with its value. */
#ifndef FLOWTAPE_CMD_INSPECT_STATE_H
#define FLOWTAPE_CMD_INSPECT_STATE_H

#include "input/source.h"
#include "item/filter.h"

struct state_view {
    const struct source *source;
    const char *at;              /* as --at has it */
    const struct filter *filter; /* of keys, or of databases alone */
    bool json;                   /* an object a line */
};

/* inspect_keys - a line for each key that passes, in no order. limit: how many to print, 0: all. */
int inspect_keys(const struct state_view *v, uint64_t limit, struct ft_err *err);
/* inspect_key_state - what the key is then, in each database that passes, with its first elements. may_fail: that
 * it cannot be found out, as there is no redis-server, is said in its place. */
int inspect_key_state(const struct state_view *v, struct bytes key, bool may_fail,
                      struct ft_err *err);

#endif
