/* sync_args.h - the command line of flowtape sync. */
#ifndef FLOWTAPE_CMD_SYNC_ARGS_H
#define FLOWTAPE_CMD_SYNC_ARGS_H

#include "cmd/capture_args.h"
#include "cmd/replay_args.h"
#include "cmd/serve_args.h"
#include "cmd/status_args.h"
#include "sync/sync.h"

struct sync_args {
    struct sync_options run; /* live, control, descriptors and callbacks are not set */
    struct server_args source;
    struct server_args target;
    struct tls_options tls;    /* of both */
    bool ask_password;         /* likewise */
    struct serve_args service; /* of what is served: target, states and so on, and TLS */
    bool serves;               /* --serve was given */
    struct loss_args loss;
    struct check_args check;
    struct output_args output;
    uint64_t give_up_ms;
    bool eager;
    struct status_args status;
    bool cluster; /* the nodes are those that the first one knows */
};

/* sync_args_parse - FT_ERR_USAGE. Defaults are filled in, passwords in argv are wiped.
 * sync_args_release also afterwards. */
int sync_args_parse(struct sync_args *ret, int argc, char **argv, struct ft_err *err);
int sync_args_help(struct arg_view *view);
void sync_args_release(struct sync_args *a);

/* args_cutover_mode - "manual", "pause", "takeover". */
int args_cutover_mode(const char *option, const char *text, enum cutover_mode *ret,
                      struct ft_err *err);

#endif
