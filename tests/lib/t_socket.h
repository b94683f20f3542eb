/*
 * t_socket.h - one connection to a unix socket in a scratch directory, served by a function of the test in
 * a thread of its own: for peers that say bytes, and not replies to commands (those are t_peer.h's).
 */
#ifndef FLOWTAPE_TESTS_LIB_T_SOCKET_H
#define FLOWTAPE_TESTS_LIB_T_SOCKET_H

#include <pthread.h>

#include "wire/uri.h"

/* Serves fd, which is closed afterwards. */
typedef void t_socket_fn(int fd, void *context);

struct t_socket {
    char dir[64];
    struct uri uri; /* what to connect to */
    int listener;
    pthread_t thread;
    t_socket_fn *serve;
    void *context;
};

void t_socket_start(struct t_socket *s, t_socket_fn *serve, void *context);
/* t_socket_start_tcp - the same on a port of loopback, without a directory. */
void t_socket_start_tcp(struct t_socket *s, t_socket_fn *serve, void *context);
/* t_socket_end - waits for `serve` to return. */
void t_socket_end(struct t_socket *s);

/* A peer that answers each request with the next reply, then hangs up. t_socket_end ends it. */
struct t_replies {
    struct t_socket socket;
    const char *const *replies; /* T_REPLIES */
    char asked[4096];           /* all requests; when it has ended */
};

#define T_REPLIES(...)    \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

void t_replies_start(struct t_replies *r);

#endif
