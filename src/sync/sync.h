/*
 * sync.h - a live migration: `flowtape sync`.
 *
 * What it is   A capture and a replay of it in one process, through the capture's directory, and
 *              the cut-over (cutover.h). The replay reads what is durable, or with an eager
 *              live_flows what was written; a slow target lets the directory grow and never
 *              reaches the source.
 * Serving      Instead of a target there may be replicas: the capture is served as it grows (serve/serve.h). "The target" is
 *              they then: all that are attached, and those that have been.
 * Limits       When the directory or the file system has reached its limit the capture ends; what
 *              was stored is brought to the target, then the run ends.
 * Errors       The first real cause; what it makes the other worker say is passed over.
 * Threads      sync_run blocks; the capture and the replay have threads of their own. The progress
 *              is for any thread.
 */
#ifndef FLOWTAPE_SYNC_SYNC_H
#define FLOWTAPE_SYNC_SYNC_H

#include <pthread.h>

#include "capture/capture_run.h"
#include "diff/copy_check.h"
#include "replay/replay.h"
#include "serve/serve_options.h"
#include "store/live_flows.h"
#include "sync/cutover.h"
#include "sync/sync_check.h"
#include "sync/sync_control.h"

#define SYNC_ID_SIZE              64
#define SYNC_NO_TAKEOVER_OF_NODES "a source of several nodes is cut over by a pause of all of them"
#define SYNC_NO_TAKEOVER \
    "a Redis does not hand over and stop: --cutover pause lets its writes wait instead"

enum sync_ended {
    SYNC_FAILED,        /* err says why */
    SYNC_SNAPSHOT,      /* snapshot_only: it is there */
    SYNC_CUT_OVER,      /* the target has everything, but for checked.unread */
    SYNC_STOPPED,       /* by cancel_fd; the next run resumes */
    SYNC_NOT_CONFIRMED, /* the hold was over */
    SYNC_FULL,          /* a limit; what was stored is on the target, if it is a whole snapshot */
    SYNC_SOURCE_GONE,   /* what was stored is on the target; err says why it is gone */
};
const char *sync_ended_name(enum sync_ended ended);

struct sync_options {
    struct capture_run_options capture; /* live, cancel_fd, callbacks are set by sync_run */
    struct replay_options replay;       /* likewise, input too */
    const struct serve_options
        *serve; /* input, live, cancel_fd, callbacks are set by sync_run; NULL: into a target */
    uint32_t min_replicas;   /* without so many there is no cut-over */
    const struct uri *nodes; /* of a cluster, of which capture.source is one */
    uint32_t node_count;     /* 0: the source is a single server */
    struct live_flows *live;
    struct sync_control *control;
    bool snapshot_only;
    bool check; /* the target is compared with the capture before the cut-over is confirmed */
    uint64_t check_sample; /* 0: all keys */
    const char *check_redis_server;
    enum cutover_mode cutover;
    uint64_t hold_ms;       /* 0: for ever */
    uint64_t max_dir_bytes; /* 0: no limit */
    uint64_t min_free_bytes;
    int cancel_fd; /* readable: stop */
    int told_fd;   /* of wake_open: begin the cut-over, or confirm it; -1: none */
    int enter_fd;  /* a terminal: a line confirms; -1: none */
    void (*on_note)(void *context, const char *text);
    /* A cut-over has come to nothing, but the run continues: SYNC_FAILED with its cause, or
     * SYNC_NOT_CONFIRMED. For those who wait at the control socket. */
    void (*on_outcome)(void *context, enum sync_ended ended, const struct ft_err *cause);
    void *context;
};

struct sync_progress {
    pthread_mutex_t mu;
    struct capture_progress capture; /* guarded by mu */
    char sync_id[SYNC_ID_SIZE];      /* of the session in stable sync, or ""; guarded by mu */
    struct replay_progress replay;
    atomic_bool replaying;
    struct serve_progress serve;
    atomic_int cutover; /* enum cutover_state */
    struct diff_progress check;
    atomic_bool checking;
    /* goes up for as long as the run is alive, once its workers are at work */
    atomic_uint_fast64_t beats;
};

struct sync_result {
    enum sync_ended ended;
    enum cutover_mode mode; /* of the cut-over */
    struct capture_run_result capture;
    struct replay_result replay; /* all replays of the run together */
    struct serve_result serve;
    struct sync_checked checked; /* suspect keys */
    struct copy_checked proof;   /* of `check`: the last one that was made */
    uint64_t *goal;              /* next LSN per flow up to which it was cut over; NULL: none */
    uint32_t flow_count;
    uint64_t elapsed_ms;
};

/* sync_run - *ret is filled always, and released by sync_result_release. progress is zeroed but for
 * mu. losses must be initialised. */
int sync_run(const struct sync_options *options, struct sync_progress *progress,
             struct loss_report *losses, struct sync_result *ret, struct ft_err *err);
void sync_result_release(struct sync_result *r);

#endif
