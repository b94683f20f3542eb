/*
 * t_rdb.h - the parser of RDB streams as the harness sees it, streams put together piece by piece,
 * and what their items must be as text: a line an item, its offset, kind, key, type, value and
 * attributes.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_RDB_H
#define FLOWTAPE_TESTS_LIB_T_RDB_H

#include "lib/t_feed.h"
#include "lib/t_mutate.h"
#include "lib/test_main.h"
#include "rdb/rdb_stream.h"

#define MAGIC  "REDIS0009"
#define EOF_9  "\xff\x00\x00\x00\x00\x00\x00\x00\x00"
#define ZERO_8 "\x00\x00\x00\x00\x00\x00\x00\x00"
#define LE64_1 "\x01\x00\x00\x00\x00\x00\x00\x00"

/* ---- the parser ---- */

void *t_rdb_open(const void *options);
enum step t_rdb_next(void *stream, struct window *in, struct buf *out, struct ft_err *err);
void t_rdb_close(void *stream);

/* An adapter of struct rdb_stream_options `with`. */
#define T_RDB_ADAPTER(with)                                                    \
    {                                                                          \
        .name = #with, .arg = &(with), .open = t_rdb_open, .next = t_rdb_next, \
        .close = t_rdb_close,                                                  \
    }

extern const struct rdb_stream_options t_rdb_dragonfly_skip;
extern const struct rdb_stream_options t_rdb_detect;
extern const struct feed_adapter t_rdb_flow;      /* of a Dragonfly */
extern const struct feed_adapter t_rdb_flow_skip; /* values passed over */
extern const struct feed_adapter t_rdb_file;      /* of Redis, with its checksum */
extern const struct feed_adapter t_rdb_any;       /* whose it is, is found out */

/* t_rdb_text - the items of `in`, through the whole harness; one by one, and plain entries in runs. */
void t_rdb_text(const struct feed_adapter *a, struct bytes in, const char *want);
/* t_rdb_fails - `in` ends in an error of this kind with `part` in its sentence. */
void t_rdb_fails(const struct feed_adapter *a, struct bytes in, enum ft_err_kind kind,
                 const char *part);

/* ---- streams put together ---- */

void t_put(struct buf *b, struct bytes raw);
#define T_PUT(b, text) t_put(b, T_BYTES(text))
void t_put_len(struct buf *b, uint64_t n);
/* t_put_fill - n letters. */
void t_put_fill(struct buf *b, size_t n);
/* t_put_tag - a tagged chunk. */
void t_put_tag(struct buf *b, uint32_t id, struct bytes payload);
/* t_put_blob - content as a compressed blob, of LZ4 or zstd. */
void t_put_blob(struct buf *b, bool zstd, struct bytes content);
/* t_put_checksum - over all that is in b. */
void t_put_checksum(struct buf *b);
/* t_rdb_buf, t_rdb_buf_fails - as t_rdb_text and t_rdb_fails; b is released. */
void t_rdb_buf(const struct feed_adapter *a, struct buf *b, const char *want);
void t_rdb_buf_fails(const struct feed_adapter *a, struct buf *b, enum ft_err_kind kind,
                     const char *part);

#endif
