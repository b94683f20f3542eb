/*
 * ui.h - what the commands share in talking to people: errors, progress, reading options.
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

#include "cmd/exit_status.h"

/* ui_fail - "flowtape COMMAND: text" on standard error; returns the exit status for the error. */
enum exit_status ui_fail(const char *command, const struct ft_err *err);
/* ui_usage - the same for a wrong command line, with a hint at --help. Returns EXIT_USAGE. */
enum exit_status ui_usage(const char *command, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* ui_args_fail - arguments could not be taken: the hint is given where it helps. */
enum exit_status ui_args_fail(const char *command, const struct ft_err *err);
/* ui_help - the text of --help on standard output. */
enum exit_status ui_help(const char *command, int (*help)(FILE *out));
/* ui_note - a line on standard error that is no error. */
void ui_note(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* ui_flush - standard output written out? An error is reported and becomes EXIT_FAILED. */
enum exit_status ui_flush(const char *command, enum exit_status status);

/*
 * A progress line: redrawn in place on a terminal, a line every ten seconds otherwise, nothing when
 * quiet.
 */
struct progress {
    bool quiet;
    bool terminal;
    bool drawn;
    uint64_t last_ms;
    uint64_t began_ms;
};

void progress_init(struct progress *p, bool quiet);
/* progress_due - is it time for progress_show? Saves making the text. */
bool progress_due(const struct progress *p);
void progress_show(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* progress_clear - take the line away before something else is printed. */
void progress_clear(struct progress *p);

#endif
