/*
 * wrong_port.h - whether a server that did not answer speaks TLS, or does not.
 *
 * What it is   A question over a second connection to the same address, asked only after the first was closed
 *              or stayed silent: it takes two seconds at most. `address` is a struct sockaddr of that size.
 */
#ifndef FLOWTAPE_WIRE_WRONG_PORT_H
#define FLOWTAPE_WIRE_WRONG_PORT_H

#include <stdbool.h>
#include <stdint.h>

/* wrong_port_speaks_tls - it answers the beginning of a TLS session with one. */
bool wrong_port_speaks_tls(const void *address, uint32_t size, int cancel_fd);
/* wrong_port_speaks_resp - it answers PING in plain. */
bool wrong_port_speaks_resp(const void *address, uint32_t size, int cancel_fd);

#endif
