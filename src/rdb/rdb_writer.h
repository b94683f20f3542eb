/*
 * rdb_writer.h - pieces of an RDB file, appended to a buffer. Checksums and files are the caller's
 * (output/rdb_file.h). Source of the format: rdb_stream.h.
 */
#ifndef FLOWTAPE_RDB_RDB_WRITER_H
#define FLOWTAPE_RDB_RDB_WRITER_H

#include "base/buf.h"
#include "rdb/rdb_stream.h"
#include "rdb/rdb_version.h"

/* rdb_put_len - a packed number (rdb_len.h). */
int rdb_put_len(struct buf *out, uint64_t value, struct ft_err *err);
int rdb_put_header(struct buf *out, struct rdb_header header, struct ft_err *err);
int rdb_put_aux(struct buf *out, const char *name, struct bytes value, struct ft_err *err);
int rdb_put_selectdb(struct buf *out, uint32_t db, struct ft_err *err);
/* Both counts in the 9-byte form, so that they can be filled in later; RDB_RESIZEDB_SIZE bytes. */
#define RDB_RESIZEDB_SIZE 19
int rdb_put_resizedb(struct buf *out, uint64_t keys, uint64_t expires, struct ft_err *err);
int rdb_put_function(struct buf *out, struct bytes code, struct ft_err *err);
/* rdb_put_df_mask - what a Dragonfly says in front of an entry that is sticky or has flags; else nothing. */
int rdb_put_df_mask(struct buf *out, const struct rdb_entry *entry, struct ft_err *err);
/*
 * rdb_put_entry - expiry, IDLE or FREQ, then type (its byte), key, value as given. When type and value are the
 * entry's own and entry->raw is there, that is copied in one piece.
 */
int rdb_put_entry(struct buf *out, const struct rdb_entry *entry, uint8_t type, struct bytes value,
                  struct ft_err *err);

#endif
