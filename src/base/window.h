/*
 * window.h - the input of all incremental decoders: a contiguous view of the next bytes of a
 * stream, with its absolute offset.
 *
 * How it works  The owner pushes pieces of the stream; a decoder looks at window_left bytes at
 *               window_at and consumes what it has understood. A piece pushed while nothing is left
 *               over is borrowed without a copy; else it is appended to the left-over bytes in a
 *               buffer the window owns, so that the decoder always sees one contiguous run.
 * Lifetime      A borrowed piece must stay valid until the next window_push, window_keep or
 *               window_release. Pointers into the window are valid until the same moment.
 * Threads       Not shared.
 */
#ifndef FLOWTAPE_BASE_WINDOW_H
#define FLOWTAPE_BASE_WINDOW_H

#include "base/buf.h"

struct window {
    const uint8_t *base; /* borrowed piece, or own.p */
    size_t pos;          /* next byte within base */
    size_t len;
    uint64_t offset; /* stream offset of base[0] */
    bool closed;     /* no piece will follow */
    struct buf own;
};

/* A piece in front of which the window may write `room` bytes: what is left over of the one before goes there. */
struct window_piece {
    uint8_t *p;
    size_t n;
    size_t room;
};

/* window_init - limit_bytes bounds what an unfinished item may accumulate (0: none). */
void window_init(struct window *w, uint64_t offset, size_t limit_bytes);
/* window_push - see above. Errors: FT_ERR_NOMEM, FT_ERR_LIMIT. */
int window_push(struct window *w, struct bytes piece, struct ft_err *err);
/* window_push_behind - the same of a piece with room in front: it is not copied if what is left over fits in there. */
int window_push_behind(struct window *w, struct window_piece piece, struct ft_err *err);
/* window_keep - copy what is left of a borrowed piece, whose memory may then be used again. */
int window_keep(struct window *w, struct ft_err *err);
void window_release(struct window *w);

static inline const uint8_t *window_at(const struct window *w)
{
    return w->base + w->pos;
}
static inline size_t window_left(const struct window *w)
{
    return w->len - w->pos;
}
static inline uint64_t window_offset(const struct window *w)
{
    return w->offset + w->pos;
}
static inline void window_consume(struct window *w, size_t n)
{
    w->pos += n;
}

#endif
