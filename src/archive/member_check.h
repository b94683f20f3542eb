/*
 * member_check.h - is a member of an archive the one that has to come now?
 *
 * What it is   A packed archive has the members that its manifest names, in that order, and nothing else. So
 *              every name is known before it is read, and none can lead anywhere; what is wrong with one that
 *              is not as expected is said as exactly as can be.
 */
#ifndef FLOWTAPE_ARCHIVE_MEMBER_CHECK_H
#define FLOWTAPE_ARCHIVE_MEMBER_CHECK_H

#include <stdint.h>

#include "base/err.h"

#define MEMBER_ANY_SIZE UINT64_MAX

struct archive_entry; /* of libarchive.h */

/* member_check - expected: its name; NULL: the archive should have ended. bytes: its length, or
 * MEMBER_ANY_SIZE. FT_ERR_CORRUPT, which names the member. */
int member_check(struct archive_entry *e, const char *expected, uint64_t bytes, struct ft_err *err);

#endif
