/*
 * segment_reader_open.h - a segment's file, its header, index and trailer; what segment_reader.h reads from.
 */
#ifndef FLOWTAPE_STORE_SEGMENT_READER_OPEN_H
#define FLOWTAPE_STORE_SEGMENT_READER_OPEN_H

#include "store/segment_reader.h"

/* segment_reader_open - sealed or, if that does not exist, ".partial". Checks the header's CRC,
 * version and, unless NULL, that it is the expected capture, generation, flow, ordinal, kind. */
int segment_reader_open(struct segment_reader **ret, int dirfd, const char *name,
                        const struct segment_id *expected, struct ft_err *err);
const struct segment_id *segment_reader_id(const struct segment_reader *r);
bool segment_reader_sealed(const struct segment_reader *r);

/*
 * segment_reader_try_open - as segment_reader_open, but a segment that is not there (or a
 * ".partial" that has no good header yet) is *ret_absent with *ret NULL and 0 returned.
 */
int segment_reader_try_open(struct segment_reader **ret, int dirfd, const char *name,
                            const struct segment_id *expected, bool *ret_absent,
                            struct ft_err *err);
/* segment_reader_from_fd - an open segment by a descriptor, which the reader owns from then on,
 * also on failure. */
int segment_reader_from_fd(struct segment_reader **ret, int fd, const char *name,
                           struct ft_err *err);
/* segment_reader_header_bytes - length of the segment header. */
uint32_t segment_reader_header_bytes(const struct segment_reader *r);
/* segment_reader_is_gone - the file has no name any more: recovery found nothing worth keeping. */
bool segment_reader_is_gone(const struct segment_reader *r);

#endif
