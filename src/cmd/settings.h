/*
 * settings.h - the configuration file, and the names of options in the environment.
 *
 * What it is   A file of lines "name = value", names as those of long options and operands. Before the first
 *              "[COMMAND]" they are for every command that has such an option, after it for that command.
 *              "#" and ";" begin a comment, as the first character of a line. A name may come more than
 *              once, as options may.
 * Passwords    are not read from it; a value that holds one in an address is refused.
 */
#ifndef FLOWTAPE_CMD_SETTINGS_H
#define FLOWTAPE_CMD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define SETTINGS_VARIABLE_SIZE 96

struct setting {
    char *section; /* "": of all commands */
    char *name;
    char *value;
    unsigned line;
};

struct settings {
    char *path;
    struct setting *list;
    size_t count;
    size_t capacity;
};

/* settings_read - FT_ERR_USAGE with file and line, FT_ERR_IO. settings_release also afterwards. */
int settings_read(struct settings *ret, const char *path, struct ft_err *err);
void settings_release(struct settings *s);
/* settings_next - what the file says of `name`, from *at on; NULL: no more. The command's section, if it names
 * it, counts alone. */
const struct setting *settings_next(const struct settings *s, const char *command, const char *name,
                                    size_t *at);

/* settings_variable - the value in the environment, of this command or else of all, and what the variable is
 * called. NULL: there is none. */
const char *settings_variable(const char *command, const char *name,
                              char ret_variable[SETTINGS_VARIABLE_SIZE]);
/* settings_variable_name - FLOWTAPE_NAME, or with a command FLOWTAPE_COMMAND_NAME. */
void settings_variable_name(const char *command, const char *name,
                            char ret[SETTINGS_VARIABLE_SIZE]);
/* settings_flag - the value of an option that takes none: yes or no. FT_ERR_USAGE. */
int settings_flag(const char *value, bool *ret, struct ft_err *err);
/* settings_check_value - FT_ERR_USAGE: an address with a password stands in it. */
int settings_check_value(const char *value, struct ft_err *err);

#endif
