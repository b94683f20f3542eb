/*
 * archive_input.h - a file, or standard input, read through libarchive.
 *
 * What it is   Its bytes with the compression taken off (gzip, zstd, lz4 and xz, told by how they begin), as
 *              the members of a tar or as one run. Nothing is ever held but a buffer, so what a few bytes
 *              unfold to costs time alone.
 * Errors       FT_ERR_IO of the file; FT_ERR_CORRUPT of what is in it; FT_ERR_CANCELLED; FT_ERR_UNSUPPORTED: no libarchive.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_ARCHIVE_ARCHIVE_INPUT_H
#define FLOWTAPE_ARCHIVE_ARCHIVE_INPUT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

#define ARCHIVE_STDIN_NAME "-"

enum archive_content {
    ARCHIVE_OF_MEMBERS, /* a tar */
    ARCHIVE_OF_BYTES,   /* whatever it is, one member */
};

struct archive_entry; /* of libarchive.h */
struct archive_input;

/* archive_input_open - path "-": standard input. cancel_fd: readable: FT_ERR_CANCELLED; -1: never. */
int archive_input_open(struct archive_input **ret, const char *path, enum archive_content content,
                       int cancel_fd, struct ft_err *err);
/* archive_input_next - the next member; valid until the next call. */
enum step archive_input_next(struct archive_input *in, struct archive_entry **ret,
                             struct ft_err *err);
/* archive_input_read - up to n bytes of the member; *ret_n 0: that was all. */
int archive_input_read(struct archive_input *in, void *p, size_t n, size_t *ret_n,
                       struct ft_err *err);
/* archive_input_skip - the rest of the member. */
int archive_input_skip(struct archive_input *in, struct ft_err *err);
/* archive_input_name - for messages. */
const char *archive_input_name(const struct archive_input *in);
void archive_input_free(struct archive_input *in);

/* archive_is_compressed - does it begin as what one of the filters takes? */
bool archive_is_compressed(struct bytes head);

#endif
