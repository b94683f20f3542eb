/*
 * lzf.h - LZF blocks as they lie in RDB strings (liblzf; redis src/lzf_d.c, 7.2). Decoding only:
 * flowtape writes strings raw.
 */
#ifndef FLOWTAPE_CODEC_LZF_H
#define FLOWTAPE_CODEC_LZF_H

#include "base/bytes.h"

/* lzf_decompress - true if `in` decodes to exactly out_size bytes. Never writes beyond them. */
bool lzf_decompress(struct bytes in, uint8_t *out, size_t out_size);
/* lzf_holds - would it? What it decodes to does not matter for that, so nothing is written. */
bool lzf_holds(struct bytes in, uint64_t out_size);

#endif
