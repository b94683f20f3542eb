#include "replay/replay_early.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "replay/position/replay_state_store.h"
#include "replay/replay_begin.h"
#include "replay/replay_connect.h"
#include "replay/replay_follow.h"
#include "replay/replay_input.h"
#include "replay/replay_servers.h"
#include "replay/replay_setup.h"
#include "replay/replay_snapshot.h"

#define WAIT_FIRST_MS 5u
#define WAIT_MAX_MS   100u
/* To see whether there is enough of a full sync costs reading it: so much less than the time between is spent on it. */
#define LOOK_SHARE 10u

struct early {
    const struct replay_options *o;
    struct live_flows *live;
    struct replay_progress *progress;
    struct loss_report *losses;
    struct replay_result *result;
    uint32_t generation; /* that was brought */
    uint32_t wait_ms;
    uint64_t look_ms; /* that the last one took, if there was not enough yet */
    bool left;        /* to the replay proper */
};

/*
 * One attempt
 */

/* Records for keys of other flows were told apart by a rule that was found from the first keys. That it was another one is
 * written down, so that nothing of this counts. */
static int check_rule(struct replay *r, struct ft_err *err)
{
    struct source *whole;
    bool holds;

    if (r->source->stream_count == 1 || r->report.result->in_sync == 0)
        return 0;
    if (source_open(&whole, r->o->input, r->growing->generation, err) != 0)
        return -1;
    holds = whole->guard.rule == r->guard.rule && !owner_guard_is_off(&r->guard);
    source_free(whole);
    if (holds)
        return 0;
    if (replay_state_set(&r->set, "early", "disproved", err) != 0)
        return -1;
    return err_set(err, FT_ERR_STATE,
                   "the source spreads its keys by another rule than the first of them showed");
}

/* What another attempt may change. Files that are gone, or were cut, are those of a full sync that has ended. */
static bool may_try_again(const struct replay *r, const struct ft_err *err)
{
    return err->kind == FT_ERR_NET || err->kind == FT_ERR_TIMEOUT || err->kind == FT_ERR_CORRUPT ||
           err->kind == FT_ERR_IO || (r->source == NULL && err->kind == FT_ERR_STATE);
}

static int bring(struct replay *r, struct ft_err *err)
{
    int rc = replay_connect(r, err);

    if (rc == 0 && (rc = replay_begin_early(r, err)) == 0 &&
        (rc = replay_check_servers(r, err)) == 0 && (rc = replay_snapshot(r, err)) == 0 &&
        (rc = replay_growing_await(r->growing, err)) == 0 && (rc = check_rule(r, err)) == 0)
        rc = replay_state_remove(&r->set, "early", err);
    if (rc != 0 && replay_report_has_failed(&r->report))
        (void)replay_report_check(&r->report, err); /* which says why */
    /* the next attempt, or the replay proper, takes it over */
    replay_end_lease(r, rc != 0 && !may_try_again(r, err));
    replay_disconnect(r);
    return rc;
}

static int open_input(struct replay *r, struct ft_err *err)
{
    if (replay_follow_open(r, err) != 0 || replay_input_open(r, err) != 0)
        return -1;
    return replay_setup_letters(r, err);
}

static int fail(struct early *e, struct replay *r, const struct ft_err *cause, struct ft_err *err)
{
    if (cause->kind == FT_ERR_CANCELLED || cause->kind == FT_ERR_NOMEM) {
        *err = *cause;
        return -1;
    }
    e->left = !may_try_again(r, cause);
    if (e->left)
        replay_report_note(&r->report,
                           "the snapshot is recorded to its end before it is replayed: %s",
                           cause->msg);
    else if (r->started)
        replay_report_note(&r->report, "%s; what was replayed of it counts for nothing",
                           cause->msg);
    return 0;
}

/* Its result counts if it has brought everything. */
static int keep(struct early *e, const struct loss_report *losses, struct replay_result *result,
                struct ft_err *err)
{
    if (loss_add_report(e->losses, losses, err) != 0)
        return -1;
    *e->result = *result;
    *result = (struct replay_result){0};
    return 0;
}

static int attempt(struct early *e, uint32_t generation, struct ft_err *err)
{
    uint64_t began_ms = clock_mono_ms();
    struct replay_growing growing;
    struct ft_err cause = FT_ERR_INIT;
    struct replay_result result;
    struct loss_report losses;
    struct replay r;
    int rc;

    replay_growing_init(&growing, e->live, generation, e->o->cancel_fd);
    loss_init(&losses);
    replay_setup(&r, e->o, e->progress, &losses, &result);
    r.growing = &growing;
    result.suspects.filter = &e->o->filter;
    rc = open_input(&r, &cause);
    e->look_ms = rc == 0 ? 0 : clock_mono_ms() - began_ms;
    if (rc == 0)
        rc = bring(&r, &cause);
    result.suspects.filter = NULL; /* it may end sooner than the result */
    replay_report_end(&r.report, false, false, clock_mono_ms() - began_ms);
    if (rc == 0) {
        e->generation = generation;
        rc = keep(e, &losses, &result, err);
    } else {
        rc = fail(e, &r, &cause, err);
    }
    replay_teardown(&r);
    replay_growing_release(&growing);
    replay_result_release(&result);
    loss_release(&losses);
    return rc;
}

/*
 * All of them
 */

static void forget_progress(struct early *e)
{
    atomic_store(&e->progress->keys, 0);
    atomic_store(&e->progress->bytes, 0);
    atomic_store(&e->progress->suspects, 0);
}

/* Until there is another generation, or more of this one. */
static int rest(struct early *e, struct ft_err *err)
{
    uint64_t wait_ms = LOOK_SHARE * e->look_ms;

    if (wait_ms < e->wait_ms)
        wait_ms = e->wait_ms;
    e->wait_ms = 2 * e->wait_ms < WAIT_MAX_MS ? 2 * e->wait_ms : WAIT_MAX_MS;
    return replay_cancel_sleep(e->o->cancel_fd, wait_ms, err);
}

static int run(struct early *e, struct ft_err *err)
{
    for (;;) {
        struct live_state state;

        live_flows_state(e->live, &state);
        if (state.ready || state.ended || e->left || e->generation != 0)
            return 0;
        if (state.generation != 0 && attempt(e, state.generation, err) != 0)
            return -1;
        if (e->generation != 0)
            return 0;
        forget_progress(e);
        if (!e->left && rest(e, err) != 0)
            return -1;
    }
}

int replay_early_run(const struct replay_options *options, struct live_flows *live,
                     struct replay_progress *progress, struct loss_report *losses,
                     struct replay_result *ret, uint32_t *ret_generation, struct ft_err *err)
{
    struct early e = {
        .o = options,
        .live = live,
        .progress = progress,
        .losses = losses,
        .result = ret,
        .wait_ms = WAIT_FIRST_MS,
        /* what came of a full sync that breaks off is taken back by emptying the target, which others share */
        .left = !key_claim_is_empty(&options->map.claim),
    };
    int rc;

    *ret = (struct replay_result){0};
    rc = run(&e, err);
    *ret_generation = rc == 0 ? e.generation : 0;
    return rc;
}
