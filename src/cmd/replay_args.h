/* replay_args.h - the command line of flowtape replay. */
#ifndef FLOWTAPE_CMD_REPLAY_ARGS_H
#define FLOWTAPE_CMD_REPLAY_ARGS_H

#include "pipe/replay.h"

struct replay_args {
    struct replay_options run; /* cancel_fd and callbacks are not set */
    struct uri target;
    const char *password_file;
    const char *report;
    bool json;
    bool quiet;
    bool help;
};

extern const char replay_help[];

/* replay_args_parse - FT_ERR_USAGE. Defaults are filled in, the password in argv is wiped.
 * replay_args_release also afterwards. */
int replay_args_parse(struct replay_args *ret, int argc, char **argv, struct ft_err *err);
void replay_args_release(struct replay_args *a);

#endif
