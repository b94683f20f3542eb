#include "rdb/json_digest.h"

#include <math.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/passed_memory.h"

enum salt {
    SALT_LITERAL = 100,
    SALT_STRING,
    SALT_INTEGER,
    SALT_DOUBLE,
    SALT_ARRAY,
    SALT_OBJECT,
    SALT_MEMBER,
};

/* Longer numbers are not written by anybody. */
#define NUMBER_MAX 400

struct level {
    bool object;
    struct value_digest sum;  /* of an object's members; what an array's elements come to */
    struct value_digest name; /* of the member whose value comes next */
};

/* No recursion: the nesting of a text from outside is a stack of levels. */
struct parser {
    struct bytes in;
    const uint8_t *passed; /* passed_memory.h */
    struct buf text;       /* of a string that has escapes, without them */
    struct level *levels;
    size_t level_cap;
    size_t depth;
    bool failed_for_memory;
};

static void follow_digest(struct value_digest *d, unsigned salt, const struct value_digest *part)
{
    value_digest_follow(d, salt, bytes_of(part, sizeof(*part)));
}

static int peek(const struct parser *p)
{
    return p->in.n == 0 ? -1 : p->in.p[0];
}

static void skip(struct parser *p, size_t n)
{
    p->in = bytes_of(p->in.p + n, p->in.n - n);
    p->passed = memory_pass(p->passed, p->in.p);
}

static void skip_blanks(struct parser *p)
{
    while (p->in.n != 0 && memchr(" \t\r\n", p->in.p[0], 4) != NULL)
        skip(p, 1);
}

static bool take(struct parser *p, char c)
{
    skip_blanks(p);
    if (peek(p) != c)
        return false;
    skip(p, 1);
    return true;
}

/*
 * Strings
 */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at the front of in. */
static bool hex4(struct bytes in, uint32_t *ret)
{
    uint32_t value = 0;

    if (in.n < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(in.p[i]);

        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *ret = value;
    return true;
}

/* There is room for four bytes. */
static void push_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_push(out, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        buf_push(out, (uint8_t)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_push(out, (uint8_t)(0xe0 | c >> 12));
        } else {
            buf_push(out, (uint8_t)(0xf0 | c >> 18));
            buf_push(out, (uint8_t)(0x80 | (c >> 12 & 63)));
        }
        buf_push(out, (uint8_t)(0x80 | (c >> 6 & 63)));
    }
    buf_push(out, (uint8_t)(0x80 | (c & 63)));
}

/* After "\u". Half of a pair without the other one stays what it is. */
static bool take_unicode(struct parser *p)
{
    uint32_t low;
    uint32_t c;

    if (!hex4(p->in, &c))
        return false;
    skip(p, 4);
    if (c >= 0xd800 && c < 0xdc00 && p->in.n >= 6 && p->in.p[0] == '\\' && p->in.p[1] == 'u' &&
        hex4(bytes_of(p->in.p + 2, p->in.n - 2), &low) && low >= 0xdc00 && low < 0xe000) {
        skip(p, 6);
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
    }
    push_utf8(&p->text, c);
    return true;
}

static bool take_escape(struct parser *p)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const char *found;
    int c = peek(p);

    if (c <= 0)
        return false;
    skip(p, 1);
    if (c == 'u')
        return take_unicode(p);
    found = strchr(letters, c);
    if (found == NULL)
        return false;
    buf_push(&p->text, (uint8_t)meant[found - letters]);
    return true;
}

/* What stands for itself. */
static struct bytes take_plain(struct parser *p)
{
    const uint8_t *begin = p->in.p;
    size_t n;

    do {
        n = 0;
        while (n < p->in.n && n < MEMORY_STRIDE && p->in.p[n] != '"' && p->in.p[n] != '\\')
            n++;
        skip(p, n);
    } while (n == MEMORY_STRIDE);
    return bytes_of(begin, (size_t)(p->in.p - begin));
}

/* After the first quote: everything up to the second one. It is copied only if it has escapes. */
static bool take_string(struct parser *p, struct bytes *ret, struct ft_err *err)
{
    struct bytes plain = take_plain(p);
    bool copied = false;

    buf_clear(&p->text);
    while (peek(p) == '\\') {
        copied = true;
        if (buf_append(&p->text, plain.p, plain.n, err) != 0 ||
            buf_reserve(&p->text, 4, err) != 0) {
            p->failed_for_memory = true;
            return false;
        }
        skip(p, 1);
        if (!take_escape(p))
            return false;
        plain = take_plain(p);
    }
    if (peek(p) != '"')
        return false;
    skip(p, 1);
    if (copied && buf_append(&p->text, plain.p, plain.n, err) != 0) {
        p->failed_for_memory = true;
        return false;
    }
    *ret = copied ? buf_bytes(&p->text) : plain;
    return true;
}

/*
 * Values that hold no others
 */

static bool take_number(struct parser *p, struct value_digest *ret)
{
    char text[NUMBER_MAX + 1];
    size_t n = 0;
    int64_t integer;
    double number;

    while (n < p->in.n && n < NUMBER_MAX && p->in.p[n] != '\0' &&
           strchr("+-.eE0123456789", p->in.p[n]) != NULL)
        n++;
    memcpy(text, p->in.p, n);
    text[n] = '\0';
    if (!bytes_to_double(bytes_of(text, n), &number))
        return false;
    if (!bytes_to_i64(bytes_of(text, n), &integer)) {
        /* integers beyond 53 bits are told apart only where they are written as such */
        if (number != trunc(number) || fabs(number) > 9007199254740992.0) {
            value_digest_follow(ret, SALT_DOUBLE, bytes_of(&number, sizeof(number)));
            skip(p, n);
            return true;
        }
        integer = (int64_t)number;
    }
    value_digest_follow(ret, SALT_INTEGER, bytes_of(&integer, sizeof(integer)));
    skip(p, n);
    return true;
}

static bool take_literal(struct parser *p, struct value_digest *ret)
{
    static const char *const literals[] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
        size_t n = strlen(literals[i]);

        if (p->in.n >= n && memcmp(p->in.p, literals[i], n) == 0) {
            value_digest_follow(ret, SALT_LITERAL, bytes_of(p->in.p, n));
            skip(p, n);
            return true;
        }
    }
    return false;
}

static bool take_scalar(struct parser *p, struct value_digest *ret, struct ft_err *err)
{
    int c = peek(p);
    struct bytes string;

    if (c == '"') {
        skip(p, 1);
        if (!take_string(p, &string, err))
            return false;
        value_digest_follow(ret, SALT_STRING, string);
        return true;
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return take_number(p, ret);
    return take_literal(p, ret);
}

/*
 * Arrays and objects
 */

static bool take_name(struct parser *p, struct ft_err *err)
{
    struct level *top = &p->levels[p->depth - 1];
    struct bytes name;

    if (!take(p, '"') || !take_string(p, &name, err))
        return false;
    top->name = (struct value_digest){0};
    value_digest_follow(&top->name, SALT_MEMBER, name);
    return take(p, ':');
}

static bool push(struct parser *p, bool object, struct ft_err *err)
{
    if (p->depth == JSON_DIGEST_DEPTH_MAX)
        return false;
    if (ARRAY_RESERVE(&p->levels, &p->level_cap, p->depth + 1, "the levels of JSON", err) != 0) {
        p->failed_for_memory = true;
        return false;
    }
    p->levels[p->depth++] = (struct level){.object = object};
    return true;
}

/* An array or object is complete: what it comes to. */
static struct value_digest pop(struct parser *p)
{
    const struct level *top = &p->levels[--p->depth];
    struct value_digest d = {0};

    follow_digest(&d, top->object ? SALT_OBJECT : SALT_ARRAY, &top->sum);
    return d;
}

static void add_to_top(struct parser *p, const struct value_digest *d)
{
    struct level *top = &p->levels[p->depth - 1];

    if (top->object) {
        follow_digest(&top->name, SALT_MEMBER, d);
        value_digest_add(&top->sum, &top->name);
    } else {
        follow_digest(&top->sum, SALT_ARRAY, d);
    }
}

/* A value begins here: 1: *ret is what it comes to, 0: it was opened, -1: it is none. */
static int begin_value(struct parser *p, struct value_digest *ret, struct ft_err *err)
{
    bool object;

    skip_blanks(p);
    object = peek(p) == '{';
    *ret = (struct value_digest){0};
    if (!object && peek(p) != '[')
        return take_scalar(p, ret, err) ? 1 : -1;
    skip(p, 1);
    if (!push(p, object, err))
        return -1;
    if (take(p, object ? '}' : ']')) {
        *ret = pop(p);
        return 1;
    }
    return object && !take_name(p, err) ? -1 : 0;
}

/* After a value within another: 1: that one is complete too, 0: another value comes, -1. */
static int after_value(struct parser *p, struct value_digest *d, struct ft_err *err)
{
    bool object = p->levels[p->depth - 1].object;

    add_to_top(p, d);
    if (take(p, ','))
        return object && !take_name(p, err) ? -1 : 0;
    if (!take(p, object ? '}' : ']'))
        return -1;
    *d = pop(p);
    return 1;
}

int json_digest_run(struct bytes text, struct value_digest *ret, struct ft_err *err)
{
    struct parser p = {.in = text, .passed = text.p};
    struct value_digest d;
    int whole;

    do {
        whole = begin_value(&p, &d, err);
        while (whole > 0 && p.depth > 0)
            whole = after_value(&p, &d, err);
    } while (whole == 0);
    skip_blanks(&p);
    buf_release(&p.text);
    free(p.levels);
    if (p.failed_for_memory)
        return -1;
    if (whole < 0 || p.in.n != 0)
        return 0;
    *ret = d;
    return 1;
}
