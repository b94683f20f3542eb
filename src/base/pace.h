/*
 * pace.h - so much a second, and what was not done in time is not made up for at once.
 *
 * What it is   A token bucket: whoever takes an amount learns when he may go on. What is left over
 *              from a time of standing still is worth PACE_BURST_US, not more.
 * Threads      A value; who shares one guards it.
 */
#ifndef FLOWTAPE_BASE_PACE_H
#define FLOWTAPE_BASE_PACE_H

#include <stdint.h>

/* Enough for threads that wake late, too little for a burst. */
#define PACE_BURST_US UINT64_C(100000)

struct pace {
    uint64_t per_second; /* not 0 */
    uint64_t due_ns;     /* when everything taken so far has its time; 0 at the beginning */
};

/* pace_take - an amount, however large, is taken now; returns from when on the next may be. */
uint64_t pace_take(struct pace *p, uint64_t amount, uint64_t now_us);

#endif
