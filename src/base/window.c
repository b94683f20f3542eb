#include "base/window.h"

/* Memory above this is given back as soon as the window has been emptied. */
#define WINDOW_KEEP_BYTES (1u << 20)
/* More than this is given back as soon as little is left. */
#define WINDOW_LARGE_BYTES (8u << 20)

/* What an empty window shows: adding to a null pointer is undefined, even if it is nothing. */
static const uint8_t nothing[1];

void window_init(struct window *w, uint64_t offset, size_t limit_bytes)
{
    memset(w, 0, sizeof(*w));
    w->base = nothing;
    w->offset = offset;
    w->own.limit_bytes = limit_bytes;
}

/* Nothing is left over: the memory that held an unfinished item is not needed any more. */
static void forget(struct window *w)
{
    w->offset += w->pos;
    buf_clear(&w->own);
    buf_trim(&w->own, WINDOW_KEEP_BYTES);
    w->base = nothing;
    w->pos = 0;
    w->len = 0;
}

/* What was large is over: the little that follows it has memory of its own. */
static int move_small(struct window *w, size_t left, struct ft_err *err)
{
    struct buf small = {.limit_bytes = w->own.limit_bytes};

    if (buf_append(&small, window_at(w), left, err) != 0)
        return -1;
    buf_release(&w->own);
    w->own = small;
    return 0;
}

int window_keep(struct window *w, struct ft_err *err)
{
    size_t left = window_left(w);

    if (left == 0) {
        forget(w);
        return 0;
    }
    if (w->base != w->own.p) {
        buf_clear(&w->own);
        if (buf_append(&w->own, window_at(w), left, err) != 0)
            return -1;
    } else if (w->own.cap > WINDOW_LARGE_BYTES && left <= WINDOW_KEEP_BYTES) {
        if (move_small(w, left, err) != 0)
            return -1;
    } else {
        buf_consume(&w->own, w->pos);
    }
    w->offset += w->pos;
    w->pos = 0;
    w->base = w->own.p;
    w->len = left;
    return 0;
}

int window_push(struct window *w, struct bytes piece, struct ft_err *err)
{
    if (window_keep(w, err) != 0)
        return -1;
    if (w->len == 0) {
        w->base = piece.n > 0 ? piece.p : nothing;
        w->len = piece.n;
        return 0;
    }
    if (buf_append(&w->own, piece.p, piece.n, err) != 0)
        return -1;
    w->base = w->own.p;
    w->len = w->own.n;
    return 0;
}

int window_push_behind(struct window *w, struct window_piece piece, struct ft_err *err)
{
    size_t left = window_left(w);
    uint8_t *front;

    if (left == 0 || left > piece.room)
        return window_push(w, bytes_of(piece.p, piece.n), err);
    front = piece.p - left;
    memmove(front, window_at(w), left);
    forget(w);
    w->base = front;
    w->len = left + piece.n;
    return 0;
}

void window_release(struct window *w)
{
    buf_release(&w->own);
    w->base = nothing;
    w->pos = 0;
    w->len = 0;
}
