/*
 * segment_feed.h - the bytes of a sealed segment that come from elsewhere, checked while they come.
 *
 * What it is   Sans-I/O. Header and block headers must be right before what they announce is let
 *              through, so that a claim of many bytes costs no more than what is really a segment.
 *              At the end the digest is checked. Index and trailer have checksums of their own, which
 *              segment_reader_open looks at.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_STORE_SEGMENT_FEED_H
#define FLOWTAPE_STORE_SEGMENT_FEED_H

#include "store/segment_format.h"

struct segment_feed {
    struct segment_id expected; /* capture, generation, flow, ordinal, kind */
    uint64_t file_bytes;        /* the length that it is to have */
    uint64_t digest;            /* and what its trailer says of all before the index */
    uint64_t at;                /* bytes so far */
    uint64_t pass;              /* bytes that are let through before the next structure */
    uint8_t head[SEGMENT_HEADER_BYTES_MAX];
    size_t head_n;
    size_t head_wanted;
    enum {
        FEED_HEADER,
        FEED_BLOCK,
        FEED_END
    } stage;
    void *hash;
};

/* segment_feed_init - info: its length and digest. */
int segment_feed_init(struct segment_feed *f, const struct segment_id *expected,
                      const struct segment_info *info, struct ft_err *err);
/* segment_feed_push - FT_ERR_CORRUPT, FT_ERR_UNSUPPORTED, with the offset in the file. */
int segment_feed_push(struct segment_feed *f, struct bytes piece, struct ft_err *err);
/* segment_feed_finish - no more comes. */
int segment_feed_finish(struct segment_feed *f, struct ft_err *err);
/* segment_feed_release - also of a zeroed struct. */
void segment_feed_release(struct segment_feed *f);

#endif
