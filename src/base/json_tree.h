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

#endif
