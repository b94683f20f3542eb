#include "diff/diff_side.h"

#include <stdlib.h>

char *diff_side_escape(const char *name)
{
    size_t size = 4 * strlen(name) + 1;
    char *out = malloc(size);

    return out == NULL ? NULL : bytes_escape(bytes_str(name), out, size);
}
