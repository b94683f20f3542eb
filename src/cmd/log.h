/*
 * log.h - lines on standard error, and in a log file.
 *
 * What it is   One line for each event. A terminal, and a program that only reports its end, get "flowtape COMMAND: text".
 *              While a run lasts without a terminal each line has a time stamp and a level in front; with --log-format
 *              all lines have. A log file gets the same lines, always with both.
 * Secrets      What the command line held is masked, and control characters are escaped.
 * Threads      Any thread; the options are set before there are others.
 */
#ifndef FLOWTAPE_CMD_LOG_H
#define FLOWTAPE_CMD_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "cmd/args.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO, /* progress */
};

/* args_log - --log-format, --log-level, --log-every and --log-file, which are those of the process. */
struct arg_group args_log(void);

/* log_run - a run begins (progress is shown from now on), or has ended. */
void log_run(bool begins);
void log_line(enum log_level level, const char *command, const char *fmt, va_list ap);
/* log_is_json - standard error is for a program: a summary for people has no place there. */
bool log_is_json(void);
/* log_every_ms - so often progress becomes a line. */
uint64_t log_every_ms(void);
/* log_to_file - progress goes to a log file too. */
bool log_to_file(void);
/* log_to_file_only - a line of progress that the terminal shows in its own way. */
void log_to_file_only(enum log_level level, const char *command, const char *text);

/* What takes a line of progress off a terminal. */
#define LOG_CLEAR_LINE "\r\033[K"

#endif
