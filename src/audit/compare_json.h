/*
 * compare_json.h - where two JSON texts differ, as a path: $.orders[3].price
 *
 * What it is   For texts of which rdb/json_digest.h says that they differ. A text that is too large for a tree, or
 *              is not JSON, differs as a whole.
 */
#ifndef FLOWTAPE_AUDIT_COMPARE_JSON_H
#define FLOWTAPE_AUDIT_COMPARE_JSON_H

#include "audit/comparison.h"

/* compare_json - always sets ret. */
int compare_json(struct bytes a, struct bytes b, struct comparison *ret, struct ft_err *err);

#endif
