/*
 * segment_copy.h - a sealed segment made of the beginning of another one, open or sealed.
 *
 * What it is   Blocks are copied as they are stored; the one in which the copy ends is made again with the
 *              records before that. The copy has the identity and the times of the original, so the same part
 *              of the same segment gives the same bytes.
 */
#ifndef FLOWTAPE_ARCHIVE_SEGMENT_COPY_H
#define FLOWTAPE_ARCHIVE_SEGMENT_COPY_H

#include "store/capture.h"

/*
 * segment_copy_until - under the same name below dirfd, up to the record before stop_lsn (0: all that `s`
 * says), of which the copy has all and no more. *ret: ret->sealed is false where nothing was to be copied.
 * FT_ERR_USAGE: the LSN lies within a piece that cannot be cut.
 */
int segment_copy_until(int dirfd, const struct capture *c, const struct segment_info *s,
                       uint64_t stop_lsn, struct segment_info *ret, struct ft_err *err);

#endif
