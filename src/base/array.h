/*
 * array.h - the memory of an array that grows.
 *
 * Use          ARRAY_RESERVE where the owner keeps a capacity:
 *                  if (ARRAY_RESERVE(&l->keys, &l->key_cap, l->key_count + 1, "a list of keys", err) != 0)
 *                      return -1;
 *                  l->keys[l->key_count++] = key;
 *              ARRAY_ADD_ROOM where a count is enough: the capacity is the next power of two. All growth of
 *              such an array goes through it; elements may be dropped from the end.
 * Growth       By doubling. New elements are not initialised.
 * Errors       -1 and FT_ERR_NOMEM, named after `what`; the array is as it was. Both are usable after that.
 * Memory       The array is the caller's to free.
 */
#ifndef FLOWTAPE_BASE_ARRAY_H
#define FLOWTAPE_BASE_ARRAY_H

#include <stddef.h>

#include "base/err.h"

/* ARRAY_RESERVE - room for `want` elements in all; array: of type T **, cap: size_t *. */
#define ARRAY_RESERVE(array, cap, want, what, err) \
    array_reserve((array), sizeof(**(array)), (cap), (want), (what), (err))

/* ARRAY_ADD_ROOM - room for one element after `count` of them. */
#define ARRAY_ADD_ROOM(array, count, what, err) \
    array_add_room((array), sizeof(**(array)), (count), (what), (err))

/* What the macros call; array is the address of a pointer, size that of an element. */
int array_grow(void *array, size_t size, size_t *cap, size_t want, const char *what,
               struct ft_err *err);
int array_add_room(void *array, size_t size, size_t count, const char *what, struct ft_err *err);

static inline int array_reserve(void *array, size_t size, size_t *cap, size_t want,
                                const char *what, struct ft_err *err)
{
    return want <= *cap ? 0 : array_grow(array, size, cap, want, what, err);
}

#endif
