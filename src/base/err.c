#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

static void set_text(struct ft_err *err, enum ft_err_kind kind, const char *fmt, va_list ap)
{
    err->kind = kind;
    err->sys_errno = 0;
    err->offset = FT_NO_OFFSET;
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap); /* a cut text is still a text */
    text_make_printable(err->msg, sizeof(err->msg));
}

static void append(struct ft_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void append(struct ft_err *err, const char *fmt, ...)
{
    size_t len = strlen(err->msg);
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(err->msg + len, sizeof(err->msg) - len, fmt, ap);
    va_end(ap);
}

int err_set(struct ft_err *err, enum ft_err_kind kind, const char *fmt, ...)
{
    va_list ap;

    if (err->kind != FT_ERR_NONE)
        return -1;
    va_start(ap, fmt);
    set_text(err, kind, fmt, ap);
    va_end(ap);
    return -1;
}

int err_copy(struct ft_err *err, const struct ft_err *from)
{
    if (err->kind == FT_ERR_NONE)
        *err = *from;
    return -1;
}

int err_errno(struct ft_err *err, int sys_errno, const char *fmt, ...)
{
    char reason[128];
    va_list ap;

    if (err->kind != FT_ERR_NONE)
        return -1;
    va_start(ap, fmt);
    set_text(err, sys_errno == ENOMEM ? FT_ERR_NOMEM : FT_ERR_IO, fmt, ap);
    va_end(ap);
    err->sys_errno = sys_errno;
    append(err, ": %s", strerror_r(sys_errno, reason, sizeof(reason)));
    return -1;
}

int err_at(struct ft_err *err, enum ft_err_kind kind, uint64_t offset, const char *fmt, ...)
{
    va_list ap;

    if (err->kind != FT_ERR_NONE)
        return -1;
    va_start(ap, fmt);
    set_text(err, kind, fmt, ap);
    va_end(ap);
    err->offset = offset;
    append(err, " at offset %" PRIu64, offset);
    return -1;
}

int err_wrap(struct ft_err *err, const char *fmt, ...)
{
    char context[sizeof(err->msg)];
    size_t context_len;
    size_t cause_len = strlen(err->msg);
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    if (n < 0)
        return -1;
    text_make_printable(context, sizeof(context));
    context_len = strlen(context);
    if (context_len + 2 + cause_len + 1 > sizeof(err->msg))
        return -1;
    memmove(err->msg + context_len + 2, err->msg, cause_len + 1);
    memcpy(err->msg, context, context_len);
    memcpy(err->msg + context_len, ": ", 2);
    return -1;
}

int err_nomem(struct ft_err *err, const char *what)
{
    return err_set(err, FT_ERR_NOMEM, "could not allocate memory for %s", what);
}

void err_clear(struct ft_err *err)
{
    err->kind = FT_ERR_NONE;
    err->sys_errno = 0;
    err->offset = FT_NO_OFFSET;
    err->msg[0] = '\0';
}
