/*
 * diff_match.h - the digests of both sides laid side by side: which keys have to be looked at again.
 *
 * Memory       One part of the logs at a time: 120 to 240 bytes for each 256th key; in a file when it is much.
 */
#ifndef FLOWTAPE_DIFF_DIFF_MATCH_H
#define FLOWTAPE_DIFF_DIFF_MATCH_H

#include "base/parted_log.h"
#include "diff/diff_sum.h"
#include "diff/diff_table.h"

struct diff_match_counts {
    uint64_t keys[DIFF_SIDES]; /* different ones */
    uint64_t expected;         /* of A: what B cannot hold of them */
};

/* diff_match_log - a log of struct entry_digest, as diff_match_run takes two. */
int diff_match_log(struct parted_log **ret, struct ft_err *err);
/*
 * diff_match_run - ret gets every key that differs or may do so, with its kind. Of the first show of each kind, and of all
 * of which only the values can tell, values are wanted.
 */
int diff_match_run(struct parted_log *const logs[DIFF_SIDES], const struct diff_rules *rules,
                   size_t show, struct diff_table *ret, struct diff_match_counts *counts,
                   struct ft_err *err);

/* diff_match_sum - what all keys come to; of those that the table has, as it has them, of others by the logs. */
int diff_match_sum(struct parted_log *const logs[DIFF_SIDES], const struct diff_rules *rules,
                   const struct diff_table *table, int64_t moment_ms, struct diff_sums *ret,
                   struct ft_err *err);

#endif
