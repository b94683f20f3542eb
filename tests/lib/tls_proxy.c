/*
 * tls_proxy - speaks TLS in front of a server that does not.
 *
 *   tls-proxy CERTIFICATE KEY [--ca FILE] ADDRESS PORT
 *
 * Listens on a free port of ADDRESS, which it prints, and passes on to PORT there what comes. With --ca clients
 * need a certificate that one of FILE issued. A process for each connection; it runs until it is killed.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 16384

static bool write_all(int fd, const char *p, size_t n)
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

static void pass_on(SSL *ssl, int client, int server)
{
    char piece[PIECE];
    int n;

    for (;;) {
        struct pollfd fds[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};

        if (SSL_pending(ssl) == 0 && poll(fds, 2, -1) < 0)
            return;
        if (SSL_pending(ssl) > 0 || fds[0].revents != 0) {
            n = SSL_read(ssl, piece, sizeof(piece));
            if (n <= 0 || !write_all(server, piece, (size_t)n))
                return;
        }
        if (fds[1].revents != 0) {
            n = (int)recv(server, piece, sizeof(piece), 0);
            if (n <= 0 || SSL_write(ssl, piece, n) != n)
                return;
        }
    }
}

static int connect_to(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd); /* was never open */
    return -1;
}

static void serve(SSL_CTX *context, int client, const struct sockaddr_in *to)
{
    SSL *ssl = SSL_new(context);
    int server = -1;

    if (ssl != NULL && SSL_set_fd(ssl, client) == 1 && SSL_accept(ssl) == 1) {
        server = connect_to(to);
        if (server >= 0)
            pass_on(ssl, client, server);
        (void)SSL_shutdown(ssl); /* as far as it goes */
    }
    SSL_free(ssl);
    if (server >= 0)
        (void)close(server); /* everything was sent */
    (void)close(client);
}

static int listen_at(struct sockaddr_in *at)
{
    socklen_t n = sizeof(*at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at->sin_port = 0;
    if (fd < 0 || bind(fd, (struct sockaddr *)at, n) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)at, &n) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct sockaddr_in at;
    int arg = 3;
    int listener;

    if (argc < 5 || context == NULL || SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1) {
        fputs("usage: tls-proxy CERTIFICATE KEY [--ca FILE] ADDRESS PORT\n", stderr);
        return 2;
    }
    if (strcmp(argv[arg], "--ca") == 0 && argc == 7) {
        if (SSL_CTX_load_verify_locations(context, argv[arg + 1], NULL) != 1)
            return 2;
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        arg += 2;
    }
    if (inet_pton(AF_INET, argv[arg], &to.sin_addr) != 1)
        return 2;
    to.sin_port = htons((uint16_t)atoi(argv[arg + 1]));
    at = to;
    listener = listen_at(&at);
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
