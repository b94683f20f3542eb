#include "codec/codec_lz4.h"

#include <lz4.h>
#include <lz4frame.h>

static size_t block_bound(size_t n)
{
    return n > LZ4_MAX_INPUT_SIZE ? 0 : (size_t)LZ4_compressBound((int)n);
}

static int block_compress(int level, struct bytes in, uint8_t *out, size_t out_size, size_t *ret_n,
                          struct ft_err *err)
{
    int room = out_size > INT32_MAX ? INT32_MAX : (int)out_size;

    (void)level;
    if (in.n > LZ4_MAX_INPUT_SIZE)
        return err_set(err, FT_ERR_LIMIT, "cannot compress a block of %zu bytes with lz4", in.n);
    *ret_n = (size_t)LZ4_compress_default((const char *)in.p, (char *)out, (int)in.n, room);
    return 0;
}

static int block_decompress(struct bytes in, uint8_t *out, size_t out_size, struct ft_err *err)
{
    int n = -1;

    if (in.n <= INT32_MAX && out_size <= INT32_MAX)
        n = LZ4_decompress_safe((const char *)in.p, (char *)out, (int)in.n, (int)out_size);
    if (n < 0 || (size_t)n != out_size) {
        return err_set(err, FT_ERR_CORRUPT,
                       "a lz4 block of %zu bytes does not decompress to %zu bytes", in.n, out_size);
    }
    return 0;
}

static size_t frame_bound(size_t n)
{
    const LZ4F_preferences_t how = {.frameInfo.contentSize = n};

    return LZ4F_compressFrameBound(n, &how);
}

static int frame_make(struct bytes in, uint8_t *out, size_t out_size, size_t *ret_n,
                      struct ft_err *err)
{
    const LZ4F_preferences_t how = {.frameInfo.contentSize = in.n};
    size_t n = LZ4F_compressFrame(out, out_size, in.p, in.n, &how);

    if (LZ4F_isError(n))
        return err_set(err, FT_ERR_BUG, "could not make a lz4 frame: %s", LZ4F_getErrorName(n));
    *ret_n = n;
    return 0;
}

static void *frame_new(void)
{
    LZ4F_dctx *ctx;

    return LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)) ? NULL : ctx;
}

static void frame_reset(void *state)
{
    LZ4F_resetDecompressionContext(state);
}

/* The library's numbers of errors are not public, their names are. */
static bool is_nomem(size_t code)
{
    return strcmp(LZ4F_getErrorName(code), "ERROR_allocation_failed") == 0;
}

static enum step frame_run(void *state, struct bytes *in, uint8_t *out, size_t out_size,
                           size_t *ret_n, struct ft_err *err)
{
    size_t made = out_size;
    size_t used = in->n;
    size_t hint = LZ4F_decompress(state, out, &made, in->p, &used, NULL);

    if (LZ4F_isError(hint)) {
        *ret_n = 0;
        if (is_nomem(hint))
            (void)err_nomem(err, "decompressing a lz4 frame");
        else
            (void)err_set(err, FT_ERR_CORRUPT, "bad lz4 frame: %s", LZ4F_getErrorName(hint));
        return STEP_ERROR;
    }
    in->p += used;
    in->n -= used;
    *ret_n = made;
    return hint == 0 ? STEP_END : STEP_MORE;
}

static void frame_free(void *state)
{
    (void)LZ4F_freeDecompressionContext(state); /* returns its state, not a failure */
}

const struct codec_ops codec_lz4_ops = {
    .name = "lz4",
    .bound = block_bound,
    .compress = block_compress,
    .decompress = block_decompress,
    .frame_make = frame_make,
    .frame_bound = frame_bound,
    .frame_new = frame_new,
    .frame_reset = frame_reset,
    .frame_run = frame_run,
    .frame_free = frame_free,
};
