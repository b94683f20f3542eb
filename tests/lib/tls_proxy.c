/*
 * tls_proxy - speaks TLS in front of a server that does not.
 *
 *   tls-proxy CERTIFICATE KEY [--ca FILE] ADDRESS PORT
 *
 * Listens on a free port of ADDRESS, which it prints, and passes on to PORT there what comes. With --ca clients
 * need a certificate that one of FILE issued. A process for each connection; it runs until it is killed.
 */
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/tcp.h"

#define PIECE 16384

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
            if (n <= 0 || !tcp_write_all(server, piece, (size_t)n))
                return;
        }
        if (fds[1].revents != 0) {
            n = (int)recv(server, piece, sizeof(piece), 0);
            if (n <= 0 || SSL_write(ssl, piece, n) != n)
                return;
        }
    }
}

static void serve(void *context, int client, const struct sockaddr_in *to)
{
    SSL *ssl = SSL_new(context);
    int server = -1;

    if (ssl != NULL && SSL_set_fd(ssl, client) == 1 && SSL_accept(ssl) == 1) {
        server = tcp_connect(to);
        if (server >= 0)
            pass_on(ssl, client, server);
        (void)SSL_shutdown(ssl); /* as far as it goes */
    }
    SSL_free(ssl);
    if (server >= 0)
        (void)close(server); /* everything was sent */
    (void)close(client);
}

int main(int argc, char **argv)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    int arg = 3;

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
    return tcp_proxy(argv[arg], argv[arg + 1], serve, context);
}
