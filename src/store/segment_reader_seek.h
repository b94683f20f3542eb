/*
 * segment_reader_seek.h - places in a segment by LSN or time, and what it holds in all.
 */
#ifndef FLOWTAPE_STORE_SEGMENT_READER_SEEK_H
#define FLOWTAPE_STORE_SEGMENT_READER_SEEK_H

#include "store/segment_reader.h"

/*
 * segment_reader_seek - go to the last block that starts between items and whose first_lsn (by_lsn)
 * or time (else) is not after `value`, or the first block if there is none; uses the index of a
 * sealed segment, walks headers of an open one. Payloads are not read.
 */
int segment_reader_seek(struct segment_reader *r, bool by_lsn, uint64_t value, struct ft_err *err);
/* segment_reader_info - sealed: from the trailer. Open: by walking the block headers. */
int segment_reader_info(struct segment_reader *r, struct segment_info *ret, struct ft_err *err);

#endif
