/*
 * session_pool.h - a thread for each connection to a listener.
 *
 * Ending   session_pool_accept returns when cancel_fd becomes readable (FT_ERR_CANCELLED), after session_pool_stop, or
 *          when a connection has ended with an error that is not its own, which counts as such a stop.
 * Threads  One thread takes connections, in which on_tick is called about once a second; session_pool_stop in any.
 */
#ifndef FLOWTAPE_SERVE_SESSION_POOL_H
#define FLOWTAPE_SERVE_SESSION_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "serve/listener.h"
#include "wire/conn.h"

struct session_thread;

struct session_pool {
    const struct listener *listener;
    int cancel_fd;
    int stop_fd;           /* opened by session_pool_init; readable: all sessions are to end */
    uint32_t sessions_max; /* connections beyond that are closed at once */
    /* session - takes the connection, which is cancelled by stop_fd. Returns what ended it. */
    int (*session)(void *context, struct conn *conn, struct ft_err *err);
    /* on_end - that error, if it is the connection's own; may be NULL. */
    void (*on_end)(void *context, const char *name, const struct ft_err *why);
    int (*on_tick)(void *context, struct ft_err *err); /* may be NULL */
    void *context;
    struct session_thread **threads;
    size_t thread_count;
    pthread_mutex_t mu;
    /* guarded by mu */
    bool failed;       /* for the reason in err */
    struct ft_err err; /* the first that ended the service */
};

/* session_pool_init - what stands above stop_fd and from sessions_max to context is set. session_pool_release also on
 * failure. */
int session_pool_init(struct session_pool *p, struct ft_err *err);
int session_pool_accept(struct session_pool *p, struct ft_err *err);
/* session_pool_stop - everything is to end; why: NULL: just so. The first reason is the one that counts. */
void session_pool_stop(struct session_pool *p, const struct ft_err *why);
/* session_pool_finish - stops, waits for all connections to end, and returns the reason if there was one. */
int session_pool_finish(struct session_pool *p, struct ft_err *err);
void session_pool_release(struct session_pool *p);
/* session_pool_host - the address of a connection's peer without the port: "127.0.0.1:4711", "[::1]:4711". */
void session_pool_host(const struct conn *conn, char host[URI_HOST_SIZE]);

#endif
