/*
 * rdb_stream_place.h - places between two entries of an RDB stream, from which another parser can go on.
 *
 * What it is   A parser that passes over values finds such places at a fraction of what reading the entries
 *              costs; parsers that start at them, each in a thread of its own, then give the items that one
 *              parser would have given, and the same errors.
 * Where none   Within a compressed blob, a tagged chunk, or records of a journal: what comes after the first of
 *              them is for one parser.
 * Threads      As the parser.
 */
#ifndef FLOWTAPE_RDB_RDB_STREAM_PLACE_H
#define FLOWTAPE_RDB_RDB_STREAM_PLACE_H

#include "rdb/rdb_stream.h"
#include "rdb/rdb_version.h"

/* Zeroed: the beginning of the stream. */
struct rdb_place {
    uint64_t offset;
    struct rdb_header header;
    int origin; /* enum stream_origin, as known there */
    unsigned df_minor;
    uint32_t db;
    uint64_t
        crc; /* the caller's to set: of all bytes before it, where the end is to verify a checksum */
};

/* rdb_stream_start_at - of a parser that has not read anything; what its window has begins there. */
void rdb_stream_start_at(struct rdb_stream *s, const struct rdb_place *place);
/*
 * rdb_stream_find_place - passes over all that the window has, with a parser that skips values. *place: the last one
 * that it came by, else unchanged. STEP_MORE: show it what follows, with what it has not consumed. STEP_END: what comes
 * after the place is for one parser. STEP_ERROR: likewise, which will say why.
 */
enum step rdb_stream_find_place(struct rdb_stream *s, struct window *in, struct rdb_place *place);

#endif
