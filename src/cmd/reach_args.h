/* reach_args.h - options that say how a server is reached: other addresses, other names, who asks. */
#ifndef FLOWTAPE_CMD_REACH_ARGS_H
#define FLOWTAPE_CMD_REACH_ARGS_H

#include "cmd/args.h"
#include "wire/reach.h"
#include "wire/uri.h"

/* args_limits - --max-request-args and --max-request-bytes; likewise. */
struct arg_group args_limits(struct reach **into);
/* args_reach - --address-map and the like; *into becomes a reference, for reach_unref. */
struct arg_group args_reach(struct reach **into);

/* Who asks, as which user. */
struct login_args {
    const char *user;      /* NULL: as the address says */
    bool ask;              /* for the password, on the terminal */
    const char *otherwise; /* what was typed already; NULL: nothing */
};

/* args_login - --user and --ask-password; args_login_source, _target, _a, _b: the user of one of two servers. */
struct arg_group args_login(struct login_args *into);
struct arg_group args_login_source(struct login_args *into);
struct arg_group args_login_target(struct login_args *into);
struct arg_group args_login_a(struct login_args *into);
struct arg_group args_login_b(struct login_args *into);
/* args_ask_password - --ask-password alone, of both. */
struct arg_group args_ask_password(bool *into);

/* login_args_apply - to an address whose password is not known otherwise. FT_ERR_USAGE, FT_ERR_STATE. */
int login_args_apply(struct uri *u, const struct login_args *l, struct ft_err *err);

/* reach_args_suggest - adds to the error about a word that is not an address what may have been meant. */
int reach_args_suggest(const char *word, const char *scheme, struct ft_err *err);
/* reach_args_is_address - does it look like one, of whatever server? */
bool reach_args_is_address(const char *word);
/* reach_args_swapped - FT_ERR_USAGE: the other way round. */
int reach_args_swapped(const char *wanted, struct ft_err *err);

#endif
