/* serve_args.h - the command line of flowtape serve. */
#ifndef FLOWTAPE_CMD_SERVE_ARGS_H
#define FLOWTAPE_CMD_SERVE_ARGS_H

#include "cmd/common_args.h"
#include "cmd/status_args.h"
#include "serve/serve.h"

struct serve_args {
    bool has_as;
    /* which of the options for one of both forms were given: of the first, of each; NULL: none */
    const char *for_redis;
    const char *for_dragonfly;
    const char *password_file;
    struct tls_options tls;
    struct loss_args loss;
    struct input_args from; /* generation */
    struct output_args print;
    struct serve_options run; /* cancel_fd and on_note are not set */
    struct status_args status;
};

/* serve_args_parse - FT_ERR_USAGE. Defaults are filled in. serve_args_release also afterwards. */
int serve_args_parse(struct serve_args *ret, int argc, char **argv, struct ft_err *err);
/* args_served - what replicas get, for whoever serves them besides flowtape serve. */
struct arg_group args_served(struct serve_args *into);
struct serve_options serve_options_defaults(void);
/* serve_args_take - run is completed by the password, TLS and losses that were given. */
int serve_args_take(struct serve_args *a, struct ft_err *err);
int serve_args_help(struct arg_view *view);
void serve_args_release(struct serve_args *a);

#endif
