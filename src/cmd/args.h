/*
 * args.h - options of the command line: each is declared, documented and parsed in one place.
 *
 * What it is   A command's options are groups of `struct arg`. A group that several commands share
 *              stands in common_args.h, or in the args file of the command it belongs to most.
 *              --help, completions, `flowtape config`, and the names in configuration files and in the
 *              environment come from the same declarations.
 * Precedence   The command line, then the environment, then the section of the command in the file of
 *              --config, then what that file says for all commands. A repeatable option has the values
 *              of the first of them that names it.
 * Threads      Before there are any.
 */
#ifndef FLOWTAPE_CMD_ARGS_H
#define FLOWTAPE_CMD_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "cmd/settings.h"

#define ARG_NAME_SIZE    32
#define ARG_COMMAND_SIZE 48

struct arg {
    const char *name;
    const char *value; /* as --help shows it; NULL: a flag */
    const char *text;  /* of --help, which breaks the lines where they are full */
    /* Without `take`: of the bool (of a flag) or the const char * in the group's struct. */
    size_t offset;
    int (*take)(void *into, const char *value, struct ft_err *err); /* FT_ERR_USAGE */
};

struct arg_group {
    const char *heading; /* NULL: continues the group before */
    const struct arg *args;
    size_t count;
    void *into;
};

#define ARG_GROUP(heading_, args_, into_)                                \
    {                                                                    \
        (heading_), (args_), sizeof(args_) / sizeof((args_)[0]), (into_) \
    }

/*
 * args_parse - FT_ERR_USAGE, which names the option, and the file or variable it is from. argv[*ret_first] is
 * the first operand: operands are moved after the options. "-h" is "--help", which each command has, "-q" and
 * "-v" are "--quiet" and "--verbose". Values point into argv, the environment or what was read of the file, which
 * stays.
 */
int args_parse(const struct arg_group *groups, size_t count, int argc, char **argv, int *ret_first,
               struct ft_err *err);
/* args_parse_leading - nothing is moved: options end at the first operand. */
int args_parse_leading(const struct arg_group *groups, size_t count, int argc, char **argv,
                       int *ret_first, struct ft_err *err);
/* args_expect_operands - FT_ERR_USAGE unless `wanted` operands follow the options; names says which. */
int args_expect_operands(int argc, int first, int wanted, const char *names, struct ft_err *err);
/*
 * args_parse_operands - both: *ret_operands are the `wanted` ones, or NULL where *help, which one of the groups
 * sets, says that nothing else is wanted. Without operands on the command line they are looked for in the
 * environment and the file, each by its name in lower case.
 */
int args_parse_operands(const struct arg_group *groups, size_t count, int argc, char **argv,
                        int wanted, const char *names, const bool *help, char ***ret_operands,
                        struct ft_err *err);
/* All that a command takes. */
struct arg_shape {
    const char *about;    /* the beginning of --help */
    const char *operands; /* as in args_parse_operands; NULL: none that have a name */
    const struct arg_group *groups;
    size_t count;
};

/* Somebody who wants to see it: embedded in what `see` needs. -1: could not be written. */
struct arg_view {
    int (*see)(struct arg_view *view, const struct arg_shape *shape);
};

/* args_show - to `view`. */
int args_show(struct arg_view *view, const char *about, const char *operands,
              const struct arg_group *groups, size_t count);
/* args_own - the options that every command has, besides those it names. */
struct arg_group args_own(void);
/* args_is_typed_only - --help and --config, which no file sets. */
bool args_is_typed_only(const char *name);
/* args_print_help - a shape as --help. */
int args_print_help(FILE *out, const struct arg_shape *shape);
/* args_next_operand - the next name of a list such as "SOURCE and DIR", in lower case; *at begins with the list.
 * false: no more. */
bool args_next_operand(const char **at, char ret[ARG_NAME_SIZE]);

/* args_set_command - whose options are parsed from here on; its section and variables. */
void args_set_command(const char *name);
/* args_on_settings - looks at every file of --config before it is used. */
void args_on_settings(int (*check)(const struct settings *s, struct ft_err *err));

/* What an option or operand has been set to, and by whom. */
struct arg_value {
    const char *command;
    const char *name;
    const char *value;    /* NULL: not set, it has its default */
    const char *variable; /* NULL: not from the environment */
    const char *file;     /* NULL: not from the file */
    unsigned line;
    const struct arg *arg; /* NULL: an operand */
};

/*
 * args_only_list - from here on args_parse takes everything, lists it, and then behaves as if --help were given;
 * args_listed: false unless it is so. The list grows with each command.
 */
void args_only_list(void);
bool args_listed(const struct arg_value **ret, size_t *ret_count);

/* args_release - what the file said, and the list. */
void args_release(void);

/* args_take_number - a number from 1 to max. */
int args_take_number(const char *option, const char *value, uint32_t max, uint32_t *ret,
                     struct ft_err *err);
/* args_take_rate - "5000" or "5k": so many keys (the other is 0), "10MB" or "64KiB": bytes. */
int args_take_rate(const char *value, uint64_t *ret_keys, uint64_t *ret_bytes, struct ft_err *err);
/* args_choice - *ret is the place of `text` in `args`, which end with NULL. */
int args_choice(const char *option, const char *text, const char *const *choices, int *ret,
                struct ft_err *err);

#endif
