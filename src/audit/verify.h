/*
 * verify.h - everything that can be checked of an INPUT without a peer.
 *
 * Captures     Manifest against files, segment headers, block CRCs, joins of offsets and LSNs, of a Redis
 *              also of databases, LSN marks, index and trailer against blocks, tokens; every item is
 *              decoded, and every element of every value. After a damaged block the rest of the flow is
 *              still checked block by block, but not decoded: there is nothing to synchronise on.
 *              A full sync that was never finished is not damage, but not whole either: it is
 *              listed apart. One that another has replaced is nothing to anybody.
 * Files        The stream to its EOF, the CRC-64 if there is one, every value; for .dfs sets that
 *              the members belong together.
 */
#ifndef FLOWTAPE_AUDIT_VERIFY_H
#define FLOWTAPE_AUDIT_VERIFY_H

#include "audit/verify_report.h"

/* verify_run - -1 only when the check itself could not be made; findings are not an error. progress may be NULL. */
int verify_run(struct verify_report *ret, const char *path, struct read_progress *progress,
               struct ft_err *err);

#endif
