/* replay_args.h - the command line of flowtape replay, and what flowtape sync has of it. */
#ifndef FLOWTAPE_CMD_REPLAY_ARGS_H
#define FLOWTAPE_CMD_REPLAY_ARGS_H

#include "cmd/common_args.h"
#include "cmd/status_args.h"
#include "replicate/replicate.h"

/* By which way it goes to the target. */
struct via_args {
    bool replication;
    bool listens, announces; /* the addresses were given */
    struct uri listen, announce;
    const char *redis_server;
};

/* --check */
struct check_args {
    bool wanted;
    uint64_t sample; /* so many keys of both kinds; 0: all */
    const char *redis_server;
};

struct replay_args {
    struct replay_options run; /* cancel_fd and callbacks are not set */
    struct server_args target;
    struct input_args input;
    struct loss_args loss;
    struct output_args output;
    struct check_args check;
    struct via_args via;
    struct status_args status;
};

/* How a replay treats its target: what is there, names, times, refusals. */
struct arg_group args_target(struct replay_options *into);

/* args_check - the option, of commands that compare in the end. */
struct arg_group args_check(struct check_args *into);
/* check_args_check - does it go with these options? */
int check_args_check(const struct check_args *c, const struct replay_options *o,
                     struct ft_err *err);

/* replay_args_check - do the options of args_target go together? */
int replay_args_check(const struct replay_options *o, struct ft_err *err);

/* replay_args_parse - FT_ERR_USAGE. Defaults are filled in, the password in argv is wiped.
 * replay_args_release also afterwards. */
int replay_args_parse(struct replay_args *ret, int argc, char **argv, struct ft_err *err);
int replay_args_help(struct arg_view *view);
void replay_args_release(struct replay_args *a);

#endif
