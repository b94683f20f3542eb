/*
 * json_tree.h - JSON as a tree of jansson's.
 *
 * Errors       FT_ERR_CORRUPT with the line; FT_ERR_NOMEM, which the library does not tell apart by
 *              itself everywhere: its allocations are watched, from the first call on.
 */
#ifndef FLOWTAPE_BASE_JSON_TREE_H
#define FLOWTAPE_BASE_JSON_TREE_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/err.h"

/* json_tree_load - flags are jansson's. *ret is released with json_decref. */
int json_tree_load(json_t **ret, struct bytes text, size_t flags, struct ft_err *err);

/*
 * A report is made of many small values, and jansson leaves out what it has no memory for. So its
 * allocations are watched: json_tree_watch once, before any is made; json_tree_is_whole says whether none
 * has failed since, in any thread. FT_ERR_NOMEM otherwise.
 */
void json_tree_watch(void);
int json_tree_is_whole(struct ft_err *err);

#endif
