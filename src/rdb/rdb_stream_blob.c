#include "rdb/rdb_stream_blob.h"

#include <inttypes.h>
#include <stdlib.h>

#include "rdb/rdb_len.h"

static int blob_prepare(struct stream_blob *b, enum codec_id codec, struct ft_err *err)
{
    if (b->piece == NULL) {
        b->piece = malloc(BLOB_PIECE_BYTES);
        if (b->piece == NULL)
            return err_nomem(err, "a decompressed piece");
    }
    if (b->decoders[codec] == NULL && frame_decoder_new(&b->decoders[codec], codec, err) != 0)
        return -1;
    b->decoder = b->decoders[codec];
    frame_decoder_reset(b->decoder);
    return 0;
}

enum step blob_opcode(struct rdb_stream *s, enum codec_id codec, struct ft_err *err)
{
    uint64_t n;
    int used = rdb_len_get(stream_at(s) + 1, stream_left(s) - 1, &n);

    if (s->blob.open)
        return stream_bad(s, err, "a compressed blob within a compressed blob");
    if (used == 0)
        return STEP_MORE;
    if (used < 0 || n == 0)
        return stream_bad(s, err, "bad length of a compressed blob");
    if (blob_prepare(&s->blob, codec, err) != 0)
        return STEP_ERROR;
    s->blob.open = true;
    s->blob.frame_ended = false;
    s->blob.left = n;
    s->blob.offset = window_offset(s->w);
    window_init(&s->blob.window, 0, 0);
    stream_consume(s, 1 + (size_t)used);
    return STEP_AGAIN;
}

/* Half an item lies in the window: own it before the piece it is borrowed from is overwritten. */
static int save_left_over(struct stream_blob *b, struct ft_err *err)
{
    if (window_left(&b->window) == 0 || b->window.base != b->piece)
        return 0;
    return window_push(&b->window, bytes_of(b->piece, 0), err);
}

static enum step blob_close(struct rdb_stream *s, struct ft_err *err)
{
    struct stream_blob *b = &s->blob;

    if (b->left != 0) {
        (void)err_set(err, FT_ERR_CORRUPT, "%" PRIu64 " bytes follow the frame", b->left);
        return STEP_ERROR;
    }
    if (window_left(&b->window) != 0 || s->state != STREAM_ITEM || s->has_prefix || s->in_payload) {
        (void)err_set(err, FT_ERR_CORRUPT, "it ends in the middle of an item");
        return STEP_ERROR;
    }
    window_release(&b->window);
    b->open = false;
    return STEP_AGAIN;
}

enum step blob_refill(struct rdb_stream *s, struct window *in, struct ft_err *err)
{
    struct stream_blob *b = &s->blob;
    size_t made = 0;

    if (b->frame_ended)
        return blob_close(s, err);
    if (save_left_over(b, err) != 0)
        return STEP_ERROR;
    while (made == 0 && !b->frame_ended) {
        size_t n = b->left < window_left(in) ? (size_t)b->left : window_left(in);
        struct bytes packed = bytes_of(window_at(in), n);
        enum step step =
            frame_decoder_run(b->decoder, &packed, b->piece, BLOB_PIECE_BYTES, &made, err);

        if (step == STEP_ERROR)
            return STEP_ERROR;
        window_consume(in, n - packed.n);
        b->left -= n - packed.n;
        b->frame_ended = step == STEP_END;
        if (made != 0 || b->frame_ended)
            break;
        if (b->left == 0) {
            (void)err_set(err, FT_ERR_CORRUPT, "its frame does not end");
            return STEP_ERROR;
        }
        if (n == 0)
            return STEP_MORE;
    }
    if (made != 0 && window_push(&b->window, bytes_of(b->piece, made), err) != 0)
        return STEP_ERROR;
    return STEP_AGAIN;
}

void blob_release(struct stream_blob *b)
{
    for (unsigned i = 0; i < CODEC_COUNT; i++)
        frame_decoder_free(b->decoders[i]);
    free(b->piece);
    window_release(&b->window);
}
