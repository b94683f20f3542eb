/*
 * args.h - options of the command line: each is declared, documented and parsed in one place.
 *
 * What it is   A command's options are groups of `struct arg`. A group that several commands share
 *              stands in common_args.h, or in the args file of the command it belongs to most.
 *              --help is made of the same declarations.
 */
#ifndef FLOWTAPE_CMD_ARGS_H
#define FLOWTAPE_CMD_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct arg {
    const char *name;
    const char *value; /* as --help shows it; NULL: a flag */
    const char *text;  /* of --help; a line each */
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
 * args_parse - FT_ERR_USAGE, which names the option. argv[*ret_first] is the first operand: operands
 * are moved after the options. "-h" is "--help", which each command has, "-v" is "--verbose".
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
 * sets, says that nothing else is wanted.
 */
int args_parse_operands(const struct arg_group *groups, size_t count, int argc, char **argv,
                        int wanted, const char *names, const bool *help, char ***ret_operands,
                        struct ft_err *err);
/* args_help - `about`, then the options. -1: could not be written. */
int args_help(FILE *out, const char *about, const struct arg_group *groups, size_t count);

/* args_take_number - a number from 1 to max. */
int args_take_number(const char *option, const char *value, uint32_t max, uint32_t *ret,
                     struct ft_err *err);
/* args_choice - *ret is the place of `text` in `args`, which end with NULL. */
int args_choice(const char *option, const char *text, const char *const *choices, int *ret,
                struct ft_err *err);

#endif
