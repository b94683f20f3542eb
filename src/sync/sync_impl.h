/*
 * sync_impl.h - what the files of sync share; sync.h has the whole.
 *
 * sync.c (the run), sync_worker.c (the capture and the replay in their threads), sync_cutover.c (executes
 * what cutover.h decides), sync_limits.c.
 */
#ifndef FLOWTAPE_SYNC_SYNC_IMPL_H
#define FLOWTAPE_SYNC_SYNC_IMPL_H

#include "replay/replay_times.h"
#include "serve/serve_live.h"
#include "sync/sync.h"
#include "sync/sync_check.h"
#include "sync/sync_source.h"

#define SYNC_NOTE_MAX 700

/* A worker of the run, in its thread. What it came to may be read once it is done. */
struct sync_worker {
    pthread_t thread;
    bool started;
    atomic_bool done;
    int cancel_fd; /* of wake_open */
    bool failed;   /* for the reason in err */
    struct ft_err err;
};

struct sync_times {
    struct replay_held held;
    struct replay_times *work; /* NULL: nothing to do */
    bool undoing;
    bool source_clock_known;
    int64_t source_ahead_ms;
    /* where the replay has to be, before the first walk */
    uint32_t generation;
    uint32_t flow_count;
    uint64_t *lsn;
    bool passed;
    uint64_t lost_ms; /* since when the target is away; 0: it is there */
    uint64_t retry_ms;
};

/* What serves replicas instead of a replay: sync_served.h. */
struct sync_served {
    struct serve_live live;
    struct serve_options options;
    struct serve_seen seen; /* by the last look */
    uint64_t waits_ms;      /* since when somebody is waited for; 0: nobody is */
    bool noted;             /* the user knows */
};

/* What compares the target with the capture: sync_proof.h. */
struct sync_proof {
    enum sync_proof_stage {
        PROOF_NONE,
        PROOF_BEGINNING, /* in its thread, while the replay goes on */
        PROOF_BEGUN,
        PROOF_ENDING, /* in its thread, while the target stands still */
        PROOF_ENDED,
    } stage;
    struct sync_worker worker;
    struct copy_check *check; /* of the thread, while there is one */
    uint32_t generation;
    char *at; /* where the target is to be compared, as --at has it; owned */
};

/* Everything belongs to the thread of sync_run, but for what the callbacks of the workers use. */
struct sync {
    const struct sync_options *o;
    struct sync_progress *progress;
    struct loss_report *losses;
    struct sync_result *result;
    struct capture_run_options capture_options;
    struct replay_options replay_options;
    struct replay_options check_options;
    struct replay_result replayed; /* of the replay in progress */
    struct sync_worker capture;
    struct sync_worker replay; /* or the service */
    int ended_fd;              /* of wake_open: one of them has ended */
    bool serves;               /* as `served` says; else it replays */
    struct sync_served served;
    struct cutover cutover;
    struct sync_source source;
    struct cluster_watch *watch; /* over the nodes of a Redis Cluster; else NULL */
    struct sync_check check;
    struct sync_times times;
    struct sync_proof proof;
    bool prepared; /* what the last step of sync_times_prepare said */
    bool begin;    /* told to begin, or to confirm */
    bool confirm;
    bool control_tried;
    bool full;
    bool taken_over;
    bool pops_asked;      /* sync_pops_ask, since the target is at the goal */
    bool unproven;        /* although a flow has not brought its last record */
    uint32_t silent_flow; /* that one */
    bool over;
    uint64_t limits_ms;
    /* While the source hands over, it closes its connections: what the capture says about that is
     * kept until it is known how it ended. Guarded by progress->mu. */
    bool handing_over;
    atomic_bool capture_held; /* meanwhile: what answers at the source's address may be another */
    char held_note[SYNC_NOTE_MAX];
};

/* sync_note - for the user, and for those who wait at the control socket. */
void sync_note(struct sync *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* sync_has_terminal - what is typed is meant for us; who reads in the background is stopped. */
bool sync_has_terminal(const struct sync *s);

#endif
