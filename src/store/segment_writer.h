/*
 * segment_writer.h - a segment being written, and one that a dead process left being sealed.
 *
 * Threads  A writer belongs to one thread at a time; readers may read the file meanwhile (segment_reader.h).
 */
#ifndef FLOWTAPE_STORE_SEGMENT_WRITER_H
#define FLOWTAPE_STORE_SEGMENT_WRITER_H

#include "store/segment.h"

struct segment_writer;

/*
 * segment_writer_create - "name.partial" under dirfd, which must not exist. The header is written
 * and the name durable.
 */
int segment_writer_create(struct segment_writer **ret, int dirfd, const char *name,
                          const struct segment_id *id, struct ft_err *err);
/*
 * segment_writer_append - write blocks with as few system calls as it takes. On failure the file is
 * cut back to the last whole block where that can be done, and the writer accepts only _free.
 * Blocks that do not follow each other by the rules are FT_ERR_BUG, before anything is written.
 */
int segment_writer_append(struct segment_writer *w, const struct segment_block *blocks,
                          size_t block_count, struct ft_err *err);
/* segment_writer_fd - for fdatasync by another thread. */
int segment_writer_fd(const struct segment_writer *w);
/*
 * segment_writer_seal - index, trailer, sync, durable rename. Then only _free. CONTINUED blocks at
 * the end are cut off first; if no block remains the file is removed and ret->sealed false.
 */
int segment_writer_seal(struct segment_writer *w, struct segment_info *ret, struct ft_err *err);
/* segment_writer_free - without seal the file stays ".partial", to be recovered. */
void segment_writer_free(struct segment_writer *w);

/*
 * segment_recover - make a sealed segment of a ".partial" one that a dead process left: cut it
 * after the last good block that is not CONTINUED, then seal it. A file without a good block (or
 * header) is removed: *ret_removed. *ret_cut_bytes is what was cut off. FT_ERR_CORRUPT: the file is
 * another segment than expected (may be NULL), or a damaged header has good blocks after it.
 */
int segment_recover(int dirfd, const char *name, const struct segment_id *expected,
                    struct segment_info *ret, bool *ret_removed, uint64_t *ret_cut_bytes,
                    struct ft_err *err);

#endif
