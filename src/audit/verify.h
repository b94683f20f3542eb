/*
 * verify.h - everything that can be checked of an INPUT without a peer.
 *
 * Captures     Manifest against files, segment headers, block CRCs, joins of offsets and LSNs, LSN
 *              marks, index and trailer against blocks, tokens; every item is decoded, and every
 *              element of every value. After a damaged block the rest of the flow is still checked
 *              block by block, but not decoded: there is nothing to synchronise on.
 *              A full sync that was never finished is not damage, but not whole either: it is
 *              listed apart. One that another has replaced is nothing to anybody.
 * Files        The stream to its EOF, the CRC-64 if there is one, every value; for .dfs sets that
 *              the members belong together.
 */
#ifndef FLOWTAPE_AUDIT_VERIFY_H
#define FLOWTAPE_AUDIT_VERIFY_H

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
};

/* verify_run - -1 only when the check itself could not be made; findings are not an error. progress may be NULL. */
int verify_run(struct verify_report *ret, const char *path, struct read_progress *progress,
               struct ft_err *err);
void verify_report_release(struct verify_report *r);

#endif
