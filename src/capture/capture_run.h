/*
 * capture_run.h - record a live Dragonfly into a capture directory: `flowtape capture`.
 *
 * What it is   Sessions, one after the other: connect, resume from what is durable where the source
 *              grants it, else begin a new generation; receive until an end condition holds or the
 *              connection is lost; then wait and try again.
 * Ends         See enum capture_ended. However it ends, what is on disk is a valid capture.
 * Threads      Blocks in the calling thread, which also makes the callbacks; starts one thread per
 *              flow and some for the disk, and has joined them all on return.
 */
#ifndef FLOWTAPE_CAPTURE_CAPTURE_RUN_H
#define FLOWTAPE_CAPTURE_CAPTURE_RUN_H

#include <stdatomic.h>

#include "capture/recorder.h"
#include "store/live_flows.h"
#include "wire/uri.h"

enum capture_phase {
    CAPTURE_CONNECTING,
    CAPTURE_FULL_SYNC,
    CAPTURE_CHANGE_OVER, /* all snapshots are complete, not all flows are stable yet */
    CAPTURE_STABLE,
    CAPTURE_WAITING, /* connection lost: until the next attempt */
};
/* capture_phase_name - "connecting", "full sync", ... */
const char *capture_phase_name(enum capture_phase phase);

/* Where it stands; counts are of the whole run. */
struct capture_progress {
    enum capture_phase phase;
    uint32_t flow_count;
    uint64_t bytes; /* of the streams */
    uint64_t keys;  /* of the newest snapshot */
    uint64_t records;
    uint64_t
        ack_lag; /* records received but not acknowledged, of the flow that is furthest behind */
};

enum capture_ended {
    CAPTURE_ENDED_FAILED,    /* err says why */
    CAPTURE_ENDED_SNAPSHOT,  /* --snapshot-only: all flows are stable, their snapshots durable */
    CAPTURE_ENDED_CAUGHT_UP, /* --until-caught-up */
    CAPTURE_ENDED_DURATION,
    CAPTURE_ENDED_STOPPED, /* by cancel_fd */
    CAPTURE_ENDED_GAVE_UP, /* the source was gone for give_up_after_ms; err says how */
};
/* capture_ended_name - "caught-up", ... for reports. */
const char *capture_ended_name(enum capture_ended ended);

struct capture_run_options {
    const struct uri *source;
    const char *directory;
    bool snapshot_only;
    bool until_caught_up;
    uint64_t duration_ms; /* 0: no end */
    uint64_t give_up_after_ms;
    struct recorder_options recorder; /* but for event_fd */
    struct live_flows *live;          /* told how far it is; NULL: nobody follows */
    const atomic_bool *hold;          /* while true no new session is begun; NULL: it never is */
    int cancel_fd;                    /* readable: stop; -1: never */
    /* May be NULL. A note is a line for the user; progress comes about five times a second. */
    void (*on_note)(void *context, const char *text);
    void (*on_progress)(void *context, const struct capture_progress *progress);
    /* a session has begun; its id is what DFLY TAKEOVER wants. May be NULL. */
    void (*on_session)(void *context, const char *sync_id);
    void *context;
};

/* capture_run_defaults - what an option has when it is not given; source and directory are NULL. */
struct capture_run_options capture_run_defaults(void);

struct capture_run_result {
    enum capture_ended ended;
    bool valid; /* a complete generation is in the directory */
    uint32_t sessions;
    uint32_t resumptions; /* sessions that went on where the one before ended */
    uint64_t elapsed_ms;
    struct capture_progress last;
};

/* capture_run - 0, or -1 with err for CAPTURE_ENDED_FAILED and _GAVE_UP; *ret is filled always. */
int capture_run(const struct capture_run_options *options, struct capture_run_result *ret,
                struct ft_err *err);

#endif
