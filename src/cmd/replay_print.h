/* replay_print.h - the report of flowtape replay, for people and as JSON. */
#ifndef FLOWTAPE_CMD_REPLAY_PRINT_H
#define FLOWTAPE_CMD_REPLAY_PRINT_H

#include <jansson.h>

#include "replay/replay.h"
#include "replay/report/replay_counters.h"

/* What a line of progress said, for the rates of the next. */
struct replay_shown {
    uint64_t ms;
    uint64_t counts[REPLAY_COUNTERS_MAX];
};

#define REPLAY_PROGRESS_SIZE 400

/* replay_progress_text - "journal: 120 keys, 40 records (8/s)": what is not 0. lag: also what is to be applied. */
void replay_progress_text(char out[REPLAY_PROGRESS_SIZE], const struct replay_progress *p,
                          struct replay_shown *last, bool lag);
/* replay_print - on standard error. */
void replay_print(const struct replay_result *r, const struct loss_report *losses);
/* replay_to_json - NULL: out of memory. */
json_t *replay_to_json(const struct replay_result *r, const struct loss_report *losses);

#endif
