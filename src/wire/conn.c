#include "wire/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define KEEPALIVE_IDLE_S     300
#define KEEPALIVE_INTERVAL_S 100
#define KEEPALIVE_PROBES     3

/* Wait for events on the socket (0: only for time to pass). 1: ready; 0: timed out. */
static int wait_ready(struct conn *c, short events, uint64_t deadline_ms, struct ft_err *err)
{
    for (;;) {
        struct pollfd fds[2] = {{events != 0 ? c->fd : -1, events, 0}, {c->cancel_fd, POLLIN, 0}};
        uint64_t now = clock_mono_ms();
        uint64_t left = now < deadline_ms ? deadline_ms - now : 0;
        int n = poll(fds, 2, left > INT32_MAX ? INT32_MAX : (int)left);

        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "could not wait for %s", c->name);
        if (n > 0 && fds[1].revents != 0)
            return err_set(err, FT_ERR_CANCELLED, "stopped while waiting for %s", c->name);
        if (n > 0)
            return 1;
        if (n == 0 && left <= INT32_MAX)
            return 0;
    }
}

static int net_error(struct conn *c, int sys_errno, const char *what, struct ft_err *err)
{
    if (err->kind != FT_ERR_NONE)
        return -1;
    (void)err_errno(err, sys_errno, "%s %s", what, c->name); /* for its text */
    err->kind = FT_ERR_NET;
    return -1;
}

static int finish_connect(struct conn *c, uint64_t deadline_ms, struct ft_err *err)
{
    int failure = 0;
    socklen_t n = sizeof(failure);
    int ready = wait_ready(c, POLLOUT, deadline_ms, err);

    if (ready < 0)
        return -1;
    if (ready == 0)
        return err_set(err, FT_ERR_TIMEOUT, "could not connect to %s: no answer", c->name);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failure, &n) != 0)
        failure = errno;
    if (failure != 0)
        return net_error(c, failure, "could not connect to", err);
    return 0;
}

static int connect_to(struct conn *c, const struct sockaddr *address, socklen_t size,
                      uint64_t deadline_ms, struct ft_err *err)
{
    c->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return net_error(c, errno, "could not make a socket for", err);
    if (connect(c->fd, address, size) == 0)
        return 0;
    if (errno == EINPROGRESS)
        return finish_connect(c, deadline_ms, err);
    return net_error(c, errno, "could not connect to", err);
}

/* Options that make a long, one-way connection behave; a system without one of them does too. */
static void tune(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof(options[i].value));
}

static int open_tcp(struct conn *c, const struct uri *u, uint64_t deadline_ms, struct ft_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    char port[8];
    int rc;

    (void)snprintf(port, sizeof(port), "%u", u->port);
    rc = getaddrinfo(u->host, port, &hints, &list);
    if (rc == EAI_MEMORY || (rc == EAI_SYSTEM && errno == ENOMEM))
        return err_nomem(err, "the address of a peer");
    if (rc != 0) {
        return err_set(err, FT_ERR_NET, "could not find the address of \"%s\": %s", u->host,
                       gai_strerror(rc));
    }
    rc = -1;
    for (const struct addrinfo *a = list; a != NULL && rc != 0; a = a->ai_next) {
        if (err->kind == FT_ERR_CANCELLED)
            break;
        conn_close(c);
        err_clear(err);
        rc = connect_to(c, a->ai_addr, a->ai_addrlen, deadline_ms, err);
    }
    freeaddrinfo(list);
    if (rc == 0)
        tune(c->fd);
    return rc;
}

static int open_unix(struct conn *c, const struct uri *u, uint64_t deadline_ms, struct ft_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(u->host) >= sizeof(address.sun_path))
        return err_set(err, FT_ERR_USAGE, "the path of the socket \"%s\" is too long", u->host);
    strcpy(address.sun_path, u->host);
    return connect_to(c, (const struct sockaddr *)&address, sizeof(address), deadline_ms, err);
}

int conn_open(struct conn *ret, const struct uri *u, int cancel_fd, uint64_t timeout_ms,
              struct ft_err *err)
{
    struct conn c = CONN_INIT;
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;
    int rc;

    c.cancel_fd = cancel_fd;
    uri_address(u, c.name);
    rc = u->scheme == URI_UNIX ? open_unix(&c, u, deadline_ms, err)
                               : open_tcp(&c, u, deadline_ms, err);
    if (rc != 0) {
        conn_close(&c);
        return -1;
    }
    *ret = c;
    return 0;
}

/* "127.0.0.1:6380", "[::1]:6380", or "a local client". */
static void name_peer(struct conn *c)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof(address);
    char host[INET6_ADDRSTRLEN];
    char port[8];

    if (getpeername(c->fd, (struct sockaddr *)&address, &n) == 0 &&
        getnameinfo((struct sockaddr *)&address, n, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        (void)snprintf(c->name, sizeof(c->name), strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s",
                       host, port);
    else
        (void)snprintf(c->name, sizeof(c->name), "a local client");
}

int conn_accept(struct conn *ret, bool *ret_some, int listener, int cancel_fd, struct ft_err *err)
{
    struct conn c = CONN_INIT;

    c.cancel_fd = cancel_fd;
    c.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    *ret_some = c.fd >= 0;
    if (c.fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
        return err_errno(err, errno, "could not take a connection");
    if (c.fd < 0)
        return 0; /* it is gone already */
    tune(c.fd);
    name_peer(&c);
    *ret = c;
    return 0;
}

int conn_read(struct conn *c, void *p, size_t n, size_t *ret_n, uint64_t timeout_ms,
              struct ft_err *err)
{
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;

    for (;;) {
        ssize_t got;
        int ready = wait_ready(c, POLLIN, deadline_ms, err);

        if (ready < 0)
            return -1;
        if (ready == 0) {
            return err_set(err, FT_ERR_TIMEOUT, "nothing came from %s for %llu ms", c->name,
                           (unsigned long long)timeout_ms);
        }
        got = recv(c->fd, p, n, 0);
        if (got >= 0) {
            *ret_n = (size_t)got;
            return 0;
        }
        if (errno != EINTR && errno != EAGAIN)
            return net_error(c, errno, "lost the connection to", err);
    }
}

int conn_write_all(struct conn *c, const void *p, size_t n, uint64_t timeout_ms, struct ft_err *err)
{
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;
    const char *at = p;

    while (n > 0) {
        ssize_t put = send(c->fd, at, n, MSG_NOSIGNAL);
        int ready;

        if (put > 0) {
            at += put;
            n -= (size_t)put;
            continue;
        }
        if (put < 0 && errno != EINTR && errno != EAGAIN)
            return net_error(c, errno, "lost the connection to", err);
        ready = wait_ready(c, POLLOUT, deadline_ms, err);
        if (ready < 0)
            return -1;
        if (ready == 0) {
            return err_set(err, FT_ERR_TIMEOUT, "%s takes nothing for %llu ms", c->name,
                           (unsigned long long)timeout_ms);
        }
    }
    return 0;
}

int conn_sleep(struct conn *c, uint64_t ms, struct ft_err *err)
{
    return wait_ready(c, 0, clock_mono_ms() + ms, err) < 0 ? -1 : 0;
}

void conn_close(struct conn *c)
{
    if (c->fd >= 0)
        (void)close(c->fd); /* nothing is written that the peer must have */
    c->fd = -1;
}
