/*
 * bytes.h - borrowed bytes: pointer and length, never NUL-terminated, takes no responsibility for
 * the lifetime. Who hands one out says in its header how long it stays valid.
 */
#ifndef FLOWTAPE_BASE_BYTES_H
#define FLOWTAPE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/passed_memory.h"

struct bytes {
    const uint8_t *p;
    size_t n;
};

static inline struct bytes bytes_of(const void *p, size_t n)
{
    struct bytes b = {(const uint8_t *)p, n};

    return b;
}

static inline struct bytes bytes_str(const char *s)
{
    return bytes_of(s, strlen(s));
}

/* bytes_common - how many at the front are the same in both. */
size_t bytes_common(struct bytes a, struct bytes b);

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
    if (a.n != b.n || a.n > MEMORY_STRIDE)
        return a.n == b.n && bytes_common(a, b) == a.n;
    return a.n == 0 || memcmp(a.p, b.p, a.n) == 0;
}

/* bytes_compare - as memcmp; a prefix comes first. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

    return order != 0 || a.n == b.n ? order : (a.n < b.n ? -1 : 1);
}

static inline bool bytes_eq_str(struct bytes a, const char *s)
{
    return bytes_eq(a, bytes_str(s));
}

/* bytes_take_until - the bytes before the first `end`, which is passed over; all of them if there is none. */
static inline struct bytes bytes_take_until(struct bytes *text, char end)
{
    struct bytes part = *text;
    const uint8_t *at;
    size_t n;

    if (text->n == 0) /* there may be no bytes to point at */
        return part;
    at = (const uint8_t *)memchr(text->p, end, text->n);
    n = at == NULL ? text->n : (size_t)(at - text->p);
    part.n = n;
    *text = bytes_of(text->p + n + (at != NULL), text->n - n - (at != NULL));
    return part;
}

/* byte_lower - an ASCII letter in lower case; anything else as it is. */
static inline uint8_t byte_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* bytes_is_word - equal to an ASCII word, letter case ignored (command names, options). */
static inline bool bytes_is_word(struct bytes a, const char *word)
{
    return a.n == strlen(word) && (a.n == 0 || ((a.p[0] ^ (uint8_t)word[0]) & 0x5f) == 0) &&
           strncasecmp((const char *)a.p, word, a.n) == 0;
}

/* bytes_to_i64, bytes_to_u64 - strict decimal of the whole span; false on anything else. */
bool bytes_to_i64(struct bytes b, int64_t *ret_value);
bool bytes_to_u64(struct bytes b, uint64_t *ret_value);
/* bytes_to_double - strtod over the whole span; accepts inf, -inf, not nan. */
bool bytes_to_double(struct bytes b, double *ret_value);

/* A decimal integer of 64 bits with sign and NUL. */
#define I64_TEXT_SIZE 21
/* i64_to_text - decimal text without NUL; returns its length. */
size_t i64_to_text(int64_t value, char text[I64_TEXT_SIZE]);

#define DOUBLE_TEXT_SIZE 32
/* double_to_text - the shortest decimal text that gives the same double again, or "inf", "-inf", "nan". */
char *double_to_text(double value, char text[DOUBLE_TEXT_SIZE]);

/*
 * bytes_escape - printable rendering for messages: \xNN, \n, \", cut to the room with "...";
 * always NUL-terminated. Returns out.
 */
char *bytes_escape(struct bytes b, char *out, size_t out_size);

/*
 * text_make_printable - escape in place what a terminal would act upon, as \xNN or \n: control
 * characters, whatever is not UTF-8, and marks that reorder or hide text. Cut where room runs out.
 */
void text_make_printable(char *text, size_t size);

/* bytes_to_hex - two lower-case digits for each byte, and NUL: out has room for 2 * b.n + 1. */
void bytes_to_hex(struct bytes b, char *out);

/* bytes_is_utf8 - well-formed UTF-8 (shortest forms, no surrogates). */
bool bytes_is_utf8(struct bytes b);

#endif
