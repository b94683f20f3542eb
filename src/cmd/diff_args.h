/* diff_args.h - the command line of flowtape diff. */
#ifndef FLOWTAPE_CMD_DIFF_ARGS_H
#define FLOWTAPE_CMD_DIFF_ARGS_H

#include "cmd/common_args.h"
#include "diff/diff.h"

struct diff_args {
    struct diff_options run; /* cancel_fd and callbacks are not set */
    struct filter filter;
    struct replay_map map;
    struct loss_args loss;
    const char *keys_to; /* NULL: not wanted */
    struct server_args server[DIFF_SIDES];
    struct tls_options tls; /* of both, as the next two */
    bool ask_password;
    struct reach *reach;                      /* a reference */
    char names[DIFF_SIDES][URI_ADDRESS_SIZE]; /* of servers */
    struct output_args output;
};

/* diff_args_parse - FT_ERR_USAGE. Defaults are filled in; a must stay where it is. diff_args_release also afterwards. */
int diff_args_parse(struct diff_args *a, int argc, char **argv, struct ft_err *err);
int diff_args_help(struct arg_view *view);
void diff_args_release(struct diff_args *a);

#endif
