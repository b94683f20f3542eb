#include "pipe/sync.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "pipe/sync_source.h"

#define STEP_MS        20
#define LIMIT_EVERY_MS 500u
#define NEAR_MS        1000u /* this far behind counts as caught up */
#define TAKEOVER_S     20u
#define NOTE_MAX       700

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

/* A half of the run, in its thread. */
struct half {
    pthread_t thread;
    bool started;
    atomic_bool done;
    int cancel_fd;
    struct ft_err err;
};

struct sync {
    const struct sync_options *o;
    struct sync_progress *progress;
    struct loss_report *losses;
    struct sync_result *result;
    struct capture_run_options capture_options;
    struct replay_options replay_options;
    struct replay_result replayed; /* of the replay under way */
    struct half capture;
    struct half replay;
    struct cutover cutover;
    struct sync_source source;
    bool begin; /* told to begin, or to confirm */
    bool confirm;
    bool control_tried;
    bool full;
    bool taken_over;
    bool over;
    uint64_t limits_ms;
};

static void note(struct sync *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(struct sync *s, const char *fmt, ...)
{
    char text[NOTE_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut */
    va_end(ap);
    s->o->on_note(s->o->context, text);
    sync_control_note(s->o->control, text);
}

/*
 * The halves
 */

static void on_note(void *context, const char *text)
{
    const struct sync *s = context;

    s->o->on_note(s->o->context, text);
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

static void *capture_main(void *arg)
{
    struct sync *s = arg;

    (void)capture_run(&s->capture_options, &s->result->capture, &s->capture.err); /* err says */
    atomic_store(&s->capture.done, true);
    return NULL;
}

static void *replay_main(void *arg)
{
    struct sync *s = arg;

    (void)replay_run(&s->replay_options, &s->progress->replay, s->losses, &s->replayed,
                     &s->replay.err); /* err says */
    atomic_store(&s->replay.done, true);
    return NULL;
}

static int start(struct half *h, void *(*run)(void *), struct sync *s, struct ft_err *err)
{
    int rc;

    err_clear(&h->err);
    atomic_store(&h->done, false);
    rc = pthread_create(&h->thread, NULL, run, s);
    if (rc != 0)
        return err_errno(err, rc, "could not start a thread");
    h->started = true;
    return 0;
}

static void cancel(struct half *h)
{
    const uint64_t one = 1;

    if (write(h->cancel_fd, &one, sizeof(one)) < 0)
        return; /* cannot be: it is read by nobody */
}

static void join(struct half *h)
{
    if (h->started)
        (void)pthread_join(h->thread, NULL); /* started, and joined only here */
    h->started = false;
}

/* What this replay did comes on top of what those before it did. */
static void add_up(struct replay_result *sum, struct replay_result *r)
{
    struct replay_result before = *sum;

    r->resumed = before.target_version != 0 ? before.resumed : r->resumed;
    r->keys += before.keys;
    r->records += before.records;
    r->in_sync += before.in_sync;
    r->filtered += before.filtered;
    r->conflicts += before.conflicts;
    r->expected_errors += before.expected_errors;
    r->failed += before.failed;
    r->retries += before.retries;
    r->redirects += before.redirects;
    r->deleted += before.deleted;
    r->elapsed_ms += before.elapsed_ms;
    if (r->suspects.count == 0) {
        r->suspects = before.suspects;
        before.suspects = (struct suspect_report){0};
    } else {
        r->suspects.count += before.suspects.count;
    }
    for (uint32_t i = 0; before.flow_count == r->flow_count && i < r->flow_count; i++) {
        r->flows[i].keys += before.flows[i].keys;
        r->flows[i].records += before.flows[i].records;
    }
    replay_result_release(&before);
    *sum = *r;
    *r = (struct replay_result){0};
}

static void join_replay(struct sync *s)
{
    if (!s->replay.started)
        return;
    join(&s->replay);
    add_up(&s->result->replay, &s->replayed);
}

static int start_replay(struct sync *s, struct ft_err *err)
{
    join_replay(s);
    /* these are for the first time only */
    if (s->result->replay.target_version != 0) {
        s->replay_options.flush = false;
        s->replay_options.from_start = false;
    }
    atomic_store(&s->progress->replaying, true);
    return start(&s->replay, replay_main, s, err);
}

/*
 * Before anything is captured
 */

/* A target that cannot be replayed into is better known now than after a full sync. */
static int check_target(struct sync *s, struct ft_err *err)
{
    char name[URI_ADDRESS_SIZE];
    struct redis_pipe *pipe;
    redisReply *reply;
    int rc = 0;

    if (redis_pipe_open(&pipe, s->o->replay.target, s->o->cancel_fd, NULL, NULL, err) != 0)
        return -1;
    (void)uri_address(s->o->replay.target, name);
    if (redis_pipe_call_text(pipe, &reply, "INFO", err) != 0) {
        redis_pipe_free(pipe);
        return -1;
    }
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "LOADING", 7) != 0) {
        rc = err_set(err, FT_ERR_PROTOCOL, "%s answered: %s", name, reply->str);
    } else if (reply->type == REDIS_REPLY_STRING && strstr(reply->str, "\nrole:slave") != NULL &&
               strstr(reply->str, "\ncluster_enabled:1") == NULL) {
        rc = err_set(err, FT_ERR_PROTOCOL, "%s is a replica and takes no writes: name its master",
                     name);
    }
    freeReplyObject(reply);
    redis_pipe_free(pipe);
    return rc;
}

/*
 * Limits
 */

/* Files of a directory and of those in it; what vanishes meanwhile counts as nothing. */
static uint64_t size_of_dir(int parent, const char *name, bool deep)
{
    int fd = openat(parent, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    uint64_t bytes = 0;
    struct dirent *entry;
    struct stat st;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(st.st_mode))
            bytes += (uint64_t)st.st_size;
        else if (S_ISDIR(st.st_mode) && deep)
            bytes += size_of_dir(fd, entry->d_name, false);
    }
    (void)closedir(dir);
    return bytes;
}

static bool is_full(struct sync *s)
{
    const struct sync_options *o = s->o;
    char size[FORMAT_SIZE];
    char limit[FORMAT_SIZE];
    struct statvfs fs;
    uint64_t bytes;

    if (o->max_dir_bytes != 0) {
        bytes = size_of_dir(AT_FDCWD, o->capture.directory, true);
        if (bytes >= o->max_dir_bytes) {
            note(s, "\"%s\" holds %s, --max-dir-size is %s: the capture ends here",
                 o->capture.directory, format_size(bytes, size),
                 format_size(o->max_dir_bytes, limit));
            return true;
        }
    }
    if (o->min_free_bytes == 0 || statvfs(o->capture.directory, &fs) != 0)
        return false;
    bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (bytes >= o->min_free_bytes)
        return false;
    note(s, "the file system of \"%s\" has %s left, --min-free is %s: the capture ends here",
         o->capture.directory, format_size(bytes, size), format_size(o->min_free_bytes, limit));
    return true;
}

static void check_limits(struct sync *s)
{
    uint64_t now_ms = clock_mono_ms();

    if (s->full || s->taken_over || now_ms - s->limits_ms < LIMIT_EVERY_MS)
        return;
    s->limits_ms = now_ms;
    if (!is_full(s))
        return;
    s->full = true;
    cancel(&s->capture);
}

/*
 * The cut-over
 */

static bool has_caught_up(struct sync *s)
{
    struct live_state state;
    struct live_point point;

    live_flows_state(s->o->live, &state);
    if (!state.ready || state.applied_generation != state.generation || state.ended)
        return false;
    for (uint32_t i = 0; i < state.flow_count; i++) {
        if (!live_flows_point(s->o->live, LIVE_APPLIED, i, &point) || point.next_lsn == 0 ||
            (point.lag_records != 0 && point.lag_ms > NEAR_MS))
            return false;
    }
    return state.flow_count > 0;
}

/* The source's present LSNs. They cannot be behind what was received: else it is another server. */
static int ask_goal(struct sync *s, uint32_t *ret_generation, uint64_t *lsn, uint32_t flow_count,
                    struct ft_err *err)
{
    struct live_state state;
    struct live_point point;

    live_flows_state(s->o->live, &state);
    *ret_generation = state.generation;
    if (state.flow_count != flow_count || !state.ready)
        return err_set(err, FT_ERR_NET, "the source has begun a new full sync");
    if (sync_source_offsets(&s->source, lsn, flow_count, err) != 0)
        return -1;
    for (uint32_t i = 0; i < flow_count; i++) {
        if (live_flows_point(s->o->live, LIVE_APPLIED, i, &point) && lsn[i] < point.next_lsn)
            return err_set(err, FT_ERR_NET, "the source is not the one that was captured");
    }
    return 0;
}

static int take_goal(struct sync *s, struct ft_err *err)
{
    struct sync_result *result = s->result;
    struct live_state state;
    uint32_t generation;

    live_flows_state(s->o->live, &state);
    free(result->goal);
    result->flow_count = state.flow_count;
    result->goal = calloc(state.flow_count + 1u, sizeof(*result->goal));
    if (result->goal == NULL)
        return err_nomem(err, "the goal");
    live_flows_clear_goal(s->o->live);
    if (ask_goal(s, &generation, result->goal, state.flow_count, err) != 0)
        return -1;
    if (live_flows_set_goal(s->o->live, generation, result->goal, state.flow_count, err) != 0)
        return -1;
    /* it may have ended at a goal before this one */
    return atomic_load(&s->replay.done) ? start_replay(s, err) : 0;
}

/* Has the source, though paused, gone on? Keys that end by their time do so. 1: there is a new goal. */
static int look_again(struct sync *s, struct ft_err *err)
{
    struct sync_result *result = s->result;
    uint64_t *now = calloc(result->flow_count + 1u, sizeof(*now));
    uint32_t generation;
    int rc;

    if (now == NULL)
        return err_nomem(err, "the goal");
    rc = ask_goal(s, &generation, now, result->flow_count, err);
    if (rc == 0 && memcmp(now, result->goal, result->flow_count * sizeof(*now)) != 0)
        rc = take_goal(s, err) != 0 ? -1 : 1;
    free(now);
    return rc;
}

static int follow_again(struct sync *s, struct ft_err *err)
{
    live_flows_clear_goal(s->o->live);
    free(s->result->goal);
    s->result->goal = NULL;
    return atomic_load(&s->replay.done) ? start_replay(s, err) : 0;
}

static int unpause(struct sync *s, struct ft_err *err)
{
    if (sync_source_unpause(&s->source, err) == 0)
        return 0;
    return err_wrap(err, "the source goes on by itself within %u s", CUTOVER_PAUSE_MS / 1000);
}

static int do_hold(struct sync *s, struct ft_err *err)
{
    char time[FORMAT_SIZE];
    int moved = look_again(s, err);

    if (moved != 0) {
        if (moved > 0)
            cutover_more(&s->cutover);
        return moved < 0 ? -1 : 0;
    }
    if (s->o->hold_ms == 0) {
        note(s,
             "the target has everything and the source is paused; \"flowtape cutover %s "
             "--confirm\" (or SIGUSR1) ends it, SIGINT lets the source go on",
             s->o->capture.directory);
    } else {
        note(s,
             "the target has everything and the source is paused; \"flowtape cutover %s "
             "--confirm\" (or SIGUSR1) within %s ends it, else the source goes on",
             s->o->capture.directory, format_duration_ms(s->o->hold_ms, time));
    }
    return 0;
}

static int do_finish(struct sync *s, struct ft_err *err)
{
    int moved;

    if (s->cutover.mode == CUTOVER_PAUSE) {
        if (sync_source_pause(&s->source, CUTOVER_LAST_PAUSE_MS, err) != 0)
            return -1;
        moved = look_again(s, err);
        if (moved > 0)
            cutover_more(&s->cutover);
        if (moved != 0)
            return moved < 0 ? -1 : 0;
    }
    s->result->ended = SYNC_CUT_OVER;
    s->over = true;
    return 0;
}

static int do_release(struct sync *s, struct ft_err *err)
{
    bool by_itself = s->cutover.by_itself;
    struct ft_err failure = FT_ERR_INIT;

    if (unpause(s, &failure) != 0)
        note(s, "%s", failure.msg);
    note(s, "not confirmed in time: the source goes on");
    if (by_itself) {
        s->result->ended = SYNC_NOT_CONFIRMED;
        s->over = true;
        return 0;
    }
    sync_control_answer(s->o->control, 5, "{\"ended\": \"not-confirmed\"}");
    return follow_again(s, err);
}

static int do_takeover(struct sync *s, struct ft_err *err)
{
    char sync_id[SYNC_ID_SIZE];

    pthread_mutex_lock(&s->progress->mu);
    (void)snprintf(sync_id, sizeof(sync_id), "%s", s->progress->sync_id);
    pthread_mutex_unlock(&s->progress->mu);
    note(s, "caught up; asking the source to hand over");
    if (sync_source_takeover(&s->source, sync_id, TAKEOVER_S, err) != 0)
        return -1;
    s->taken_over = true;
    note(s, "the source has handed over and stops");
    cancel(&s->capture);
    return 0;
}

static int carry_out(struct sync *s, enum cutover_action action, struct ft_err *err)
{
    switch (action) {
    case CUTOVER_DO_NOTHING:
        return 0;
    case CUTOVER_DO_SAY:
        note(s, "caught up with the source; \"flowtape cutover %s\" or SIGUSR1 begins the cut-over",
             s->o->capture.directory);
        return 0;
    case CUTOVER_DO_PAUSE:
        if (sync_source_pause(&s->source, CUTOVER_PAUSE_MS, err) != 0)
            return -1;
        note(s, "the source's writes are paused; waiting until the target has everything");
        return take_goal(s, err);
    case CUTOVER_DO_GOAL:
        note(s, "cutting over at what the source has now; it is not paused");
        return take_goal(s, err);
    case CUTOVER_DO_RENEW:
        return sync_source_pause(&s->source, CUTOVER_PAUSE_MS, err);
    case CUTOVER_DO_HOLD:
        return do_hold(s, err);
    case CUTOVER_DO_FINISH:
        return do_finish(s, err);
    case CUTOVER_DO_RELEASE:
        return do_release(s, err);
    case CUTOVER_DO_TAKEOVER:
        return do_takeover(s, err);
    }
    return 0;
}

/* A cut-over that failed leaves a sync that follows, unless it was all that was wanted. */
static int give_up_cutover(struct sync *s, const struct ft_err *cause, struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;
    bool by_itself = s->cutover.by_itself;

    if (s->cutover.mode == CUTOVER_PAUSE)
        (void)unpause(s, &ignored); /* it ends by itself */
    cutover_failed(&s->cutover);
    if (by_itself) {
        *err = *cause;
        return err_wrap(err, "the cut-over failed");
    }
    note(s, "the cut-over failed: %s; following again", cause->msg);
    sync_control_answer(s->o->control, 4, "{\"ended\": \"failed\"}");
    return follow_again(s, err);
}

static int step_cutover(struct sync *s, struct ft_err *err)
{
    struct ft_err cause = FT_ERR_INIT;
    struct cutover_seen seen = {.now_ms = clock_mono_ms()};
    enum cutover_state before = s->cutover.state;
    struct live_state state;

    live_flows_state(s->o->live, &state);
    if (before == CUTOVER_FOLLOWING && (s->full || state.ended))
        return 0;
    seen.caught_up = before == CUTOVER_FOLLOWING && has_caught_up(s);
    seen.told = before == CUTOVER_HOLDING ? s->confirm : s->begin && state.ready;
    seen.lost_goal = state.goal_generation != 0 && state.goal_generation != state.generation;
    seen.applied = atomic_load(&s->replay.done) && s->replay.err.kind == FT_ERR_NONE &&
                   (state.goal_applied || (before == CUTOVER_ENDING && state.ended));
    if (seen.told)
        s->begin = s->confirm = false;
    if (carry_out(s, cutover_next(&s->cutover, &seen), &cause) == 0)
        return 0;
    return give_up_cutover(s, &cause, err);
}

/*
 * What is asked for from outside
 */

static void take_request(struct sync *s, const char *line)
{
    static const char *const modes[] = {"manual", "pause", "takeover"};

    if (strcmp(line, "confirm") == 0)
        s->confirm = true;
    if (strncmp(line, "begin ", 6) != 0)
        return;
    s->begin = s->cutover.state == CUTOVER_FOLLOWING;
    for (int i = 0; i < 3; i++) {
        if (strcmp(line + 6, modes[i]) == 0)
            cutover_begin_as(&s->cutover, (enum cutover_mode)i);
    }
    if (strcmp(line + 6, "default") == 0)
        cutover_begin_as(&s->cutover, s->o->cutover);
}

static void listen_outside(struct sync *s)
{
    struct pollfd fds[] = {{s->o->told_fd, POLLIN, 0},
                           {s->cutover.state == CUTOVER_HOLDING ? s->o->enter_fd : -1, POLLIN, 0}};
    char line[SYNC_CONTROL_LINE];
    char typed[256];
    uint64_t count;

    if (poll(fds, 2, 0) > 0) {
        if (fds[0].revents != 0 && read(s->o->told_fd, &count, sizeof(count)) > 0)
            s->begin = s->confirm = true;
        if (fds[1].revents != 0 && read(s->o->enter_fd, typed, sizeof(typed)) > 0)
            s->confirm = true;
    }
    if (s->cutover.state != CUTOVER_HOLDING)
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
        note(s, "%s; the cut-over can be begun by SIGUSR1 only", err.msg);
}

/*
 * The run
 */

static bool is_net(const struct ft_err *err)
{
    return err->kind == FT_ERR_NET || err->kind == FT_ERR_TIMEOUT;
}

/* Has a half ended, and what does that mean? Sets over. */
static int look_at_halves(struct sync *s, struct ft_err *err)
{
    bool capture_done = atomic_load(&s->capture.done);

    if (capture_done && s->capture.err.kind != FT_ERR_NONE && !s->taken_over &&
        (!is_net(&s->capture.err) || !s->result->capture.valid)) {
        *err = s->capture.err;
        return -1;
    }
    if (!atomic_load(&s->replay.done))
        return 0;
    if (s->replay.err.kind != FT_ERR_NONE) {
        *err = s->replay.err;
        return -1;
    }
    if (!capture_done || s->taken_over)
        return 0;
    s->result->ended = s->full ? SYNC_FULL : SYNC_SOURCE_GONE;
    s->over = true;
    if (s->full)
        return 0;
    *err = s->capture.err;
    return s->capture.err.kind == FT_ERR_NONE ? 0 : -1;
}

static bool is_cancelled(const struct sync *s)
{
    struct pollfd p = {s->o->cancel_fd, POLLIN, 0};

    return poll(&p, 1, STEP_MS) > 0;
}

static int go_through(struct sync *s, struct ft_err *err)
{
    while (!s->over) {
        if (is_cancelled(s)) {
            s->result->ended = SYNC_STOPPED;
            return 0;
        }
        open_control(s);
        listen_outside(s);
        if (look_at_halves(s, err) != 0)
            return -1;
        if (s->over)
            break;
        check_limits(s);
        if (step_cutover(s, err) != 0)
            return -1;
    }
    return 0;
}

static void end_halves(struct sync *s)
{
    struct ft_err ignored = FT_ERR_INIT;

    if (cutover_is_paused(&s->cutover))
        (void)unpause(s, &ignored); /* it ends by itself */
    cancel(&s->capture);
    if (s->result->ended != SYNC_CUT_OVER)
        cancel(&s->replay);
    join(&s->capture);
    join_replay(s);
}

/* What --finish asks for comes when the replay will not go on. */
static int forget_position(struct sync *s, struct ft_err *err)
{
    if (!s->o->replay.finish)
        return 0;
    s->replay_options.live = NULL;
    s->replay_options.forget = true;
    if (start_replay(s, err) != 0)
        return -1;
    join(&s->replay);
    replay_result_release(&s->replayed);
    if (s->replay.err.kind == FT_ERR_NONE)
        return 0;
    *err = s->replay.err;
    return -1;
}

/* One after the other: a snapshot can be replayed only when it is complete. */
static int run_snapshot(struct sync *s, struct ft_err *err)
{
    s->capture_options.snapshot_only = true;
    s->capture_options.live = NULL;
    s->capture_options.cancel_fd = s->o->cancel_fd;
    if (capture_run(&s->capture_options, &s->result->capture, err) != 0)
        return -1;
    if (s->result->capture.ended == CAPTURE_ENDED_STOPPED)
        return err_set(err, FT_ERR_CANCELLED, "stopped; the same command goes on from here");
    s->replay_options.live = NULL;
    s->replay_options.at = "snapshot";
    s->replay_options.cancel_fd = s->o->cancel_fd;
    s->replay_options.finish = s->o->replay.finish;
    if (start_replay(s, err) != 0)
        return -1;
    join_replay(s);
    if (s->replay.err.kind != FT_ERR_NONE) {
        *err = s->replay.err;
        return -1;
    }
    s->result->ended = SYNC_SNAPSHOT;
    return 0;
}

static int run_live(struct sync *s, struct ft_err *err)
{
    int rc = start(&s->capture, capture_main, s, err);
    struct live_state state = {0};

    while (rc == 0 && state.generation == 0 && !atomic_load(&s->capture.done) && !is_cancelled(s))
        live_flows_state(s->o->live, &state);
    if (rc == 0 && state.generation != 0)
        rc = start_replay(s, err);
    if (rc == 0 && s->replay.started)
        rc = go_through(s, err);
    else if (rc == 0)
        s->result->ended = SYNC_STOPPED;
    end_halves(s);
    if (rc == 0 && s->result->ended == SYNC_STOPPED && s->capture.err.kind != FT_ERR_NONE) {
        *err = s->capture.err;
        s->result->ended = SYNC_FAILED;
        rc = -1;
    }
    if (rc != 0 && s->result->ended != SYNC_SOURCE_GONE)
        s->result->ended = SYNC_FAILED;
    if (rc == 0 && s->result->ended == SYNC_CUT_OVER)
        rc = forget_position(s, err);
    return rc;
}

static void set_up(struct sync *s)
{
    const struct sync_options *o = s->o;

    s->capture_options = o->capture;
    s->capture_options.live = o->live;
    s->capture_options.cancel_fd = s->capture.cancel_fd;
    s->capture_options.on_note = on_note;
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
    s->source = (struct sync_source){.uri = o->capture.source, .cancel_fd = -1};
    cutover_init(&s->cutover, o->cutover, o->hold_ms);
}

int sync_run(const struct sync_options *options, struct sync_progress *progress,
             struct loss_report *losses, struct sync_result *ret, struct ft_err *err)
{
    struct sync s = {.o = options, .progress = progress, .losses = losses, .result = ret};
    uint64_t began_ms = clock_mono_ms();
    int rc = -1;

    *ret = (struct sync_result){0};
    s.capture.err = (struct ft_err)FT_ERR_INIT;
    s.replay.err = (struct ft_err)FT_ERR_INIT;
    s.capture.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s.replay.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    set_up(&s);
    if (s.capture.cancel_fd < 0 || s.replay.cancel_fd < 0)
        (void)err_errno(err, errno, "could not make an eventfd");
    else if (check_target(&s, err) == 0)
        rc = options->snapshot_only ? run_snapshot(&s, err) : run_live(&s, err);
    sync_source_close(&s.source);
    if (s.capture.cancel_fd >= 0)
        (void)close(s.capture.cancel_fd); /* both hold nothing */
    if (s.replay.cancel_fd >= 0)
        (void)close(s.replay.cancel_fd);
    ret->mode = s.cutover.mode;
    ret->elapsed_ms = clock_mono_ms() - began_ms;
    return rc;
}

void sync_result_release(struct sync_result *r)
{
    replay_result_release(&r->replay);
    free(r->goal);
    *r = (struct sync_result){0};
}
