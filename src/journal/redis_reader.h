/*
 * redis_reader.h - the commands that a Redis or Valkey propagates, to its append-only file and to its replicas,
 * as records.
 *
 * What it is   Sans-I/O over a struct window, as journal_reader.h, whose records it fills in. Collecting or skipping
 *              (the framer), likewise.
 *   SELECT       is folded into the database of what follows;
 *   MULTI, EXEC  the commands between them have the same txid, which others have as 0. EXEC is a record of its own, which
 *                is not counted. MULTI is none;
 *   PING, REPLCONF  come as JOURNAL_OP_PING, with their arguments, not counted;
 *   RREPLAY      is the command it holds, in the database that it names (keydb src/replication.cpp, 6.3);
 *   #TS:n        seconds since 1970: when what follows was executed (redis_reader_time_us). Other lines that begin
 *                with # are passed over, as a redis-server does, also one that the input ends in.
 * Transactions No boundary lies within one. One that the input ends in is incomplete, as a command is.
 * Format       redis src/aof.c (feedAppendOnlyFile, loadSingleAppendOnlyFile), src/replication.c (2.8 to 8).
 */
#ifndef FLOWTAPE_JOURNAL_REDIS_READER_H
#define FLOWTAPE_JOURNAL_REDIS_READER_H

#include "journal/journal_reader.h"

struct redis_reader;

/* max_record_bytes: as of journal_reader_new. */
int redis_reader_new(struct redis_reader **ret, bool skip_args, size_t max_record_bytes,
                     struct ft_err *err);
/* redis_reader_set_db - the database in effect for the next record. */
void redis_reader_set_db(struct redis_reader *r, uint32_t dbid);
uint32_t redis_reader_db(const struct redis_reader *r);
/* redis_reader_next - as journal_reader_next. FT_ERR_CORRUPT names where the command began. */
enum step redis_reader_next(struct redis_reader *r, struct window *in, struct journal_record *ret,
                            struct ft_err *err);
/*
 * redis_reader_pass - skipping only, between two calls of redis_reader_next: passes over commands that are nothing but a counted
 * record each, as far as they are whole, and returns how many they were. What it stops at may be SELECT, MULTI, EXEC,
 * PING, REPLCONF, RREPLAY, RESTORE-ASKING or CLUSTER, or anything else that redis_reader_next has to look at.
 */
size_t redis_reader_pass(const struct redis_reader *r, struct window *in);
/* redis_reader_at_boundary - between commands, and not within a transaction. */
bool redis_reader_at_boundary(const struct redis_reader *r);
/* redis_reader_time_us - what the last #TS: line says; 0: there was none. */
uint64_t redis_reader_time_us(const struct redis_reader *r);
void redis_reader_free(struct redis_reader *r);

#endif
