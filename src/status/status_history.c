#include "status/status_history.h"

#define AT(field) offsetof(struct status, field)

static const struct {
    const char *name;
    size_t offset;
} plots[PLOT_COUNT] = {
    [PLOT_RECEIVED_BYTES] = {"received_bytes", AT(received_bytes)},
    [PLOT_SENT_BYTES] = {"sent_bytes", AT(sent_bytes)},
    [PLOT_APPLIED_KEYS] = {"applied_keys", AT(applied_keys)},
    [PLOT_RECEIVED_RECORDS] = {"received_records", AT(received_records)},
    [PLOT_APPLIED_RECORDS] = {"applied_records", AT(applied_records)},
    [PLOT_LAG_RECORDS] = {"lag_records", AT(lag_records)},
    [PLOT_LAG_BYTES] = {"lag_bytes", AT(lag_bytes)},
    [PLOT_LAG_MS] = {"lag_ms", AT(lag_ms)},
};

void status_history_take(struct status_history *h, const struct status *s, uint64_t now_ms)
{
    unsigned at = (h->first + h->used) % STATUS_HISTORY_COUNT;
    uint64_t values[PLOT_COUNT];

    for (int i = 0; i < PLOT_COUNT; i++) {
        const struct status_number n = {.offset = plots[i].offset};

        values[i] = status_number_of(s, &n);
        if (i < PLOT_LAG_RECORDS && values[i] != STATUS_NONE)
            values[i] = rate_take(&h->rates[i], values[i], now_ms);
    }
    if (h->used != 0 && now_ms - h->taken_ms < STATUS_HISTORY_STEP_MS)
        return;
    h->taken_ms = now_ms;
    if (h->used == STATUS_HISTORY_COUNT)
        h->first = (h->first + 1) % STATUS_HISTORY_COUNT;
    else
        h->used++;
    h->samples[at].time_us = s->now_us;
    for (int i = 0; i < PLOT_COUNT; i++)
        h->samples[at].values[i] = values[i];
}

json_t *status_history_to_json(const struct status_history *h)
{
    json_t *rows = json_array();
    json_t *samples = json_array();

    for (int i = 0; i < PLOT_COUNT; i++)
        json_array_append_new(rows, json_string(plots[i].name));
    for (unsigned k = 0; k < h->used; k++) {
        unsigned at = (h->first + k) % STATUS_HISTORY_COUNT;
        json_t *row = json_array();

        json_array_append_new(row, json_integer((json_int_t)(h->samples[at].time_us / 1000000)));
        for (int i = 0; i < PLOT_COUNT; i++) {
            uint64_t value = h->samples[at].values[i];

            json_array_append_new(row, value == STATUS_NONE ? json_null()
                                                            : json_integer((json_int_t)value));
        }
        json_array_append_new(samples, row);
    }
    return json_pack("{s:o, s:o}", "rows", rows, "samples", samples);
}
