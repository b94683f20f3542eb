/*
 * flow_decoder.h - the bytes of one flow, from the first of the full sync to the last of the
 * journal, as items. Also for files, which are a flow that ends with its RDB stream.
 *
 * What it is   Sans-I/O. The caller pushes pieces and says which part of the flow they belong to; what
 *              comes out, and which LSNs there are, flow_grammar.h says. Of a file the decoder also
 *              checks what follows the RDB.
 * Use          flow_decoder_next until STEP_MORE; flow_decoder_push; and so on; at the end
 *              flow_decoder_close and flow_decoder_next until STEP_END.
 * Errors       FT_ERR_CORRUPT and friends, with the offset within the flow; an LSN where the journal
 *              is concerned. A caller adds the file.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_ITEM_FLOW_DECODER_H
#define FLOWTAPE_ITEM_FLOW_DECODER_H

#include "item/flow_grammar.h"

struct flow_decoder_options {
    struct rdb_stream_options rdb;
    uint32_t flow;
    bool file;         /* ends with EOF; no token; only a Dragonfly's may be padded after that */
    bool skip_args;    /* of journal records */
    const char *token; /* 40 characters to compare with, or NULL; must outlive the decoder */
    enum flow_commands commands; /* what follows the snapshot, as the next: see flow_grammar.h */
    uint64_t snapshot_next_lsn;
};

struct flow_decoder;

int flow_decoder_new(struct flow_decoder **ret, const struct flow_decoder_options *options,
                     struct ft_err *err);
/* flow_decoder_start_journal - begin within the journal, at a record's first byte. */
int flow_decoder_start_journal(struct flow_decoder *d, uint64_t offset, uint64_t next_lsn,
                               uint32_t dbid, struct ft_err *err);
/* flow_decoder_start_rdb - begin within the RDB stream, at a place between two entries. */
int flow_decoder_start_rdb(struct flow_decoder *d, const struct rdb_place *place,
                           struct ft_err *err);
/*
 * flow_decoder_push - the next piece. Only after STEP_MORE (or first). A part may change only where
 * the one before it is complete. The piece must stay valid until flow_decoder_next says STEP_MORE.
 */
int flow_decoder_push(struct flow_decoder *d, enum flow_part part, struct bytes piece,
                      uint64_t time_us, struct ft_err *err);
/* flow_decoder_push_behind - the same of a piece with room in front of it (window.h). */
int flow_decoder_push_behind(struct flow_decoder *d, enum flow_part part, struct window_piece piece,
                             uint64_t time_us, struct ft_err *err);
void flow_decoder_close(struct flow_decoder *d);
/* flow_decoder_next - STEP_END: closed and complete (file: to its last byte). */
enum step flow_decoder_next(struct flow_decoder *d, struct item *ret, struct ft_err *err);
/* flow_decoder_run - plain entries that follow the item just returned, if any (rdb_stream_run.h); as it, they are valid
 * until the next call. */
int flow_decoder_run(struct flow_decoder *d, struct rdb_run *ret, struct ft_err *err);
/* flow_decoder_next_lsn - of the record that would come next; 0 before JOURNAL_OFFSET. */
uint64_t flow_decoder_next_lsn(const struct flow_decoder *d);
/* flow_decoder_boundary - between two items: what holds there, and at which offset; false: it is within something. */
bool flow_decoder_boundary(const struct flow_decoder *d, struct flow_boundary *ret,
                           uint64_t *ret_offset);
/* flow_decoder_time_us - the last time that the flow itself has told; 0: none. */
uint64_t flow_decoder_time_us(const struct flow_decoder *d);
/* flow_decoder_held_bytes - what an unfinished item occupies. */
size_t flow_decoder_held_bytes(const struct flow_decoder *d);
void flow_decoder_free(struct flow_decoder *d);

#endif
