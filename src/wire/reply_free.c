#include "wire/reply_free.h"

#include <stdlib.h>

#include "base/large_memory.h"

void reply_free(redisReply *reply)
{
    if (reply == NULL)
        return;
    for (size_t i = 0; i < reply->elements; i++)
        reply_free(reply->element[i]);
    free(reply->element);
    if (large_memory_has(reply->str))
        large_memory_free(reply->str);
    else
        free(reply->str);
    free(reply);
}
