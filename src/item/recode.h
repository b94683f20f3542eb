/*
 * recode.h - an entry in the encoding that a target reads.
 *
 * What it is   The one place that decides, per type and target version, whether a value is copied,
 *              re-encoded or lost. Used for RDB files and for DUMP payloads alike.
 * Copying      What the target reads as it is, is copied as it is. A quicklist of ziplists with bare
 *              nodes (Dragonfly up to 1.26) counts as not readable and is re-encoded.
 * Checking     Every value is read to its last element, copied or not (rdb/value_check.h): redis-server
 *              refuses a file with a member twice or a score that is not a number, and fails later on
 *              what it does not look at.
 * Re-encoding  HASH_LISTPACK, HASH_WITH_EXPIRY and Redis's hashes with field times become HASH, or
 *              HASH_METADATA or VALKEY_HASH where the target has field times and the value uses them; SET_LISTPACK,
 *              SET_WITH_EXPIRY: SET; ZSET_LISTPACK: ZSET_2; LIST_QUICKLIST_2: LIST; streams: the
 *              highest stream version the target has; JSON: per json_as.
 *              STREAM_LISTPACKS of a Dragonfly (up to 1.26) gets the counters that its own replica
 *              ends with, zero, where the target has counters: Redis would guess them.
 * Member TTLs  Where the target has none, members whose time was over at now_ms are left out, the
 *              others kept without it, and LOSS_MEMBER_TTL is reported. now_ms is the
 *              moment of the state that is written: of a file or a capture one that does not depend on
 *              when it is converted; of a replay the present.
 * Threads      A struct recoder belongs to one thread.
 */
#ifndef FLOWTAPE_ITEM_RECODE_H
#define FLOWTAPE_ITEM_RECODE_H

#include "item/loss.h"
#include "rdb/rdb_stream.h"
#include "rdb/target.h"

enum json_as {
    JSON_AS_DEFAULT, /* module where the target has it, else a loss */
    JSON_AS_MODULE,
    JSON_AS_STRING,
};

struct recoder;

enum recode_result {
    RECODE_ERROR = -1,
    RECODE_OK = 0,
    RECODE_LOST = 1,  /* the target cannot hold it: *ret_loss, nothing to write */
    RECODE_EMPTY = 2, /* nothing is left of it (all members were over): not a loss */
};

int recoder_new(struct recoder **ret, const struct target *target, enum json_as json_as,
                struct ft_err *err);
/*
 * recoder_run - *ret_type and *ret_value are what to write after the key: either the entry's own
 * value, or bytes in the recoder valid until the next call. *ret_loss is LOSS_NONE, or a loss: with
 * RECODE_OK (LOSS_MEMBER_TTL) the value is still worth writing. FT_ERR_CORRUPT names no key: the
 * caller adds it.
 */
enum recode_result recoder_run(struct recoder *r, const struct rdb_entry *entry, int64_t now_ms,
                               uint8_t *ret_type, struct bytes *ret_value,
                               enum loss_reason *ret_loss, struct ft_err *err);
/* recoder_always_loses - what every value of this type is, as no target reads it; LOSS_NONE: some do. */
enum loss_reason recoder_always_loses(uint8_t type);
/* recoder_may_lose - can a value of this type be a loss, or a part of it? */
bool recoder_may_lose(const struct target *target, uint8_t type);
void recoder_free(struct recoder *r);
/* recode_stream_drops - what a stream has for which the target's encodings have no place. A value that cannot be
 * read has nothing: recoder_run says what is wrong with it. */
enum stream_drops {
    STREAM_DROPS_COUNTERS = 1,     /* Redis 7.0: entries added and read, the highest deleted ID */
    STREAM_DROPS_ACTIVE_TIMES = 2, /* 7.2: when consumers were last active */
    STREAM_DROPS_PRODUCERS = 4,    /* 8.6: what idempotent producers have added */
};
unsigned recode_stream_drops(const struct target *target, const struct rdb_entry *entry);

/* recode_stream_as - append a stream in this encoding, up to STREAM_LISTPACKS_3: what it has no place for is left out. */
int recode_stream_as(unsigned type, const struct rdb_entry *entry, struct buf *out,
                     struct ft_err *err);

struct stream_iter;
/*
 * recode_stream_shell - a stream without its entries, for XADD to fill: its groups with all that is
 * pending, and counters that are right once head->length entries were added. Appended to out; it: a
 * new iterator over the entry's value, of which the groups are read.
 */
enum recode_result recode_stream_shell(const struct target *target, const struct rdb_entry *entry,
                                       struct stream_iter *it, struct buf *out, uint8_t *ret_type,
                                       enum loss_reason *ret_loss, struct ft_err *err);

#endif
