/*
 * command.h - the commands of the program as tables: main's, and those that one of its commands has.
 *
 * Names        A command of a command has both words: "fixture make".
 */
#ifndef FLOWTAPE_CMD_COMMAND_H
#define FLOWTAPE_CMD_COMMAND_H

#include "cmd/args.h"

#define COMMAND_NAME_SIZE 48

struct command_list;

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
    int (*help)(struct arg_view *view);
    const struct command_list *commands; /* instead of run and help */
};

struct command_list {
    const char *name; /* of whom; "": of the program */
    const char *about;
    const struct command *commands;
    size_t count;
    const char *more; /* the end of the help; NULL: that of each command */
};

/* command_know - the program's, which the rest of this header is about. */
void command_know(const struct command_list *all);
const struct command_list *command_program(void);
/* command_run - the one that argv[1] names. Returns the exit status. */
int command_run(const struct command_list *list, int argc, char **argv);
/* command_each - calls `see` with every command that can be run, and its whole name; 0, or what `see` has
 * returned. */
int command_each(int (*see)(void *context, const char *name, const struct command *command),
                 void *context);
/* command_takes - has it an option or operand, by its name in lower case, that fits? */
bool command_takes(const struct command *command, bool (*fits)(void *context, const char *name),
                   void *context);
/* command_check_settings - has every name in the file a command that takes it? FT_ERR_USAGE. */
int command_check_settings(const struct settings *s, struct ft_err *err);

#endif
