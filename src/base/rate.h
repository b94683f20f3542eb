/*
 * rate.h - how much a number grows in a second, over the last ten seconds.
 *
 * What it is   A few samples of a count that only grows. A count that is smaller than before is another one, and
 *              begins anew.
 * Threads      A value; who shares one guards it.
 */
#ifndef FLOWTAPE_BASE_RATE_H
#define FLOWTAPE_BASE_RATE_H

#include <stdint.h>

#define RATE_SPAN_MS 10000u
#define RATE_STEP_MS 500u
#define RATE_SAMPLES (RATE_SPAN_MS / RATE_STEP_MS + 1)

struct rate {
    struct {
        uint64_t ms;
        uint64_t count;
    } samples[RATE_SAMPLES]; /* a ring */
    unsigned first;
    unsigned used;
};

/* rate_begin - the count is 0 from now_ms on. Without it the first rate_take begins, at its count. */
void rate_begin(struct rate *r, uint64_t now_ms);
/* rate_take - the count is this now; returns how much it grows in a second. */
uint64_t rate_take(struct rate *r, uint64_t count, uint64_t now_ms);

#endif
