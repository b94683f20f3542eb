/*
 * listener.h - a socket on which an input is served.
 *
 * Threads  Belongs to one thread.
 */
#ifndef FLOWTAPE_SERVE_LISTENER_H
#define FLOWTAPE_SERVE_LISTENER_H

#include "wire/uri.h"

struct listener {
    int fd;
    char name[URI_ADDRESS_SIZE]; /* the address, with the port that it really has */
    uint16_t port;
};

/* listener_parse - "127.0.0.1:7000", "[::1]:7000", "host", ":7000" (every address); the port is default_port
 * unless given, 0 one that is free. FT_ERR_USAGE. Then uri_release. */
int listener_parse(const char *text, uint16_t default_port, struct uri *ret, struct ft_err *err);
int listener_open(struct listener *ret, const struct uri *address, struct ft_err *err);
void listener_close(struct listener *l);

#endif
