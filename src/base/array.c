#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 8

static int resize(void *array, size_t size, size_t cap, const char *what, struct ft_err *err)
{
    void *p;

    if (cap == 0 || cap > PTRDIFF_MAX / size) /* 0: doubled past the end of numbers */
        return err_nomem(err, what);
    memcpy(&p, array, sizeof(p)); /* a T * is read and written without being called a void * */
    p = realloc(p, cap * size);
    if (p == NULL)
        return err_nomem(err, what);
    memcpy(array, &p, sizeof(p));
    return 0;
}

int array_grow(void *array, size_t size, size_t *cap, size_t want, const char *what,
               struct ft_err *err)
{
    size_t grown = *cap > SIZE_MAX / 2 ? SIZE_MAX : 2 * *cap; /* too much is refused below */

    if (grown < SMALLEST)
        grown = SMALLEST;
    if (grown < want)
        grown = want;
    if (resize(array, size, grown, what, err) != 0)
        return -1;
    *cap = grown;
    return 0;
}

int array_add_room(void *array, size_t size, size_t count, const char *what, struct ft_err *err)
{
    if ((count & (count - 1)) != 0)
        return 0; /* below the power of two up to which there is room */
    return resize(array, size, count == 0 ? 1 : 2 * count, what, err);
}
