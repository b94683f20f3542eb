/*
 * diff_sum.h - what all keys of both sides come to: counts, and digests that do not depend on their order.
 *
 * What it is   A row for each database and type. A digest is the sum of one of each key: over its name, type and value;
 *              or over its name and times (and the state of a stream). So two sides are equal if the digests of values are, and
 *              who has only the input can compute that of A again.
 * Moment       A key that ends by moment_ms does not count: whether it is still there is a matter of when it was looked at.
 * Apart        Counted, but not part of digests, are keys of which the other side cannot hold all, and those whose
 *              members have times of their own: what is left of them changes from moment to moment.
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_DIFF_DIFF_SUM_H
#define FLOWTAPE_DIFF_DIFF_SUM_H

#include "diff/diff_rules.h"
#include "rdb/digest.h"

/* Of one side. */
struct diff_sum {
    uint64_t keys;
    uint64_t apart; /* of these */
    struct value_digest values;
    struct value_digest times;
};

struct diff_sum_row {
    uint32_t db; /* of B */
    enum value_class class_;
    struct diff_sum side[DIFF_SIDES];
};

struct diff_sums {
    struct diff_sum_row *rows; /* by database and type; owned */
    size_t count;
};

/* diff_sum_is_apart - see above. */
bool diff_sum_is_apart(const struct entry_digest *d);
/* diff_sums_add - one key. */
int diff_sums_add(struct diff_sums *s, enum diff_of of, const struct entry_digest *d, bool apart,
                  int64_t moment_ms, struct ft_err *err);
/* diff_sums_total - of one database, or of all (DIFF_SUMS_ALL). */
#define DIFF_SUMS_ALL UINT32_MAX
struct diff_sum diff_sums_total(const struct diff_sums *s, enum diff_of of, uint32_t db);
void diff_sums_release(struct diff_sums *s);

#endif
