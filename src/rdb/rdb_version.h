/*
 * rdb_version.h - which RDB formats there are, by magic and version, and which of them are read.
 *
 * What it is   Two families share one numbering until version 11, and each goes its own way after that:
 *              a number means nothing without the magic in front of it. One table holds the families
 *              with the programs that write each version, another what is known by its number only.
 *              What cannot be read is refused by name: with the program that writes it.
 * Sources      redis src/rdb.h (2.4 to 8.6), valkey src/rdb.h (8.0 to 9.1), keydb src/rdb.h (6.3).
 */
#ifndef FLOWTAPE_RDB_RDB_VERSION_H
#define FLOWTAPE_RDB_RDB_VERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

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
/* rdb_unread_name - what a type byte or opcode that is not read stands for, and whose it is; NULL:
 * nobody's that is known. */
const char *rdb_unread_name(unsigned byte);

#endif
