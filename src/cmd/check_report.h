/*
 * check_report.h - the report of a check (check_print.h), read back.
 *
 * What it is   The report of a replay or sync, or its "check" alone. Every number and text of it is looked at, and whether
 *              it agrees with itself: sums of types are those of databases and of all, and who calls two sides equal has
 *              equal digests.
 * Errors       FT_ERR_CORRUPT: it is no such report, or a damaged one. FT_ERR_UNSUPPORTED: one of a sample, which cannot be
 *              computed again, or of a later version.
 */
#ifndef FLOWTAPE_CMD_CHECK_REPORT_H
#define FLOWTAPE_CMD_CHECK_REPORT_H

#include "diff/copy_proof.h"

struct check_report {
    struct copy_proof proof;
    uint64_t *next_lsn; /* owned */
    char source_id[33];
    char *rules;           /* owned */
    struct diff_sums sums; /* as it has them */
    bool equal;            /* so it says */
};

/* check_report_read - *ret is released by check_report_release in any case. */
int check_report_read(struct check_report *ret, const char *path, struct ft_err *err);
void check_report_release(struct check_report *r);

#endif
