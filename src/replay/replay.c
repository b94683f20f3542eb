#include "replay/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "replay/position/replay_claims.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_position.h"
#include "replay/position/replay_state_store.h"
#include "replay/replay_begin.h"
#include "replay/replay_clean.h"
#include "replay/replay_connect.h"
#include "replay/replay_follow.h"
#include "replay/replay_input.h"
#include "replay/replay_journal.h"
#include "replay/replay_release.h"
#include "replay/replay_repair.h"
#include "replay/replay_retry.h"
#include "replay/replay_servers.h"
#include "replay/replay_setup.h"
#include "replay/replay_snapshot.h"
#include "target/wait_replicas.h"

#define BACKOFF_FIRST_MS 100u
#define BACKOFF_MAX_MS   3000u
#define GIVE_UP_MS       60000u
/* Attempts in a row that did something, but came no further than one before. */
#define FRUITLESS_MAX 20u

/*
 * One attempt, and the next
 */

static int bring_snapshot(struct replay *r, struct ft_err *err)
{
    if (r->set.state.phase != REPLAY_PHASE_SNAPSHOT)
        return 0;
    if (replay_check_servers(r, err) != 0)
        return -1;
    /* what an earlier attempt left is not replaced by entries alone */
    if ((r->set.state.dirty || replay_report_is_resumed(&r->report) ||
         replay_report_has_retried(&r->report) || r->o->early_generation != 0) &&
        replay_clean(r, err) != 0)
        return -1;
    return replay_snapshot(r, err) == 0 ? replay_begin_journal(r, err) : -1;
}

static bool has_records_left(const struct replay *r)
{
    for (size_t n = 0; r->follow == NULL && n < r->target.node_count; n++) {
        for (uint32_t i = 0; i < r->cut.flow_count; i++) {
            if (r->set.nodes[n].position.lsn[i] < r->cut.stop_lsn[i])
                return true;
        }
    }
    return r->follow != NULL;
}

/* Keys got their own times when an earlier run ended. A target that was not empty has keys that are none of
 * the input's: these are left alone. */
static int defer_again(struct replay *r, struct ft_err *err)
{
    bool ended =
        replay_report_is_resumed(&r->report) && !replay_has_deferred(r) && !r->set.state.dirty;

    if (!replay_gives_back_itself(r) || !(r->set.state.released || ended) || !has_records_left(r))
        return 0;
    return replay_release_undo(r, err);
}

static int bring_journal(struct replay *r, struct ft_err *err)
{
    if (replay_check_failed(&r->set, err) != 0)
        return -1;
    if (!source_can(r->source, SOURCE_HAS_JOURNAL))
        return 0;
    replay_report_phase(&r->report, true);
    if (replay_follow_reach(r, err) != 0 || defer_again(r, err) != 0)
        return -1;
    return replay_journal(r, err);
}

/* Everything was confirmed; is it there, and would it survive the masters? */
static int prove_end(struct replay *r, struct ft_err *err)
{
    if (replay_state_prove(&r->set, err) != 0 || replay_positions_prove(&r->set, err) != 0 ||
        replay_prove_flushes(r, err) != 0 || replay_report_evictions(r, err) != 0)
        return -1;
    return wait_replicas_all(&r->target, &r->report.result->unconfirmed_replicas, err);
}

static int replay_all(struct replay *r, struct ft_err *err)
{
    if (r->finishing)
        return replay_remove_state(r, err);
    if (replay_begin(r, err) != 0 || replay_watch_evictions(r, err) != 0 ||
        bring_snapshot(r, err) != 0)
        return -1;
    if (replay_positions_load(&r->set, err) != 0 || replay_watch_flushes(r, err) != 0 ||
        bring_journal(r, err) != 0)
        return -1;
    if (replay_report_check(&r->report, err) != 0)
        return -1;
    if (replay_follow_turned_over(r))
        return 0;
    if ((replay_gives_back_itself(r) &&
         replay_release_all(r, replay_source_ahead_ms(r), err) != 0) ||
        prove_end(r, err) != 0)
        return -1;
    r->finishing = r->o->finish;
    return r->finishing ? replay_remove_state(r, err) : 0;
}

/* May it go on after this error? */
static bool may_retry(const struct replay *r, const struct ft_err *err)
{
    return (err->kind == FT_ERR_NET || err->kind == FT_ERR_TIMEOUT) && r->target.was_reached &&
           !r->letter_sent;
}

static int attempt(struct replay *r, struct ft_err *err)
{
    int rc = replay_connect(r, err);

    if (rc == 0 && r->o->forget)
        rc = replay_remove_state(r, err);
    else if (rc == 0 && r->o->retry_dead_letters != NULL)
        rc = replay_retry(r, err);
    else if (rc == 0 && r->o->only_keys != NULL)
        rc = replay_repair(r, err);
    else if (rc == 0)
        rc = replay_all(r, err);
    if (rc != 0 && !r->started && !may_retry(r, err))
        (void)replay_claims_drop(&r->set,
                                 &(struct ft_err)FT_ERR_INIT); /* else others find no replay */
    replay_end_lease(r, rc == 0 ? !replay_follow_turned_over(r) : !may_retry(r, err));
    replay_disconnect(r);
    return rc;
}

/* The number of everything brought so far: when it grows, patience begins anew. */
static uint64_t work_done(const struct replay *r)
{
    return atomic_load(&r->set.acknowledged) + replay_report_keys(&r->report);
}

/* How long until the next attempt: none the first time after slots have moved. */
static uint64_t wait_before(bool redirected, uint64_t wait_ms)
{
    if (!redirected)
        return wait_ms;
    return wait_ms == BACKOFF_FIRST_MS ? 0 : wait_ms / 2;
}

/* What attempts have come to. Time is for a target that is away, or full; the number of attempts for one
 * that fails each time at the same place. */
struct patience {
    uint64_t began_ms; /* of the time in which nothing was done */
    uint64_t wait_ms;
    uint64_t done;
    uint64_t attempt_ms; /* when the present attempt began, and what was there then */
    uint64_t keys_before;
    uint64_t acknowledged;
    size_t snapshots; /* that are done */
    uint64_t keys;    /* most that an attempt has brought since */
    unsigned fruitless;
    uint64_t advanced_ms;
};

static size_t count_done(const struct replay *r)
{
    size_t count = 0;

    for (uint32_t i = 0; r->set.state.snap_done != NULL && i < r->set.state.flow_count; i++)
        count += r->set.state.snap_done[i];
    return count;
}

/* Has the attempt come further than those before it? */
static bool has_advanced(const struct replay *r, struct patience *p)
{
    uint64_t keys = replay_report_keys(&r->report) - p->keys_before;
    size_t snapshots = count_done(r);
    bool further = atomic_load(&r->set.acknowledged) != p->acknowledged ||
                   snapshots > p->snapshots || keys > p->keys;

    if (snapshots != p->snapshots)
        p->keys = 0;
    else if (keys > p->keys)
        p->keys = keys;
    p->snapshots = snapshots;
    p->acknowledged = atomic_load(&r->set.acknowledged);
    return further || (r->was_following && clock_mono_ms() - p->attempt_ms > r->o->give_up_ms);
}

/* After an attempt that failed: is it to be the last one? */
static bool is_exhausted(struct replay *r, struct patience *p)
{
    bool worked = work_done(r) != p->done || r->was_following;
    bool full = target_client_take_full(&r->target);
    uint64_t now_ms;

    if (has_advanced(r, p)) {
        p->fruitless = 0;
        p->advanced_ms = clock_mono_ms();
        p->wait_ms = BACKOFF_FIRST_MS;
    } else if (worked) {
        p->fruitless++;
    }
    if (worked)
        p->began_ms = clock_mono_ms();
    r->was_following = false;
    p->done = work_done(r);
    now_ms = clock_mono_ms();
    if (now_ms - p->began_ms > r->o->give_up_ms)
        return true;
    return (p->fruitless > FRUITLESS_MAX || full) && now_ms - p->advanced_ms > r->o->give_up_ms;
}

static int attempt_until_done(struct replay *r, struct ft_err *err)
{
    uint64_t now_ms = clock_mono_ms();
    struct patience p = {.began_ms = now_ms, .advanced_ms = now_ms, .wait_ms = BACKOFF_FIRST_MS};

    for (;;) {
        struct ft_err cause = FT_ERR_INIT;
        bool redirected;

        p.attempt_ms = clock_mono_ms();
        p.keys_before = replay_report_keys(&r->report);
        if (attempt(r, &cause) == 0)
            return 0;
        if (replay_report_check(&r->report, err) != 0)
            return -1;
        if (is_exhausted(r, &p) || !may_retry(r, &cause)) {
            *err = cause;
            return -1;
        }
        redirected = target_client_take_redirected(&r->target);
        replay_report_retry(&r->report, redirected);
        now_ms = wait_before(redirected, p.wait_ms);
        replay_report_note(&r->report, "%s; trying again in %" PRIu64 " ms", cause.msg, now_ms);
        if (replay_sleep(r, now_ms, err) != 0)
            return -1;
        p.wait_ms = 2 * p.wait_ms < BACKOFF_MAX_MS ? 2 * p.wait_ms : BACKOFF_MAX_MS;
    }
}

/* Another generation has taken this one's place. */
static int turn_over(struct replay *r, struct ft_err *err)
{
    if (replay_input_reopen(r, err) != 0)
        return -1;
    replay_report_phase(&r->report, false);
    return 0;
}

static int run(struct replay *r, struct ft_err *err)
{
    int rc;

    if (replay_follow_open(r, err) != 0 || replay_follow_await(r, err) != 0 ||
        replay_input_open(r, err) != 0 || replay_setup_letters(r, err) != 0)
        return -1;
    do
        rc = attempt_until_done(r, err);
    while (rc == 0 && replay_follow_turned_over(r) && (rc = turn_over(r, err)) == 0);
    return rc;
}

struct replay_options replay_run_defaults(void)
{
    return (struct replay_options){
        .at = "end", .fail_on_loss = true, .give_up_ms = GIVE_UP_MS, .cancel_fd = -1};
}

int replay_run(const struct replay_options *options, struct replay_progress *progress,
               struct loss_report *losses, struct replay_result *ret, struct ft_err *err)
{
    uint64_t began_ms = clock_mono_ms();
    struct replay r;
    int rc;

    replay_setup(&r, options, progress, losses, ret);
    ret->suspects.filter = &options->filter;
    rc = run(&r, err);
    ret->suspects.filter = NULL; /* it may end sooner than the result */
    if (rc != 0 && replay_has_deferred(&r))
        replay_report_note(
            &r.report,
            "the expiry of keys is deferred on the target: a run to the end, or --forget, "
            "gives them their own times");
    replay_report_end(&r.report, rc == 0, r.source != NULL && owner_guard_is_off(&r.guard),
                      clock_mono_ms() - began_ms);
    replay_teardown(&r);
    return rc;
}
