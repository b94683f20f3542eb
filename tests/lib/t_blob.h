/*
 * t_blob.h - for tests of the iterators over packed values: all elements as one text, and what the
 * text must be.
 *
 * A test defines its t_blob_fn `collect`, with T_BLOB_COLLECT where the iterator gives struct
 * blob_element: each element is followed by a blank, an integer by "i" before it.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_BLOB_H
#define FLOWTAPE_TESTS_LIB_T_BLOB_H

#include "lib/t_mutate.h"
#include "rdb/blob_element.h"

#define T_BLOB_TEXT 1000

/* -1: the blob is refused. */
typedef int t_blob_fn(struct bytes blob, char text[T_BLOB_TEXT], struct ft_err *err);

/* t_blob_append - of more than fits the beginning. */
static inline void t_blob_append(char text[T_BLOB_TEXT], struct bytes arg, const char *behind)
{
    char shown[100];
    size_t n = strlen(text);

    (void)snprintf(text + n, T_BLOB_TEXT - n, "%s%s", bytes_escape(arg, shown, sizeof(shown)),
                   behind);
}

#define T_BLOB_COLLECT(kind)                                                               \
    static int collect(struct bytes blob, char text[T_BLOB_TEXT], struct ft_err *err)      \
    {                                                                                      \
        struct kind##_iter it;                                                             \
        struct blob_element e;                                                             \
        char digits[I64_TEXT_SIZE];                                                        \
        enum step step;                                                                    \
                                                                                           \
        text[0] = '\0';                                                                    \
        if (kind##_iter_init(&it, blob, err) != 0)                                         \
            return -1;                                                                     \
        while ((step = kind##_iter_next(&it, &e, err)) == STEP_ITEM)                       \
            t_blob_append(text, blob_element_text(&e, digits), e.is_integer ? "i " : " "); \
        return step == STEP_END ? 0 : -1;                                                  \
    }

static inline void t_blob_is(t_blob_fn *collect, struct bytes blob, const char *want)
{
    struct ft_err err = FT_ERR_INIT;
    char text[T_BLOB_TEXT];

    t_ok(collect(blob, text, &err), &err);
    assert_string_equal(text, want);
}

/* t_blob_refused - as corrupt, with `part` in the reason. */
static inline void t_blob_refused(t_blob_fn *collect, struct bytes blob, const char *part)
{
    struct ft_err err = FT_ERR_INIT;
    char text[T_BLOB_TEXT];

    t_fails(collect(blob, text, &err), &err, FT_ERR_CORRUPT, part);
}

static inline void t_blob_try(struct bytes damaged, const void *arg)
{
    t_blob_fn *const *collect = arg;
    struct ft_err err = FT_ERR_INIT;
    char text[T_BLOB_TEXT];

    if ((*collect)(damaged, text, &err) != 0)
        assert_int_equal(err.kind, FT_ERR_CORRUPT);
}

/* t_blob_mutate - every damaged form is read or refused as corrupt. */
static inline void t_blob_mutate(t_blob_fn *collect, struct bytes good)
{
    t_mutate(good, t_blob_try, &collect);
}

#endif
