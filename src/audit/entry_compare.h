/*
 * entry_compare.h - two copies of a key with their values at hand: are they equal, and if not, where do they differ?
 *
 * What it is   The last word after entry_digest.h, and what a person is shown. It agrees with the digests in all that
 *              they can tell; times within slack_ms are near enough here, whatever they are times of.
 * Use          Both entries with their serialised values, of whatever encoding; keys and databases are not looked
 *              at. What the target cannot hold of A goes through recoder_run first.
 * Memory       For sets, hashes and sorted sets 40 to 80 bytes for each member of one of them, in a file when it is much.
 */
#ifndef FLOWTAPE_AUDIT_ENTRY_COMPARE_H
#define FLOWTAPE_AUDIT_ENTRY_COMPARE_H

#include "audit/comparison.h"

/* entry_compare - ret->kind is DIFFERENCE_NONE if they are equal. FT_ERR_CORRUPT: one cannot be walked. */
int entry_compare(const struct rdb_entry *a, const struct rdb_entry *b,
                  const struct compare_rules *rules, struct comparison *ret, struct ft_err *err);
/* entry_show - what a value is, in a few words, for a key that one side has: "hash of 3 fields". */
int entry_show(const struct rdb_entry *entry, char out[COMPARISON_TEXT_SIZE], struct ft_err *err);

#endif
