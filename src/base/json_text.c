#include "base/json_text.h"

/* "\u001f" */
#define ESCAPE_MAX 6

static bool needs_escape(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static void push_str(struct buf *out, const char *text)
{
    while (*text != '\0')
        buf_push(out, (uint8_t)*text++);
}

/* Room for ESCAPE_MAX was made before. */
static void push_escape(struct buf *out, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";

    switch (c) {
    case '\n':
        push_str(out, "\\n");
        break;
    case '\r':
        push_str(out, "\\r");
        break;
    case '\t':
        push_str(out, "\\t");
        break;
    case '"':
    case '\\':
        buf_push(out, '\\');
        buf_push(out, c);
        break;
    default:
        push_str(out, "\\u00");
        buf_push(out, (uint8_t)hex[c >> 4]);
        buf_push(out, (uint8_t)hex[c & 15]);
    }
}

int json_put_escaped(struct buf *out, struct bytes text, struct ft_err *err)
{
    size_t i = 0;

    while (i < text.n) {
        size_t begin = i;

        while (i < text.n && !needs_escape(text.p[i]))
            i++;
        if (buf_append(out, text.p + begin, i - begin, err) != 0)
            return -1;
        if (i == text.n)
            break;
        if (buf_reserve(out, ESCAPE_MAX, err) != 0)
            return -1;
        push_escape(out, text.p[i++]);
    }
    return 0;
}

int base64_put(struct buf *out, struct bytes b, struct ft_err *err)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (buf_reserve(out, b.n / 3 * 4 + 4, err) != 0)
        return -1;
    for (size_t i = 0; i < b.n; i += 3) {
        uint32_t group = (uint32_t)b.p[i] << 16;

        if (i + 1 < b.n)
            group |= (uint32_t)b.p[i + 1] << 8;
        if (i + 2 < b.n)
            group |= b.p[i + 2];
        buf_push(out, (uint8_t)digits[group >> 18]);
        buf_push(out, (uint8_t)digits[group >> 12 & 63]);
        buf_push(out, (uint8_t)(i + 1 < b.n ? digits[group >> 6 & 63] : '='));
        buf_push(out, (uint8_t)(i + 2 < b.n ? digits[group & 63] : '='));
    }
    return 0;
}

int json_put_bytes(struct buf *out, struct bytes b, struct ft_err *err)
{
    if (bytes_is_utf8(b)) {
        if (buf_append_str(out, "\"", err) != 0 || json_put_escaped(out, b, err) != 0)
            return -1;
        return buf_append_str(out, "\"", err);
    }
    if (buf_append_str(out, "{\"base64\":\"", err) != 0 || base64_put(out, b, err) != 0)
        return -1;
    return buf_append_str(out, "\"}", err);
}

static int base64_value(int c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    return at == NULL ? -1 : (int)(at - digits);
}

int base64_take(struct buf *out, const char *text, bool *ret_ok, struct ft_err *err)
{
    uint32_t bits = 0;
    unsigned count = 0;

    *ret_ok = true;
    for (; *text != '\0' && *text != '='; text++) {
        int value = base64_value(*text);

        if (value < 0) {
            *ret_ok = false;
            return 0;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            uint8_t byte;

            count -= 8;
            byte = (uint8_t)(bits >> count);
            if (buf_append(out, &byte, 1, err) != 0)
                return -1;
        }
    }
    return 0;
}
