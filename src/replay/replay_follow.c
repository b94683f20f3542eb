#include "replay/replay_follow.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/dir_watch.h"
#include "input/input_newest.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_position.h"
#include "replay/replay_input.h"

/* Looks at the directory of another process: when somebody has written there; and, as not every file system tells, soon after
 * something new, then more seldom. */
#define LOOK_MIN_MS  1u
#define LOOK_MAX_MS  20u
#define MEASURE_MS   2000u /* how long the lag of such a one may be out of date */
#define POSITIONS_MS 1000u /* positions that no command goes with are written so often */
#define LIVE_WAIT_MS 1000

struct replay_follow {
    struct live_waiter *waiter; /* of a capture of this process */
    struct dir_watch watch;     /* of one of another process */
    /* per flow */
    uint64_t *passed;
    uint64_t *readable;
    uint64_t *known; /* what the capture is known to have, for the lag */
    uint64_t *applied;
    struct pollfd *fds; /* three, and one per node */
    struct stat manifest;
    uint64_t looked_ms;
    uint64_t measured_ms;
    uint64_t positions_ms;
    uint64_t records; /* taken when it was idle last */
    uint32_t wait_ms;
    bool turned_over;
};

/* What a look at the capture has shown. */
enum look {
    LOOK_ERROR = -1,
    LOOK_LEAVE, /* it is over, or another generation takes its place */
    LOOK_MORE,
    LOOK_SAME,
};

static bool is_dir(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int replay_follow_open(struct replay *r, struct ft_err *err)
{
    const struct replay_options *o = r->o;
    struct replay_follow *f;

    if (o->live == NULL && (!o->follow || !is_dir(o->input)))
        return 0;
    f = calloc(1, sizeof(*f));
    if (f == NULL)
        return err_nomem(err, "a replay that follows");
    r->follow = f;
    f->wait_ms = LOOK_MIN_MS;
    f->watch = (struct dir_watch)DIR_WATCH_NONE;
    if (o->live == NULL) {
        dir_watch_open(&f->watch, o->input);
        return 0;
    }
    return live_waiter_new(&f->waiter, o->live,
                           LIVE_WAIT(live_flows_is_eager(o->live) ? LIVE_WRITTEN : LIVE_DURABLE),
                           err);
}

static void release_flows(struct replay_follow *f)
{
    free(f->passed);
    f->passed = NULL;
    free(f->fds);
    f->fds = NULL;
}

void replay_follow_close(struct replay *r)
{
    if (r->follow == NULL)
        return;
    live_waiter_free(r->follow->waiter);
    dir_watch_close(&r->follow->watch);
    release_flows(r->follow);
    free(r->follow);
    r->follow = NULL;
}

static int wait_for_live(struct replay *r, struct ft_err *err)
{
    struct ft_err cause = FT_ERR_INIT;

    if (live_waiter_wait(r->follow->waiter, LIVE_WAIT_MS, r->o->cancel_fd, &cause) >= 0)
        return 0;
    if (cause.kind == FT_ERR_CANCELLED)
        return replay_cancelled(err);
    *err = cause;
    return -1;
}

/* The generation that is to be replayed now; 0: none yet. */
static int find_generation(struct replay *r, uint32_t *ret, struct ft_err *err)
{
    struct input_newest newest;
    struct live_state state;

    if (r->o->live != NULL) {
        live_flows_state(r->o->live, &state);
        *ret = state.replayable;
        return 0;
    }
    if (input_newest_of(r->o->input, r->o->generation, &newest, err) != 0)
        return -1;
    *ret = newest.generation;
    if (r->follow->passed != NULL && newest.generation == r->source->generation)
        memcpy(r->follow->known, newest.next_lsn, newest.flow_count * sizeof(*newest.next_lsn));
    input_newest_release(&newest);
    return 0;
}

static bool has_ended(const struct replay *r)
{
    struct live_state state = {0};

    if (r->o->live != NULL)
        live_flows_state(r->o->live, &state);
    return state.ended;
}

int replay_follow_await(struct replay *r, struct ft_err *err)
{
    uint32_t generation = 0;

    while (r->follow != NULL && generation == 0) {
        bool ended = has_ended(r);

        if (find_generation(r, &generation, err) != 0)
            return -1;
        if (generation != 0 || ended) /* without one, opening the input says what is missing */
            return 0;
        if ((r->o->live != NULL ? wait_for_live(r, err) : replay_sleep(r, LOOK_MAX_MS, err)) != 0)
            return -1;
    }
    return 0;
}

/* A flow in which the target is further than the capture; the number of flows if there is none. */
static uint32_t find_ahead(const struct replay *r, uint64_t *ret_lsn)
{
    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        for (size_t n = 0; n < r->target.node_count; n++) {
            *ret_lsn = replay_positions_furthest(&r->set, n, i);
            if (*ret_lsn > source_lsns(r->source, i).next)
                return i;
        }
    }
    return r->source->stream_count;
}

static void note_ahead(struct replay *r, uint32_t flow, uint64_t lsn)
{
    replay_report_note(
        &r->report,
        "the target is further than the capture: it has flow %" PRIu32 " before LSN %" PRIu64
        ", the capture has it before LSN %" PRIu64
        "; waiting until the source has sent the rest again (if this is an older copy of the "
        "capture, that never comes)",
        flow, lsn, source_lsns(r->source, flow).next);
}

int replay_follow_reach(struct replay *r, struct ft_err *err)
{
    uint32_t generation = r->source->generation;
    bool noted = false;
    uint64_t lsn = 0;

    while (r->follow != NULL && !has_ended(r)) {
        uint32_t flow = find_ahead(r, &lsn);

        if (flow == r->source->stream_count)
            return 0;
        if (!noted)
            note_ahead(r, flow, lsn);
        noted = true;
        if (replay_sleep(r, LOOK_MAX_MS, err) != 0 || replay_input_reopen(r, err) != 0)
            return -1;
        if (r->source->generation != generation)
            return err_set(err, FT_ERR_NET, "generation %" PRIu32 " has begun",
                           r->source->generation);
    }
    return 0;
}

uint64_t *replay_follow_passed(struct replay *r)
{
    return r->follow->passed;
}

bool replay_follow_turned_over(const struct replay *r)
{
    return r->follow != NULL && r->follow->turned_over;
}

static int begin_arrays(struct replay *r, struct ft_err *err)
{
    struct replay_follow *f = r->follow;
    size_t n = r->source->stream_count;

    release_flows(f);
    f->passed = calloc(n, 4 * sizeof(*f->passed));
    f->fds = calloc(r->target.node_count + 3, sizeof(*f->fds));
    if (f->passed == NULL || f->fds == NULL)
        return err_nomem(err, "a replay that follows");
    f->readable = f->passed + n;
    f->known = f->readable + n;
    f->applied = f->known + n;
    for (size_t i = 0; i < n; i++) {
        f->passed[i] = r->set.next[i];
        f->applied[i] = r->set.next[i];
        f->known[i] = source_lsns(r->source, i).next;
    }
    return 0;
}

int replay_follow_begin(struct replay *r, struct ft_err *err)
{
    uint32_t n = r->source->stream_count;

    if (begin_arrays(r, err) != 0 || replay_positions_follow(&r->set, err) != 0)
        return -1;
    r->follow->turned_over = false;
    r->was_following = true;
    r->follow->positions_ms = clock_mono_ms();
    if (r->o->live == NULL)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        r->cut.stop_lsn[i] = 0; /* raised by the first look */
    return live_flows_replay_at(r->o->live, r->source->generation, n, r->set.next, err);
}

/*
 * What is applied
 */

static uint64_t known_of(const struct replay *r, uint32_t flow)
{
    struct live_point point;

    if (r->o->live != NULL && live_flows_point(r->o->live, LIVE_RECEIVED, flow, &point))
        return point.next_lsn;
    return r->follow->known[flow];
}

void replay_follow_tell(struct replay *r)
{
    struct replay_follow *f = r->follow;
    uint64_t lag = 0;

    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        uint64_t lsn = replay_positions_applied(&r->set, i);
        uint64_t known = known_of(r, i);

        if (known > lsn)
            lag += known - lsn;
        if (lsn <= f->applied[i])
            continue;
        f->applied[i] = lsn;
        if (r->o->live != NULL)
            live_flows_applied(r->o->live, i, lsn);
    }
    replay_report_lag(&r->report, lag, source_can(r->source, SOURCE_LSN_IS_OFFSET));
}

/*
 * Looking
 */

static bool goal_is_taken(const struct replay *r, const uint64_t *goal)
{
    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        if (r->set.next[i] < goal[i])
            return false;
    }
    return true;
}

/* Raise the cut to what may be read. */
static bool raise_cut(struct replay *r, const uint64_t *to)
{
    bool raised = false;

    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        if (to[i] <= r->cut.stop_lsn[i])
            continue;
        r->cut.stop_lsn[i] = to[i];
        raised = true;
    }
    return raised;
}

static enum look look_at_live(struct replay *r, bool idle)
{
    struct replay_follow *f = r->follow;
    uint32_t generation = r->source->generation;
    uint32_t n = r->source->stream_count;
    uint64_t *goal = f->known; /* not used otherwise */
    struct live_state state;
    bool has_goal;

    live_flows_state(r->o->live, &state); /* first: what is readable after `ended` is all */
    if (state.replayable > generation && r->o->generation == 0) {
        f->turned_over = true;
        return LOOK_LEAVE;
    }
    live_flows_readable(r->o->live, generation, f->readable, n);
    has_goal = live_flows_goal(r->o->live, generation, goal, n);
    for (uint32_t i = 0; has_goal && i < n; i++)
        f->readable[i] = goal[i] < f->readable[i] ? goal[i] : f->readable[i];
    if (raise_cut(r, f->readable))
        return LOOK_MORE;
    if (idle && (state.ended || (has_goal && goal_is_taken(r, goal))))
        return LOOK_LEAVE;
    return LOOK_SAME;
}

static bool manifest_has_changed(struct replay *r)
{
    struct replay_follow *f = r->follow;
    struct stat now;

    if (!source_stamp(r->source, &now))
        return false; /* on its way to being replaced, or gone: the segments will tell */
    if (now.st_ino == f->manifest.st_ino && now.st_mtim.tv_sec == f->manifest.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == f->manifest.st_mtim.tv_nsec)
        return false;
    f->manifest = now;
    return true;
}

static enum look look_at_directory(struct replay *r, bool idle, struct ft_err *err)
{
    struct replay_follow *f = r->follow;
    uint64_t now_ms = clock_mono_ms();
    bool measure = !idle && now_ms - f->measured_ms >= MEASURE_MS;
    uint32_t generation;

    if (now_ms - f->looked_ms < LOOK_MAX_MS)
        return LOOK_SAME;
    f->looked_ms = now_ms;
    if (!manifest_has_changed(r) && !measure)
        return LOOK_SAME;
    f->measured_ms = now_ms;
    if (find_generation(r, &generation, err) != 0)
        return LOOK_ERROR;
    if (generation <= r->source->generation)
        return LOOK_SAME;
    f->turned_over = true;
    return LOOK_LEAVE;
}

static enum look look(struct replay *r, bool idle, struct ft_err *err)
{
    return r->o->live != NULL ? look_at_live(r, idle) : look_at_directory(r, idle, err);
}

/*
 * Waiting
 */

static int send_all_soon(struct replay *r, bool between, struct ft_err *err)
{
    uint64_t now_ms = clock_mono_ms();
    bool positions = now_ms - r->follow->positions_ms >= POSITIONS_MS;

    if (positions)
        r->follow->positions_ms = now_ms;
    if (between && replay_nodes_send_soon(&r->set, err) != 0)
        return -1;
    for (size_t i = 0; i < r->target.node_count; i++) {
        struct replay_node *node = &r->set.nodes[i];

        if ((between ? replay_node_flush_soon(node, positions, err)
                     : redis_pipe_work(node->server->pipe, err)) != 0)
            return -1;
    }
    return replay_report_has_failed(&r->report) ? replay_end_refused(r, err) : 0;
}

/* Sleeps until there is something to do. Returns 1: it is time to look whether there is more. */
static int wait_for_any(struct replay *r, uint64_t look_ms, struct ft_err *err)
{
    struct replay_follow *f = r->follow;
    nfds_t n = 3;
    uint64_t now_ms = clock_mono_ms();
    int wait_ms = LIVE_WAIT_MS;

    if (r->o->live == NULL)
        wait_ms = look_ms > now_ms ? (int)(look_ms - now_ms) : 0;
    f->fds[0] = (struct pollfd){r->o->cancel_fd, POLLIN, 0};
    f->fds[1] = (struct pollfd){f->waiter != NULL ? live_waiter_fd(f->waiter) : -1, POLLIN, 0};
    f->fds[2] = (struct pollfd){f->watch.fd, POLLIN, 0};
    for (size_t i = 0; i < r->target.node_count; i++) {
        struct redis_pipe *pipe = r->set.nodes[i].server->pipe;

        f->fds[n++] = (struct pollfd){redis_pipe_fd(pipe), redis_pipe_events(pipe), 0};
    }
    if (poll(f->fds, n, wait_ms) < 0 && errno != EINTR)
        return err_errno(err, errno, "could not wait");
    if (f->fds[0].revents != 0)
        return replay_cancelled(err);
    if (f->fds[1].revents != 0 && live_waiter_wait(f->waiter, 0, -1, err) < 0)
        return -1;
    if (f->fds[2].revents != 0) {
        dir_watch_clear(&f->watch);
        return 1;
    }
    return r->o->live == NULL && clock_mono_ms() >= look_ms;
}

static void take_passed(struct replay *r)
{
    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        if (r->follow->passed[i] > r->set.next[i])
            replay_position_set_pass(&r->set, i, r->follow->passed[i]);
    }
}

static int be_idle(struct replay *r, uint64_t records, bool between, struct ft_err *err)
{
    struct replay_follow *f = r->follow;
    uint64_t look_ms;
    int due = 0;

    f->wait_ms = records != f->records          ? LOOK_MIN_MS
                 : 2 * f->wait_ms < LOOK_MAX_MS ? 2 * f->wait_ms
                                                : LOOK_MAX_MS;
    f->records = records;
    look_ms = clock_mono_ms() + f->wait_ms;
    for (;;) {
        enum look seen;

        if (send_all_soon(r, between, err) != 0)
            return -1;
        replay_follow_tell(r);
        seen = look(r, true, err);
        if (seen != LOOK_SAME)
            return seen == LOOK_ERROR ? -1 : seen == LOOK_MORE;
        if (due != 0)
            return 1;
        due = wait_for_any(r, look_ms, err);
        if (due < 0)
            return -1;
    }
}

int replay_follow_more(struct replay *r, uint64_t records, bool idle, bool between,
                       struct ft_err *err)
{
    enum look seen;

    take_passed(r);
    if (idle)
        return be_idle(r, records, between, err);
    replay_follow_tell(r);
    seen = look(r, false, err);
    return seen == LOOK_ERROR ? -1 : seen != LOOK_LEAVE;
}
