/*
 * pack.h - a capture as one archive.
 *
 * What it is   A tar: the manifest first, then the segments in the order of the manifest, at last the digests
 *              of all of them (member_digest.h). Owners are 0, times that of the capture: the same capture
 *              gives the same bytes. doc/format-capture.md has the specification.
 * Open ones    Segments that are being written, or of which a part is wanted, are sealed in a copy below
 *              $TMPDIR first. What is packed is a capture whose recorder has ended.
 * Errors       As of the store; FT_ERR_USAGE: what was selected is not there; FT_ERR_CANCELLED.
 */
#ifndef FLOWTAPE_ARCHIVE_PACK_H
#define FLOWTAPE_ARCHIVE_PACK_H

#include <stdatomic.h>

#include "archive/pack_output.h"
#include "store/capture.h"

struct pack_progress {
    atomic_uint_fast64_t bytes; /* of files, packed so far */
};

struct pack_options {
    const char *output; /* "-": standard output */
    struct pack_compression compression;
    uint32_t generation; /* 0: all of them */
    bool snapshot_only;  /* of each flow its full sync */
    const uint64_t
        *stop_lsn; /* per flow of that generation: the first that is left out; NULL: none is */
    int cancel_fd; /* readable: FT_ERR_CANCELLED; -1: never */
    struct pack_progress *progress;
};

struct pack_result {
    uint32_t generations;
    uint64_t segments;
    uint64_t sealed; /* of them, from what was open, or cut */
    uint64_t stored; /* likewise, that do not get smaller */
    uint64_t bytes_in;
    uint64_t bytes_out;
};

/* pack_run - c, opened to read, is changed into what was packed. */
int pack_run(struct capture *c, const struct pack_options *o, struct pack_result *ret,
             struct ft_err *err);

#endif
