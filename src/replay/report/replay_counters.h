/*
 * replay_counters.h - the numbers of a replay, each told once: its name, what it counts, where it is.
 *
 * What it is   One table. Reports as text and as JSON, and the sum over several runs, are made from it, in its
 *              order; a new counter is a field of struct replay_result and a row.
 * Threads      The table is constant.
 */
#ifndef FLOWTAPE_REPLAY_REPORT_REPLAY_COUNTERS_H
#define FLOWTAPE_REPLAY_REPORT_REPLAY_COUNTERS_H

#include "replay/report/replay_result.h"

enum replay_counter_kind {
    REPLAY_COUNTER_SUM, /* of several runs: all together */
    REPLAY_COUNTER_LAST, /* what the last one found: it says something about the target or its own end */
};

struct replay_counter {
    const char *name; /* in JSON */
    const char
        *text; /* what a report says in front of the number, if that is not 0; NULL: no line */
    const char *help; /* what is counted */
    enum replay_counter_kind kind;
    size_t offset; /* of a uint64_t in struct replay_result */
};

const struct replay_counter *replay_counters(size_t *ret_count);
uint64_t replay_counter_get(const struct replay_counter *c, const struct replay_result *r);
/* replay_counters_add - the sums of `before` come on top of those of `later`. */
void replay_counters_add(struct replay_result *later, const struct replay_result *before);

#endif
