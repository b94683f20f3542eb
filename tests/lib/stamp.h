/*
 * stamp.h - records that tell when they were sent: RPUSH stamps-N <wall time in nanoseconds>, N being
 * the smallest number that makes it a key of its flow. A flow that sends them cannot be resumed.
 */
#ifndef FLOWTAPE_TESTS_LIB_STAMP_H
#define FLOWTAPE_TESTS_LIB_STAMP_H

#include <stdio.h>
#include <time.h>

#include "item/owner.h"

#define STAMP_SIZE 32

static inline void stamp_key(uint32_t flow, uint32_t flow_count, char out[STAMP_SIZE])
{
    unsigned n = 0;

    do
        (void)snprintf(out, STAMP_SIZE, "stamps-%u", n++); /* fits */
    while (owner_by_key(bytes_str(out), flow_count) != flow);
}

static inline uint64_t stamp_now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
