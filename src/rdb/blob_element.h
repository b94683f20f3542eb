/*
 * blob_element.h - one element of a listpack, ziplist or intset: a string that lies inside the
 * blob, or an integer. Both stand for a Redis string; the integer's is its decimal text.
 */
#ifndef FLOWTAPE_RDB_BLOB_ELEMENT_H
#define FLOWTAPE_RDB_BLOB_ELEMENT_H

#include "base/bytes.h"

struct blob_element {
    struct bytes text; /* not an integer: within the blob */
    int64_t integer;
    bool is_integer;
};

static inline void blob_element_set_text(struct blob_element *e, const uint8_t *p, size_t n)
{
    e->text = bytes_of(p, n);
    e->integer = 0;
    e->is_integer = false;
}

static inline void blob_element_set_integer(struct blob_element *e, int64_t value)
{
    e->text = bytes_of(NULL, 0);
    e->integer = value;
    e->is_integer = true;
}

/* blob_element_text - the string; an integer's is written to digits, which must live as long. */
static inline struct bytes blob_element_text(const struct blob_element *e,
                                             char digits[I64_TEXT_SIZE])
{
    return e->is_integer ? bytes_of(digits, i64_to_text(e->integer, digits)) : e->text;
}

/* blob_element_integer - the integer, also when it was stored as text; false if it is none. */
static inline bool blob_element_integer(const struct blob_element *e, int64_t *ret_value)
{
    if (!e->is_integer)
        return bytes_to_i64(e->text, ret_value);
    *ret_value = e->integer;
    return true;
}

#endif
