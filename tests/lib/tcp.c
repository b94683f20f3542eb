#include "lib/tcp.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

bool tcp_write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);

        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

int tcp_listen(struct sockaddr_in *at)
{
    socklen_t n = sizeof(*at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at->sin_port = 0;
    if (fd < 0 || bind(fd, (struct sockaddr *)at, n) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)at, &n) != 0)
        return -1;
    return fd;
}

int tcp_connect(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd); /* was never open */
    return -1;
}

int tcp_proxy(const char *address, const char *port, tcp_serve_fn *serve, void *context)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    struct sockaddr_in at;
    int listener;

    if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
        return 2;
    at = to;
    listener = tcp_listen(&at);
    if (listener < 0 || signal(SIGCHLD, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return 1;
    printf("%u\n", ntohs(at.sin_port));
    (void)fflush(stdout); /* who waits for it finds out */
    for (;;) {
        int client = accept(listener, NULL, NULL);

        if (client >= 0 && fork() == 0) {
            (void)close(listener); /* the parent's */
            serve(context, client, &to);
            _exit(0);
        }
        if (client >= 0)
            (void)close(client); /* the child's */
    }
}
