#include "base/item_limit.h"

/* By default a command may have four million arguments, whose table takes 64 MiB. Dragonfly takes 65,536 of a client
 * unless it is told otherwise (max_multi_bulk_len). */
#define BYTES_OF_ARG 256u
#define ARGS_LEAST   ((size_t)1 << 16)

static size_t limit_bytes = ITEM_LIMIT_DEFAULT;

size_t item_limit(void)
{
    return limit_bytes;
}

void item_limit_set(size_t bytes)
{
    limit_bytes = bytes;
}

size_t item_limit_args(size_t item_bytes)
{
    size_t n = item_bytes / BYTES_OF_ARG;

    return n > ARGS_LEAST ? n : ARGS_LEAST;
}
