/* codec_lz4.h - LZ4 as a row of the table in codec.c. */
#ifndef FLOWTAPE_CODEC_CODEC_LZ4_H
#define FLOWTAPE_CODEC_CODEC_LZ4_H

#include "codec/codec_impl.h"

extern const struct codec_ops codec_lz4_ops;

#endif
