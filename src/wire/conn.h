/*
 * conn.h - one TCP or unix socket, with deadlines and a way to cancel.
 *
 * What it is   A connected, non-blocking socket. The calls here wait with poll; who reads in bulk
 *              (a flow) uses conn.fd itself.
 * Cancelling   While cancel_fd is readable every wait ends with FT_ERR_CANCELLED. -1: never.
 * Errors       FT_ERR_NET, FT_ERR_TIMEOUT; they name the peer.
 * Threads      Belongs to one thread at a time.
 */
#ifndef FLOWTAPE_WIRE_CONN_H
#define FLOWTAPE_WIRE_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/uri.h"

struct conn {
    int fd;        /* -1: closed */
    int cancel_fd; /* borrowed */
    char name[URI_ADDRESS_SIZE];
};

#define CONN_INIT                 \
    {                             \
        .fd = -1, .cancel_fd = -1 \
    }

/*
 * conn_open - connect to each address the name has until one answers, all within timeout_ms (but
 * for the name look-up). Sets TCP_NODELAY, and keepalive as Dragonfly's replicas have it: after 300
 * seconds of silence, every 100 seconds, 3 times.
 */
int conn_open(struct conn *ret, const struct uri *u, int cancel_fd, uint64_t timeout_ms,
              struct ft_err *err);
/*
 * conn_accept - the next connection of a listening socket, with the same options. *ret_some is false when there is
 * none after all. Errors are those that the next one would have too.
 */
int conn_accept(struct conn *ret, bool *ret_some, int listener, int cancel_fd, struct ft_err *err);
/* conn_read - at least one byte; *ret_n is 0 when the peer has closed. */
int conn_read(struct conn *c, void *p, size_t n, size_t *ret_n, uint64_t timeout_ms,
              struct ft_err *err);
int conn_write_all(struct conn *c, const void *p, size_t n, uint64_t timeout_ms,
                   struct ft_err *err);
/* conn_sleep - wait, unless cancelled. */
int conn_sleep(struct conn *c, uint64_t ms, struct ft_err *err);
void conn_close(struct conn *c);

#endif
