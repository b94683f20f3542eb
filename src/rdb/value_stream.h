/*
 * value_stream.h - a stream value, element by element: head, then entries, then groups with their consumers
 * and pending entries.
 *
 * Use      In this order; see value_iter.h for lifetimes and errors.
 * Source   redis src/rdb.c and src/t_stream.c (7.2, 8.6); librdb src/lib/parser.c (2.3) for STREAM_LISTPACKS_5.
 */
#ifndef FLOWTAPE_RDB_VALUE_STREAM_H
#define FLOWTAPE_RDB_VALUE_STREAM_H

#include "rdb/value_iter.h"

struct stream_id {
    uint64_t ms;
    uint64_t seq;
};

/* Stream values: head, then entries, then groups, in this order. */
struct stream_head {
    unsigned type;
    uint64_t length;
    struct stream_id last_id;
    /* from STREAM_LISTPACKS_2 on; for older ones length, the first entry's id and 0-0 */
    struct stream_id first_id;
    struct stream_id max_deleted_id;
    uint64_t entries_added;
    uint64_t group_count;
};

struct stream_entry {
    struct stream_id id;
    /* field, value, field, value ... */
    const struct bytes *args;
    size_t arg_count;
};

struct stream_group {
    struct bytes name;
    struct stream_id last_id;
    int64_t entries_read; /* -1: not known */
    uint64_t pending_count;
    uint64_t consumer_count;
    /* the pending entries as they lie in the value: n x (16 bytes id, LE64 time, LEN count) */
    struct bytes stored_pending;
    /* ids of those that no consumer has, n x 16 bytes; from STREAM_LISTPACKS_5 on */
    struct bytes unowned;
};

struct stream_pending {
    struct stream_id id;
    struct bytes consumer; /* its owner */
    int64_t delivery_time_ms;
    uint64_t delivery_count;
};

struct stream_consumer {
    struct bytes name;
    int64_t seen_time_ms;
    int64_t active_time_ms; /* seen time where the encoding has none; may be -1 */
    uint64_t pending_count;
    struct bytes stored_pending; /* n x 16 bytes id */
};

struct stream_iter;

int stream_iter_new(struct stream_iter **ret, unsigned type, struct bytes value,
                    struct ft_err *err);
/* stream_iter_head - known from the beginning (the listpacks were passed over once). */
const struct stream_head *stream_iter_head(const struct stream_iter *it);
/* stream_iter_listpacks - the part "PU(n), n x (STR id, STR listpack)" as it lies in the value. */
struct bytes stream_iter_listpacks(const struct stream_iter *it);
/* stream_iter_producers - from STREAM_LISTPACKS_4 on what idempotent producers added, as it lies in the value
 * after the groups (value_walk.c has its grammar); known when the groups have ended. Empty for older ones. */
struct bytes stream_iter_producers(const struct stream_iter *it);
/* Deleted entries are not delivered. */
enum step stream_iter_next_entry(struct stream_iter *it, struct stream_entry *ret,
                                 struct ft_err *err);
/* The groups; for each its consumers, for each consumer its pending ids (with the group's delivery
 * data). Each call leaves the inner level it was at. */
enum step stream_iter_next_group(struct stream_iter *it, struct stream_group *ret,
                                 struct ft_err *err);
enum step stream_iter_next_consumer(struct stream_iter *it, struct stream_consumer *ret,
                                    struct ft_err *err);
enum step stream_iter_next_pending(struct stream_iter *it, struct stream_pending *ret,
                                   struct ft_err *err);
void stream_iter_free(struct stream_iter *it);

#endif
