/*
 * segment_reader.h - the blocks of a segment, sealed or still being written.
 *
 * Files        segment_reader_open.h opens it, segment_reader_seek.h finds places and sums.
 * Threads      A reader belongs to one thread at a time; any number of readers may read a file that is being
 *              written: they see whole blocks only.
 */
#ifndef FLOWTAPE_STORE_SEGMENT_READER_H
#define FLOWTAPE_STORE_SEGMENT_READER_H

#include "store/segment.h"

struct segment_reader;

/*
 * segment_reader_next - the next block, decompressed and checked; its payload is valid until the
 * next call. STEP_END: the end of a sealed segment (index and trailer checked). STEP_MORE: the end
 * of what an open segment holds so far; ask again later: it continues also when the file has been
 * sealed meanwhile. A damaged tail of an open segment is STEP_MORE too, with *ret_torn_bytes (may
 * be NULL) saying how many bytes lie after the last whole item: what recovery would cut off.
 */
enum step segment_reader_next(struct segment_reader *r, struct segment_block *ret,
                              uint64_t *ret_torn_bytes, struct ft_err *err);
/*
 * segment_reader_next_stored - as segment_reader_next, but the payload is as it is stored (CRC
 * checked). The block's header lies in the BLOCK_HEADER_BYTES before payload.p.
 */
enum step segment_reader_next_stored(struct segment_reader *r, struct segment_block *ret,
                                     uint64_t *ret_torn_bytes, struct ft_err *err);
void segment_reader_free(struct segment_reader *r);

#endif
