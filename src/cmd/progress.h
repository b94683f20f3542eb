/*
 * progress.h - a line that says how far the work is.
 *
 * What it is   Redrawn in place on a terminal, five times a second; otherwise a line of the log every ten seconds. It is
 *              made of parts, the most important first: on a terminal those that do not fit are left out.
 * Rates        Are those of the last ten seconds.
 * Threads      Belongs to one thread.
 */
#ifndef FLOWTAPE_CMD_PROGRESS_H
#define FLOWTAPE_CMD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rate.h"
#include "input/read_progress.h"

#define PROGRESS_LINE_SIZE 512

/* What a line may show the rate of; each is one count. */
enum progress_rate {
    PROGRESS_BYTES,
    PROGRESS_KEYS,
    PROGRESS_RECORDS,
    PROGRESS_SHARE, /* of the whole that is done: progress_add_share */
    PROGRESS_RATES,
};

struct progress {
    const char *command;
    bool quiet;
    bool terminal;
    bool drawn;
    uint64_t last_ms;
    uint64_t logged_ms;
    uint64_t began_ms;
    struct rate rates[PROGRESS_RATES];
    const char *phase; /* of what is being read */
    char line[PROGRESS_LINE_SIZE];
    size_t used;
    bool full;
};

/* progress_init - a run begins; progress_end - and is over: the line is taken away. */
void progress_init(struct progress *p, const char *command, bool quiet);
void progress_end(struct progress *p);
/* progress_due - is it time for a line? Saves making it. */
bool progress_due(const struct progress *p);

/* progress_show - a line of one part. */
void progress_show(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* progress_add - one more part, as long as there is room. */
void progress_add(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* progress_add_count - "1,234,567 keys to read", "1 key to read", or nothing for 0. what: its first word is in the plural if it
 * ends in s. */
void progress_add_count(struct progress *p, uint64_t count, const char *what);
/* progress_add_size - "3.2 GiB read", or nothing for 0. */
void progress_add_size(struct progress *p, uint64_t bytes, const char *what);
/* progress_add_rate - "1,234 keys/s"; of PROGRESS_BYTES "1.5 MiB/s". */
void progress_add_rate(struct progress *p, enum progress_rate rate, uint64_t count,
                       const char *what);
/* progress_add_share - "42 %, 1m 03s left" of a phase; nothing where total is 0. about: the total is an estimate. */
void progress_add_share(struct progress *p, const char *phase, uint64_t done, uint64_t total,
                        bool about);
/* progress_add_read - phase, share and rate of the reading of an input. */
void progress_add_read(struct progress *p, const struct read_progress *read);
/* progress_draw - the line that the parts have made. */
void progress_draw(struct progress *p);
/* progress_clear - take the line away before something else is printed. */
void progress_clear(struct progress *p);

#endif
