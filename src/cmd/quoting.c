#include "cmd/quoting.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that the escape at s (a backslash) means; *ret_n is how long it is, 0: it means itself. */
static char unescape(const char *s, size_t *ret_n)
{
    static const char plain[] = "nrt\\\"", means[] = "\n\r\t\\\"";
    const char *found = s[1] == '\0' ? NULL : strchr(plain, s[1]);

    *ret_n = 0;
    if (found != NULL) {
        *ret_n = 2;
        return means[found - plain];
    }
    if (s[1] == 'x' && hex_digit(s[2]) >= 0 && hex_digit(s[3]) >= 0) {
        *ret_n = 4;
        return (char)(hex_digit(s[2]) * 16 + hex_digit(s[3]));
    }
    return '\\';
}

struct bytes quoting_unescape(char *text)
{
    size_t to = 0;

    for (size_t from = 0; text[from] != '\0';) {
        size_t n = 0;
        char c = text[from];

        if (c == '\\')
            c = unescape(text + from, &n);
        text[to++] = c;
        from += n == 0 ? 1 : n;
    }
    return bytes_of(text, to);
}

static bool is_plain(struct bytes arg)
{
    for (size_t i = 0; i < arg.n; i++) {
        if (arg.p[i] <= ' ' || arg.p[i] >= 0x7f || strchr("\"'\\", arg.p[i]) != NULL)
            return false;
    }
    return arg.n != 0;
}

static void print_quoted(FILE *out, struct bytes arg)
{
    putc('"', out);
    for (size_t i = 0; i < arg.n; i++) {
        uint8_t c = arg.p[i];

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c == '\r')
            fputs("\\r", out);
        else if (c == '\t')
            fputs("\\t", out);
        else if (c < ' ' || c >= 0x7f)
            fprintf(out, "\\x%02x", c);
        else
            putc(c, out);
    }
    putc('"', out);
}

void quoting_print(FILE *out, struct bytes arg, size_t max_bytes)
{
    bool cut = max_bytes != 0 && arg.n > max_bytes;
    struct bytes shown = bytes_of(arg.p, cut ? max_bytes : arg.n);

    if (is_plain(shown))
        fwrite(shown.p, 1, shown.n, out);
    else
        print_quoted(out, shown);
    if (cut)
        fprintf(out, "...(%zu bytes)", arg.n);
}
