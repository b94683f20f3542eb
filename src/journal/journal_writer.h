/*
 * journal_writer.h - journal records as a Dragonfly writes them. Source of the format: journal_reader.h.
 */
#ifndef FLOWTAPE_JOURNAL_JOURNAL_WRITER_H
#define FLOWTAPE_JOURNAL_JOURNAL_WRITER_H

#include "base/buf.h"
#include "journal/journal_reader.h"

/* journal_put_record - append SELECT and a record of the kinds that have arguments, or EXEC. Of *r: op, dbid, txid,
 * shard_count, args, arg_count. */
int journal_put_record(struct buf *out, const struct journal_record *r, struct ft_err *err);
/* journal_put_lsn - the mark that names the LSN of the record before it. */
int journal_put_lsn(struct buf *out, uint64_t lsn, struct ft_err *err);
int journal_put_ping(struct buf *out, struct ft_err *err);

#endif
