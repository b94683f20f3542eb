#include "base/item_limit.h"

static size_t limit_bytes = ITEM_LIMIT_DEFAULT;

size_t item_limit(void)
{
    return limit_bytes;
}

void item_limit_set(size_t bytes)
{
    limit_bytes = bytes;
}
