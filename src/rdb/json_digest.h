/*
 * json_digest.h - 128 bits over what a JSON text means.
 *
 * What it is   The order of an object's members does not count, nor do blanks, the way a character is
 *              escaped or a number is written (1, 1.0 and 1e0 are one number).
 * Memory       The longest string, and 64 bytes for each level of nesting.
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_RDB_JSON_DIGEST_H
#define FLOWTAPE_RDB_JSON_DIGEST_H

#include "base/err.h"
#include "rdb/digest.h"

/* Deeper texts count as their bytes. */
#define JSON_DIGEST_DEPTH_MAX 10000u

/* json_digest_run - 1, 0: it is not JSON, or too deep, -1: FT_ERR_NOMEM. */
int json_digest_run(struct bytes text, struct value_digest *ret, struct ft_err *err);

#endif
