#include "serve/listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/parse.h"

#define BACKLOG 64

int listener_parse(const char *text, uint16_t default_port, struct uri *ret, struct ft_err *err)
{
    struct uri u = {.scheme = URI_REDIS, .port = default_port};
    const char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *host = bracket != NULL ? text + 1 : text;
    const char *colon = bracket != NULL ? bracket + 1 : strrchr(text, ':');
    size_t n = bracket != NULL ? (size_t)(bracket - host)
               : colon != NULL ? (size_t)(colon - host)
                               : strlen(host);
    uint64_t port;

    if (n >= sizeof(u.host) || (bracket != NULL && colon[0] != ':' && colon[0] != '\0') ||
        (bracket == NULL && memchr(host, ':', n) != NULL))
        return err_set(err, FT_ERR_USAGE, "an address is HOST:PORT, as in 127.0.0.1:%u",
                       default_port);
    memcpy(u.host, host, n);
    if (colon != NULL && colon[0] == ':') {
        if (parse_u64(colon + 1, &port, err) != 0)
            return -1;
        if (port > UINT16_MAX)
            return err_set(err, FT_ERR_USAGE, "there is no port %s", colon + 1);
        u.port = (uint16_t)port;
    }
    *ret = u;
    return 0;
}

static int listen_on(struct listener *l, const struct addrinfo *a)
{
    const int on = 1;

    l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return -1;
    (void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* else it waits its time */
    return bind(l->fd, a->ai_addr, a->ai_addrlen) != 0 || listen(l->fd, BACKLOG) != 0 ? -1 : 0;
}

static void find_name(struct listener *l, const struct uri *asked)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof(address);
    struct uri named = *asked;
    char port[8];
    uint64_t number;
    struct ft_err echo = FT_ERR_INIT;

    if (getsockname(l->fd, (struct sockaddr *)&address, &n) == 0 &&
        getnameinfo((struct sockaddr *)&address, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV) ==
            0 &&
        parse_u64(port, &number, &echo) == 0)
        named.port = (uint16_t)number;
    uri_address(&named, l->name);
    l->port = named.port;
}

int listener_open(struct listener *ret, const struct uri *address, struct ft_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct listener l = {.fd = -1};
    struct addrinfo *list = NULL;
    char name[URI_ADDRESS_SIZE];
    int failure = 0;
    char port[8];
    int rc;

    (void)snprintf(port, sizeof(port), "%u", address->port);
    rc = getaddrinfo(address->host[0] == '\0' ? NULL : address->host, port, &hints, &list);
    if (rc != 0)
        return err_set(err, FT_ERR_NET, "could not find the address of \"%s\": %s", address->host,
                       gai_strerror(rc));
    rc = -1;
    for (const struct addrinfo *a = list; a != NULL && rc != 0; a = a->ai_next) {
        listener_close(&l);
        rc = listen_on(&l, a);
        failure = errno;
    }
    freeaddrinfo(list);
    if (rc != 0) {
        listener_close(&l);
        return err_errno(err, failure, "could not listen on %s", uri_address(address, name));
    }
    find_name(&l, address);
    *ret = l;
    return 0;
}

void listener_close(struct listener *l)
{
    if (l->fd >= 0)
        (void)close(l->fd); /* nothing is written to it */
    l->fd = -1;
}
