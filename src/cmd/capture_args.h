/* capture_args.h - the command line of flowtape capture, and what flowtape sync has of it. */
#ifndef FLOWTAPE_CMD_CAPTURE_ARGS_H
#define FLOWTAPE_CMD_CAPTURE_ARGS_H

#include "archive/archiver.h"
#include "capture/capture_run.h"
#include "cmd/common_args.h"
#include "cmd/status_args.h"

struct capture_args {
    struct capture_run_options run; /* cancel_fd and callbacks are not set */
    struct server_args source;
    bool cluster;                    /* the nodes are those that the first one knows */
    struct archiver_options archive; /* command: NULL: none */
    struct output_args output;
    struct status_args status;
};

/* args_store - how the capture is stored. */
struct arg_group args_store(struct capture_run_options *into);

/* capture_args_parse - FT_ERR_USAGE. Defaults are filled in, the password in argv is wiped.
 * capture_args_release also afterwards. */
int capture_args_parse(struct capture_args *ret, int argc, char **argv, struct ft_err *err);
int capture_args_help(struct arg_view *view);
void capture_args_release(struct capture_args *a);
/* capture_args_is_set - of several nodes, DIR is a set of captures. */
bool capture_args_is_set(const struct capture_args *a);

#endif
