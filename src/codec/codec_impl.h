/*
 * codec_impl.h - one row per codec; codec.c has the table. For the codec layer only.
 */
#ifndef FLOWTAPE_CODEC_CODEC_IMPL_H
#define FLOWTAPE_CODEC_CODEC_IMPL_H

#include "codec/codec.h"

struct codec_ops {
    const char *name;
    size_t (*bound)(size_t n);
    /* *ret_n = 0: does not fit into out_size */
    int (*compress)(int level, struct bytes in, uint8_t *out, size_t out_size, size_t *ret_n,
                    struct ft_err *err);
    int (*decompress)(struct bytes in, uint8_t *out, size_t out_size, struct ft_err *err);

    /* A frame that says how much it holds; NULL where the codec has none. Otherwise as compress. */
    int (*frame_make)(struct bytes in, uint8_t *out, size_t out_size, size_t *ret_n,
                      struct ft_err *err);
    size_t (*frame_bound)(size_t n);

    /* Frames; NULL where the codec has none. `state` is the library's own context. */
    void *(*frame_new)(void);
    void (*frame_reset)(void *state);
    enum step (*frame_run)(void *state, struct bytes *in, uint8_t *out, size_t out_size,
                           size_t *ret_n, struct ft_err *err);
    void (*frame_free)(void *state);
};

#endif
