/*
 * flow_reader.h - the blocks of one flow of one generation, segment after segment.
 *
 * Threads  A flow_reader belongs to one thread and needs the capture only while it is made.
 */
#ifndef FLOWTAPE_STORE_FLOW_READER_H
#define FLOWTAPE_STORE_FLOW_READER_H

#include "store/capture.h"

struct flow_reader;

/* How the blocks of a capture are had that is not a directory: each as flow_reader_NAME says below. */
struct flow_blocks {
    int (*open)(void **ret, const struct capture *c, const struct generation *g, uint32_t flow,
                struct ft_err *err);
    enum step (*next)(void *reader, struct segment_block *ret, enum segment_kind *ret_kind,
                      struct ft_err *err);
    /* lsn: one that the flow has, or the next one. It may begin at an earlier block. */
    int (*seek_lsn)(void *reader, uint64_t lsn, struct ft_err *err);
    const char *(*where)(const void *reader);
    void (*free)(void *reader);
};

int flow_reader_new(struct flow_reader **ret, const struct capture *c, const struct generation *g,
                    uint32_t flow, struct ft_err *err);
/*
 * flow_reader_next - the next block; *ret_kind is its segment's kind. STEP_END: the end of what is
 * there (with follow semantics call again later: STEP_END is not sticky). A gap between segments,
 * or stream offsets or LSNs that do not join, is FT_ERR_CORRUPT. Errors name the file.
 */
enum step flow_reader_next(struct flow_reader *r, struct segment_block *ret,
                           enum segment_kind *ret_kind, struct ft_err *err);
/*
 * flow_reader_seek_lsn - go to the block from which the journal from this LSN on can be read: the
 * last that starts between items and not after it (in an increment: the first one). The LSN that
 * comes next is allowed too. FT_ERR_USAGE: the flow does not have it.
 */
int flow_reader_seek_lsn(struct flow_reader *r, uint64_t lsn, struct ft_err *err);
/* flow_reader_seek_snapshot_end - go to a block of the snapshot, which is complete, from which its last item can be read;
 * at once where that can be had, else to the first one. */
int flow_reader_seek_snapshot_end(struct flow_reader *r, struct ft_err *err);
/* flow_reader_where - "gen-0001/...seg", for messages; valid until the next call. */
const char *flow_reader_where(const struct flow_reader *r);
void flow_reader_free(struct flow_reader *r);

#endif
