#include "store/segment_feed.h"

#include <inttypes.h>

#include "base/endian.h"
#include "base/xxh3.h"

int segment_feed_init(struct segment_feed *f, const struct segment_id *expected,
                      const struct segment_info *info, struct ft_err *err)
{
    *f = (struct segment_feed){.expected = *expected,
                               .file_bytes = info->file_bytes,
                               .digest = info->digest,
                               .head_wanted = SEGMENT_HEADER_BYTES,
                               .stage = FEED_HEADER,
                               .hash = XXH3_createState()};
    if (f->hash == NULL)
        return err_nomem(err, "a digest");
    (void)XXH3_64bits_reset(f->hash); /* a valid state */
    return 0;
}

void segment_feed_release(struct segment_feed *f)
{
    (void)XXH3_freeState(f->hash); /* takes NULL */
    f->hash = NULL;
}

static void hash(struct segment_feed *f, const uint8_t *p, size_t n)
{
    (void)XXH3_64bits_update(f->hash, p, n); /* valid arguments */
}

/* The next structure begins after `pass` bytes, which the file must have. */
static int go_on(struct segment_feed *f, uint64_t pass, size_t head_wanted, struct ft_err *err)
{
    if (pass > f->file_bytes - f->at) {
        return err_at(err, FT_ERR_CORRUPT, f->at,
                      "%" PRIu64 " bytes are announced with %" PRIu64 " left", pass,
                      f->file_bytes - f->at);
    }
    f->pass = pass;
    f->head_n = 0;
    f->head_wanted = head_wanted;
    return 0;
}

static int take_header(struct segment_feed *f, struct ft_err *err)
{
    const struct segment_id *want = &f->expected;
    struct segment_id id;
    uint32_t bytes;

    if (segment_header_size(f->head, &bytes, err) != 0)
        return -1;
    if (f->head_n < bytes) {
        f->head_wanted = bytes;
        return 0;
    }
    if (segment_header_decode(f->head, bytes, &id, err) != 0)
        return -1;
    if (memcmp(id.capture_id, want->capture_id, sizeof(id.capture_id)) != 0 ||
        id.generation != want->generation || id.flow != want->flow || id.ordinal != want->ordinal ||
        id.kind != want->kind)
        return err_set(err, FT_ERR_CORRUPT, "it is another segment than its name says");
    f->stage = FEED_BLOCK;
    hash(f, f->head, f->head_n);
    return go_on(f, 0, INDEX_HEAD_BYTES, err);
}

/* The length of the index is known from its count, and that of what follows it is fixed. */
static int take_index(struct segment_feed *f, struct ft_err *err)
{
    uint64_t left = f->file_bytes - f->at;
    uint64_t count = load_le32(f->head + 4);

    if (left != count * INDEX_ENTRY_BYTES + INDEX_CRC_BYTES + TRAILER_BYTES) {
        return err_at(err, FT_ERR_CORRUPT, f->at - INDEX_HEAD_BYTES,
                      "an index of %" PRIu64 " entries with %" PRIu64 " bytes left", count, left);
    }
    f->stage = FEED_END;
    return go_on(f, left, 1, err);
}

static int take_block(struct segment_feed *f, struct ft_err *err)
{
    struct block_header h;

    if (memcmp(f->head, segment_index_magic, sizeof(segment_index_magic)) == 0)
        return take_index(f, err);
    if (f->head_n < BLOCK_HEADER_BYTES) {
        f->head_wanted = BLOCK_HEADER_BYTES;
        return 0;
    }
    if (block_header_decode(f->head, &h, err) != 0)
        return err_wrap(err, "at %" PRIu64, f->at - BLOCK_HEADER_BYTES);
    hash(f, f->head, f->head_n);
    return go_on(f, h.block.payload.n, INDEX_HEAD_BYTES, err);
}

static int take_structure(struct segment_feed *f, struct ft_err *err)
{
    switch (f->stage) {
    case FEED_HEADER:
        return take_header(f, err);
    case FEED_BLOCK:
        return take_block(f, err);
    default:
        return err_at(err, FT_ERR_CORRUPT, f->at, "bytes after the trailer");
    }
}

int segment_feed_push(struct segment_feed *f, struct bytes piece, struct ft_err *err)
{
    while (piece.n > 0) {
        uint64_t wanted = f->pass != 0 ? f->pass : f->head_wanted - f->head_n;
        size_t n = wanted < piece.n ? (size_t)wanted : piece.n;

        if (f->pass != 0) {
            if (f->stage == FEED_BLOCK)
                hash(f, piece.p, n);
            f->pass -= n;
        } else {
            memcpy(f->head + f->head_n, piece.p, n);
            f->head_n += n;
        }
        f->at += n;
        piece = bytes_of(piece.p + n, piece.n - n);
        if (f->at > f->file_bytes)
            return err_at(err, FT_ERR_CORRUPT, f->file_bytes, "it is longer than announced");
        if (f->pass == 0 && f->head_n == f->head_wanted && take_structure(f, err) != 0)
            return -1;
    }
    return 0;
}

int segment_feed_finish(struct segment_feed *f, struct ft_err *err)
{
    uint64_t seen = XXH3_64bits_digest(f->hash);

    if (f->stage != FEED_END || f->pass != 0 || f->at != f->file_bytes) {
        return err_at(err, FT_ERR_CORRUPT, f->at, "it ends early, wanted %" PRIu64 " bytes",
                      f->file_bytes);
    }
    if (seen == f->digest)
        return 0;
    return err_set(err, FT_ERR_CORRUPT, "digest is %016" PRIx64 ", wanted %016" PRIx64, seen,
                   f->digest);
}
