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

size_t i64_to_text(int64_t value, char text[I64_TEXT_SIZE])
{
    char digits[I64_TEXT_SIZE];
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t n = 0;
    size_t len = 0;

    do {
        digits[n++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude != 0);
    if (value < 0)
        text[len++] = '-';
    while (n > 0)
        text[len++] = digits[--n];
    return len;
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

bool bytes_is_utf8(struct bytes b)
{
    size_t i = 0;

    while (i < b.n) {
        size_t len = utf8_sequence(b.p + i, b.n - i);

        if (len == 0)
            return false;
        i += len;
    }
    return true;
}
