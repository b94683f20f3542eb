/*
 * pack_output.h - where a packed archive goes: a filter of libarchive, and the file.
 *
 * What it is   Bytes are compressed in frames that stand one after the other, which every reader of gzip,
 *              zstd, lz4 and xz takes for one stream. So each frame has its own level: what does not get
 *              smaller is not compressed again, and a part can be read without those before it.
 * Same bytes   For the same input and version of libarchive and the compressor: there are no times in it.
 * Errors       FT_ERR_IO, with the name; FT_ERR_UNSUPPORTED: libarchive lacks the filter.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_ARCHIVE_PACK_OUTPUT_H
#define FLOWTAPE_ARCHIVE_PACK_OUTPUT_H

#include <stdbool.h>

#include "base/output_file.h"

enum pack_filter {
    PACK_ZSTD,
    PACK_LZ4,
    PACK_XZ,
    PACK_GZIP,
    PACK_NONE,
};

struct pack_compression {
    enum pack_filter filter;
    int level; /* zstd only; 0: the default */
};

/* pack_compression_parse - "none", "lz4", "zstd", "zstd:19", "xz", "gzip". FT_ERR_USAGE. */
int pack_compression_parse(const char *text, struct pack_compression *ret, struct ft_err *err);

struct pack_output;

/* pack_output_open - path "-": standard output. */
int pack_output_open(struct pack_output **ret, const char *path, const struct pack_compression *c,
                     struct ft_err *err);
/* pack_output_begin - what follows is a frame of its own; store: it would not get smaller. */
int pack_output_begin(struct pack_output *o, bool store, struct ft_err *err);
int pack_output_write(struct pack_output *o, struct bytes bytes, struct ft_err *err);
/* pack_output_finish - all is written, and has its name. */
int pack_output_finish(struct pack_output *o, struct ft_err *err);
/* pack_output_bytes - written so far. */
uint64_t pack_output_bytes(const struct pack_output *o);
void pack_output_free(struct pack_output *o);

#endif
