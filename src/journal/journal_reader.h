/*
 * journal_reader.h - Dragonfly's journal stream, record by record.
 *
 * What it is   Sans-I/O over a struct window. Collecting: records come with all their arguments, the
 *              window grows to hold a record. Skipping (the framer): the arguments are passed over
 *              without being held; only the command's name is kept.
 * Not its job  LSN accounting (the caller adds journal_record.counted), order between flows.
 * Format       dragonfly src/server/journal/serializer.cc, types.h (main of August 2026; EXPIRED up
 *              to 1.37, MULTI_COMMAND and EXEC up to 1.20). Numbers are packed as in rdb_len.h.
 *
 *   SELECT         06 dbid                     prefix of a record; not counted
 *   EXPIRED        09 txid shards payload
 *   COMMAND        0A txid shards payload
 *   MULTI_COMMAND  0B txid shards payload
 *   EXEC           0C txid shards
 *   PING           0D
 *   LSN            0F lsn                      not counted
 *   payload := arg_count total_bytes { length bytes } * arg_count
 */
#ifndef FLOWTAPE_JOURNAL_JOURNAL_READER_H
#define FLOWTAPE_JOURNAL_JOURNAL_READER_H

#include "base/window.h"

enum journal_op {
    JOURNAL_OP_SELECT = 6,
    JOURNAL_OP_EXPIRED = 9,
    JOURNAL_OP_COMMAND = 10,
    JOURNAL_OP_MULTI_COMMAND = 11,
    JOURNAL_OP_EXEC = 12,
    JOURNAL_OP_PING = 13,
    JOURNAL_OP_FIN = 14,
    JOURNAL_OP_LSN = 15,
};

#define JOURNAL_NAME_MAX 32

struct journal_record {
    enum journal_op op; /* never SELECT: that is folded into dbid */
    uint64_t offset;    /* stream offset of its first byte, the SELECT in front included */
    uint32_t dbid;      /* in effect for this record */
    uint64_t txid;
    uint64_t shard_count;
    uint64_t lsn; /* JOURNAL_OP_LSN only */
    bool counted; /* takes one LSN */
    /* the command's name, upper case, cut to fit, NUL-terminated; "" without a payload */
    char name[JOURNAL_NAME_MAX];
    /* collecting only; valid until the next call on the reader or its window */
    const struct bytes *args;
    size_t arg_count;   /* also when skipping */
    uint64_t arg_bytes; /* total of the arguments, name included */
};

struct journal_reader;

/* max_record_bytes: the most that collecting may hold of one record, and for each 256 of these an argument,
 * but no fewer than 65,536 arguments; 0: item_limit.h. */
int journal_reader_new(struct journal_reader **ret, bool skip_args, size_t max_record_bytes,
                       struct ft_err *err);
/* journal_reader_set_db - the database in effect when reading starts in the middle. */
void journal_reader_set_db(struct journal_reader *r, uint32_t dbid);
uint32_t journal_reader_db(const struct journal_reader *r);
/*
 * journal_reader_next - STEP_ITEM; STEP_MORE; STEP_END (window closed and the end lies between
 * records; a SELECT without a record is an early end); STEP_ERROR: FT_ERR_CORRUPT, FT_ERR_LIMIT,
 * FT_ERR_UNSUPPORTED (unknown opcode).
 */
enum step journal_reader_next(struct journal_reader *r, struct window *in,
                              struct journal_record *ret, struct ft_err *err);
/* journal_reader_at_boundary - between records. */
bool journal_reader_at_boundary(const struct journal_reader *r);
void journal_reader_free(struct journal_reader *r);

#endif
