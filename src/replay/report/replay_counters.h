/*
 * replay_counters.h - the numbers of a replay, each listed once: its name, what it counts, where it is.
 *
 * What it is   One table. Reports as text and as JSON, lines of progress, and the sum over several runs are made
 *              from it, in its order; a new counter is a field of struct replay_result and a row.
 * Threads      The table is constant.
 */
#ifndef FLOWTAPE_REPLAY_REPORT_REPLAY_COUNTERS_H
#define FLOWTAPE_REPLAY_REPORT_REPLAY_COUNTERS_H

#include "replay/report/replay_result.h"

enum replay_counter_kind {
    REPLAY_COUNTER_SUM, /* of several runs: all together */
    REPLAY_COUNTER_LAST, /* what the last one found: it says something about the target or its own end */
    REPLAY_COUNTER_NOW, /* while a run lasts: no part of its result */
};

struct replay_counter {
    const char *name; /* in JSON */
    /* what a report says in front of the number, if that is not 0; NULL: no line */
    const char *text;
    const char *help; /* what is counted */
    enum replay_counter_kind kind;
    size_t offset; /* of a uint64_t in struct replay_result, unless its kind is NOW */
    /* in a line of progress, after the number; "": bytes; NULL: not shown there */
    const char *unit;
    size_t live; /* with a unit: of an atomic_uint_fast64_t in struct replay_progress */
};

/* No table is longer: for who keeps a number of each. */
#define REPLAY_COUNTERS_MAX 32

const struct replay_counter *replay_counters(size_t *ret_count);
uint64_t replay_counter_get(const struct replay_counter *c, const struct replay_result *r);
/* replay_counter_live - c has a unit. */
uint64_t replay_counter_live(const struct replay_counter *c, const struct replay_progress *p);
/* replay_counters_add - the sums of `before` come on top of those of `later`. */
void replay_counters_add(struct replay_result *later, const struct replay_result *before);

#endif
