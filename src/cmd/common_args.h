/* common_args.h - options that several commands have. */
#ifndef FLOWTAPE_CMD_COMMON_ARGS_H
#define FLOWTAPE_CMD_COMMON_ARGS_H

#include <stdbool.h>

#include "cmd/args.h"
#include "cmd/reach_args.h"
#include "cmd/tls_args.h"
#include "item/filter.h"
#include "item/recode.h"
#include "rdb/target.h"
#include "wire/uri.h"

/* What is printed. Commands without a report file leave args_report out. */
struct output_args {
    const char *report;
    bool json;
    bool quiet;
    bool help;
};

struct arg_group args_output(struct output_args *into);
/* output_has_summary - is what was done to be said in words, on standard error? */
bool output_has_summary(const struct output_args *o);
struct arg_group args_report(struct output_args *into);

/* Which state of an INPUT. */
struct input_args {
    const char *at;
    uint32_t generation; /* 0: the newest complete one */
};

struct arg_group args_at(struct input_args *into);
/* args_generation - --generation, --max-item and --aof-tail; args_max_item: that alone; args_max_item_and_tail: without
 * the first. These two are set at once (base/item_limit.h, input/aof_tail.h). */
struct arg_group args_generation(struct input_args *into);
struct arg_group args_max_item(void);
struct arg_group args_max_item_and_tail(void);

/* Which version of a server will load it. */
struct version_args {
    const struct target *target;
    const char *
        named; /* as it was given, where `target` only stands for it; NULL: it is the target's name */
};

/* args_version - --redis and --valkey. */
struct arg_group args_version(struct version_args *into);
/* args_take_version - the value of an option like --redis. */
int args_take_version(struct version_args *v, const char *text, struct ft_err *err);
/* args_note_version - says which version is meant, where it is not the one that was named. */
void args_note_version(const char *command, const struct version_args *v);

/* What the target cannot hold. */
struct loss_args {
    bool fail;
    enum json_as json_as;
};

/* args_take_input - a command's INPUT: "-" and pipes are kept in a file of this process (input_spool.h). */
int args_take_input(const char *arg, const char **ret, struct ft_err *err);

/* args_loss - --on-loss and --json-as; args_json_as: the latter alone. */
struct arg_group args_loss(struct loss_args *into);
struct arg_group args_json_as(struct loss_args *into);

struct arg_group args_filter(struct filter *into);
/* args_filter_type - --type, for states that are values alone. */
struct arg_group args_filter_type(struct filter *into);

/* A server, its address from the words of the command line. */
struct server_args {
    struct uri uri;
    const char *password_file;
    struct tls_options tls;
    struct login_args login;
    struct reach *reach; /* a reference */
    bool is_other;       /* REDISCLI_AUTH is not its password */
    /* of args_take_nodes: all of them, of which uri is the first; by uri_list_free */
    struct uri *nodes;
    uint32_t node_count;
};

/*
 * Both take the address from a word of the command line (secret_args.h), and find the password: in
 * the file, in the address, in FLOWTAPE_SOURCE_PASSWORD or FLOWTAPE_TARGET_PASSWORD, or in REDISCLI_AUTH. A process
 * that has one leaves no core dump.
 */
int args_take_source(struct server_args *s, const char *text, struct ft_err *err);
/* args_take_nodes - a source that may be several nodes (uri_list.h). */
int args_take_nodes(struct server_args *s, const char *text, struct ft_err *err);
int args_take_target(struct server_args *s, const char *text, struct ft_err *err);
/* args_release_server - what was taken. */
void args_release_server(struct server_args *s);
/* args_is_secure - does the address of this word want TLS? */
bool args_is_secure(const char *text);
/* args_take_server - either, which may name a database; variable: that of the environment with its password. */
int args_take_server(struct server_args *s, const char *text, const char *variable,
                     struct ft_err *err);

#endif
