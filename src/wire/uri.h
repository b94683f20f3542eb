/*
 * uri.h - addresses of servers as they are given on the command line.
 *
 *   dragonfly://[user[:password]@]host[:port]
 *   redis://[user[:password]@]host[:port][/db]      or valkey://
 *   redis-sentinel://[user[:password]@]host[:port][,host[:port]...]/name[/db]
 *   unix:/path/of/socket
 *
 * A Redis may have several hosts too, of which the first that answers is asked for the others of a cluster.
 * sentinel.h says which server such an address means.
 *
 * dragonflys://, rediss://, valkeys:// and rediss-sentinel:// are the same with TLS (tls.h).
 *
 * User and password are percent-decoded; a password without a user is written ":password@". An IPv6
 * host stands in brackets. The port is 6379 unless given.
 *
 * Secrets      The password is in the struct and nowhere else: no text made here contains it, and
 *              errors do not repeat what was given.
 */
#ifndef FLOWTAPE_WIRE_URI_H
#define FLOWTAPE_WIRE_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define URI_HOST_SIZE     256
#define URI_ADDRESS_SIZE  300
#define URI_DEFAULT_PORT  6379
#define URI_SENTINEL_PORT 26379
#define URI_SERVICE_SIZE  128

enum uri_scheme {
    URI_DRAGONFLY,
    URI_REDIS,
    URI_UNIX,
    URI_SENTINEL,
};

/* One more server of an address. */
struct uri_host {
    char host[URI_HOST_SIZE];
    uint16_t port;
};

struct reach;
struct tls;

struct uri {
    enum uri_scheme scheme;
    bool secure;              /* with TLS */
    struct tls *tls;          /* how, a reference; NULL: as tls_options of zeroes say */
    char host[URI_HOST_SIZE]; /* without brackets; the path for URI_UNIX */
    uint16_t port;
    uint32_t db;             /* URI_REDIS */
    struct uri_host *others; /* after the first */
    size_t other_count;
    char service[URI_SERVICE_SIZE]; /* URI_SENTINEL: the name of the master */
    struct reach *reach;            /* a reference; NULL: no rules */
    char *user;                     /* NULL: none */
    char *password;                 /* NULL: none */
};

/* uri_parse - FT_ERR_USAGE says what is wrong. Then uri_release. */
int uri_parse(const char *text, struct uri *ret, struct ft_err *err);
/*
 * uri_find_password - a password file (its first line; NULL: none given) overrides the URI;
 * `otherwise` (may be NULL) is taken when neither has one.
 */
int uri_find_password(struct uri *u, const char *password_file, const char *otherwise,
                      struct ft_err *err);
/* uri_address - "host:port", "[::1]:6379", the path, or "name of host:port" for sentinels: for messages and manifests. Returns out. */
char *uri_address(const struct uri *u, char out[URI_ADDRESS_SIZE]);
/* uri_copy - with user, password and TLS; then uri_release. */
int uri_copy(struct uri *ret, const struct uri *from, struct ft_err *err);
/* uri_copy_access - user, password, TLS and rules into *ret, which has only an address; after a failure too: uri_release. */
int uri_copy_access(struct uri *ret, const struct uri *from, struct ft_err *err);
/* uri_release - wipes and frees user and password. */
void uri_release(struct uri *u);

#endif
