/*
 * rdb_stream_tag.h - a part of the parser: entries that come in tagged chunks, interleaved.
 */
#ifndef FLOWTAPE_RDB_RDB_STREAM_TAG_H
#define FLOWTAPE_RDB_RDB_STREAM_TAG_H

#include "rdb/rdb_stream_impl.h"

/* Tagged chunks: at the opcode; inside a payload whose tag is open; key read, value begins. */
enum step tag_opcode(struct rdb_stream *s, struct ft_err *err);
enum step tag_go(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err);
enum step tag_open(struct rdb_stream *s, struct bytes key, struct ft_err *err);
void tag_free(struct stream_tag *tag);

#endif
