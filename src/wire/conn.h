/*
 * conn.h - one TCP or unix socket, plain or with TLS, with deadlines and a way to cancel.
 *
 * What it is   A connected, non-blocking socket. conn_read, conn_write_all and conn_sleep wait with poll. Who
 *              waits for several things at once polls conn.fd for conn_events, unless conn_has_more, and then
 *              uses conn_recv and conn_send, which do not wait.
 * TLS          If the address says so (uri.h). A port that speaks the other language than the address says is
 *              found out and named.
 * Cancelling   While cancel_fd is readable every wait ends with FT_ERR_CANCELLED. -1: never.
 * Errors       FT_ERR_NET, FT_ERR_TIMEOUT; they name the peer.
 * Threads      Belongs to one thread at a time.
 */
#ifndef FLOWTAPE_WIRE_CONN_H
#define FLOWTAPE_WIRE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "wire/uri.h"

#define CONN_SOCKADDR_SIZE 128

struct tls_session;

struct conn {
    int fd;                                          /* -1: closed */
    int cancel_fd;                                   /* borrowed */
    struct tls_session *tls;                         /* NULL: plain */
    bool heard;                                      /* anything has come */
    uint32_t address_size;                           /* 0: taken, not opened */
    _Alignas(8) uint8_t address[CONN_SOCKADDR_SIZE]; /* a struct sockaddr_storage */
    char name[URI_ADDRESS_SIZE];
};

#define CONN_INIT                 \
    {                             \
        .fd = -1, .cancel_fd = -1 \
    }

/*
 * conn_open - connect to each address the name has until one answers, all within timeout_ms (but
 * for the name look-up), and shake hands for TLS. Sets TCP_NODELAY, and keepalive as Dragonfly's replicas have it: after 300
 * seconds of silence, every 100 seconds, 3 times.
 */
int conn_open(struct conn *ret, const struct uri *u, int cancel_fd, uint64_t timeout_ms,
              struct ft_err *err);
/*
 * conn_accept - the next connection of a listening socket, with the same options. *ret_some is false when there is
 * none after all. Errors are those that the next one would have too.
 */
int conn_accept(struct conn *ret, bool *ret_some, int listener, int cancel_fd, struct ft_err *err);
/* conn_serve_tls - shake hands with a client that was taken; one that speaks in plain is told so. */
int conn_serve_tls(struct conn *c, struct tls *tls, uint64_t timeout_ms, struct ft_err *err);
/* conn_recv, conn_send - as recv(2) and send(2) with MSG_DONTWAIT and MSG_NOSIGNAL. What conn_send has not taken
 * for EAGAIN must be what it gets first the next time. */
ssize_t conn_recv(struct conn *c, void *p, size_t n);
ssize_t conn_send(struct conn *c, const void *p, size_t n);
/* conn_has_more - conn_recv has bytes that poll does not know of. */
bool conn_has_more(const struct conn *c);
/* conn_events - what to poll for in order to wait for these. */
short conn_events(const struct conn *c, short wanted);
/* conn_lost - the error after conn_recv or conn_send has failed with sys_errno; 0: the peer has closed. */
int conn_lost(struct conn *c, int sys_errno, struct ft_err *err);
/* conn_read - at least one byte; *ret_n is 0 when the peer has closed. */
int conn_read(struct conn *c, void *p, size_t n, size_t *ret_n, uint64_t timeout_ms,
              struct ft_err *err);
int conn_write_all(struct conn *c, const void *p, size_t n, uint64_t timeout_ms,
                   struct ft_err *err);
/* conn_sleep - wait, unless cancelled. */
int conn_sleep(struct conn *c, uint64_t ms, struct ft_err *err);
void conn_close(struct conn *c);

#endif
