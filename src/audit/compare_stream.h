/*
 * compare_stream.h - two streams: entries in their order, then ids and counters, groups, consumers, what is pending.
 *
 * What it is   Counters count where both encodings have them. Groups and consumers are found by name; when a consumer was
 *              seen last does not count.
 */
#ifndef FLOWTAPE_AUDIT_COMPARE_STREAM_H
#define FLOWTAPE_AUDIT_COMPARE_STREAM_H

#include "audit/comparison.h"

/* compare_stream - ret: untouched if they are equal. FT_ERR_CORRUPT. */
int compare_stream(const struct rdb_entry *a, const struct rdb_entry *b,
                   const struct compare_rules *rules, struct comparison *ret, struct ft_err *err);

#endif
