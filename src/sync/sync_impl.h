/*
 * sync_impl.h - what the files of sync share; sync.h has the whole.
 *
 * sync.c (the run), sync_half.c (the capture and the replay in their threads), sync_cutover.c (carries
 * out what cutover.h decides), sync_limits.c.
 */
#ifndef FLOWTAPE_SYNC_SYNC_IMPL_H
#define FLOWTAPE_SYNC_SYNC_IMPL_H

#include "sync/sync.h"
#include "sync/sync_check.h"
#include "sync/sync_source.h"
#include "sync/sync_times.h"

#define SYNC_NOTE_MAX 700

/* A half of the run, in its thread. err may be read once it is done. */
struct sync_half {
    pthread_t thread;
    bool started;
    atomic_bool done;
    int cancel_fd; /* an eventfd */
    struct ft_err err;
};

/* Everything belongs to the thread of sync_run, but for what the halves' callbacks use. */
struct sync {
    const struct sync_options *o;
    struct sync_progress *progress;
    struct loss_report *losses;
    struct sync_result *result;
    struct capture_run_options capture_options;
    struct replay_options replay_options;
    struct replay_options check_options;
    struct replay_result replayed; /* of the replay under way */
    struct sync_half capture;
    struct sync_half replay;
    struct cutover cutover;
    struct sync_source source;
    struct sync_check check;
    struct sync_times times;
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

/*
 * sync_half.c
 */

/* sync_halves_init - options of both; their eventfds. sync_halves_release also after a failure. */
int sync_halves_init(struct sync *s, struct ft_err *err);
void sync_halves_release(struct sync *s);
int sync_start_capture(struct sync *s, struct ft_err *err);
/* sync_start_replay - once more, when the one before has ended. */
int sync_start_replay(struct sync *s, struct ft_err *err);
void sync_cancel(struct sync_half *h);
void sync_join_capture(struct sync *s);
/* sync_join_replay - what it did is added to the result. */
void sync_join_replay(struct sync *s);
/* sync_forget_position - what --finish asks for, when no replay will go on. */
int sync_forget_position(struct sync *s, struct ft_err *err);
/* sync_hand_over - begin: notes of the capture are kept back; else they are shown from now on, and what
 * was kept back is, if `show`. */
void sync_hand_over(struct sync *s, bool begin, bool show);

/*
 * sync_cutover.c
 */

/* sync_step_cutover - look, and do what is to be done now. An error ends the run. */
int sync_step_cutover(struct sync *s, struct ft_err *err);
/* sync_follow_again - without a goal. */
int sync_follow_again(struct sync *s, struct ft_err *err);
/* sync_let_go - a paused source goes on. */
void sync_let_go(struct sync *s);

/*
 * sync_limits.c
 */

/* sync_check_limits - now and then: the capture ends when there is no more room. */
void sync_check_limits(struct sync *s);

#endif
