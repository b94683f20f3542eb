#include "base/pace.h"

#define NS_PER_US     1000u
#define NS_PER_SECOND 1e9

uint64_t pace_take(struct pace *p, uint64_t amount, uint64_t now_us)
{
    uint64_t earliest_us = now_us > PACE_BURST_US ? now_us - PACE_BURST_US : 0;

    if (p->due_ns < earliest_us * NS_PER_US)
        p->due_ns = earliest_us * NS_PER_US;
    p->due_ns += (uint64_t)((double)amount * NS_PER_SECOND / (double)p->per_second);
    return p->due_ns / NS_PER_US;
}
