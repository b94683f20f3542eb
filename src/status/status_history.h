/*
 * status_history.h - rates and lags of the last hour, for plots.
 *
 * Threads      A value; who shares one guards it.
 */
#ifndef FLOWTAPE_STATUS_STATUS_HISTORY_H
#define FLOWTAPE_STATUS_STATUS_HISTORY_H

#include <jansson.h>

#include "base/rate.h"
#include "status/status.h"

#define STATUS_HISTORY_STEP_MS 5000u
#define STATUS_HISTORY_COUNT   720u /* an hour */

/* A row of the history: what a plot shows. */
enum status_plot {
    PLOT_RECEIVED_BYTES, /* rates, a second */
    PLOT_SENT_BYTES,
    PLOT_APPLIED_KEYS,
    PLOT_RECEIVED_RECORDS,
    PLOT_APPLIED_RECORDS,
    PLOT_LAG_RECORDS, /* as they are */
    PLOT_LAG_BYTES,
    PLOT_LAG_MS,
    PLOT_COUNT,
};

struct status_history {
    struct rate rates[PLOT_LAG_RECORDS];
    struct {
        uint64_t time_us;
        uint64_t values[PLOT_COUNT]; /* STATUS_NONE: does not apply */
    } samples[STATUS_HISTORY_COUNT]; /* a ring */
    unsigned first;
    unsigned used;
    uint64_t taken_ms;
};

/* status_history_take - as often as there is a status; a sample is kept every STATUS_HISTORY_STEP_MS. */
void status_history_take(struct status_history *h, const struct status *s, uint64_t now_ms);
/* status_history_to_json - {"rows": [name...], "samples": [[unix seconds, value...]...]}; NULL: out of memory. */
json_t *status_history_to_json(const struct status_history *h);

#endif
