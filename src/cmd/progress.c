#include "cmd/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsutil.h"
#include "base/parse.h"
#include "cmd/log.h"

#define REDRAW_MS 200u
/* Of a terminal that does not say how wide it is. */
#define COLUMNS 80

#define PART_SIZE 256

/* A time left is believed when so much of the work is done, and of the span of its rate has been seen. */
#define SEEN_MIN_MS 1000u

void progress_init(struct progress *p, const char *command, bool quiet)
{
    *p = (struct progress){.command = command, .quiet = quiet};
    p->terminal = isatty(STDERR_FILENO) == 1 && !log_is_json();
    p->began_ms = clock_mono_ms();
    p->last_ms = p->began_ms;
    p->logged_ms = p->began_ms;
    for (int i = 0; i < PROGRESS_RATES; i++)
        rate_begin(&p->rates[i], p->began_ms);
    log_run(true);
}

void progress_end(struct progress *p)
{
    progress_clear(p);
    log_run(false);
}

bool progress_due(const struct progress *p)
{
    return !p->quiet && clock_mono_ms() - p->last_ms >= (p->terminal ? REDRAW_MS : log_every_ms());
}

/* A line that does not fit would be left behind, row by row; a cursor after its last column is on the next. */
static size_t room(const struct progress *p)
{
    struct winsize size;
    size_t columns;

    if (!p->terminal)
        return PROGRESS_LINE_SIZE - 1;
    columns =
        ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : COLUMNS;
    return columns < PROGRESS_LINE_SIZE ? columns - 1 : PROGRESS_LINE_SIZE - 1;
}

static void add(struct progress *p, const char *fmt, va_list ap)
{
    char part[PART_SIZE];
    size_t max = room(p);
    size_t n;

    (void)vsnprintf(part, sizeof(part), fmt, ap); /* a longer one is cut */
    text_make_printable(part, sizeof(part));
    n = strlen(part);
    if (p->used == 0 && n > max)
        n = max;
    if (p->full || p->used + (p->used == 0 ? 0 : 2) + n > max) {
        p->full = true; /* nor what matters less */
        return;
    }
    if (p->used != 0) {
        memcpy(p->line + p->used, ", ", 2);
        p->used += 2;
    }
    memcpy(p->line + p->used, part, n);
    p->used += n;
    p->line[p->used] = '\0';
}

void progress_add(struct progress *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(p, fmt, ap);
    va_end(ap);
}

/* "1,234 records to apply", "1 record to apply" */
static void add_counted(struct progress *p, uint64_t count, const char *what, const char *end)
{
    size_t word = strcspn(what, " ");
    bool many = word != 0 && what[word - 1] == 's';
    char number[FORMAT_COUNT];

    progress_add(p, "%s %.*s%s%s%s", format_count(count, number), (int)(many ? word - 1 : word),
                 what, many ? plural(count) : "", what + word, end);
}

void progress_add_count(struct progress *p, uint64_t count, const char *what)
{
    if (count != 0)
        add_counted(p, count, what, "");
}

void progress_add_size(struct progress *p, uint64_t bytes, const char *what)
{
    char text[FORMAT_SIZE];

    if (bytes != 0)
        progress_add(p, "%s %s", format_size(bytes, text), what);
}

void progress_add_rate(struct progress *p, enum progress_rate rate, uint64_t count,
                       const char *what)
{
    uint64_t per_second = rate_take(&p->rates[rate], count, clock_mono_ms());
    char size[FORMAT_SIZE];

    if (per_second == 0)
        return;
    if (rate == PROGRESS_BYTES)
        progress_add(p, "%s/s", format_size(per_second, size));
    else
        add_counted(p, per_second, what, "/s");
}

void progress_add_share(struct progress *p, const char *phase, uint64_t done, uint64_t total,
                        bool about)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t per_second = rate_take(&p->rates[PROGRESS_SHARE], done, now_ms);
    char left[FORMAT_SIZE];
    double part;

    if (total == 0) {
        progress_add(p, "%s", phase);
        return;
    }
    /* an estimate may be too small, and 100 % is for what is done */
    part = done < total ? 100.0 * (double)done / (double)total : 99;
    progress_add(p, "%s %s%.0f %%", phase, about ? "about " : "", part < 99 ? part : 99);
    if (per_second != 0 && done < total && now_ms - p->began_ms >= SEEN_MIN_MS)
        progress_add(p, "%s left",
                     format_duration_ms(
                         (uint64_t)((double)(total - done) * 1000 / (double)per_second), left));
}

void progress_add_read(struct progress *p, const struct read_progress *read)
{
    const char *phase = atomic_load(&read->phase);
    uint64_t done = atomic_load(&read->done);

    if (phase == NULL) {
        progress_add(p, "opening");
        return;
    }
    if (phase != p->phase) {
        rate_begin(&p->rates[PROGRESS_SHARE], clock_mono_ms());
        rate_begin(&p->rates[PROGRESS_BYTES], clock_mono_ms());
    }
    p->phase = phase;
    progress_add_share(p, phase, done, atomic_load(&read->total), false);
    progress_add_rate(p, PROGRESS_BYTES, done, "");
}

static void log_progress(struct progress *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void log_progress(struct progress *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_line(LOG_LEVEL_INFO, p->command, fmt, ap);
    va_end(ap);
}

void progress_draw(struct progress *p)
{
    uint64_t now_ms = clock_mono_ms();

    p->last_ms = now_ms;
    if (!p->quiet && p->used != 0 && p->terminal) {
        flockfile(stderr);
        fprintf(stderr, LOG_CLEAR_LINE "%s", p->line);
        fflush(stderr);
        funlockfile(stderr);
        p->drawn = true;
        if (log_to_file() && now_ms - p->logged_ms >= log_every_ms()) {
            log_to_file_only(LOG_LEVEL_INFO, p->command, p->line);
            p->logged_ms = now_ms;
        }
    } else if (!p->quiet && p->used != 0) {
        log_progress(p, "%s", p->line);
    }
    p->used = 0;
    p->full = false;
    p->line[0] = '\0';
}

void progress_show(struct progress *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(p, fmt, ap);
    va_end(ap);
    progress_draw(p);
}

void progress_clear(struct progress *p)
{
    if (p->drawn)
        fputs(LOG_CLEAR_LINE, stderr);
    p->drawn = false;
}
