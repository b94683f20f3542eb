#include "base/wake.h"
#include "capture/cluster_watch.h"
#include "serve/serve.h"
#include "sync/check_replayed.h"
#include "sync/sync_check_pops.h"
#include "sync/sync_cutover.h"
#include "sync/sync_impl.h"
#include "sync/sync_limits.h"
#include "sync/sync_preflight.h"
#include "sync/sync_proof.h"
#include "sync/sync_served.h"
#include "sync/sync_source_nodes.h"
#include "sync/sync_times.h"
#include "sync/sync_worker.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#define STEP_MS 20

static const char *const ended_names[] = {
    [SYNC_FAILED] = "failed",
    [SYNC_SNAPSHOT] = "snapshot",
    [SYNC_CUT_OVER] = "cut-over",
    [SYNC_STOPPED] = "stopped",
    [SYNC_FULL] = "full",
    [SYNC_NOT_CONFIRMED] = "not-confirmed",
    [SYNC_SOURCE_GONE] = "source-gone",
};

const char *sync_ended_name(enum sync_ended ended)
{
    return ended_names[ended];
}

void sync_note(struct sync *s, const char *fmt, ...)
{
    char text[SYNC_NOTE_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut */
    va_end(ap);
    s->o->on_note(s->o->context, text);
    sync_control_note(s->o->control, text);
}

/*
 * What is asked for from outside
 */

bool sync_has_terminal(const struct sync *s)
{
    return s->o->enter_fd >= 0 && tcgetpgrp(s->o->enter_fd) == getpgrp();
}

/* For whoever is to decide whether to cut over. */
static void tell_state(struct sync *s)
{
    const enum cutover_mode mode =
        s->cutover.state == CUTOVER_FOLLOWING ? s->o->cutover : s->cutover.mode;
    struct live_point worst = {0};
    struct live_state state;
    struct live_point point;
    char records[24] = "null";
    char bytes[24] = "null";
    char json[400];

    live_flows_state(s->o->live, &state);
    for (uint32_t i = 0; i < state.flow_count; i++) {
        if (!live_flows_point(s->o->live, LIVE_APPLIED, i, &point))
            continue;
        worst.lag += point.lag;
        worst.lag_ms = point.lag_ms > worst.lag_ms ? point.lag_ms : worst.lag_ms;
    }
    (void)snprintf(state.by_offset ? bytes : records, sizeof(bytes), "%" PRIu64, worst.lag);
    (void)snprintf(json, sizeof(json),
                   "{\"state\": \"%s\", \"mode\": \"%s\", \"phase\": \"%s\", \"caught_up\": %s, "
                   "\"lag_records\": %s, \"lag_bytes\": %s, \"lag_ms\": %" PRIu64 "}",
                   cutover_state_name(s->cutover.state), cutover_mode_names[mode],
                   atomic_load(&s->progress->replay.in_journal) ? "journal" : "snapshot",
                   sync_has_caught_up(s) ? "true" : "false", records, bytes,
                   worst.lag_ms); /* all fit */
    sync_control_reply(s->o->control, 0, json);
}

/* Whoever asks is told how it ended, and waits for that. */
static void refuse_takeover(struct sync *s)
{
    struct ft_err why = FT_ERR_INIT;

    (void)err_set(&why, FT_ERR_PROTOCOL, "%s",
                  s->source.redis ? SYNC_NO_TAKEOVER : SYNC_NO_TAKEOVER_OF_NODES);
    sync_note(s, "%s", why.msg);
    s->o->on_outcome(s->o->context, SYNC_FAILED, &why);
}

/* What the line ends with, if it does, is cut off. */
static void take_without(struct sync *s, char *line)
{
    static const char word[] = " without ";
    char *at = strstr(line, word);

    if (at == NULL)
        return;
    *at = '\0';
    if (s->serves)
        (void)sync_served_forget(s, at + sizeof(word) - 1);
}

static void take_request(struct sync *s, char *line)
{
    if (strncmp(line, "without ", 8) == 0) {
        bool known = s->serves && sync_served_forget(s, line + 8);

        sync_control_reply(s->o->control, known ? 0 : 1, known ? "{}" : "{\"error\": \"unknown\"}");
        return;
    }
    take_without(s, line);
    if (strcmp(line, "state") == 0)
        tell_state(s);
    if (strcmp(line, "confirm") == 0) {
        s->confirm = s->cutover.state == CUTOVER_HOLDING;
        if (!s->confirm) {
            sync_note(s, "nothing is waiting for a confirmation yet");
            sync_control_reply(s->o->control, 1, "{\"ended\": \"not-confirmed\"}");
        }
    }
    if (strncmp(line, "begin ", 6) != 0)
        return;
    s->begin = s->cutover.state == CUTOVER_FOLLOWING;
    if ((s->source.redis || s->o->node_count != 0) &&
        strcmp(line + 6, cutover_mode_names[CUTOVER_TAKEOVER]) == 0) {
        s->begin = false;
        refuse_takeover(s);
        return;
    }
    for (int i = 0; cutover_mode_names[i] != NULL; i++) {
        if (strcmp(line + 6, cutover_mode_names[i]) == 0)
            cutover_begin_as(&s->cutover, (enum cutover_mode)i);
    }
    if (strcmp(line + 6, "default") == 0)
        cutover_begin_as(&s->cutover, s->o->cutover);
}

static void listen_outside(struct sync *s)
{
    bool holding = s->cutover.state == CUTOVER_HOLDING;
    struct pollfd fds[] = {{s->o->told_fd, POLLIN, 0},
                           {holding && sync_has_terminal(s) ? s->o->enter_fd : -1, POLLIN, 0}};
    char line[SYNC_CONTROL_LINE];
    char typed[256];

    if (poll(fds, 2, 0) > 0) {
        if (fds[0].revents != 0 && wake_clear(s->o->told_fd))
            s->begin = s->confirm = true;
        if (fds[1].revents != 0 && read(s->o->enter_fd, typed, sizeof(typed)) > 0)
            s->confirm = true;
    }
    if (!holding)
        s->confirm = false;
    while (sync_control_next(s->o->control, line))
        take_request(s, line);
}

/* The directory is this process's own as soon as the capture has made progress in it. */
static void open_control(struct sync *s)
{
    struct ft_err err = FT_ERR_INIT;
    struct live_state state;

    live_flows_state(s->o->live, &state);
    if (s->control_tried || state.generation == 0)
        return;
    s->control_tried = true;
    if (sync_control_open(s->o->control, s->o->capture.directory, &err) != 0)
        sync_note(s, "%s; the cut-over can be begun by SIGUSR1 only", err.msg);
}

/*
 * The run
 */

static bool is_net(const struct ft_err *err)
{
    return err->kind == FT_ERR_NET || err->kind == FT_ERR_TIMEOUT;
}

/* Has a worker ended, and what does that mean? Sets over. */
static int look_at_workers(struct sync *s, struct ft_err *err)
{
    bool capture_done = atomic_load(&s->capture.done);

    if (capture_done && s->capture.failed && !s->taken_over &&
        (!is_net(&s->capture.err) || !s->result->capture.valid))
        return err_copy(err, &s->capture.err);
    if (atomic_load(&s->replay.done) && s->replay.failed) {
        if (!s->full || !capture_done || s->result->capture.valid)
            return err_copy(err, &s->replay.err);
        s->result->ended = SYNC_FULL; /* of half a snapshot there is nothing to replay */
        s->over = true;
        return 0;
    }
    if (!capture_done || s->taken_over || (!s->serves && !atomic_load(&s->replay.done)))
        return 0;
    if (s->result->goal != NULL) { /* it ended there, but more was stored */
        sync_proof_stop(s);
        sync_times_undo(s);
        sync_let_go(s);
        cutover_failed(&s->cutover);
        return sync_follow_again(s, err);
    }
    if (s->serves && !sync_served_has_goal(s, true))
        return sync_served_wait(s, err);
    s->result->ended = s->full ? SYNC_FULL : SYNC_SOURCE_GONE;
    s->over = true;
    return !s->full && s->capture.failed ? err_copy(err, &s->capture.err) : 0;
}

/* Waits for a moment, unless there is something to do; a worker that has ended is something, and what makes also_fd
 * readable. */
static bool is_cancelled_or(const struct sync *s, int also_fd)
{
    struct pollfd fds[] = {
        {s->o->cancel_fd, POLLIN, 0}, {s->ended_fd, POLLIN, 0}, {also_fd, POLLIN, 0}};
    int wait_ms = s->cutover.state == CUTOVER_CHECKING                             ? 0
                  : s->cutover.state == CUTOVER_PREPARING || s->times.work != NULL ? 1
                                                                                   : STEP_MS;

    if (poll(fds, 3, wait_ms) <= 0)
        return false;
    if (fds[1].revents != 0)
        (void)wake_clear(s->ended_fd);
    return fds[0].revents != 0;
}

static bool is_cancelled(const struct sync *s)
{
    return is_cancelled_or(s, -1);
}

static int go_through(struct sync *s, struct ft_err *err)
{
    while (!s->over) {
        atomic_fetch_add(&s->progress->beats, 1);
        if (is_cancelled(s)) {
            s->result->ended = SYNC_STOPPED;
            return 0;
        }
        open_control(s);
        listen_outside(s);
        if ((s->serves && sync_served_look(s, err) != 0) || look_at_workers(s, err) != 0)
            return -1;
        if (s->over)
            break;
        sync_check_limits(s);
        if (sync_step_cutover(s, err) != 0)
            return -1;
        atomic_store(&s->progress->cutover, (int)s->cutover.state);
    }
    return 0;
}

static void end_workers(struct sync *s)
{
    sync_let_go(s);
    sync_cancel(&s->capture);
    if (s->result->ended != SYNC_CUT_OVER || s->serves)
        sync_cancel(&s->replay);
    sync_join_capture(s);
    sync_join_replay(s);
}

/* The capture, and beside it what can be brought before it is complete. */
static int record_snapshot(struct sync *s, struct ft_err *err)
{
    int rc = sync_start_capture(s, err);

    if (rc == 0)
        rc = sync_start_early(s, err);
    while (rc == 0 && !(atomic_load(&s->capture.done) && atomic_load(&s->replay.done))) {
        atomic_fetch_add(&s->progress->beats, 1);
        if (is_cancelled(s) || (atomic_load(&s->capture.done) && s->capture.failed))
            break;
    }
    if (rc != 0 || !atomic_load(&s->capture.done) || s->capture.failed) {
        sync_cancel(&s->capture);
        sync_cancel(&s->replay);
    }
    sync_join_capture(s);
    sync_worker_join(&s->replay);
    if (rc != 0)
        return -1;
    if (s->capture.failed)
        return err_copy(err, &s->capture.err);
    if (s->result->capture.ended == CAPTURE_ENDED_STOPPED)
        return err_set(err, FT_ERR_CANCELLED, "stopped; the same command resumes from here");
    return s->replay.failed ? err_copy(err, &s->replay.err) : 0;
}

/* What could not be brought meanwhile follows. */
static int run_snapshot(struct sync *s, struct ft_err *err)
{
    s->capture_options.snapshot_only = true;
    if (s->o->node_count != 0)
        s->capture_options.live = NULL;
    s->replay_options.live = NULL;
    s->replay_options.at = "snapshot";
    if (record_snapshot(s, err) != 0)
        return -1;
    s->replay_options.cancel_fd = s->o->cancel_fd;
    s->replay_options.finish = s->o->replay.finish;
    if (sync_start_replay(s, err) != 0)
        return -1;
    sync_join_replay(s);
    if (s->replay.failed)
        return err_copy(err, &s->replay.err);
    if (s->o->check && sync_proof_run(s, "snapshot", err) != 0)
        return -1;
    s->result->ended = SYNC_SNAPSHOT;
    return 0;
}

/* *ret: the first one, which lies in the directory, or 0. */
static int await_generation(const struct sync *s, uint32_t *ret, struct ft_err *err)
{
    struct live_state state = {0};
    struct live_waiter *waiter;
    int fd;

    if (live_waiter_new(&waiter, s->o->live, 0, err) != 0)
        return -1;
    fd = live_waiter_fd(waiter);
    live_flows_state(s->o->live, &state);
    while (state.generation == 0 && !atomic_load(&s->capture.done) && !is_cancelled_or(s, fd)) {
        (void)live_waiter_wait(waiter, 0, -1, err); /* what is looked at is the state */
        live_flows_state(s->o->live, &state);
    }
    live_waiter_free(waiter);
    *ret = state.generation;
    return 0;
}

/* There is something to replay as soon as the capture has begun a generation. */
static int follow(struct sync *s, struct ft_err *err)
{
    uint32_t generation = 0;

    if (await_generation(s, &generation, err) != 0)
        return -1;
    s->result->ended = SYNC_STOPPED;
    if (generation == 0)
        return 0;
    if (sync_start_replay(s, err) != 0)
        return -1;
    return go_through(s, err);
}

/* A source does not hand over what was not acknowledged: why it was not is the cause. */
static bool capture_is_cause(const struct sync *s, const struct ft_err *err)
{
    bool is_local = s->capture.err.kind == FT_ERR_IO || s->capture.err.kind == FT_ERR_NOMEM;

    return s->capture.failed && is_local && !s->taken_over &&
           (is_net(err) || err->kind == FT_ERR_PROTOCOL);
}

static int run_live(struct sync *s, struct ft_err *err)
{
    struct ft_err unproven = FT_ERR_INIT;
    int rc;

    sync_pops_begin(&s->check);
    rc = sync_start_capture(s, err);
    if (rc == 0)
        rc = follow(s, err);
    if (s->result->ended != SYNC_CUT_OVER || rc != 0)
        sync_proof_stop(s);
    end_workers(s);
    if (rc != 0 && capture_is_cause(s, err))
        *err = s->capture.err;
    if (rc == 0 && s->result->ended == SYNC_STOPPED && s->capture.failed)
        rc = err_copy(err, &s->capture.err);
    if (rc != 0 && s->result->ended != SYNC_SOURCE_GONE)
        s->result->ended = SYNC_FAILED;
    sync_times_end(s, s->result->ended == SYNC_SOURCE_GONE || s->result->ended == SYNC_FULL);
    if (s->o->check && !s->replay.failed &&
        (s->result->ended == SYNC_SOURCE_GONE || s->result->ended == SYNC_FULL) &&
        sync_proof_run(s, "end", &unproven) != 0)
        sync_note(s, "%s", unproven.msg);
    if (s->result->ended != SYNC_CUT_OVER)
        return rc;
    rc = sync_check_finish(&s->check, err);
    if (rc == 0)
        rc = sync_proof_finish(s, err);
    return rc == 0 ? sync_forget_position(s, err) : rc;
}

static void note_watch(void *context, const char *text)
{
    sync_note(context, "%s", text);
}

static int set_up(struct sync *s, struct ft_err *err)
{
    const struct sync_options *o = s->o;

    s->source = (struct sync_source){
        .uri = o->capture.source,
        .give_up_ms = o->capture.give_up_after_ms,
        .cancel_fd = o->cancel_fd,
        .redis = o->capture.source->scheme != URI_DRAGONFLY,
        .blind_pause_ms = CUTOVER_LAST_PAUSE_MS + o->hold_ms,
    };
    cutover_init(&s->cutover, o->cutover, o->hold_ms);
    s->check_options = s->replay_options;
    s->check_options.cancel_fd = o->cancel_fd;
    if (!s->serves)
        s->check.kind = &check_replayed;
    s->check.replay = &s->check_options;
    s->check.progress = &s->progress->replay;
    s->check.losses = s->losses;
    s->check.source = &s->source;
    s->check.result = &s->result->checked;
    s->check.on_note = o->on_note;
    s->check.context = o->context;
    if (o->node_count == 0)
        return 0;
    if (s->source.redis && cluster_watch_of_set(&s->watch, o->nodes, o->node_count,
                                                o->capture.directory, note_watch, s, err) != 0)
        return -1;
    return sync_source_nodes_open(&s->source, o->nodes, o->node_count, s->watch, o->live, err);
}

int sync_run(const struct sync_options *options, struct sync_progress *progress,
             struct loss_report *losses, struct sync_result *ret, struct ft_err *err)
{
    struct sync s = {.o = options, .progress = progress, .losses = losses, .result = ret};
    uint64_t began_ms = clock_mono_ms();
    struct replay_checks preflight;
    int rc = -1;

    *ret = (struct sync_result){0};
    s.proof.worker.cancel_fd = -1;
    if (sync_workers_init(&s, err) == 0 && sync_served_init(&s, err) == 0 &&
        sync_proof_init(&s, err) == 0) {
        sync_times_init(&s);
        rc = set_up(&s, err);
        if (rc == 0)
            rc = sync_preflight(&preflight, &s, err);
    }
    if (rc == 0)
        rc = options->snapshot_only ? run_snapshot(&s, err) : run_live(&s, err);
    sync_proof_release(&s);
    sync_check_release(&s.check);
    sync_served_release(&s);
    if (s.replay_options.held != NULL)
        sync_times_release(&s);
    sync_source_close(&s.source);
    sync_source_nodes_free(&s.source);
    cluster_watch_free(s.watch);
    sync_workers_release(&s);
    ret->mode = s.cutover.mode;
    ret->elapsed_ms = clock_mono_ms() - began_ms;
    return rc;
}

void sync_result_release(struct sync_result *r)
{
    replay_result_release(&r->replay);
    serve_result_release(&r->serve);
    sync_checked_release(&r->checked);
    copy_checked_release(&r->proof);
    free(r->goal);
    *r = (struct sync_result){0};
}
