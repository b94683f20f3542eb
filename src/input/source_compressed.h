/*
 * source_compressed.h - an RDB file that was compressed with gzip, zstd, lz4 or xz as an INPUT.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_COMPRESSED_H
#define FLOWTAPE_INPUT_SOURCE_COMPRESSED_H

#include "input/source_kind.h"

extern const struct source_kind source_compressed_kind;

#endif
