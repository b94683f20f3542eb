#include "base/bytes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool bytes_to_u64(struct bytes b, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (b.n == 0 || b.n > 20)
        return false;
    for (size_t i = 0; i < b.n; i++) {
        unsigned digit = (unsigned)b.p[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool bytes_to_i64(struct bytes b, int64_t *ret_value)
{
    bool negative = b.n > 0 && b.p[0] == '-';
    uint64_t magnitude;

    if (!bytes_to_u64(negative ? bytes_of(b.p + 1, b.n - 1) : b, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool bytes_to_double(struct bytes b, double *ret_value)
{
    char text[400];
    char *end;
    double value;

    if (b.n == 0 || b.n >= sizeof(text) || memchr(b.p, '\0', b.n) != NULL)
        return false;
    memcpy(text, b.p, b.n);
    text[b.n] = '\0';
    if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r'))
        return false;
    value = strtod(text, &end);
    if (end != text + b.n || isnan(value))
        return false;
    *ret_value = value;
    return true;
}

/* Numbers are written everywhere, most of them are short: two digits at a time. */
static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

/* Up to three digits, as of the length of most words. */
static size_t short_to_text(unsigned value, char *text)
{
    if (value < 10) {
        text[0] = (char)('0' + value);
        return 1;
    }
    if (value < 100) {
        memcpy(text, &pairs[2 * value], 2);
        return 2;
    }
    text[0] = (char)('0' + value / 100);
    memcpy(text + 1, &pairs[2 * (value % 100)], 2);
    return 3;
}

size_t i64_to_text(int64_t value, char text[I64_TEXT_SIZE])
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t len = value < 0 ? 2 : 1;
    size_t at;

    if ((uint64_t)value < 1000)
        return short_to_text((unsigned)value, text);
    for (uint64_t limit = 10; magnitude >= limit; limit *= 10) /* 10^19 is above all of them */
        len++;
    at = len;
    for (; magnitude >= 10; magnitude /= 100) {
        at -= 2;
        memcpy(text + at, &pairs[2 * (magnitude % 100)], 2);
    }
    if (at > (value < 0 ? 1 : 0))
        text[--at] = (char)('0' + magnitude);
    if (value < 0)
        text[0] = '-';
    return len;
}

char *double_to_text(double value, char text[DOUBLE_TEXT_SIZE])
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, DOUBLE_TEXT_SIZE, "%.*g", digits, value); /* fits */
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

void bytes_to_hex(struct bytes b, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < b.n; i++) {
        *out++ = digits[b.p[i] >> 4];
        *out++ = digits[b.p[i] & 15];
    }
    *out = '\0';
}

char *bytes_escape(struct bytes b, char *out, size_t out_size)
{
    size_t used = 0;

    for (size_t i = 0; i < b.n; i++) {
        char piece[5];
        size_t len;
        uint8_t c = b.p[i];

        if (c == '"' || c == '\\')
            len = (size_t)snprintf(piece, sizeof(piece), "\\%c", c);
        else if (c == '\n')
            len = (size_t)snprintf(piece, sizeof(piece), "\\n");
        else if (c < 0x20 || c >= 0x7f)
            len = (size_t)snprintf(piece, sizeof(piece), "\\x%02x", c);
        else
            len = (size_t)snprintf(piece, sizeof(piece), "%c", c);
        if (used + len + 4 > out_size) { /* room for the dots and the NUL */
            memcpy(out + used, "...", 4);
            return out;
        }
        memcpy(out + used, piece, len);
        used += len;
    }
    out[used] = '\0';
    return out;
}

/* Length of the well-formed sequence at p, 0 if there is none. Table 3-7 of the Unicode standard. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (n < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

/* C1 controls, line separators, and what changes the direction of text or cannot be seen. */
static bool acts_on_terminal(const uint8_t *p, size_t len)
{
    if (len == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    if (len == 2)
        return p[0] == 0xc2 && p[1] < 0xa0;
    if (len != 3)
        return false;
    if (p[0] == 0xef)
        return (p[1] == 0xbb && p[2] == 0xbf) || (p[1] == 0xbf && p[2] >= 0xb9 && p[2] <= 0xbb);
    if (p[0] != 0xe2)
        return false;
    if (p[1] == 0x80)
        return (p[2] >= 0x8b && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae);
    return p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf;
}

static size_t printable_prefix(const uint8_t *p, size_t n)
{
    size_t i = 0;

    while (i < n) {
        size_t len = utf8_sequence(p + i, n - i);

        if (len == 0 || acts_on_terminal(p + i, len))
            break;
        i += len;
    }
    return i;
}

void text_make_printable(char *text, size_t size)
{
    size_t n = strlen(text);
    size_t used = printable_prefix((const uint8_t *)text, n);
    char *rest;
    size_t left;

    if (used == n)
        return;
    rest = strdup(text + used);
    if (rest == NULL) {
        text[used] = '\0';
        return;
    }
    left = n - used;
    for (const char *p = rest; left > 0;) {
        size_t len = printable_prefix((const uint8_t *)p, left);
        char escaped[5];
        const char *piece = p;
        size_t piece_n = len;

        if (len == 0) {
            len = 1;
            piece = escaped;
            piece_n = *p == '\n' ? (size_t)snprintf(escaped, sizeof(escaped), "\\n")
                                 : (size_t)snprintf(escaped, sizeof(escaped), "\\x%02x",
                                                    (unsigned char)*p);
        }
        if (piece_n >= size - used)
            break;
        memcpy(text + used, piece, piece_n);
        used += piece_n;
        p += len;
        left -= len;
    }
    text[used] = '\0';
    free(rest);
}

/* Piece by piece: of many megabytes not all need be in memory. */
size_t bytes_common(struct bytes a, struct bytes b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    size_t at = 0;

    while (n - at > MEMORY_STRIDE && memcmp(a.p + at, b.p + at, MEMORY_STRIDE) == 0) {
        memory_passed(a.p + at, MEMORY_STRIDE);
        memory_passed(b.p + at, MEMORY_STRIDE);
        at += MEMORY_STRIDE;
    }
    while (at < n && a.p[at] == b.p[at])
        at++;
    return at;
}

bool bytes_is_utf8(struct bytes b)
{
    const uint8_t *passed = b.p;
    size_t i = 0;

    while (i < b.n) {
        size_t len = utf8_sequence(b.p + i, b.n - i);

        if (len == 0)
            return false;
        i += len;
        passed = memory_pass(passed, b.p + i);
    }
    return true;
}
