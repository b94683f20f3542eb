/*
 * value_lines.h - a value for people: what it is, a line; its first elements, a line each; how many
 * more there are.
 */
#ifndef FLOWTAPE_CMD_VALUE_LINES_H
#define FLOWTAPE_CMD_VALUE_LINES_H

#include "rdb/rdb_stream.h"

/* Takes one line, without its end. */
typedef void value_line_fn(void *context, const char *line);

/* value_line_print - below what was printed, indented; value_line_append - to the json_t array. */
void value_line_print(void *context, const char *line);
void value_line_append(void *context, const char *line);

/* value_lines - FT_ERR_CORRUPT: the value is damaged. The entry must have its value. */
int value_lines(const struct rdb_entry *entry, value_line_fn *take, void *context,
                struct ft_err *err);

#endif
