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
#include "wire/reach.h"
#include "wire/tls.h"
#include "wire/wrong_port.h"

/* A server that answers nothing at all to the beginning of TLS for so long is asked whether it speaks it. */
#define TLS_SILENCE_MS       1500u
#define TLS_FIRST_BYTE       0x16 /* of a record of the handshake */
#define KEEPALIVE_IDLE_S     300
#define KEEPALIVE_INTERVAL_S 100
#define KEEPALIVE_PROBES     3

/* Wait for events on the socket (0: only for time to pass). 1: ready; 0: timed out. */
static int wait_ready(struct conn *c, short events, uint64_t deadline_ms, struct ft_err *err)
{
    if ((events & POLLIN) != 0 && conn_has_more(c))
        return 1;
    for (;;) {
        struct pollfd fds[2] = {{events != 0 ? c->fd : -1, conn_events(c, events), 0},
                                {c->cancel_fd, POLLIN, 0}};
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
    _Static_assert(sizeof(c->address) >= sizeof(struct sockaddr_storage), "room for any");
    memcpy(c->address, address, size);
    c->address_size = size;
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

/* One that speaks in plain waits for the end of a line, or closes the connection. */
static bool speaks_plain(const struct conn *c)
{
    return c->address_size != 0 && /* of a client it would make no sense to ask */
           wrong_port_speaks_resp(c->address, c->address_size, c->cancel_fd);
}

static int speaks_no_tls(const struct conn *c, struct ft_err *err)
{
    return err_set(err, FT_ERR_PROTOCOL,
                   "%s does not speak TLS: its address begins with \"redis://\" or "
                   "\"dragonfly://\"",
                   c->name);
}

static int handshake(struct conn *c, uint64_t deadline_ms, struct ft_err *err)
{
    uint64_t silent_until_ms = clock_mono_ms() + TLS_SILENCE_MS;
    bool asked = c->address_size == 0;

    for (;;) {
        short events = 0;
        int done = tls_session_handshake(c->tls, &events, err);
        uint64_t until_ms = asked || deadline_ms < silent_until_ms ? deadline_ms : silent_until_ms;
        int ready;

        if (done < 0 && err->kind == FT_ERR_NET && speaks_plain(c)) {
            err_clear(err);
            return speaks_no_tls(c, err);
        }
        if (done != 0)
            return done > 0 ? 0 : -1;
        ready = wait_ready(c, events, until_ms, err);
        if (ready < 0)
            return -1;
        c->heard |= ready > 0 && events == POLLIN;
        if (ready == 0 && !asked && !c->heard && speaks_plain(c))
            return speaks_no_tls(c, err);
        if (ready == 0 && until_ms == deadline_ms)
            return err_set(err, FT_ERR_TIMEOUT, "could not begin TLS with %s: no answer", c->name);
        asked |= ready == 0;
    }
}

static int begin_tls(struct conn *c, const struct uri *u, uint64_t deadline_ms, struct ft_err *err)
{
    const struct tls_options by_default = {0};
    struct tls *tls = tls_ref(u->tls);
    int rc = tls == NULL ? tls_new_client(&tls, &by_default, err) : 0;

    if (rc == 0)
        rc = tls_session_new(&c->tls, tls, c->fd, u->host, c->name, err);
    tls_unref(tls); /* the session holds what it needs */
    if (rc == 0)
        rc = handshake(c, deadline_ms, err);
    c->heard = false;
    return rc;
}

static int open_tcp(struct conn *c, const struct uri *u, uint64_t deadline_ms, struct ft_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    char host[REACH_HOST_SIZE];
    uint16_t number;
    char port[8];
    int rc;

    if (!reach_address(u->reach, u->host, u->port, host, &number)) {
        (void)snprintf(host, sizeof(host), "%s", u->host); /* fits */
        number = u->port;
    }
    (void)snprintf(port, sizeof(port), "%u", number);
    rc = getaddrinfo(host, port, &hints, &list);
    if (rc == EAI_MEMORY || (rc == EAI_SYSTEM && errno == ENOMEM))
        return err_nomem(err, "the address of a peer");
    if (rc != 0) {
        return err_set(err, FT_ERR_NET, "could not find the address of \"%s\": %s", host,
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
    if (rc == 0 && u->secure)
        rc = begin_tls(&c, u, deadline_ms, err);
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

int conn_serve_tls(struct conn *c, struct tls *tls, uint64_t timeout_ms, struct ft_err *err)
{
    static const char plain[] = "-ERR this port speaks TLS: connect with rediss://\r\n";
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;
    unsigned char first;
    int ready = wait_ready(c, POLLIN, deadline_ms, err);

    if (ready < 0)
        return -1;
    if (ready == 0)
        return err_set(err, FT_ERR_TIMEOUT, "%s did not begin TLS", c->name);
    if (recv(c->fd, &first, 1, MSG_PEEK) == 1 && first != TLS_FIRST_BYTE) {
        (void)conn_send(c, plain, strlen(plain)); /* it is closed anyway */
        return err_set(err, FT_ERR_PROTOCOL, "%s does not speak TLS", c->name);
    }
    if (tls_session_new(&c->tls, tls, c->fd, "", c->name, err) != 0)
        return -1;
    return handshake(c, deadline_ms, err);
}

ssize_t conn_recv(struct conn *c, void *p, size_t n)
{
    ssize_t got = c->tls != NULL ? tls_session_recv(c->tls, p, n) : recv(c->fd, p, n, MSG_DONTWAIT);

    c->heard |= got > 0;
    return got;
}

ssize_t conn_send(struct conn *c, const void *p, size_t n)
{
    return c->tls != NULL ? tls_session_send(c->tls, p, n)
                          : send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool conn_has_more(const struct conn *c)
{
    return c->tls != NULL && tls_session_more(c->tls);
}

short conn_events(const struct conn *c, short wanted)
{
    return c->tls != NULL ? tls_session_events(c->tls, wanted) : wanted;
}

/* Who speaks TLS only closes the connection at the first word in plain. */
int conn_lost(struct conn *c, int sys_errno, struct ft_err *err)
{
    bool final = false;
    const char *failure = c->tls != NULL ? tls_session_failure(c->tls, &final) : NULL;

    if (failure != NULL)
        return err_set(err, final ? FT_ERR_PROTOCOL : FT_ERR_NET, "%s ended TLS: %s", c->name,
                       failure);
    if ((sys_errno == 0 || sys_errno == ECONNRESET || sys_errno == EPIPE) && !c->heard &&
        c->tls == NULL && c->address_size != 0 &&
        wrong_port_speaks_tls(c->address, c->address_size, c->cancel_fd))
        return err_set(err, FT_ERR_PROTOCOL,
                       "%s speaks TLS only: its address begins with \"rediss://\" or "
                       "\"dragonflys://\"",
                       c->name);
    if (sys_errno == 0)
        return err_set(err, FT_ERR_NET, "%s closed the connection", c->name);
    return net_error(c, sys_errno, "lost the connection to", err);
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
        got = conn_recv(c, p, n);
        if (got >= 0) {
            *ret_n = (size_t)got;
            return 0;
        }
        if (errno != EINTR && errno != EAGAIN)
            return conn_lost(c, errno, err);
    }
}

int conn_write_all(struct conn *c, const void *p, size_t n, uint64_t timeout_ms, struct ft_err *err)
{
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;
    const char *at = p;

    while (n > 0) {
        ssize_t put = conn_send(c, at, n);
        int ready;

        if (put > 0) {
            at += put;
            n -= (size_t)put;
            continue;
        }
        if (put < 0 && errno != EINTR && errno != EAGAIN)
            return conn_lost(c, errno, err);
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
    tls_session_free(c->tls);
    c->tls = NULL;
    if (c->fd >= 0)
        (void)close(c->fd); /* nothing is written that the peer must have */
    c->fd = -1;
}
