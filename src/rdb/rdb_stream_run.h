/*
 * rdb_stream_run.h - many entries of an RDB stream at once.
 *
 * What it is   Most of a snapshot is strings. Of those that follow each other within what the
 *              window has, one call gives all there are; so what is done for each of them is little more than finding where
 *              it ends. What is not that simple is left to rdb_stream_next, which gives the same entries one by one.
 * Use          After an item, and before the window is touched. Then rdb_stream_next, at the latest when there are none.
 * Threads      As the parser.
 */
#ifndef FLOWTAPE_RDB_RDB_STREAM_RUN_H
#define FLOWTAPE_RDB_RDB_STREAM_RUN_H

#include "rdb/rdb_stream.h"

/* As many as a uint64_t has bits, one for each. */
#define RDB_RUN_MAX 64u
/* A longer value costs more than the call. */
#define RDB_RUN_VALUE_MAX (16u << 10)

/* A string of which nothing is said but a time to live. Its key is not compressed; it may be, and was seen to hold together. */
struct rdb_plain {
    struct bytes whole; /* as it came: time to live in ms, type, key, value */
    struct bytes key;   /* in it */
    int64_t expire_ms;  /* or RDB_NO_EXPIRY */
    uint64_t offset;
};

/* Pointers are valid until the next call on the parser or its window. */
struct rdb_run {
    uint32_t db;
    bool dragonfly; /* a Dragonfly wrote them */
    size_t count;
    struct rdb_plain entries[RDB_RUN_MAX];
};

/* rdb_stream_run - collecting only: the plain entries that follow, as far as they are whole. None: ret->count is 0. */
int rdb_stream_run(struct rdb_stream *s, struct window *in, struct rdb_run *ret,
                   struct ft_err *err);
/* rdb_run_entry - one of them as rdb_stream_next gives it. */
struct rdb_entry rdb_run_entry(const struct rdb_run *run, const struct rdb_plain *plain);
/*
 * rdb_stream_pass - skipping only: passes over entries of one string each, if nothing but a time to live is said of them, as
 * far as they are whole; returns how many. An AUX field that belongs to the last of them does not come with its key.
 */
size_t rdb_stream_pass(struct rdb_stream *s, struct window *in);

#endif
