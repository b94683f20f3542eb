/* codec_zstd.h - ZSTD as a row of the table in codec.c. */
#ifndef FLOWTAPE_CODEC_CODEC_ZSTD_H
#define FLOWTAPE_CODEC_CODEC_ZSTD_H

#include "codec/codec_impl.h"

extern const struct codec_ops codec_zstd_ops;

#endif
