/*
 * status_event.h - what happens in a run, seen from one status to the next.
 *
 * What it is   A machine without I/O: it is shown a status now and then, and says which events have happened since the
 *              last one. Each is told once, and again only after it was over.
 * Threads      A value.
 */
#ifndef FLOWTAPE_STATUS_STATUS_EVENT_H
#define FLOWTAPE_STATUS_STATUS_EVENT_H

#include "status/status.h"

enum status_event {
    EVENT_CAUGHT_UP, /* the lag is small, for the first time or after a stall */
    EVENT_STALLED,   /* something is to be done, and nothing moves */
    EVENT_LOST,      /* more losses or suspect keys than before */
    EVENT_CUT_OVER,
    EVENT_DISK_LOW,
    EVENT_ENDED, /* however */
};
#define EVENT_COUNT 6

/* Nothing has moved for so long, though there is something to do. */
#define EVENT_STALL_MS 30000u
/* Less than a twentieth of the file system is free. */
#define EVENT_DISK_SHARE 20u

struct status_watch {
    uint64_t moved_ms; /* when something moved last */
    uint64_t moved;    /* sum of what moves */
    uint64_t lost;
    bool seen;
    bool caught_up;
    bool stalled;
    bool disk_low;
    bool ended;
};

/* status_event_name - "caught-up", ... */
const char *status_event_name(enum status_event event);
/* status_watch_look - the events since the last look, at most EVENT_COUNT; returns how many. */
size_t status_watch_look(struct status_watch *w, const struct status *s, uint64_t now_ms,
                         enum status_event ret[EVENT_COUNT]);

#endif
