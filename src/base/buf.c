#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/large_memory.h"
#include "base/passed_memory.h"

#define BUF_SMALLEST 64
/* With less, going through the kernel costs more than the pages do. */
#define WRITE_BYTES 4096

static bool is_large(size_t cap)
{
    return cap > LARGE_MEMORY_MIN_BYTES;
}

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
    if (is_large(cap)) {
        p = large_memory_grow(b->p, b->cap, b->n, cap, err);
        if (p == NULL)
            return -1;
    } else {
        p = realloc(b->p, cap);
        if (p == NULL)
            return err_set(err, FT_ERR_NOMEM, "could not allocate %zu bytes", cap);
    }
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
    if (is_large(b->cap) && n >= WRITE_BYTES) {
        if (large_memory_write(b->p, b->n, p, n, err) != 0)
            return -1;
    } else {
        memcpy(b->p + b->n, p, n);
    }
    if (is_large(b->cap) && (b->n ^ (b->n + n)) >= MEMORY_STRIDE)
        memory_passed(b->p + b->n, n); /* and the stride before */
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
    if (is_large(b->cap))
        large_memory_free(b->p);
    else
        free(b->p);
    b->p = NULL;
    b->n = 0;
    b->cap = 0;
}
