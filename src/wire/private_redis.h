/*
 * private_redis.h - a redis-server of our own, for values that only the real engine can compute.
 *
 * What it is   A child process that listens on a unix socket in a temporary directory of its own, with
 *              no port, no persistence and no configuration file.
 * Nothing left The child dies with its parent thread, whatever ends it (PR_SET_PDEATHSIG), so start
 *              and stop belong to one thread. private_redis_hide removes the directory while the
 *              connections made before stay usable: after it even kill -9 leaves nothing behind.
 * Times        The server must not expire anything on its own: what was over for the source was
 *              deleted by the source, and that is in the journal. TIMES_SHIFT_MS is added to
 *              every absolute time on the way in and taken off on the way out (times_shift.h).
 */
#ifndef FLOWTAPE_WIRE_PRIVATE_REDIS_H
#define FLOWTAPE_WIRE_PRIVATE_REDIS_H

#include "wire/redis_pipe.h"

/* The databases it has. */
#define PRIVATE_REDIS_DATABASES 1024

struct private_redis;

/* private_redis_start - begin to start it; the first private_redis_connect waits until it is up.
 * program: a path, or a name to look for in PATH. cancel_fd: readable: waiting ends with
 * FT_ERR_CANCELLED, here and on the connections; -1: never. */
int private_redis_start(struct private_redis **ret, const char *program, int cancel_fd,
                        struct ft_err *err);
/* private_redis_connect - one more connection; before private_redis_hide. FT_ERR_STATE when there is
 * no such program, FT_ERR_IO when it does not come up; its own words are in the text. */
int private_redis_connect(struct private_redis *s, struct redis_pipe **ret,
                          redis_reply_fn *on_reply, void *context, struct ft_err *err);
void private_redis_hide(struct private_redis *s);
/* private_redis_free - ends the server at once and removes what is left of it. */
void private_redis_free(struct private_redis *s);

#endif
