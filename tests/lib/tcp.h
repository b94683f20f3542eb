/*
 * tcp.h - sockets of the programs that are a peer of flowtape, or stand in front of one.
 *
 * Errors  No test stands around them: what fails is said by what is returned.
 */
#ifndef FLOWTAPE_TESTS_LIB_TCP_H
#define FLOWTAPE_TESTS_LIB_TCP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

bool tcp_write_all(int fd, const char *p, size_t n);
/* tcp_listen - on a free port of the address in *at, which is filled in; -1: it cannot. */
int tcp_listen(struct sockaddr_in *at);
/* tcp_connect - -1: nobody is there. */
int tcp_connect(const struct sockaddr_in *to);

/* Serves a client on behalf of who listens at `to`; the process ends afterwards. */
typedef void tcp_serve_fn(void *context, int client, const struct sockaddr_in *to);

/* tcp_proxy - listens on a free port of the address, which it prints, and serves each connection in a process of its own.
 * Returns only if it cannot: what to exit with. */
int tcp_proxy(const char *address, const char *port, tcp_serve_fn *serve, void *context);

#endif
