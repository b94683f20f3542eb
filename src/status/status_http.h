/*
 * status_http.h - a run's status over HTTP: metrics, JSON, a page, and control.
 *
 * Paths        /  /style.css  /script.js  /metrics  /status.json  /history.json  /healthz; and by POST, with the
 *              token, /control/begin?mode=MODE and /control/confirm.
 * Protection   A page of somebody else must neither read nor steer: the Host has to be an address, "localhost", this
 *              machine's name or one of the names that were given, as the name of an attacker may resolve to us; control
 *              needs POST and a header that no other page can set, with the token, which is compared in constant time.
 * Threads      The server has threads of its own, in which the callbacks are made.
 */
#ifndef FLOWTAPE_STATUS_STATUS_HTTP_H
#define FLOWTAPE_STATUS_STATUS_HTTP_H

#include "base/buf.h"
#include "wire/uri.h"

struct status_http;

struct status_http_options {
    const struct uri *listen;
    const char *names;    /* more names of this machine, with commas between them; NULL: none */
    const char *tls_cert; /* files in PEM; NULL: no TLS */
    const char *tls_key;  /* NULL: in the same file */
    const char *token;    /* NULL: no control */
    /* answer - the text of /metrics, /status.json, /history.json or /healthz. *ret_status is 200 before. */
    int (*answer)(void *context, const char *path, struct buf *ret, unsigned *ret_status,
                  struct ft_err *err);
    /* control - "begin MODE" or "confirm"; false: it cannot be now. */
    bool (*control)(void *context, const char *request);
    void *context;
};

/* status_http_new - *ret_name is where it listens, "http://host:port/". What options point to must outlive it. */
int status_http_new(struct status_http **ret, const struct status_http_options *options,
                    char ret_name[URI_ADDRESS_SIZE], struct ft_err *err);
void status_http_free(struct status_http *h);

#endif
