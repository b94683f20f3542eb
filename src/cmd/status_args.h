/* status_args.h - options of runs that others look at. */
#ifndef FLOWTAPE_CMD_STATUS_ARGS_H
#define FLOWTAPE_CMD_STATUS_ARGS_H

#include "cmd/args.h"
#include "wire/uri.h"

struct status_args {
    bool listens;
    struct uri listen; /* with `listens` */
    const char *names;
    const char *tls_cert;
    const char *tls_key;
    const char *on_event;
    bool allow_control;
    const char *token_file;
    struct uri token; /* its password, with allow_control */
};

/* args_status - all but the two of args_control, which are for what can be steered. */
struct arg_group args_status(struct status_args *into);
struct arg_group args_control(struct status_args *into);
/* status_args_finish - are they right together? Reads the token. FT_ERR_USAGE. */
int status_args_finish(struct status_args *a, struct ft_err *err);
void status_args_release(struct status_args *a);

#endif
