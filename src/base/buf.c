#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_SMALLEST 64

int buf_reserve(struct buf *b, size_t more, struct ft_err *err)
{
    size_t need;
    size_t cap;
    uint8_t *p;

    if (more <= b->cap - b->n)
        return 0;
    if (more > SIZE_MAX / 2 - b->n)
        return err_set(err, FT_ERR_LIMIT, "cannot grow a buffer by %zu bytes", more);
    need = b->n + more;
    if (b->limit_bytes != 0 && need > b->limit_bytes) {
        return err_set(err, FT_ERR_LIMIT, "%zu bytes exceed the limit of %zu bytes", need,
                       b->limit_bytes);
    }
    cap = b->cap < BUF_SMALLEST ? BUF_SMALLEST : b->cap + b->cap / 2;
    if (cap < need)
        cap = need;
    if (b->limit_bytes != 0 && cap > b->limit_bytes)
        cap = b->limit_bytes;
    p = realloc(b->p, cap);
    if (p == NULL)
        return err_set(err, FT_ERR_NOMEM, "could not allocate %zu bytes", cap);
    b->p = p;
    b->cap = cap;
    return 0;
}

int buf_append(struct buf *b, const void *p, size_t n, struct ft_err *err)
{
    if (n == 0)
        return 0;
    if (buf_reserve(b, n, err) != 0)
        return -1;
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return 0;
}

int buf_append_str(struct buf *b, const char *s, struct ft_err *err)
{
    return buf_append(b, s, strlen(s), err);
}

int buf_printf(struct buf *b, struct ft_err *err, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return err_set(err, FT_ERR_BUG, "cannot format a text");
    if (buf_reserve(b, (size_t)n + 1, err) != 0)
        return -1;
    va_start(ap, fmt);
    (void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap); /* room was just made */
    va_end(ap);
    b->n += (size_t)n;
    return 0;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

void buf_trim(struct buf *b, size_t keep_bytes)
{
    if (b->n == 0 && b->cap > keep_bytes)
        buf_release(b);
}

void buf_release(struct buf *b)
{
    free(b->p);
    b->p = NULL;
    b->n = 0;
    b->cap = 0;
}
