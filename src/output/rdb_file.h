/*
 * rdb_file.h - an RDB file that appears under its name only when it is complete.
 *
 * What it is   Takes ready-made pieces of one database each (rdb/rdb_writer.h), puts SELECTDB and
 *              RESIZEDB in front where they belong, keeps the CRC-64. RESIZEDB is written with room
 *              for its counts, which are filled in at the end; the checksum is corrected for that
 *              without reading the file again (crc64_zeros).
 * Databases    A server that has too few of them refuses an RDB file, but follows commands after a refused SELECT
 *              into whatever database it is in. So a file that commands will follow ends with a SELECTDB that
 *              can be changed when it is known which databases they use: rdb_file_raise_database.
 * Files        Written beside NAME, synced, renamed (base/output_file.h). rdb_file_free without a
 *              successful rdb_file_finish removes it.
 * Streams      One that is handed out as it is made cannot be changed later. Where it is known about how many keys there are, the
 *              first database has a RESIZEDB that says so: whoever loads it makes room once, instead of growing.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_OUTPUT_RDB_FILE_H
#define FLOWTAPE_OUTPUT_RDB_FILE_H

#include "base/buf.h"
#include "output/databases.h"
#include "rdb/target.h"

struct rdb_file;

/* ctime_s and used_mem become AUX fields: the source's own, so that the output says when its data
 * was right. */
int rdb_file_open(struct rdb_file **ret, const char *path, const struct target *target,
                  uint64_t ctime_s, uint64_t used_mem, struct ft_err *err);
/* Where an RDB goes that is not to be a file. */
struct rdb_out {
    int (*write)(void *context, struct bytes bytes, struct ft_err *err);
    void *context;
    uint64_t keys; /* about so many will come; 0: not known */
};

/* rdb_file_open_stream - out is copied. */
int rdb_file_open_stream(struct rdb_file **ret, const struct rdb_out *out,
                         const struct target *target, uint64_t ctime_s, uint64_t used_mem,
                         struct ft_err *err);
/* rdb_file_put - entries of one database: keys of them, with `expires` that have a time to live. */
int rdb_file_put(struct rdb_file *s, uint32_t db, struct bytes entries, uint64_t keys,
                 uint64_t expires, struct ft_err *err);
/* rdb_file_put_plain - something that belongs to no database (AUX, FUNCTION2). */
int rdb_file_put_plain(struct rdb_file *s, struct bytes bytes, struct ft_err *err);
/* rdb_file_databases - those in use; the limit may be set before the first entry. */
struct databases *rdb_file_databases(struct rdb_file *s);
uint64_t rdb_file_bytes(const struct rdb_file *s);
/* rdb_file_end_with_database - before rdb_file_finish: the file ends with the SELECTDB that can be raised. */
int rdb_file_end_with_database(struct rdb_file *s, struct ft_err *err);
/* rdb_file_raise_database - in such a file, of which `bytes` are the RDB (commands may follow in it): the last
 * SELECTDB, and the checksum. Synced. */
int rdb_file_raise_database(const char *path, uint64_t bytes, uint32_t db, struct ft_err *err);
int rdb_file_finish(struct rdb_file *s, struct ft_err *err);
void rdb_file_free(struct rdb_file *s);

#endif
