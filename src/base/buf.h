/*
 * buf.h - a growable owned buffer with a hard limit. The only place that grows memory; a large one is in a file
 *         (large_memory.h).
 *
 * Use      struct buf b = BUF_INIT(limit_bytes); ... buf_release(&b). Zero-initialised is a valid
 *          empty buffer without a limit.
 * Errors   FT_ERR_NOMEM; FT_ERR_LIMIT when the limit would be passed. The content is then
 *          unchanged.
 */
#ifndef FLOWTAPE_BASE_BUF_H
#define FLOWTAPE_BASE_BUF_H

#include "base/bytes.h"
#include "base/err.h"

struct buf {
    uint8_t *p;
    size_t n;           /* bytes in use */
    size_t cap;         /* bytes allocated */
    size_t limit_bytes; /* 0: none */
};

#define BUF_INIT(limit)        \
    {                          \
        .limit_bytes = (limit) \
    }

/* buf_reserve - make room for `more` bytes after n; growth is geometric. */
int buf_reserve(struct buf *b, size_t more, struct ft_err *err);
int buf_append(struct buf *b, const void *p, size_t n, struct ft_err *err);
int buf_append_str(struct buf *b, const char *s, struct ft_err *err);
int buf_printf(struct buf *b, struct ft_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* buf_consume - drop n bytes from the front, moving the rest. */
void buf_consume(struct buf *b, size_t n);
static inline void buf_clear(struct buf *b)
{
    b->n = 0;
}
static inline struct bytes buf_bytes(const struct buf *b)
{
    return bytes_of(b->p, b->n);
}

/* buf_push - append one byte where room was reserved before. */
static inline void buf_push(struct buf *b, uint8_t byte)
{
    b->p[b->n++] = byte;
}

/* buf_trim - give memory back when more than keep_bytes are allocated; only when empty. */
void buf_trim(struct buf *b, size_t keep_bytes);
/* buf_release - free the memory; the limit stays. */
void buf_release(struct buf *b);

#endif
