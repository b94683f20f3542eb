#include "codec/codec_zstd.h"

#include <zstd.h>

#include <zstd_errors.h>

/* What a frame may make us allocate as its window: 8 MiB, which decoders are asked to support (RFC 8878)
 * and eight times what Dragonfly compresses. */
#define FRAME_WINDOW_LOG 23

static size_t block_bound(size_t n)
{
    return ZSTD_compressBound(n);
}

static int block_compress(int level, struct bytes in, uint8_t *out, size_t out_size, size_t *ret_n,
                          struct ft_err *err)
{
    size_t n = ZSTD_compress(out, out_size, in.p, in.n, level);

    if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall) {
        *ret_n = 0;
        return 0;
    }
    if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
        return err_nomem(err, "compressing a block");
    if (ZSTD_isError(n))
        return err_set(err, FT_ERR_BUG, "could not compress a block: %s", ZSTD_getErrorName(n));
    *ret_n = n;
    return 0;
}

static int block_decompress(struct bytes in, uint8_t *out, size_t out_size, struct ft_err *err)
{
    size_t n = ZSTD_decompress(out, out_size, in.p, in.n);

    if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
        return err_nomem(err, "decompressing a block");
    if (ZSTD_isError(n) || n != out_size) {
        return err_set(err, FT_ERR_CORRUPT,
                       "a zstd block of %zu bytes does not decompress to %zu bytes", in.n,
                       out_size);
    }
    return 0;
}

static int frame_make(struct bytes in, uint8_t *out, size_t out_size, size_t *ret_n,
                      struct ft_err *err)
{
    return block_compress(0, in, out, out_size, ret_n, err);
}

static void *frame_new(void)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();

    if (ctx != NULL)
        (void)ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, FRAME_WINDOW_LOG); /* is in range */
    return ctx;
}

static void frame_reset(void *state)
{
    (void)ZSTD_DCtx_reset(state, ZSTD_reset_session_only); /* cannot fail for a session */
}

static int bad_frame(size_t code, struct ft_err *err)
{
    enum ft_err_kind kind = FT_ERR_CORRUPT;

    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return err_nomem(err, "decompressing a zstd frame");
    if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge)
        kind = FT_ERR_LIMIT;
    return err_set(err, kind, "bad zstd frame: %s", ZSTD_getErrorName(code));
}

static enum step frame_run(void *state, struct bytes *in, uint8_t *out, size_t out_size,
                           size_t *ret_n, struct ft_err *err)
{
    ZSTD_inBuffer src = {in->p, in->n, 0};
    ZSTD_outBuffer dst = {out, out_size, 0};
    size_t hint = ZSTD_decompressStream(state, &dst, &src);

    if (ZSTD_isError(hint)) {
        *ret_n = 0;
        (void)bad_frame(hint, err);
        return STEP_ERROR;
    }
    in->p += src.pos;
    in->n -= src.pos;
    *ret_n = dst.pos;
    return hint == 0 ? STEP_END : STEP_MORE;
}

static void frame_free(void *state)
{
    (void)ZSTD_freeDCtx(state); /* always 0 */
}

const struct codec_ops codec_zstd_ops = {
    .name = "zstd",
    .bound = block_bound,
    .compress = block_compress,
    .decompress = block_decompress,
    .frame_make = frame_make,
    .frame_bound = block_bound,
    .frame_new = frame_new,
    .frame_reset = frame_reset,
    .frame_run = frame_run,
    .frame_free = frame_free,
};
