#include "status/status_event.h"

#include <string.h>

/* As a sync has it before it says that it has caught up. */
#define CAUGHT_UP_MS 1000u

static const char *const names[EVENT_COUNT] = {
    [EVENT_CAUGHT_UP] = "caught-up", [EVENT_STALLED] = "stalled",   [EVENT_LOST] = "lost",
    [EVENT_CUT_OVER] = "cut-over",   [EVENT_DISK_LOW] = "disk-low", [EVENT_ENDED] = "ended",
};

const char *status_event_name(enum status_event event)
{
    return names[event];
}

static uint64_t known(uint64_t number)
{
    return number == STATUS_NONE ? 0 : number;
}

/* Whatever is done, one of these grows. */
static uint64_t moved_of(const struct status *s)
{
    uint64_t sum = known(s->received_bytes) + known(s->sent_bytes) + known(s->applied_keys) +
                   known(s->applied_records) + s->work_done + s->phase;

    for (uint32_t i = 0; i < s->flow_count; i++)
        sum += known(s->flows[i].durable) + known(s->flows[i].applied);
    return sum;
}

/* Of the two counts the one that does not apply is STATUS_NONE. */
static bool has_lag(const struct status_flow *f)
{
    return known(f->lag_records) + known(f->lag_bytes) != 0;
}

/* Each flow has its journal at its last stage, which lags by less than a moment. */
static bool is_caught_up(const struct status *s)
{
    if (s->work != NULL || s->flow_count == 0 || s->lag_ms == STATUS_NONE)
        return false;
    for (uint32_t i = 0; i < s->flow_count; i++) {
        const struct status_flow *f = &s->flows[i];

        if ((f->applied == STATUS_NONE ? f->durable : f->applied) == 0 ||
            (has_lag(f) && f->lag_ms > CAUGHT_UP_MS))
            return false;
    }
    return true;
}

static bool is_disk_low(const struct status *s)
{
    return s->disk_free_bytes != STATUS_NONE && s->disk_total_bytes != STATUS_NONE &&
           s->disk_free_bytes < s->disk_total_bytes / EVENT_DISK_SHARE;
}

/* An idle source sends next to nothing: that is no stall as long as nothing is to be done. */
static bool is_stalled(struct status_watch *w, const struct status *s, uint64_t now_ms)
{
    uint64_t moved = moved_of(s);

    if (!w->seen || moved != w->moved || is_caught_up(s))
        w->moved_ms = now_ms;
    w->moved = moved;
    return s->ended == NULL && !s->may_confirm && now_ms - w->moved_ms >= EVENT_STALL_MS;
}

/* edge - remembers a state, and says whether it has just come. */
static bool edge(bool *state, bool now)
{
    bool comes = now && !*state;

    *state = now;
    return comes;
}

size_t status_watch_look(struct status_watch *w, const struct status *s, uint64_t now_ms,
                         enum status_event ret[EVENT_COUNT])
{
    uint64_t lost = known(s->losses) + known(s->suspects);
    bool was_stalled = w->stalled;
    bool stalled = is_stalled(w, s, now_ms);
    size_t n = 0;

    if (edge(&w->stalled, stalled))
        ret[n++] = EVENT_STALLED;
    if (was_stalled && !stalled)
        w->caught_up = false;
    if (is_caught_up(s) && edge(&w->caught_up, true))
        ret[n++] = EVENT_CAUGHT_UP;
    if (lost > w->lost)
        ret[n++] = EVENT_LOST;
    w->lost = lost;
    if (edge(&w->disk_low, is_disk_low(s)))
        ret[n++] = EVENT_DISK_LOW;
    if (edge(&w->ended, s->ended != NULL)) {
        if (strcmp(s->ended, names[EVENT_CUT_OVER]) == 0)
            ret[n++] = EVENT_CUT_OVER;
        ret[n++] = EVENT_ENDED;
    }
    w->seen = true;
    return n;
}
