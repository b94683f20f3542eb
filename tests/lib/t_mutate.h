/*
 * t_mutate.h - what hostile input must not do: every single-byte change and every truncation of a
 * good input, each in a block of exactly its size so that the address sanitizer sees reads beyond it.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_MUTATE_H
#define FLOWTAPE_TESTS_LIB_T_MUTATE_H

#include <stdlib.h>

#include "lib/test_main.h"

/* T_BYTES - the bytes of a string literal. */
#define T_BYTES(text) bytes_of(text, sizeof(text) - 1)

/* No damaged input of a test may give more items than this: it is taken for a hang. */
#define T_MUTATE_STEPS_MAX 1000000

/* Looks at one damaged input; must return whether it was accepted or not. */
typedef void t_mutate_fn(struct bytes damaged, const void *arg);

static inline void t_mutate_try(struct bytes good, size_t n, size_t at, uint8_t byte,
                                t_mutate_fn *use, const void *arg)
{
    uint8_t *copy = malloc(n);

    assert_true(copy != NULL || n == 0);
    if (n > 0)
        memcpy(copy, good.p, n);
    if (at < n)
        copy[at] = byte;
    use(bytes_of(copy, n), arg);
    free(copy);
}

static inline void t_mutate(struct bytes good, t_mutate_fn *use, const void *arg)
{
    for (size_t n = 0; n < good.n; n++)
        t_mutate_try(good, n, n, 0, use, arg);
    for (size_t at = 0; at < good.n; at++) {
        for (unsigned byte = 0; byte < 256; byte++)
            t_mutate_try(good, good.n, at, (uint8_t)byte, use, arg);
    }
}

#endif
