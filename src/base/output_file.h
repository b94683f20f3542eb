/*
 * output_file.h - a file that appears under its name only when it is complete.
 *
 * What it is   Written as "NAME.tmp-" and six random characters beside NAME, readable by its owner only,
 *              synced and renamed by output_file_finish. output_file_release without that removes it.
 *              OUTPUT_STDOUT_NAME is standard output: what is written is out at once.
 * Replaces     Nothing but a regular file: not a device, a pipe, a directory or a link.
 * Errors       FT_ERR_IO, with the name; FT_ERR_USAGE: NAME is something that is not replaced.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_BASE_OUTPUT_FILE_H
#define FLOWTAPE_BASE_OUTPUT_FILE_H

#include "base/buf.h"

#define OUTPUT_STDOUT_NAME "-"

struct output_file {
    int fd;
    char *path;
    char *tmp_path; /* equal to path for standard output and appending */
    bool temporary; /* tmp_path is to be renamed, or removed */
    bool is_stdout;
    uint64_t bytes;       /* written through this struct */
    uint64_t handed_over; /* of them, to the disk */
};

int output_file_open(struct output_file *ret, const char *path, struct ft_err *err);
/* output_file_append - go on at the end of a file that exists; a failure leaves it half written. */
int output_file_append(struct output_file *ret, const char *path, struct ft_err *err);
/* output_file_adopt - what is written goes to fd, which is closed at the end, also on failure; name is for
 * messages. output_file_finish syncs, and may be called more than once. */
int output_file_adopt(struct output_file *ret, int fd, const char *name, struct ft_err *err);
int output_file_write(struct output_file *f, struct bytes bytes, struct ft_err *err);
/* output_file_patch - other bytes in place of some that were written; not on standard output. */
int output_file_patch(struct output_file *f, uint64_t offset, struct bytes bytes,
                      struct ft_err *err);
int output_file_finish(struct output_file *f, struct ft_err *err);
/* output_file_temporary - "PATH.tmp-XXXXXX", for mkstemp and mkdtemp; NULL: no memory. */
char *output_file_temporary(const char *path);
/* output_file_release - also of a zeroed struct, and of one whose opening failed. */
void output_file_release(struct output_file *f);

#endif
