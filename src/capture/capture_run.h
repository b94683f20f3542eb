/*
 * capture_run.h - record a live Dragonfly, Redis or Valkey into a capture directory: `flowtape capture`.
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

#include "capture/capture_options.h"

/* capture_phase_name - "connecting", "full sync", ... */
const char *capture_phase_name(enum capture_phase phase);

enum capture_ended {
    CAPTURE_ENDED_FAILED,    /* err says why */
    CAPTURE_ENDED_SNAPSHOT,  /* --snapshot-only: all flows are stable, their snapshots durable */
    CAPTURE_ENDED_CAUGHT_UP, /* --until-caught-up */
    CAPTURE_ENDED_DURATION,
    CAPTURE_ENDED_STOPPED, /* by cancel_fd */
    CAPTURE_ENDED_FULL,    /* a limit of the directory or its file system */
    CAPTURE_ENDED_GAVE_UP, /* the source was gone for give_up_after_ms; err says how */
};
/* capture_ended_name - "caught-up", ... for reports. */
const char *capture_ended_name(enum capture_ended ended);

/* capture_run_defaults - what an option has when it is not given; source and directory are NULL. */
struct capture_run_options capture_run_defaults(void);

struct capture_run_result {
    enum capture_ended ended;
    bool valid; /* a complete generation is in the directory */
    uint32_t sessions;
    struct retention_sum pruned;
    uint32_t resumptions; /* sessions that went on where the one before ended */
    uint64_t elapsed_ms;
    struct capture_progress last;
};

/* capture_run - 0, or -1 with err for CAPTURE_ENDED_FAILED and _GAVE_UP; *ret is filled always. */
int capture_run(const struct capture_run_options *options, struct capture_run_result *ret,
                struct ft_err *err);

#endif
