/*
 * rdb_version.h - which RDB formats there are, by magic and version, and what a byte stands for in each.
 *
 * What it is   Two families share one numbering until version 11, and each goes its own way after that:
 *              a number means nothing without the magic in front of it. One table holds the families
 *              with the programs that write each version, another the bytes that are not read.
 *              What cannot be read is refused by name: with the program that writes it.
 * Sources      redis src/rdb.h (2.4 to 8.6; 8.8 and 8.10 as librdb 2.3 reads them), valkey src/rdb.h (8.0 to
 *              9.1), keydb src/rdb.h (6.3).
 */
#ifndef FLOWTAPE_RDB_RDB_VERSION_H
#define FLOWTAPE_RDB_RDB_VERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "rdb/rdb_types.h"

/* Magic and digits of the version together, in each family. */
#define RDB_HEADER_SIZE 9

enum rdb_family {
    RDB_FAMILY_REDIS,
    RDB_FAMILY_VALKEY,
};

struct rdb_header {
    enum rdb_family family;
    unsigned version;
};

/*
 * rdb_header_get - from the first bytes of a stream; `offset` is that of p. STEP_ITEM: a header that
 * is read. STEP_MORE: n is too small. STEP_ERROR: FT_ERR_CORRUPT, or FT_ERR_UNSUPPORTED for a version
 * that is not read.
 */
enum step rdb_header_get(const uint8_t *p, size_t n, uint64_t offset, struct rdb_header *ret,
                         struct ft_err *err);
/* rdb_header_begins - could these bytes (at least one) begin an RDB of any family? */
bool rdb_header_begins(const uint8_t *p, size_t n);
/* rdb_header_of_dump - the family that writes this version into its dump payloads, which have no magic. */
struct rdb_header rdb_header_of_dump(unsigned version);
/* rdb_magic - "REDIS0011", "VALKEY080": the header as text, RDB_HEADER_SIZE characters and a NUL. */
void rdb_magic(struct rdb_header header, char ret[RDB_HEADER_SIZE + 1]);

/*
 * rdb_type_of_byte - the type (enum rdb_type) that a byte stands for in a stream that begins with this header; -1:
 * none that is read. `dragonfly`: who wrote it is, or may be, a Dragonfly.
 */
static inline int rdb_type_of_byte(struct rdb_header header, bool dragonfly, unsigned byte);
/* rdb_byte_of_type - the reverse. */
static inline uint8_t rdb_byte_of_type(unsigned type)
{
    if (type == RDB_TYPE_KEYDB_CRON)
        return RDB_BYTE_KEYDB_CRON;
    return type == RDB_TYPE_VALKEY_HASH ? RDB_BYTE_VALKEY_HASH : (uint8_t)type;
}
/* rdb_unread_name - what a type byte or opcode that is not read stands for, and whose it is; NULL:
 * nobody's that is known. */
const char *rdb_unread_name(struct rdb_header header, unsigned byte);
/* rdb_newest_known - of the family, the newest program whose bytes are known: "Redis 8.10". */
const char *rdb_newest_known(struct rdb_header header);

/* Out of line: a byte that does not stand for the same in all streams. */
int rdb_type_of_late_byte(struct rdb_header header, bool dragonfly, unsigned byte);

static inline int rdb_type_of_byte(struct rdb_header header, bool dragonfly, unsigned byte)
{
    return byte <= RDB_TYPE_ZSET_2 ? (int)byte : rdb_type_of_late_byte(header, dragonfly, byte);
}

#endif
