/*
 * compare_members.h - two sets, hashes or sorted sets, whatever the order of their members.
 *
 * Memory       40 to 80 bytes for each member of one of them; a large table is in a file (base/table_memory.h).
 */
#ifndef FLOWTAPE_AUDIT_COMPARE_MEMBERS_H
#define FLOWTAPE_AUDIT_COMPARE_MEMBERS_H

#include "audit/comparison.h"

/* compare_members - entries of the same class. ret: untouched if they are equal. FT_ERR_CORRUPT. */
int compare_members(const struct rdb_entry *a, const struct rdb_entry *b,
                    const struct compare_rules *rules, struct comparison *ret, struct ft_err *err);

#endif
