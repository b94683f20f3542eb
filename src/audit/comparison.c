#include "audit/comparison.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/parse.h"

/* The end of the year 9999; later times are shown as numbers. */
#define TIME_SHOWN_MAX_MS INT64_C(253402300799999)

struct comparison *comparison_set(struct comparison *c, enum difference kind, const char *fmt, ...)
{
    va_list args;

    *c = (struct comparison){.kind = kind};
    va_start(args, fmt);
    (void)vsnprintf(c->place, sizeof(c->place), fmt, args); /* cut where it is long */
    va_end(args);
    return c;
}

/* Quoted; size is at least that of two quotes, three dots and NUL. */
static char *quote(struct bytes b, char *out, size_t size)
{
    size_t n;

    out[0] = '"';
    (void)bytes_escape(b, out + 1, size - 2);
    n = strlen(out);
    out[n] = '"';
    out[n + 1] = '\0';
    return out;
}

void comparison_bytes(char out[COMPARISON_TEXT_SIZE], struct bytes b)
{
    (void)quote(b, out, COMPARISON_TEXT_SIZE);
}

void comparison_text(char out[COMPARISON_TEXT_SIZE], const char *text)
{
    (void)snprintf(out, COMPARISON_TEXT_SIZE, "%s", text);
}

void comparison_number(char out[COMPARISON_TEXT_SIZE], int64_t n)
{
    (void)snprintf(out, COMPARISON_TEXT_SIZE, "%" PRId64, n);
}

void comparison_double(char out[COMPARISON_TEXT_SIZE], double n)
{
    char text[DOUBLE_TEXT_SIZE];

    comparison_text(out, double_to_text(n, text));
}

void comparison_time(char out[COMPARISON_TEXT_SIZE], int64_t time_ms)
{
    char text[FORMAT_TIME];

    if (time_ms == RDB_NO_EXPIRY)
        comparison_text(out, "none");
    else if (time_ms < 0 || time_ms > TIME_SHOWN_MAX_MS)
        (void)snprintf(out, COMPARISON_TEXT_SIZE, "%" PRId64 " ms", time_ms);
    else
        comparison_text(out, format_time_us((uint64_t)time_ms * 1000, text));
}

char *comparison_name(struct bytes name, char out[COMPARISON_NAME_SIZE])
{
    return quote(name, out, COMPARISON_NAME_SIZE);
}
