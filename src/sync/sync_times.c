#include "sync/sync_times.h"

#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sync/sync_impl.h"

#define RETRY_MS 200u

void sync_times_init(struct sync *s)
{
    replay_held_init(&s->times.held);
    s->replay_options.held = &s->times.held;
}

static void stop(struct sync_times *t)
{
    replay_times_free(t->work);
    t->work = NULL;
    free(t->lsn);
    t->lsn = NULL;
    t->undoing = t->passed = t->source_clock_known = false;
    t->lost_ms = 0;
}

void sync_times_release(struct sync *s)
{
    stop(&s->times);
    replay_held_release(&s->times.held);
}

static bool is_net(const struct ft_err *err)
{
    return err->kind == FT_ERR_NET || err->kind == FT_ERR_TIMEOUT;
}

/* A target that went away is waited for. */
static int lose(struct sync *s, const struct ft_err *cause, struct ft_err *err)
{
    struct sync_times *t = &s->times;
    uint64_t now_ms = clock_mono_ms();

    if (t->lost_ms == 0)
        t->lost_ms = now_ms;
    t->retry_ms = now_ms + RETRY_MS;
    if (is_net(cause) && now_ms - t->lost_ms <= s->o->replay.give_up_ms)
        return 0;
    *err = *cause;
    return err_wrap(err, "times to live");
}

/* Everything that the replay may have deferred without listing it. */
static int mark(struct sync *s, struct ft_err *err)
{
    struct sync_times *t = &s->times;
    struct live_state state;

    live_flows_state(s->o->live, &state);
    free(t->lsn);
    t->lsn = calloc(state.flow_count + 1u, sizeof(*t->lsn));
    if (t->lsn == NULL)
        return err_nomem(err, "a position");
    t->generation = state.generation;
    t->flow_count = state.flow_count;
    for (uint32_t i = 0; i < t->flow_count; i++) {
        struct live_point point = {0};

        (void)live_flows_point(s->o->live, LIVE_RECEIVED, i, &point); /* else it stays 0 */
        t->lsn[i] = point.next_lsn;
    }
    return 0;
}

static bool has_passed(struct sync *s)
{
    const struct sync_times *t = &s->times;
    struct live_state state;

    live_flows_state(s->o->live, &state);
    if (!state.ready || state.applied_generation != t->generation)
        return false;
    for (uint32_t i = 0; i < t->flow_count; i++) {
        struct live_point point;

        if (!live_flows_point(s->o->live, LIVE_APPLIED, i, &point) || point.next_lsn < t->lsn[i])
            return false;
    }
    return true;
}

static int begin(struct sync *s, struct ft_err *err)
{
    struct sync_times *t = &s->times;

    if (replay_times_new(&t->work, &s->check_options, &s->progress->replay, s->losses, err) != 0)
        return -1;
    t->source_clock_known = sync_source_clock(&s->source, &t->source_ahead_ms);
    return mark(s, err);
}

int sync_times_prepare(struct sync *s, struct ft_err *err)
{
    struct sync_times *t = &s->times;
    struct ft_err cause = FT_ERR_INIT;
    struct live_state state;
    int rc;

    if (t->undoing)
        stop(t);
    live_flows_state(s->o->live, &state);
    if (t->work != NULL &&
        state.generation != t->generation) /* another snapshot: from the beginning */
        stop(t);
    if (t->work == NULL && begin(s, err) != 0)
        return -1;
    if (!t->passed && !(t->passed = has_passed(s)))
        return 0;
    if (t->lost_ms != 0 && clock_mono_ms() < t->retry_ms)
        return 0;
    rc = replay_times_step(t->work, &cause);
    if (rc < 0)
        return lose(s, &cause, err);
    t->lost_ms = 0;
    return rc;
}

void sync_times_keep(struct sync *s)
{
    struct sync_times *t = &s->times;
    struct ft_err cause = FT_ERR_INIT;
    struct ft_err ignored = FT_ERR_INIT;
    int rc;

    if (t->work == NULL || !t->passed || (t->lost_ms != 0 && clock_mono_ms() < t->retry_ms))
        return;
    rc = t->undoing ? replay_times_undo(t->work, &cause) : replay_times_step(t->work, &cause);
    if (rc < 0)
        (void)lose(s, &cause, &ignored); /* whoever needs it finds out */
    else
        t->lost_ms = 0;
    if (t->undoing && rc > 0)
        stop(t);
}

int sync_times_finish(struct sync *s, struct ft_err *err)
{
    struct sync_times *t = &s->times;
    struct ft_err cause = FT_ERR_INIT;
    int rc = -1;

    if (t->work == NULL)
        return 0;
    while (rc != 0) {
        err_clear(&cause);
        rc = replay_times_finish(t->work, t->source_clock_known ? &t->source_ahead_ms : NULL,
                                 &cause);
        if (rc != 0 && lose(s, &cause, err) != 0)
            return -1;
        if (rc != 0)
            (void)poll(NULL, 0, RETRY_MS); /* a signal shortens it */
    }
    s->result->replay.overdue += replay_times_overdue(t->work);
    stop(t);
    return 0;
}

void sync_times_undo(struct sync *s)
{
    struct sync_times *t = &s->times;

    if (t->work == NULL)
        return;
    if (!t->passed) {
        stop(t);
        return;
    }
    t->undoing = true;
    sync_times_keep(s);
}

void sync_times_end(struct sync *s, bool complete)
{
    struct sync_times *t = &s->times;
    struct ft_err cause = FT_ERR_INIT;
    int rc = t->work == NULL || !t->passed;

    if (rc == 0)
        replay_times_insist(t->work);
    /* what is not done is done by whoever resumes: the state says so */
    if (rc == 0 && complete && sync_times_finish(s, &cause) != 0)
        sync_note(s, "%s; the next start continues with that", cause.msg);
    while (rc == 0 && !complete)
        rc = replay_times_undo(t->work, &cause);
    stop(t);
}
