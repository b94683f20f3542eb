#include "cmd/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsutil.h"
#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/secret_args.h"

#define TEXT_SIZE 4096

enum format {
    FORMAT_PLAIN, /* for people, but for a run without a terminal */
    FORMAT_TEXT,
    FORMAT_JSON,
};

static enum format format;
static enum log_level max_level = LOG_LEVEL_INFO;
static uint64_t every_ms = 10000;
static int file_fd = -1;
static atomic_bool file_failed;
static atomic_bool running;

static const char *const format_names[] = {"text", "json", NULL};
static const char *const level_names[] = {"error", "warning", "notice", "info", NULL};

static int take_format(void *into, const char *value, struct ft_err *err)
{
    int choice;

    (void)into; /* of the process */
    if (args_choice("--log-format", value, format_names, &choice, err) != 0)
        return -1;
    format = choice == 0 ? FORMAT_TEXT : FORMAT_JSON;
    return 0;
}

static int take_level(void *into, const char *value, struct ft_err *err)
{
    int choice;

    (void)into;
    if (args_choice("--log-level", value, level_names, &choice, err) != 0)
        return -1;
    max_level = (enum log_level)choice;
    return 0;
}

static int take_every(void *into, const char *value, struct ft_err *err)
{
    (void)into;
    return parse_duration(value, &every_ms, err);
}

/* Each line is appended by one write, so that programs can share a file, and who rotates it may cut it. */
static int take_file(void *into, const char *value, struct ft_err *err)
{
    (void)into;
    if (file_fd >= 0)
        (void)close(file_fd); /* nothing was written yet */
    file_fd = open(value, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    return file_fd >= 0 ? 0 : err_errno(err, errno, "could not open the log \"%s\"", value);
}

static const struct arg log_args[] = {
    {"log-format", "text|json",
     "each line on standard error with time and level, or as\n"
     "a JSON object (default: a time and a level only while\n"
     "it runs, and not on a terminal)",
     0, take_format},
    {"log-level", "LEVEL",
     "leave out what matters less: error, warning, notice,\n"
     "info (default; progress is info)",
     0, take_level},
    {"log-every", "TIME", "a line of progress so often, not on a terminal (10s)", 0, take_every},
    {"log-file", "FILE", "append all lines to this file too, with time and level", 0, take_file},
};

struct arg_group args_log(void)
{
    return (struct arg_group)ARG_GROUP(NULL, log_args, NULL);
}

void log_run(bool begins)
{
    atomic_store(&running, begins);
}

bool log_is_json(void)
{
    return format == FORMAT_JSON;
}

uint64_t log_every_ms(void)
{
    return every_ms;
}

bool log_to_file(void)
{
    return file_fd >= 0;
}

/* In place of a progress line that may be there, whichever thread it comes from. */
static void write_plain(const char *command, const char *text, bool terminal)
{
    fprintf(stderr, "%sflowtape %s: %s\n", terminal ? LOG_CLEAR_LINE : "", command, text);
}

static void write_stamped(FILE *out, enum log_level level, const char *command, const char *text,
                          bool terminal)
{
    char time[FORMAT_TIME];

    fprintf(out, "%s%s %s flowtape %s: %s\n", terminal ? LOG_CLEAR_LINE : "",
            format_time_us(clock_wall_us(), time), level_names[level], command, text);
}

static void write_json(FILE *out, enum log_level level, const char *command, const char *text)
{
    char time[FORMAT_TIME];
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:o}", "time", format_time_us(clock_wall_us(), time), "level",
                  level_names[level], "command", command, "message", json_from_message(text));
    char *line = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

    if (line != NULL)
        fprintf(out, "%s\n", line);
    free(line);
    json_decref(json);
}

/* A log that cannot be written does not end the work, and is reported once. */
static void write_to_file(enum log_level level, const char *command, const char *text)
{
    char *line = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&line, &size);

    if (memory == NULL)
        return;
    if (format == FORMAT_JSON)
        write_json(memory, level, command, text);
    else
        write_stamped(memory, level, command, text, false);
    if (fclose(memory) == 0 && write(file_fd, line, size) != (ssize_t)size &&
        !atomic_exchange(&file_failed, true))
        write_plain(command, "the log file could not be written", isatty(STDERR_FILENO) == 1);
    free(line);
}

void log_to_file_only(enum log_level level, const char *command, const char *text)
{
    if (file_fd >= 0 && level <= max_level)
        write_to_file(level, command, text);
}

void log_line(enum log_level level, const char *command, const char *fmt, va_list ap)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    char text[TEXT_SIZE];

    if (level > max_level)
        return;
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut */
    secret_args_mask(text);
    text_make_printable(text, sizeof(text));
    flockfile(stderr);
    if (format == FORMAT_JSON)
        write_json(stderr, level, command, text);
    else if (format == FORMAT_TEXT || (atomic_load(&running) && !terminal))
        write_stamped(stderr, level, command, text, terminal);
    else
        write_plain(command, text, terminal);
    fflush(stderr);
    funlockfile(stderr);
    log_to_file_only(level, command, text);
}
