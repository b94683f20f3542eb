/*
 * capture_print.h - how a capture ended: a few lines for people, or JSON.
 */
#ifndef FLOWTAPE_CMD_CAPTURE_PRINT_H
#define FLOWTAPE_CMD_CAPTURE_PRINT_H

#include <jansson.h>

#include "archive/archiver.h"
#include "capture/capture_run.h"
#include "cmd/exit_status.h"
#include "cmd/progress.h"

/* capture_progress_add - phase, share of the snapshot, rates and counts. */
void capture_progress_add(struct progress *p, const struct capture_progress *now);
/* capture_status - what the program ends with; valid: there is something that can be read. */
enum exit_status capture_status(enum capture_ended ended, bool valid, const struct ft_err *err);
/* capture_print_archive - to standard error: what became of the archive of a capture, or a set, at this path. */
void capture_print_archive(const char *path, const struct archiver_result *a);
/* capture_archive_to_json - NULL: there is none. */
json_t *capture_archive_to_json(const struct archiver_result *a);
/* archive: NULL: there is none. capture_print_text - to standard error. */
void capture_print_text(const struct capture *c, const struct capture_run_result *result,
                        const struct archiver_result *archive);
/* capture_to_json - why: an error's text, or NULL. A new reference; NULL: out of memory. */
json_t *capture_to_json(const struct capture *c, const struct capture_run_result *result,
                        const struct archiver_result *archive, const char *why);

#endif
