/*
 * packed_reader.h - a packed archive, read from its first byte to its last and believed only as far as it was
 * checked.
 *
 * What it is   The manifest is there after packed_open; the segments come one after the other. Each byte is
 *              checked by its segment's headers as it comes (store/segment_feed.h), by the manifest at the
 *              end of its member, and by the list of digests at the end of the archive.
 * Memory       The manifest and a buffer.
 * Errors       FT_ERR_CORRUPT with the member's name, FT_ERR_UNSUPPORTED, FT_ERR_IO, FT_ERR_CANCELLED;
 *              FT_ERR_USAGE: it is not a packed capture.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_ARCHIVE_PACKED_READER_H
#define FLOWTAPE_ARCHIVE_PACKED_READER_H

#include <stdbool.h>

#include "store/capture.h"

struct packed_reader;

/* packed_open - path "-": standard input. cancel_fd: readable: FT_ERR_CANCELLED; -1: never. */
int packed_open(struct packed_reader **ret, const char *path, int cancel_fd, struct ft_err *err);
/* packed_capture - what the manifest says; without a directory. packed_manifest - its text. */
const struct capture *packed_capture(const struct packed_reader *r);
struct bytes packed_manifest(const struct packed_reader *r);
/* packed_next - the next segment. STEP_END: that was all, and the digests of all are right. */
enum step packed_next(struct packed_reader *r, const struct segment_info **ret,
                      struct segment_id *ret_id, struct ft_err *err);
/* packed_read - up to n bytes of it; *ret_n 0: it is complete. It has to be read to its end. */
int packed_read(struct packed_reader *r, void *p, size_t n, size_t *ret_n, struct ft_err *err);
/*
 * packed_next_block - the segment's next block, decompressed and checked; valid until the next call. STEP_END: it
 * is complete. Not together with packed_read.
 */
enum step packed_next_block(struct packed_reader *r, struct segment_block *ret, struct ft_err *err);
/* packed_skip - go on to the next segment; what is skipped is not checked, and STEP_END cannot be had. */
int packed_skip(struct packed_reader *r, struct ft_err *err);
void packed_free(struct packed_reader *r);

/* packed_looks_so - does a file begin as the archive of a capture does? It costs reading as much of it. */
bool packed_looks_so(const char *path);

#endif
