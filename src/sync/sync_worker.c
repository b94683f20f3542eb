#include "sync/sync_worker.h"
#include "sync/sync_served.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/wake.h"
#include "capture/capture_set_run.h"
#include "replay/replay_early.h"
#include "replay/report/replay_sum.h"

/*
 * What the workers say, each from its thread
 */

static void on_note(void *context, const char *text)
{
    const struct sync *s = context;

    s->o->on_note(s->o->context, text);
}

static void on_capture_note(void *context, const char *text)
{
    struct sync *s = context;
    bool held;

    pthread_mutex_lock(&s->progress->mu);
    held = s->handing_over;
    if (held)
        (void)snprintf(s->held_note, sizeof(s->held_note), "%s", text); /* a longer one is cut */
    pthread_mutex_unlock(&s->progress->mu);
    if (!held)
        on_note(context, text);
}

void sync_hand_over(struct sync *s, bool begin, bool show)
{
    char text[SYNC_NOTE_MAX];

    pthread_mutex_lock(&s->progress->mu);
    s->handing_over = begin;
    atomic_store(&s->capture_held, begin);
    (void)snprintf(text, sizeof(text), "%s", s->held_note); /* the same size */
    s->held_note[0] = '\0';
    pthread_mutex_unlock(&s->progress->mu);
    if (show && text[0] != '\0')
        on_note(s, text);
}

static void on_capture_progress(void *context, const struct capture_progress *p)
{
    struct sync *s = context;

    pthread_mutex_lock(&s->progress->mu);
    s->progress->capture = *p;
    pthread_mutex_unlock(&s->progress->mu);
}

static void on_session(void *context, const char *sync_id)
{
    struct sync *s = context;

    pthread_mutex_lock(&s->progress->mu);
    (void)snprintf(s->progress->sync_id, SYNC_ID_SIZE, "%s", sync_id); /* as long in dfly_master */
    pthread_mutex_unlock(&s->progress->mu);
}

/*
 * Threads
 */

int sync_capture(struct sync *s, struct ft_err *err)
{
    const struct capture_set_options set = {.nodes = s->o->nodes,
                                            .node_count = s->o->node_count,
                                            .watch = s->watch,
                                            .run = s->capture_options};
    struct capture_set_result result;
    int rc;

    if (s->o->node_count == 0)
        return capture_run(&s->capture_options, &s->result->capture, err);
    rc = capture_set_run(&set, &result, err);
    s->result->capture = capture_set_sum(&result);
    capture_set_result_release(&result);
    return rc;
}

/* The thread of sync_run need not wait until it looks by itself. */
static void *end_worker(const struct sync *s, struct sync_worker *w)
{
    atomic_store(&w->done, true);
    (void)wake_set(s->ended_fd);
    return NULL;
}

static void *capture_main(void *arg)
{
    struct sync *s = arg;

    s->capture.failed = sync_capture(s, &s->capture.err) != 0;
    return end_worker(s, &s->capture);
}

/* The snapshot, while the full sync is still running. Of several nodes none is known to be complete before all are. */
static int bring_early(struct sync *s, struct ft_err *err)
{
    struct replay_options *o = &s->replay_options;
    struct replay_result result;
    int rc;

    if (s->o->node_count != 0 || o->early_generation != 0)
        return 0;
    rc = replay_early_run(o, s->o->live, &s->progress->replay, s->losses, &result,
                          &o->early_generation, err);
    if (o->early_generation != 0) {
        replay_sum_add(&s->result->replay, &result);
        o->flush = false;
        o->from_start = false;
    }
    replay_result_release(&result);
    return rc;
}

static void *early_main(void *arg)
{
    struct sync *s = arg;

    s->replay.failed = bring_early(s, &s->replay.err) != 0;
    return end_worker(s, &s->replay);
}

static void *replay_main(void *arg)
{
    struct sync *s = arg;

    s->replay.failed = bring_early(s, &s->replay.err) != 0 ||
                       replay_run(&s->replay_options, &s->progress->replay, s->losses, &s->replayed,
                                  &s->replay.err) != 0;
    return end_worker(s, &s->replay);
}

static void *serve_main(void *arg)
{
    struct sync *s = arg;

    s->replay.failed = sync_served_run(s, &s->replay.err) != 0;
    return end_worker(s, &s->replay);
}

int sync_worker_start(struct sync_worker *w, void *(*run)(void *), struct sync *s,
                      struct ft_err *err)
{
    int rc;

    w->failed = false;
    err_clear(&w->err);
    atomic_store(&w->done, false);
    rc = pthread_create(&w->thread, NULL, run, s);
    if (rc != 0)
        return err_errno(err, rc, "could not start a thread");
    w->started = true;
    return 0;
}

void sync_worker_join(struct sync_worker *w)
{
    if (w->started)
        (void)pthread_join(w->thread, NULL); /* started, and joined only here */
    w->started = false;
}

void sync_cancel(struct sync_worker *w)
{
    (void)wake_set(w->cancel_fd);
}

int sync_start_capture(struct sync *s, struct ft_err *err)
{
    return sync_worker_start(&s->capture, capture_main, s, err);
}

void sync_join_capture(struct sync *s)
{
    sync_worker_join(&s->capture);
}

void sync_join_replay(struct sync *s)
{
    if (!s->replay.started)
        return;
    sync_worker_join(&s->replay);
    if (!s->serves)
        replay_sum_add(&s->result->replay, &s->replayed);
}

int sync_start_replay(struct sync *s, struct ft_err *err)
{
    if (s->serves)
        return sync_worker_start(&s->replay, serve_main, s, err);
    sync_join_replay(s);
    /* these are for the first time only */
    if (s->result->replay.target_version != 0) {
        s->replay_options.flush = false;
        s->replay_options.from_start = false;
    }
    atomic_store(&s->progress->replaying, true);
    return sync_worker_start(&s->replay, replay_main, s, err);
}

int sync_start_early(struct sync *s, struct ft_err *err)
{
    atomic_store(&s->progress->replaying, true);
    return sync_worker_start(&s->replay, early_main, s, err);
}

int sync_forget_position(struct sync *s, struct ft_err *err)
{
    if (!s->o->replay.finish)
        return 0;
    s->replay_options.live = NULL;
    s->replay_options.forget = true;
    if (sync_start_replay(s, err) != 0)
        return -1;
    sync_worker_join(&s->replay);
    replay_result_release(&s->replayed);
    return s->replay.failed ? err_copy(err, &s->replay.err) : 0;
}

int sync_workers_init(struct sync *s, struct ft_err *err)
{
    const struct sync_options *o = s->o;

    s->capture.err = (struct ft_err)FT_ERR_INIT;
    s->replay.err = (struct ft_err)FT_ERR_INIT;
    s->replay.cancel_fd = -1;
    s->ended_fd = -1;
    if (wake_open(&s->capture.cancel_fd, err) != 0 || wake_open(&s->replay.cancel_fd, err) != 0 ||
        wake_open(&s->ended_fd, err) != 0)
        return -1;
    s->capture_options = o->capture;
    s->capture_options.live = o->live;
    s->capture_options.cancel_fd = s->capture.cancel_fd;
    s->capture_options.hold = &s->capture_held;
    s->capture_options.on_note = on_capture_note;
    s->capture_options.on_progress = on_capture_progress;
    s->capture_options.on_session = on_session;
    s->capture_options.context = s;
    s->replay_options = o->replay;
    s->replay_options.input = o->capture.directory;
    s->replay_options.live = o->live;
    s->replay_options.follow = !o->snapshot_only;
    s->replay_options.finish = false;
    s->replay_options.cancel_fd = s->replay.cancel_fd;
    s->replay_options.on_note = on_note;
    s->replay_options.context = s;
    return 0;
}

void sync_workers_release(struct sync *s)
{
    if (s->capture.cancel_fd >= 0)
        (void)close(s->capture.cancel_fd); /* all of them hold nothing */
    if (s->replay.cancel_fd >= 0)
        (void)close(s->replay.cancel_fd);
    if (s->ended_fd >= 0)
        (void)close(s->ended_fd);
}
