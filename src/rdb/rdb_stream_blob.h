/*
 * rdb_stream_blob.h - a part of the parser: compressed blobs, which hold a stretch of the stream.
 */
#ifndef FLOWTAPE_RDB_RDB_STREAM_BLOB_H
#define FLOWTAPE_RDB_RDB_STREAM_BLOB_H

#include "rdb/rdb_stream_impl.h"

/* Blobs: at the opcode; when s->w has no whole item: decompress more of *in. */
enum step blob_opcode(struct rdb_stream *s, enum codec_id codec, struct ft_err *err);
enum step blob_refill(struct rdb_stream *s, struct window *in, struct ft_err *err);
void blob_release(struct stream_blob *b);

#endif
