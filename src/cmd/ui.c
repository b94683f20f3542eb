#include "cmd/ui.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cmd/log.h"

enum exit_status exit_status_of(const struct ft_err *err)
{
    switch (err->kind) {
    case FT_ERR_NONE:
        return EXIT_DONE;
    case FT_ERR_USAGE:
        return EXIT_USAGE;
    case FT_ERR_CORRUPT:
    case FT_ERR_UNSUPPORTED:
    case FT_ERR_LOSS:
        return EXIT_FINDINGS;
    case FT_ERR_NET:
    case FT_ERR_TIMEOUT:
    case FT_ERR_PROTOCOL:
        return EXIT_PEER;
    case FT_ERR_CANCELLED:
        return EXIT_EARLY;
    case FT_ERR_NOMEM:
    case FT_ERR_IO:
    case FT_ERR_LIMIT:
    case FT_ERR_STATE:
    case FT_ERR_BUG:
        break;
    }
    return EXIT_FAILED;
}

static void print(enum log_level level, const char *command, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void print(enum log_level level, const char *command, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_line(level, command, fmt, ap);
    va_end(ap);
}

enum exit_status ui_fail(const char *command, const struct ft_err *err)
{
    print(LOG_LEVEL_ERROR, command, "%s", err->msg);
    return exit_status_of(err);
}

enum exit_status ui_usage(const char *command, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_line(LOG_LEVEL_ERROR, command, fmt, ap);
    va_end(ap);
    if (!log_is_json())
        fprintf(stderr, "Try \"flowtape %s --help\".\n", command);
    return EXIT_USAGE;
}

enum exit_status ui_args_fail(const char *command, const struct ft_err *err)
{
    return err->kind == FT_ERR_USAGE ? ui_usage(command, "%s", err->msg) : ui_fail(command, err);
}

static int see_help(struct arg_view *view, const struct arg_shape *shape)
{
    (void)view;
    return args_print_help(stdout, shape);
}

enum exit_status ui_help(const char *command, int (*help)(struct arg_view *view))
{
    struct arg_view view = {see_help};
    const struct arg_value *values;
    size_t count;

    if (args_listed(&values, &count))
        return EXIT_DONE;
    return ui_flush(command, help(&view) != 0 ? EXIT_FAILED : EXIT_DONE);
}

void ui_note(const char *command, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_line(LOG_LEVEL_NOTICE, command, fmt, ap);
    va_end(ap);
}

enum exit_status ui_flush(const char *command, enum exit_status status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    print(LOG_LEVEL_ERROR, command, "could not write to standard output: %s", strerror(errno));
    return EXIT_FAILED;
}
