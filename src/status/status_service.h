/*
 * status_service.h - everything that shows a run to others while it lasts.
 *
 * What it is   A thread that looks at the status every second: it keeps the last hour for plots, tells events to a
 *              command, answers `flowtape status DIR`, writes the status down; and a server for metrics and the page.
 * Errors       Only what was asked for and cannot be begun. Afterwards nothing here ends a run.
 * Threads      _note from any; the callbacks come from threads of the service, one at a time.
 */
#ifndef FLOWTAPE_STATUS_STATUS_SERVICE_H
#define FLOWTAPE_STATUS_STATUS_SERVICE_H

#include "status/status.h"

struct status_service;

struct status_service_options {
    const char *command;
    const struct uri *listen; /* NULL: no page */
    const char *names;        /* see status_http.h, as those below */
    const char *tls_cert;
    const char *tls_key;
    const char *token;
    const char *on_event;  /* a command for /bin/sh; NULL: none */
    const char *file_name; /* in the directory, without its end; copied */
    bool forget;           /* one that ends without an error leaves no file */
    /* fill - s is initialised. */
    void (*fill)(void *context, struct status *s);
    bool (*control)(void *context, const char *request); /* NULL: there is none */
    /* on_trouble - a line for the user. */
    void (*on_trouble)(void *context, const char *text);
    void *context;
};

/* status_service_new - ret_name: where the page is; "": there is none. */
int status_service_new(struct status_service **ret, const struct status_service_options *options,
                       char ret_name[URI_ADDRESS_SIZE], struct ft_err *err);
/* status_service_note - a line that the user has been told. s may be NULL. */
void status_service_note(struct status_service *s, const char *text);
/* status_service_end - the run is over: how, and why or NULL. The last events are told, and the service ends. s may be
 * NULL. */
void status_service_end(struct status_service *s, const char *ended, const char *error);

#endif
