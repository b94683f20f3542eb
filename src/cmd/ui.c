#include "cmd/ui.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsutil.h"
#include "cmd/secret_args.h"

#define REDRAW_MS 200u
#define LINE_MS   10000u

#define CLEAR_LINE "\r\033[K"
#define LINE_SIZE  512
#define TEXT_SIZE  4096

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

enum exit_status ui_fail(const char *command, const struct ft_err *err)
{
    ui_note(command, "%s", err->msg);
    return exit_status_of(err);
}

/* In place of a progress line that may be there, whichever thread it comes from. */
static void print_line(const char *command, const char *fmt, va_list ap)
{
    char text[TEXT_SIZE];

    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut */
    secret_args_mask(text);
    text_make_printable(text, sizeof(text));
    flockfile(stderr);
    if (isatty(STDERR_FILENO) == 1)
        fputs(CLEAR_LINE, stderr);
    fprintf(stderr, "flowtape %s: %s\n", command, text);
    funlockfile(stderr);
}

enum exit_status ui_usage(const char *command, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_line(command, fmt, ap);
    va_end(ap);
    fprintf(stderr, "Try \"flowtape %s --help\".\n", command);
    return EXIT_USAGE;
}

enum exit_status ui_args_fail(const char *command, const struct ft_err *err)
{
    return err->kind == FT_ERR_USAGE ? ui_usage(command, "%s", err->msg) : ui_fail(command, err);
}

enum exit_status ui_help(const char *command, int (*help)(FILE *out))
{
    return ui_flush(command, help(stdout) != 0 ? EXIT_FAILED : EXIT_DONE);
}

void ui_note(const char *command, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_line(command, fmt, ap);
    va_end(ap);
}

enum exit_status ui_flush(const char *command, enum exit_status status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    ui_note(command, "could not write to standard output: %s", strerror(errno));
    return EXIT_FAILED;
}

void progress_init(struct progress *p, bool quiet)
{
    p->quiet = quiet;
    p->terminal = isatty(STDERR_FILENO) == 1;
    p->drawn = false;
    p->began_ms = clock_mono_ms();
    p->last_ms = p->began_ms;
}

bool progress_due(const struct progress *p)
{
    return !p->quiet && clock_mono_ms() - p->last_ms >= (p->terminal ? REDRAW_MS : LINE_MS);
}

/* A line that does not fit would be left behind, row by row. */
static int columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1
                                                                           : LINE_SIZE;
}

void progress_show(struct progress *p, const char *fmt, ...)
{
    char line[LINE_SIZE];
    va_list ap;

    if (p->quiet)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap); /* a longer one is cut */
    va_end(ap);
    text_make_printable(line, sizeof(line));
    flockfile(stderr);
    if (p->terminal)
        fprintf(stderr, CLEAR_LINE "%.*s", columns(), line);
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
    funlockfile(stderr);
    p->drawn = p->terminal;
    p->last_ms = clock_mono_ms();
}

void progress_clear(struct progress *p)
{
    if (p->drawn)
        fputs(CLEAR_LINE, stderr);
    p->drawn = false;
}
