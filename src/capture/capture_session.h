/*
 * capture_session.h - one session with the source: from connecting to everything sealed.
 *
 * Threads      One caller; see capture_run.h.
 */
#ifndef FLOWTAPE_CAPTURE_CAPTURE_SESSION_H
#define FLOWTAPE_CAPTURE_CAPTURE_SESSION_H

#include "capture/capture_options.h"

/* What one run keeps between its sessions. */
struct capture_context {
    const struct capture_run_options *options;
    struct capture *capture;
    int stop_fd; /* readable: stop, by the user or because the time limit is reached */
    struct capture_progress progress;
    uint64_t last_progress_ms;
    uint32_t resumptions;
    struct retention_sum pruned;
};

enum session_outcome {
    SESSION_REACHED, /* the end condition holds */
    SESSION_STOPPED,
    SESSION_LOST,    /* err; try again */
    SESSION_AFRESH,  /* err; try again, with a full sync */
    SESSION_NOWHERE, /* there is no source for now: try again, for ever */
    SESSION_FAILED,  /* err; do not try again */
};

/* How far a session came: tells a source that is gone from one that is there but breaks off each time. */
struct session_contact {
    uint64_t received_bytes;
    bool advanced; /* it came to the journal */
    bool silent;   /* it ended as nothing of the full sync came for give_up_after_ms */
};

/* capture_session_run - afresh: do not ask for a resumption. */
enum session_outcome capture_session_run(struct capture_context *c, bool afresh,
                                         struct session_contact *ret_contact, struct ft_err *err);

/* capture_tell_generation - the capture is at this generation, with what of it is on disk. */
int capture_tell_generation(struct live_flows *live, const struct generation *g,
                            struct ft_err *err);

#endif
