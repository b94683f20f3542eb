/*
 * sink_rdb.h - an RDB file that appears under its name only when it is complete.
 *
 * What it is   Takes ready-made pieces of one database each (rdb/rdb_writer.h), puts SELECTDB and
 *              RESIZEDB in front where they belong, keeps the CRC-64. RESIZEDB is written with room
 *              for its counts, which are filled in at the end; the checksum is corrected for that
 *              without reading the file again (crc64_zeros).
 * Files        Written beside NAME, synced, renamed (base/output_file.h). sink_rdb_free without a
 *              successful sink_rdb_finish removes it.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_OUTPUT_SINK_RDB_H
#define FLOWTAPE_OUTPUT_SINK_RDB_H

#include "base/buf.h"
#include "output/databases.h"
#include "rdb/target.h"

struct sink_rdb;

/* ctime_s and used_mem become AUX fields: the source's own, so that the output says when its data
 * was right. */
int sink_rdb_open(struct sink_rdb **ret, const char *path, const struct target *target,
                  uint64_t ctime_s, uint64_t used_mem, struct ft_err *err);
/* sink_rdb_put - entries of one database: keys of them, with `expires` that have a time to live. */
int sink_rdb_put(struct sink_rdb *s, uint32_t db, struct bytes entries, uint64_t keys,
                 uint64_t expires, struct ft_err *err);
/* sink_rdb_put_plain - something that belongs to no database (AUX, FUNCTION2). */
int sink_rdb_put_plain(struct sink_rdb *s, struct bytes bytes, struct ft_err *err);
/* sink_rdb_databases - those in use; the limit may be set before the first entry. */
struct databases *sink_rdb_databases(struct sink_rdb *s);
uint64_t sink_rdb_bytes(const struct sink_rdb *s);
int sink_rdb_finish(struct sink_rdb *s, struct ft_err *err);
void sink_rdb_free(struct sink_rdb *s);

#endif
