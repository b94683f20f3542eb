#include "archive/segment_copy.h"

#include <inttypes.h>
#include <stdlib.h>

#include "item/flow_decoder.h"
#include "store/segment_reader_open.h"
#include "store/segment_reader_seek.h"
#include "store/segment_writer.h"

/* Takes the decoder's items until the one before stop_lsn is complete. STEP_ITEM: *ret_end is where the next
 * one begins. */
static enum step find_end(struct flow_decoder *d, uint64_t stop_lsn, uint64_t *ret_end,
                          struct ft_err *err)
{
    struct item item;

    for (;;) {
        bool complete = flow_decoder_next_lsn(d) >= stop_lsn;
        enum step step = flow_decoder_next(d, &item, err);

        if (step != STEP_ITEM)
            return step;
        if (complete) {
            *ret_end = item.offset;
            return STEP_ITEM;
        }
    }
}

/* The item that came last. */
struct last_command {
    uint64_t lsn;
    uint64_t transaction; /* which it is part of, and does not end; 0: none */
};

/* The same of a Redis, whose LSNs are those of bytes: not each ends a command, or a transaction. STEP_ITEM: it can end
 * before stop_lsn. */
static enum step find_command_end(struct flow_decoder *d, uint64_t stop_lsn,
                                  struct last_command *last, struct ft_err *err)
{
    struct item item;
    enum step step;

    while ((step = flow_decoder_next(d, &item, err)) == STEP_ITEM && item.lsn < stop_lsn) {
        last->lsn = item.lsn;
        last->transaction = item.record.op != JOURNAL_OP_EXEC ? item.record.txid : 0;
    }
    if (step != STEP_ITEM || (last->lsn + 1 == stop_lsn &&
                              (last->transaction == 0 || last->transaction != item.record.txid)))
        return step;
    (void)err_set(err, FT_ERR_USAGE, "LSN %" PRIu64 " lies within a command or a transaction",
                  stop_lsn - 1);
    return STEP_ERROR;
}

/* Where in the flow's stream the records of a journal segment before stop_lsn end; `all` if that is the end
 * of the segment. */
static int find_stop(struct segment_reader *r, bool redis, uint64_t stop_lsn, uint64_t all,
                     uint64_t *ret, struct ft_err *err)
{
    const struct flow_decoder_options options = {
        .rdb = {.dragonfly = !redis},
        .commands = redis ? FLOW_COMMANDS_BY_OFFSET : FLOW_JOURNAL,
        .skip_args = true,
    };
    struct flow_decoder *decoder = NULL;
    struct segment_block b;
    struct last_command last = {0};
    enum step step = STEP_MORE;
    uint64_t begin = 0; /* where stop_lsn is in the stream of a Redis */
    bool first = true;

    *ret = all;
    if (flow_decoder_new(&decoder, &options, err) != 0)
        return -1;
    if (segment_reader_seek(r, true, stop_lsn - 1, err) != 0)
        step = STEP_ERROR;
    while (step == STEP_MORE) {
        enum step got = segment_reader_next(r, &b, NULL, err);

        if (got != STEP_ITEM) {
            step = got == STEP_ERROR ? STEP_ERROR : STEP_END;
            break;
        }
        if ((first &&
             flow_decoder_start_journal(decoder, b.stream_offset, b.first_lsn, b.dbid, err) != 0) ||
            flow_decoder_push(decoder, FLOW_PART_JOURNAL, b.payload, b.time_us, err) != 0)
            step = STEP_ERROR;
        if (first && redis) {
            last.lsn = b.first_lsn - 1;
            begin = b.stream_offset + (stop_lsn - b.first_lsn);
        }
        first = false;
        if (step == STEP_MORE)
            step = redis ? find_command_end(decoder, stop_lsn, &last, err)
                         : find_end(decoder, stop_lsn, ret, err);
    }
    if (step == STEP_ITEM && redis)
        *ret = begin;
    flow_decoder_free(decoder);
    return step == STEP_ERROR ? -1 : 0;
}

/* The first bytes of a block as a block of their own. */
static int append_part(struct segment_writer *w, const struct segment_block *stored, size_t n,
                       uint64_t stop_lsn, struct ft_err *err)
{
    const struct codec_spec codec = {.id = stored->codec};
    struct segment_block b = *stored;
    uint8_t *raw = malloc(stored->raw_bytes);
    uint8_t *packed = malloc(codec_block_bound(&codec, n));
    size_t packed_n = 0;
    int rc = 0;

    if (raw == NULL || packed == NULL)
        rc = err_nomem(err, "a block");
    if (rc == 0)
        rc = codec_block_decompress(stored->codec, stored->payload, raw, stored->raw_bytes, err);
    if (rc == 0 && stored->codec != CODEC_NONE)
        rc = codec_block_compress(&codec, bytes_of(raw, n), packed, codec_block_bound(&codec, n),
                                  &packed_n, err);
    if (rc == 0) {
        b.codec = packed_n == 0 ? CODEC_NONE : stored->codec;
        b.payload = packed_n == 0 ? bytes_of(raw, n) : bytes_of(packed, packed_n);
        b.raw_bytes = (uint32_t)n;
        b.flags &= (uint8_t)~SEGMENT_BLOCK_CONTINUED;
        b.record_count = (uint32_t)(stop_lsn - b.first_lsn);
        rc = segment_writer_append(w, &b, 1, err);
    }
    free(raw);
    free(packed);
    return rc;
}

static int copy_blocks(struct segment_writer *w, struct segment_reader *r, uint64_t end,
                       uint64_t stop_lsn, struct ft_err *err)
{
    struct segment_block b;

    for (;;) {
        enum step step = segment_reader_next_stored(r, &b, NULL, err);

        if (step == STEP_ERROR)
            return -1;
        if (step != STEP_ITEM || b.stream_offset >= end)
            return 0;
        if (b.raw_bytes > end - b.stream_offset)
            return append_part(w, &b, (size_t)(end - b.stream_offset), stop_lsn, err);
        if (segment_writer_append(w, &b, 1, err) != 0)
            return -1;
    }
}

static int copy(struct segment_reader *r, int dirfd, const struct segment_info *s, uint64_t end,
                uint64_t stop_lsn, struct segment_info *ret, struct ft_err *err)
{
    struct segment_writer *w;
    int rc;

    if (segment_writer_create(&w, dirfd, s->name, segment_reader_id(r), err) != 0)
        return -1;
    rc = copy_blocks(w, r, end, stop_lsn, err);
    if (rc == 0)
        rc = segment_writer_seal(w, ret, err);
    segment_writer_free(w);
    return rc;
}

int segment_copy_until(int dirfd, const struct capture *c, const struct segment_info *s,
                       uint64_t stop_lsn, struct segment_info *ret, struct ft_err *err)
{
    uint64_t end = s->start_offset + s->raw_bytes;
    struct segment_info seen = {0};
    struct segment_reader *r;
    int rc = 0;

    if (segment_reader_open(&r, c->dirfd, s->name, NULL, err) != 0)
        return -1;
    if (stop_lsn != 0 && s->kind == SEGMENT_JOURNAL)
        rc = find_stop(r, c->redis, stop_lsn, end, &end, err);
    segment_reader_free(r);
    if (rc != 0 || segment_reader_open(&r, c->dirfd, s->name, NULL, err) != 0)
        return -1;
    rc = copy(r, dirfd, s, end, stop_lsn, &seen, err);
    segment_reader_free(r);
    if (rc != 0)
        return -1;
    if (stop_lsn != 0 && seen.next_lsn != stop_lsn) {
        return err_set(err, FT_ERR_USAGE,
                       "LSN %" PRIu64 " lies within a part of \"%s\" that cannot be cut; it ends "
                       "with LSN %" PRIu64,
                       stop_lsn - 1, s->name, s->next_lsn - 1);
    }
    *ret = seen;
    return 0;
}
