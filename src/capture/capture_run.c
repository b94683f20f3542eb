#include "capture/capture_run.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/wake.h"
#include "capture/capture_session.h"
#include "capture/dir_limits.h"

#define BACK_OFF_FIRST_MS 100u
#define BACK_OFF_MAX_MS   5000u
/* While the source is there, and breaks off. */
#define BACK_OFF_BROKEN_MS 500u
/* So many full syncs in a row may break off before only time counts. */
#define FRUITLESS_MAX  5u
#define HOLD_LOOK_MS   20u
#define LIMITS_LOOK_MS 500u

static const char *const phase_names[] = {
    [CAPTURE_CONNECTING] = "connecting",          [CAPTURE_FULL_SYNC] = "full sync",
    [CAPTURE_CHANGE_OVER] = "changing over",      [CAPTURE_STABLE] = "stable",
    [CAPTURE_WAITING] = "waiting for the source",
};

static const char *const ended_names[] = {
    [CAPTURE_ENDED_FAILED] = "failed",       [CAPTURE_ENDED_SNAPSHOT] = "snapshot",
    [CAPTURE_ENDED_CAUGHT_UP] = "caught-up", [CAPTURE_ENDED_DURATION] = "duration",
    [CAPTURE_ENDED_STOPPED] = "stopped",     [CAPTURE_ENDED_GAVE_UP] = "gave-up",
    [CAPTURE_ENDED_FULL] = "full",
};

const char *capture_phase_name(enum capture_phase phase)
{
    return phase_names[phase];
}

const char *capture_ended_name(enum capture_ended ended)
{
    return ended_names[ended];
}

struct run {
    struct capture_context context;
    int timer_fd; /* -1: no --duration */
    struct limit_watch {
        struct dir_limits limits;
        pthread_t thread;
        bool started;
        int full_fd; /* of wake_open: a limit is reached, and text says which */
        int end_fd;  /* likewise: nobody watches any more */
        char text[DIR_LIMITS_TEXT];
    } watch;
    uint64_t began_ms;
    uint64_t seen_ms;     /* when the source was last heard of */
    uint64_t advanced_ms; /* when a session last came to the journal */
    unsigned fruitless;   /* sessions since that brought something, but did not */
    bool silent;          /* session_contact.silent of the last one */
    uint64_t back_off_ms;
    bool noted_gone;
};

static void note(const struct run *run, const char *text)
{
    const struct capture_run_options *o = run->context.options;

    if (o->on_note != NULL)
        o->on_note(o->context, text);
}

/* --- one descriptor for all reasons to stop --- */

static int watch(int stop_fd, int fd, struct ft_err *err)
{
    struct epoll_event event = {.events = EPOLLIN};

    if (fd >= 0 && epoll_ctl(stop_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return err_errno(err, errno, "could not watch a descriptor");
    return 0;
}

static int open_timer(struct run *run, uint64_t duration_ms, struct ft_err *err)
{
    struct itimerspec when = {
        .it_value = {(time_t)(duration_ms / 1000u), (long)(duration_ms % 1000u) * 1000000}};

    if (duration_ms == 0)
        return 0;
    run->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (run->timer_fd < 0 || timerfd_settime(run->timer_fd, 0, &when, NULL) != 0)
        return err_errno(err, errno, "could not set a timer");
    return 0;
}

static int open_stop_fd(struct run *run, const struct capture_run_options *o, struct ft_err *err)
{
    run->context.stop_fd = epoll_create1(EPOLL_CLOEXEC);
    if (run->context.stop_fd < 0)
        return err_errno(err, errno, "could not make an epoll descriptor");
    if (open_timer(run, o->duration_ms, err) != 0)
        return -1;
    if (watch(run->context.stop_fd, o->cancel_fd, err) != 0)
        return -1;
    return watch(run->context.stop_fd, run->timer_fd, err);
}

static bool readable(int fd, uint64_t wait_ms)
{
    struct pollfd p = {fd, POLLIN, 0};

    return fd >= 0 && poll(&p, 1, (int)wait_ms) > 0;
}

/* --- the limits of the directory --- */

/* A thread of its own, since looking at a directory takes its time. */
static void *watch_limits(void *arg)
{
    struct limit_watch *w = arg;

    while (!readable(w->end_fd, LIMITS_LOOK_MS)) {
        if (dir_limits_reached(&w->limits, w->text)) {
            (void)wake_set(w->full_fd); /* cannot be full: it is set once */
            break;
        }
    }
    return NULL;
}

static int start_watch(struct run *run, struct ft_err *err)
{
    struct limit_watch *w = &run->watch;
    int rc;

    if (w->limits.max_dir_bytes == 0 && w->limits.min_free_bytes == 0)
        return 0;
    /* of a set other nodes may have come to it meanwhile, which is not a failure */
    if (run->context.options->whole_directory == NULL &&
        dir_limits_allow_start(&w->limits, err) != 0)
        return -1;
    if (wake_open(&w->full_fd, err) != 0 || wake_open(&w->end_fd, err) != 0 ||
        watch(run->context.stop_fd, w->full_fd, err) != 0)
        return -1;
    rc = pthread_create(&w->thread, NULL, watch_limits, w);
    if (rc != 0)
        return err_errno(err, rc, "could not start a thread");
    w->started = true;
    return 0;
}

/* Its text belongs to the caller then. */
static void stop_watch(struct limit_watch *w)
{
    if (!w->started)
        return;
    (void)wake_set(w->end_fd);
    (void)pthread_join(w->thread, NULL); /* started, and joined only here */
    w->started = false;
}

static void end_watch(struct limit_watch *w)
{
    stop_watch(w);
    if (w->full_fd >= 0)
        (void)close(w->full_fd); /* both hold nothing */
    if (w->end_fd >= 0)
        (void)close(w->end_fd);
}

static enum capture_ended stopped_by(const struct run *run)
{
    if (readable(run->watch.full_fd, 0) && !readable(run->context.options->cancel_fd, 0))
        return CAPTURE_ENDED_FULL;
    return readable(run->timer_fd, 0) && !readable(run->context.options->cancel_fd, 0)
               ? CAPTURE_ENDED_DURATION
               : CAPTURE_ENDED_STOPPED;
}

/* --- sessions --- */

static void note_gone(struct run *run, const char *text, uint64_t left_ms)
{
    char wait[FORMAT_SIZE];
    char line[800];

    if (run->noted_gone)
        return;
    run->noted_gone = true;
    (void)snprintf(line, sizeof(line), "%s; trying again for %s", text,
                   format_duration_ms(left_ms, wait));
    note(run, line);
}

/* What is left of the time for which a source that does not come any further is waited for. */
static uint64_t patience_ms(const struct run *run)
{
    uint64_t limit_ms = run->context.options->give_up_after_ms;
    uint64_t since_ms = run->fruitless > FRUITLESS_MAX ? run->advanced_ms : run->seen_ms;
    uint64_t gone_ms = clock_mono_ms() - since_ms;

    if (run->silent) /* for that long already */
        return 0;
    return gone_ms < limit_ms ? limit_ms - gone_ms : 0;
}

/* Wait before the next attempt. False: gave up, or was stopped (*ret_ended). */
static bool back_off(struct run *run, enum capture_ended *ret_ended)
{
    uint64_t left_ms = patience_ms(run);
    uint64_t most_ms = run->fruitless != 0 ? BACK_OFF_BROKEN_MS : BACK_OFF_MAX_MS;
    uint64_t wait_ms = run->back_off_ms < left_ms ? run->back_off_ms : left_ms;

    if (left_ms == 0) {
        *ret_ended = CAPTURE_ENDED_GAVE_UP;
        return false;
    }
    run->context.progress.phase = CAPTURE_WAITING;
    run->back_off_ms = run->back_off_ms * 2 < most_ms ? run->back_off_ms * 2 : most_ms;
    if (!readable(run->context.stop_fd, wait_ms))
        return true;
    *ret_ended = stopped_by(run);
    return false;
}

static void heard_of_source(struct run *run)
{
    run->seen_ms = clock_mono_ms();
    run->advanced_ms = run->seen_ms;
    run->fruitless = 0;
    run->back_off_ms = BACK_OFF_FIRST_MS;
    run->noted_gone = false;
}

/* Bytes alone are no progress: a full sync that breaks off has to be sent from its beginning. */
static void count_contact(struct run *run, const struct session_contact *contact)
{
    run->silent = contact->silent;
    if (contact->advanced) {
        heard_of_source(run);
    } else if (contact->received_bytes > 0) {
        run->seen_ms = clock_mono_ms();
        run->fruitless++;
        run->noted_gone = false;
    }
}

static void note_afresh(const struct run *run, const struct ft_err *err)
{
    char line[800];

    (void)snprintf(line, sizeof(line), "%s; beginning again with a full sync", err->msg);
    note(run, line);
}

/* True: one more session. */
static bool after_session(struct run *run, enum session_outcome outcome, const struct ft_err *err,
                          enum capture_ended *ret_ended)
{
    const struct capture_run_options *o = run->context.options;

    switch (outcome) {
    case SESSION_REACHED:
        *ret_ended = o->snapshot_only ? CAPTURE_ENDED_SNAPSHOT : CAPTURE_ENDED_CAUGHT_UP;
        return false;
    case SESSION_STOPPED:
        *ret_ended = stopped_by(run);
        return false;
    case SESSION_LOST:
        if (patience_ms(run) != 0)
            note_gone(run, err->msg, patience_ms(run));
        return back_off(run, ret_ended);
    case SESSION_NOWHERE:
        run->context.progress.phase = CAPTURE_WAITING;
        heard_of_source(run);
        if (!readable(run->context.stop_fd, BACK_OFF_BROKEN_MS))
            return true;
        *ret_ended = stopped_by(run);
        return false;
    case SESSION_AFRESH:
        note_afresh(run, err);
        return back_off(run, ret_ended);
    case SESSION_FAILED:
        break;
    }
    *ret_ended = CAPTURE_ENDED_FAILED;
    return false;
}

/* Somebody has to know first what became of the source. */
static bool wait_while_held(const struct run *run, enum capture_ended *ret_ended)
{
    const atomic_bool *hold = run->context.options->hold;

    while (hold != NULL && atomic_load(hold)) {
        if (readable(run->context.stop_fd, HOLD_LOOK_MS)) {
            *ret_ended = stopped_by(run);
            return false;
        }
    }
    return true;
}

static int run_sessions(struct run *run, struct capture_run_result *ret, struct ft_err *err)
{
    struct ft_err own = FT_ERR_INIT;
    bool afresh = run->context.options->afresh;
    bool more = true;

    heard_of_source(run);
    while (more) {
        struct session_contact contact = {0};
        enum session_outcome outcome;

        err_clear(&own);
        run->context.progress.sessions++;
        outcome = capture_session_run(&run->context, afresh, &contact, &own);
        ret->sessions++;
        count_contact(run, &contact);
        afresh = outcome == SESSION_AFRESH;
        more = after_session(run, outcome, &own, &ret->ended) && wait_while_held(run, &ret->ended);
    }
    if (ret->ended != CAPTURE_ENDED_FAILED && ret->ended != CAPTURE_ENDED_GAVE_UP)
        return 0;
    return err_copy(err, &own);
}

static void note_recovery(const struct run *run, const struct capture_recovery *r)
{
    char line[160];

    if (r->sealed == 0 && r->removed == 0)
        return;
    (void)snprintf(
        line, sizeof(line),
        "recovered %u segment%s of an interrupted capture, removed %u empty one%s, cut off "
        "%llu byte%s",
        r->sealed, plural(r->sealed), r->removed, plural(r->removed),
        (unsigned long long)r->cut_bytes, plural(r->cut_bytes));
    note(run, line);
}

/* What earlier runs left can be replayed while the source is not there yet. */
static int tell_what_is_there(const struct run *run, struct ft_err *err)
{
    const struct generation *g = capture_find(run->context.capture, 0);

    return g == NULL ? 0 : capture_tell_generation(run->context.options->live, g, err);
}

static int open_capture(struct run *run, struct ft_err *err)
{
    const struct capture_run_options *o = run->context.options;
    struct capture_recovery recovery = {0};
    char address[URI_ADDRESS_SIZE];

    if (capture_open_write(&run->context.capture, o->directory, uri_address(o->source, address),
                           &recovery, err) != 0 ||
        capture_set_redis(run->context.capture, o->source->scheme != URI_DRAGONFLY, err) != 0)
        return -1;
    note_recovery(run, &recovery);
    if (o->live != NULL && o->source->scheme != URI_DRAGONFLY)
        live_flows_by_offset(o->live);
    return o->live == NULL ? 0 : tell_what_is_there(run, err);
}

static void release(struct run *run)
{
    capture_free(run->context.capture);
    end_watch(&run->watch);
    if (run->timer_fd >= 0)
        (void)close(run->timer_fd); /* both hold nothing */
    if (run->context.stop_fd >= 0)
        (void)close(run->context.stop_fd);
}

struct capture_run_options capture_run_defaults(void)
{
    return (struct capture_run_options){
        .give_up_after_ms = 60000,
        .recorder = {.sync = RECORDER_SYNC_INTERVAL,
                     .sync_interval_ms = 200,
                     .segment_bytes = 256u << 20,
                     .buffer_bytes = 32u << 20},
        .cancel_fd = -1,
    };
}

static void note_full(struct run *run)
{
    char line[DIR_LIMITS_TEXT + 32];

    stop_watch(&run->watch);
    (void)snprintf(line, sizeof(line), "%s: the capture ends here", run->watch.text); /* fits */
    note(run, line);
}

int capture_run(const struct capture_run_options *options, struct capture_run_result *ret,
                struct ft_err *err)
{
    struct run run = {
        .context = {.options = options, .stop_fd = -1},
        .timer_fd = -1,
        .watch = {.limits = {options->whole_directory == NULL ? options->directory
                                                              : options->whole_directory,
                             options->max_dir_bytes, options->min_free_bytes},
                  .full_fd = -1,
                  .end_fd = -1},
        .began_ms = clock_mono_ms(),
    };
    int rc = -1;

    memset(ret, 0, sizeof(*ret));
    if (open_stop_fd(&run, options, err) == 0 && open_capture(&run, err) == 0 &&
        retention_apply(run.context.capture, &options->recorder.retain, clock_wall_us(),
                        &run.context.pruned, err) == 0 &&
        start_watch(&run, err) == 0) {
        rc = run_sessions(&run, ret, err);
        if (ret->ended == CAPTURE_ENDED_FULL)
            note_full(&run);
        ret->valid = capture_find(run.context.capture, 0) != NULL;
    }
    ret->pruned = run.context.pruned;
    ret->resumptions = run.context.resumptions;
    ret->last = run.context.progress;
    ret->elapsed_ms = clock_mono_ms() - run.began_ms;
    release(&run);
    if (options->live != NULL)
        live_flows_end(options->live);
    return rc;
}
