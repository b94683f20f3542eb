/*
 * dragonfly_options.h - how a Dragonfly master behaves: its pace, and the faults that somebody wants to see.
 *
 * Hooks    What a test wants beyond that. A hook is called by the threads of connections, without a lock being held, and
 *          NULL means that nobody cares. dragonfly_hooks.h has the rest of what they are given.
 */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_OPTIONS_H
#define FLOWTAPE_SERVE_DRAGONFLY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How fast records of the journal come to be, once the first replica has come to stable sync. */
enum dragonfly_pace {
    DRAGONFLY_PACE_MAX,      /* all that are there, at once */
    DRAGONFLY_PACE_RECORDED, /* `speed` times as fast as they were received; the full sync likewise */
    DRAGONFLY_PACE_RECORDS, /* so many a second and flow */
};

struct dragonfly_hooks;

struct dragonfly_options {
    enum dragonfly_pace pace;
    double speed;
    uint64_t records_per_s;
    uint64_t chunk_bytes; /* that one send takes at most; 0: no such limit */
    uint64_t drop_bytes;  /* a session is cut when one of its flows was sent so many; 0: never */
    uint64_t drop_times;  /* so many sessions; 0: each */
    uint64_t stall_bytes; /* a flow that was sent so many stands still */
    uint64_t stall_ms;    /* for so long; 0: never */
    uint64_t loading_ms;  /* LOADING is answered for so long */
    const struct dragonfly_hooks *hooks;
};

#endif
