/*
 * ui.h - what the commands share in talking to people: errors, notes, help.
 *
 * Results go to standard output, everything else to standard error. What is printed here may hold
 * text of peers: it is escaped.
 */
#ifndef FLOWTAPE_CMD_UI_H
#define FLOWTAPE_CMD_UI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/args.h"
#include "cmd/exit_status.h"

/* ui_fail - "flowtape COMMAND: text" on standard error; returns the exit status for the error. */
enum exit_status ui_fail(const char *command, const struct ft_err *err);
/* ui_usage - the same for a wrong command line, with a hint at --help. Returns EXIT_USAGE. */
enum exit_status ui_usage(const char *command, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* ui_args_fail - arguments could not be taken: the hint is given where it helps. */
enum exit_status ui_args_fail(const char *command, const struct ft_err *err);
/* ui_help - the text of --help on standard output; nothing where options are only listed (args_only_list). */
enum exit_status ui_help(const char *command, int (*help)(struct arg_view *view));
/* ui_note - a line on standard error that is no error. */
void ui_note(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* ui_flush - standard output written out? An error is reported and becomes EXIT_FAILED. */
enum exit_status ui_flush(const char *command, enum exit_status status);

#endif
