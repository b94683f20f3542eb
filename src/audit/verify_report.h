/*
 * verify_report.h - what verify has found.
 *
 * Threads      Not shared: what is checked beside each other has a report each.
 */
#ifndef FLOWTAPE_AUDIT_VERIFY_REPORT_H
#define FLOWTAPE_AUDIT_VERIFY_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "input/read_progress.h"

#define FINDINGS_SHOWN_MAX 100

struct finding {
    char *file;      /* relative to the input, or the input itself */
    uint64_t offset; /* in that file; FT_NO_OFFSET */
    char text[sizeof(((struct ft_err *)0)->msg)];
};

struct verify_report {
    bool commands_follow;           /* an append-only file, which has more than its snapshot */
    struct read_progress *progress; /* where the run counts; NULL: nowhere */
    struct finding *findings;       /* the first FINDINGS_SHOWN_MAX */
    size_t finding_count;           /* of those */
    uint64_t findings_total;
    uint64_t unread;       /* of these, what is no damage, but cannot be read by this program */
    struct finding *notes; /* nothing wrong, but worth knowing: a torn tail, no checksum */
    size_t note_count;
    struct finding
        *incomplete; /* undamaged, but its end is missing: full syncs that were not finished */
    size_t incomplete_count;
    uint64_t generations;
    uint64_t segments;
    uint64_t blocks;
    uint64_t bytes; /* of the streams */
    uint64_t keys;
    uint64_t records;
    uint64_t given_up; /* of them, by which a node of a cluster gives slots up */
};

/* verify_report_finding - damage, or something else that is wrong. */
int verify_report_finding(struct verify_report *r, const char *file, uint64_t offset,
                          const char *text, struct ft_err *err);
/* verify_report_found - the error of a check is a finding, unless it says that the check could not be made. */
int verify_report_found(struct verify_report *r, const char *file, uint64_t offset,
                        struct ft_err *what, struct ft_err *err);
int verify_report_note(struct verify_report *r, const char *file, const char *text,
                       struct ft_err *err);
int verify_report_incomplete(struct verify_report *r, const char *file, const char *text,
                             struct ft_err *err);
/* verify_report_add - what was found in a part, after that of those before it. Of notes each once. */
int verify_report_add(struct verify_report *r, const struct verify_report *part,
                      struct ft_err *err);
void verify_report_release(struct verify_report *r);

#endif
