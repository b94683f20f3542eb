/*
 * unpack.h - a packed archive as a capture directory.
 *
 * What it is   Segments are written into a directory beside DIR, which is renamed to DIR when everything has been
 *              checked and is durable (work_dir.h).
 * Safety       No name comes from the archive (member_check.h). Room for all that the manifest names must be
 *              there before anything is written.
 * Errors       As of packed_reader.h; FT_ERR_STATE: DIR is there and not empty, or another unpack is at work.
 */
#ifndef FLOWTAPE_ARCHIVE_UNPACK_H
#define FLOWTAPE_ARCHIVE_UNPACK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"

struct unpack_progress {
    atomic_uint_fast64_t bytes; /* of segments so far */
};

struct unpack_options {
    const char *input; /* "-": standard input */
    const char *directory;
    int cancel_fd; /* readable: FT_ERR_CANCELLED; -1: never */
    struct unpack_progress *progress;
};

struct unpack_result {
    uint64_t segments;
    uint64_t resumed; /* of them, that an earlier run had written */
    uint64_t bytes;
    bool kept; /* after a failure: what is complete is there for the next run */
};

int unpack_run(const struct unpack_options *o, struct unpack_result *ret, struct ft_err *err);

#endif
