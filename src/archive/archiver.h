/*
 * archiver.h - hands each sealed segment of a growing capture to a command, beside the recording.
 *
 * What it is   A thread that looks at the manifest, which names only what is sealed and durable, and runs the
 *              command for each segment that is not on the list of the archived ones yet (store/archived_list.h),
 *              again and again, with growing pauses, until it succeeds. After them comes a manifest that names
 *              what is archived, under the name of the manifest: the one name that comes more than once. So what
 *              lies there is a capture at any time (archive/fetch.h).
 * Sets         Of a set of captures each node is archived so, with its directory's name in front of the names, and after all of them the
 *              set's description, as far as it is true of what is there (set_coverage.h).
 * Recording    Knows nothing of it, and never waits for it.
 * Local files  Of what is archived the oldest segments are removed as soon as all that are here are larger than
 *              keep_local_bytes.
 * Threads      One of its own, which makes the callback. archiver_new and archiver_finish from one thread.
 */
#ifndef FLOWTAPE_ARCHIVE_ARCHIVER_H
#define FLOWTAPE_ARCHIVE_ARCHIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "store/capture_set.h"

/* Of a file's name there. */
#define ARCHIVER_NAME_MAX (SEGMENT_NAME_MAX + CAPTURE_SET_DIR_SIZE)

struct archiver_options {
    const char *directory; /* of the capture, or the set; it need not be there yet */
    bool is_set;
    const char *command; /* archive_command.h */
    uint64_t timeout_ms; /* for one run of it; 0: none */
    bool keeps_all;      /* nothing is removed here */
    uint64_t keep_local_bytes;
    void (*on_note)(void *context, const char *text); /* a failure */
    void *context;
};

struct archiver_result {
    uint64_t archived; /* segments, by this run */
    uint64_t removed;  /* here */
    uint64_t failures; /* runs of the command that failed */
    uint64_t pending;  /* sealed segments that are not archived */
    bool is_behind; /* the manifest there, or the set's description, says less than the one here */
};

struct archiver;

int archiver_new(struct archiver **ret, const struct archiver_options *options, struct ft_err *err);
/* archiver_finish - the capture has ended: what is sealed is handed over, as long as that succeeds at least
 * every wait_ms. Frees it. */
void archiver_finish(struct archiver *a, uint64_t wait_ms, struct archiver_result *ret);

/* archiver_name - the name there of a segment, "gen-0001.flow-000-00001-journal.seg", or of another file of a capture. node: its
 * directory in the set, which comes before that, and a dot; "": the capture is not in a set. */
void archiver_name(const char *node, const char *file, char ret[ARCHIVER_NAME_MAX]);

#endif
