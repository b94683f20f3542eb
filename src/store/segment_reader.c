#include "store/segment_reader.h"

#include <inttypes.h>

#include "base/crc32c.h"
#include "base/fsutil.h"
#include "store/segment_reader_impl.h"

/* A walk through headers skips larger payloads instead of reading them. */
#define WALK_SKIP_BYTES (16u * 1024)

/*
 * Walking headers
 */

/* The header of the block at t->file_offset, which must lie whole before `end` and follow t. */
static int peek_block(struct segment_reader *r, const struct segment_tally *t, uint64_t end,
                      bool far, struct block_header *ret, struct ft_err *err)
{
    struct segment_tally next = *t;
    uint8_t own[BLOCK_HEADER_BYTES];
    const uint8_t *p = own;

    if (end - t->file_offset < BLOCK_HEADER_BYTES) {
        return err_set(err, FT_ERR_CORRUPT, "wanted a block header, %" PRIu64 " bytes are left",
                       end - t->file_offset);
    }
    if (far) {
        if (fs_pread_all(r->fd, own, sizeof(own), t->file_offset, r->name, err) != 0)
            return -1;
    } else {
        struct bytes b = reader_view(r, t->file_offset, BLOCK_HEADER_BYTES, err);

        if (b.p == NULL)
            return -1;
        if (b.n < BLOCK_HEADER_BYTES)
            return err_set(err, FT_ERR_CORRUPT, "the file ends within a block header");
        p = b.p;
    }
    if (block_header_decode(p, ret, err) != 0 ||
        segment_tally_add(&next, &r->id, &ret->block, err) != 0)
        return -1;
    if (next.file_offset > end) {
        return err_set(err, FT_ERR_CORRUPT, "wanted %zu bytes of payload, %" PRIu64 " are left",
                       ret->block.payload.n, end - t->file_offset - BLOCK_HEADER_BYTES);
    }
    ret->block.file_offset = t->file_offset;
    return 0;
}

int reader_walk_step(struct segment_reader *r, struct segment_tally *t, uint64_t end, bool *far,
                     struct block_header *ret, struct ft_err *err)
{
    if (peek_block(r, t, end, *far, ret, err) != 0)
        return -1;
    *far = ret->block.payload.n > WALK_SKIP_BYTES;
    return segment_tally_add(t, &r->id, &ret->block, err);
}

bool reader_is_torn(struct ft_err *err)
{
    if (err->kind != FT_ERR_CORRUPT)
        return false;
    err_clear(err);
    return true;
}

/*
 * Open segments: an item is handed out when its last block is there, because a writer that dies or
 * stops before that leaves blocks which are cut off.
 * Returns 1: moved the limit after another item; 0: there is none yet.
 */
static int walk_item(struct segment_reader *r, struct ft_err *err)
{
    struct segment_tally t = r->tally;
    struct block_header h;
    bool far = false;

    if (r->file_bytes < t.file_offset)
        return 0;
    do {
        if (reader_walk_step(r, &t, r->file_bytes, &far, &h, err) != 0)
            return reader_is_torn(err) ? 0 : -1;
    } while (t.continued);
    r->limit = t.file_offset;
    return 1;
}

static int find_whole_item(struct segment_reader *r, struct ft_err *err)
{
    int found = walk_item(r, err);

    if (found != 0)
        return found;
    if (reader_look_at_size(r, err) != 0)
        return -1;
    return walk_item(r, err);
}

/* Has the segment been sealed since? Only if all blocks before its index have been read. */
static int look_for_seal(struct segment_reader *r, struct ft_err *err)
{
    struct segment_trailer t;

    if (reader_look_at_size(r, err) != 0)
        return -1;
    if (reader_read_trailer(r, &t, err) != 0)
        return reader_is_torn(err) ? 0 : -1;
    if (t.index_offset != r->tally.file_offset)
        return 0;
    if (reader_read_index(r, &t, err) != 0) {
        buf_clear(&r->index);
        return reader_is_torn(err) ? 0 : -1;
    }
    r->trailer = t;
    r->limit = t.index_offset;
    r->sealed = true;
    r->index_next = reader_index_count(r);
    return 1;
}

/*
 * Reading
 */

static int check_index_entry(struct segment_reader *r, const struct segment_block *b,
                             struct ft_err *err)
{
    struct index_entry e;

    if (r->index_next == reader_index_count(r))
        return 0;
    e = reader_index_at(r, r->index_next);
    if (e.file_offset > b->file_offset)
        return 0;
    if (e.file_offset != b->file_offset || e.stream_offset != b->stream_offset ||
        e.first_lsn != b->first_lsn || e.time_us != b->time_us || r->tally.continued)
        return err_set(err, FT_ERR_CORRUPT, "the index does not agree with the block");
    r->index_next++;
    return 0;
}

static int take_block(struct segment_reader *r, struct segment_block *ret, struct ft_err *err)
{
    struct block_header h;
    struct bytes b;
    uint32_t crc;

    if (peek_block(r, &r->tally, r->limit, false, &h, err) != 0)
        return -1;
    b = reader_view(r, r->tally.file_offset, BLOCK_HEADER_BYTES + h.block.payload.n, err);
    if (b.p == NULL)
        return -1;
    if (b.n < BLOCK_HEADER_BYTES + h.block.payload.n)
        return err_set(err, FT_ERR_CORRUPT, "the file ends within a block");
    h.block.payload.p = b.p + BLOCK_HEADER_BYTES;
    crc = crc32c(0, h.block.payload.p, h.block.payload.n);
    if (crc != h.payload_crc) {
        return err_set(err, FT_ERR_CORRUPT,
                       "block payload: CRC-32C is %08" PRIx32 ", wanted %08" PRIx32, crc,
                       h.payload_crc);
    }
    if ((r->sealed && check_index_entry(r, &h.block, err) != 0) ||
        segment_tally_add(&r->tally, &r->id, &h.block, err) != 0)
        return -1;
    *ret = h.block;
    return 0;
}

static enum step next_sealed(struct segment_reader *r, struct segment_block *ret,
                             struct ft_err *err)
{
    const struct segment_trailer *t = &r->trailer;
    uint64_t at = r->tally.file_offset;

    if (at < r->limit) {
        if (take_block(r, ret, err) == 0)
            return STEP_ITEM;
        return (enum step)reader_fail_at(r, at, err);
    }
    if (r->tally.continued || r->tally.ended != t->ended ||
        r->index_next != reader_index_count(r) ||
        r->tally.stream_offset != r->id.start_offset + t->raw_bytes ||
        r->tally.next_lsn != t->next_lsn || r->tally.last_time_us != t->last_time_us ||
        (r->from_start &&
         (r->tally.block_count != t->block_count || r->tally.first_time_us != t->first_time_us)))
        return (enum step)reader_corrupt_at(r, at, "the trailer does not agree with the blocks",
                                            err);
    return STEP_END;
}

static int torn_bytes(struct segment_reader *r, uint64_t *ret, struct ft_err *err)
{
    uint64_t at = r->tally.file_offset;
    uint8_t p[4] = {0};

    if (ret == NULL)
        return 0;
    if (reader_pread_some(r, p, sizeof(p), at, err) < 0)
        return -1;
    *ret = r->file_bytes <= at || memcmp(p, segment_index_magic, sizeof(p)) == 0
               ? 0
               : r->file_bytes - at;
    return 0;
}

/* One look at what follows in an open segment. STEP_END: it is sealed now, go on as such. */
static enum step next_open(struct segment_reader *r, struct segment_block *ret,
                           uint64_t *ret_torn_bytes, struct ft_err *err)
{
    int found = r->tally.file_offset < r->limit ? 1 : find_whole_item(r, err);

    if (found > 0) {
        if (take_block(r, ret, err) == 0)
            return STEP_ITEM;
        if (!reader_is_torn(err))
            found = -1;
    }
    if (found < 0)
        return (enum step)reader_fail_at(r, r->tally.file_offset, err);
    /* What was read after the last whole item may be other bytes the next time. */
    buf_clear(&r->in);
    r->limit = r->tally.file_offset;
    found = look_for_seal(r, err);
    if (found != 0)
        return found > 0 ? STEP_END : STEP_ERROR;
    return torn_bytes(r, ret_torn_bytes, err) == 0 ? STEP_MORE : STEP_ERROR;
}

enum step segment_reader_next_stored(struct segment_reader *r, struct segment_block *ret,
                                     uint64_t *ret_torn_bytes, struct ft_err *err)
{
    if (!r->sealed) {
        enum step step = next_open(r, ret, ret_torn_bytes, err);

        if (step != STEP_END)
            return step;
    }
    return next_sealed(r, ret, err);
}

enum step segment_reader_next(struct segment_reader *r, struct segment_block *ret,
                              uint64_t *ret_torn_bytes, struct ft_err *err)
{
    struct segment_block b;
    enum step step = segment_reader_next_stored(r, &b, ret_torn_bytes, err);

    if (step != STEP_ITEM)
        return step;
    if (b.codec != CODEC_NONE) {
        buf_clear(&r->raw);
        if (buf_reserve(&r->raw, b.raw_bytes, err) != 0 ||
            codec_block_decompress(b.codec, b.payload, r->raw.p, b.raw_bytes, err) != 0)
            return (enum step)reader_fail_at(r, b.file_offset, err);
        b.payload = bytes_of(r->raw.p, b.raw_bytes);
    }
    *ret = b;
    return STEP_ITEM;
}
