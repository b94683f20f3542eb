#include "codec/codec.h"

#include <stdlib.h>

#include "codec/codec_lz4.h"
#include "codec/codec_zstd.h"

static size_t none_bound(size_t n)
{
    return n;
}

static int none_decompress(struct bytes in, uint8_t *out, size_t out_size, struct ft_err *err)
{
    if (in.n != out_size) {
        return err_set(err, FT_ERR_CORRUPT, "an uncompressed block has %zu bytes, wanted %zu", in.n,
                       out_size);
    }
    if (in.n != 0)
        memcpy(out, in.p, in.n);
    return 0;
}

static const struct codec_ops none_ops = {
    .name = "none",
    .bound = none_bound,
    .decompress = none_decompress,
};

static const struct codec_ops *const codecs[CODEC_COUNT] = {
    [CODEC_NONE] = &none_ops,
    [CODEC_LZ4] = &codec_lz4_ops,
    [CODEC_ZSTD] = &codec_zstd_ops,
};

#define ZSTD_LEVEL_HIGHEST 19

const char *codec_name(unsigned id)
{
    return id < CODEC_COUNT ? codecs[id]->name : NULL;
}

static int parse_level(struct bytes text, int *ret_level, struct ft_err *err)
{
    int64_t level;

    if (!bytes_to_i64(text, &level) || level < 1 || level > ZSTD_LEVEL_HIGHEST) {
        return err_set(err, FT_ERR_USAGE, "\"%.*s\" is not a zstd level (1 to %d)",
                       (int)(text.n < 64 ? text.n : 64), (const char *)text.p, ZSTD_LEVEL_HIGHEST);
    }
    *ret_level = (int)level;
    return 0;
}

int codec_parse(const char *text, struct codec_spec *ret_spec, struct ft_err *err)
{
    const char *colon = strchr(text, ':');
    struct bytes name = bytes_of(text, colon != NULL ? (size_t)(colon - text) : strlen(text));
    struct codec_spec spec = {CODEC_NONE, 0};
    unsigned id = 0;

    while (id < CODEC_COUNT && !bytes_eq_str(name, codecs[id]->name))
        id++;
    if (id == CODEC_COUNT || (colon != NULL && id != CODEC_ZSTD)) {
        return err_set(err, FT_ERR_USAGE,
                       "\"%.64s\" is not a compression: none, lz4, zstd or zstd:LEVEL", text);
    }
    spec.id = (enum codec_id)id;
    if (colon != NULL && parse_level(bytes_str(colon + 1), &spec.level, err) != 0)
        return -1;
    *ret_spec = spec;
    return 0;
}

size_t codec_block_bound(const struct codec_spec *spec, size_t n)
{
    return codecs[spec->id]->bound(n);
}

int codec_block_compress(const struct codec_spec *spec, struct bytes in, uint8_t *out,
                         size_t out_size, size_t *ret_n, struct ft_err *err)
{
    size_t n = 0;

    if (codecs[spec->id]->compress == NULL)
        return err_set(err, FT_ERR_BUG, "codec \"none\" was asked to compress");
    if (codecs[spec->id]->compress(spec->level, in, out, out_size, &n, err) != 0)
        return -1;
    *ret_n = n < in.n ? n : 0;
    return 0;
}

int codec_block_decompress(enum codec_id id, struct bytes in, uint8_t *out, size_t out_size,
                           struct ft_err *err)
{
    if ((unsigned)id >= CODEC_COUNT)
        return err_set(err, FT_ERR_UNSUPPORTED, "codec number %u is unknown", (unsigned)id);
    return codecs[id]->decompress(in, out, out_size, err);
}

int codec_frame_make(enum codec_id id, struct bytes in, struct buf *out, struct ft_err *err)
{
    const struct codec_ops *ops = (unsigned)id < CODEC_COUNT ? codecs[id] : NULL;
    size_t n = 0;

    if (ops == NULL || ops->frame_make == NULL)
        return err_set(err, FT_ERR_BUG, "codec number %u has no frames", (unsigned)id);
    if (buf_reserve(out, ops->frame_bound(in.n), err) != 0 ||
        ops->frame_make(in, out->p + out->n, out->cap - out->n, &n, err) != 0)
        return -1;
    out->n += n;
    return 0;
}

struct frame_decoder {
    const struct codec_ops *ops;
    void *state;
};

int frame_decoder_new(struct frame_decoder **ret, enum codec_id id, struct ft_err *err)
{
    struct frame_decoder *d;

    if ((unsigned)id >= CODEC_COUNT || codecs[id]->frame_new == NULL)
        return err_set(err, FT_ERR_BUG, "codec number %u has no frames", (unsigned)id);
    d = calloc(1, sizeof(*d));
    if (d == NULL)
        return err_nomem(err, "a frame decoder");
    d->ops = codecs[id];
    d->state = d->ops->frame_new();
    if (d->state == NULL) {
        free(d);
        return err_nomem(err, "a frame decoder");
    }
    *ret = d;
    return 0;
}

void frame_decoder_reset(struct frame_decoder *d)
{
    d->ops->frame_reset(d->state);
}

enum step frame_decoder_run(struct frame_decoder *d, struct bytes *in, uint8_t *out,
                            size_t out_size, size_t *ret_n, struct ft_err *err)
{
    return d->ops->frame_run(d->state, in, out, out_size, ret_n, err);
}

void frame_decoder_free(struct frame_decoder *d)
{
    if (d == NULL)
        return;
    d->ops->frame_free(d->state);
    free(d);
}
