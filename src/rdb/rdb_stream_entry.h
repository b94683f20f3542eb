/*
 * rdb_stream_entry.h - a part of the parser: keys and values, one after the other.
 */
#ifndef FLOWTAPE_RDB_RDB_STREAM_ENTRY_H
#define FLOWTAPE_RDB_RDB_STREAM_ENTRY_H

#include "rdb/rdb_stream_impl.h"

/* entry_plain - the commonest entry in one go: a string, it and its key stored as they are, and all of it here.
 * STEP_AGAIN: it is another one, and nothing was consumed. */
enum step entry_plain(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err);
/* entry_remember - the last one so far, for an AUX field that belongs to it. */
int entry_remember(struct rdb_stream *s, uint32_t db, uint8_t type, struct bytes key,
                   struct ft_err *err);
/* entry_pass - as rdb_stream_pass, of the next bytes. */
size_t entry_pass(struct rdb_stream *s);
/* Entries: at a type byte; after a long key; after the value was walked over. */
enum step entry_begin(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err);
enum step entry_after_long_key(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err);
enum step entry_go(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err);

#endif
