/* server_call.h - commands one by one to a server, over whichever connection there is. */
#ifndef FLOWTAPE_DIFF_SERVER_CALL_H
#define FLOWTAPE_DIFF_SERVER_CALL_H

#include <hiredis/hiredis.h>

#include "base/bytes.h"
#include "base/err.h"

/* One command to whoever has the key; the caller frees *ret. Error replies are replies. */
struct server_call {
    int (*call)(void *context, redisReply **ret, const struct bytes *args, size_t count,
                struct ft_err *err);
    void *context;
};

#endif
