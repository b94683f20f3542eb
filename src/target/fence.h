/*
 * fence.h - what an interrupted attempt still has in flight.
 *
 * Why          A killed process, or a connection that was given up, may have sent commands that the
 *              target gets late, after what the next attempt has written. So every connection has a
 *              name, and whoever comes closes those of others before the first write.
 * Names        "flowtape-OWNER-ATTEMPT": the owner is the same for all attempts at one thing.
 * Without      A target that does not let connections be named or closed gives one note per fence.
 * Threads      fence_begin before there are connections; the rest from any thread.
 */
#ifndef FLOWTAPE_TARGET_FENCE_H
#define FLOWTAPE_TARGET_FENCE_H

#include <stdbool.h>

#include "target/target_host.h"
#include "wire/redis_pipe.h"

#define FENCE_OWNER_SIZE 64
#define FENCE_NAME_SIZE  (FENCE_OWNER_SIZE + 32)

struct fence {
    char name[FENCE_NAME_SIZE]; /* of this attempt's connections; "": they have none */
    size_t owner_size;          /* of what all attempts have in common */
    atomic_bool noted;
};

/* fence_begin - a new name; owner NULL: none, and nothing is closed. */
int fence_begin(struct fence *f, const char *owner, struct ft_err *err);
/* fence_name - of a new connection to the server called `server`, before it is used. */
int fence_name(struct fence *f, const struct target_host *host, struct redis_pipe *pipe,
               const char *server, struct ft_err *err);
/* fence_close_others - connections of other attempts of the same owner, on this server. */
int fence_close_others(struct fence *f, const struct target_host *host, struct redis_pipe *pipe,
                       const char *server, struct ft_err *err);

#endif
