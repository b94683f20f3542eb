/* clock.h - wall time and monotonic time. */
#ifndef FLOWTAPE_BASE_CLOCK_H
#define FLOWTAPE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_us(clockid_t clock)
{
    struct timespec ts;

    (void)clock_gettime(clock, &ts); /* cannot fail for these two clocks */
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* clock_wall_us - microseconds since the epoch. */
static inline uint64_t clock_wall_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}

/* clock_mono_ms, clock_mono_us - for intervals. */
static inline uint64_t clock_mono_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}
static inline uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000u;
}

#endif
