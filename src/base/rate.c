#include "base/rate.h"

static void add(struct rate *r, uint64_t count, uint64_t now_ms)
{
    unsigned at = (r->first + r->used) % RATE_SAMPLES;

    if (r->used == RATE_SAMPLES)
        r->first = (r->first + 1) % RATE_SAMPLES;
    else
        r->used++;
    r->samples[at].ms = now_ms;
    r->samples[at].count = count;
}

void rate_begin(struct rate *r, uint64_t now_ms)
{
    *r = (struct rate){0};
    add(r, 0, now_ms);
}

uint64_t rate_take(struct rate *r, uint64_t count, uint64_t now_ms)
{
    unsigned last = (r->first + r->used + RATE_SAMPLES - 1) % RATE_SAMPLES;
    uint64_t span_ms;
    uint64_t grown;

    if (r->used == 0 || count < r->samples[last].count || now_ms < r->samples[last].ms) {
        *r = (struct rate){0};
        add(r, count, now_ms);
        return 0;
    }
    /* what is older is needed only as long as nothing younger is as old as the span */
    while (r->used > 1 && now_ms - r->samples[(r->first + 1) % RATE_SAMPLES].ms >= RATE_SPAN_MS) {
        r->first = (r->first + 1) % RATE_SAMPLES;
        r->used--;
    }
    span_ms = now_ms - r->samples[r->first].ms;
    grown = count - r->samples[r->first].count;
    if (now_ms - r->samples[last].ms >= RATE_STEP_MS)
        add(r, count, now_ms);
    return span_ms == 0 ? 0 : (uint64_t)((double)grown * 1000 / (double)span_ms);
}
