#include "sync/sync_cutover.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "sync/sync_check_pops.h"
#include "sync/sync_proof.h"
#include "sync/sync_served.h"
#include "sync/sync_source_nodes.h"
#include "sync/sync_times.h"
#include "sync/sync_worker.h"

#define NEAR_MS    1000u /* this far behind counts as caught up */
#define TAKEOVER_S 20u
/* Between looks at what replicas have acknowledged. */
#define ACKNOWLEDGE_MS 2
/* After the answer, or its loss, what there is to see is waited for so long. */
#define TAKEOVER_LOOK_MS  3000u
#define TAKEOVER_PAUSE_US 20000u
/* In flight at the moment of a pause. */
#define SETTLE_MS 5000u

/*
 * What is seen
 */

bool sync_has_caught_up(const struct sync *s)
{
    struct live_state state;
    struct live_point point;

    live_flows_state(s->o->live, &state);
    if (!state.ready || state.applied_generation != state.generation || state.ended ||
        (s->serves && !sync_served_is_ready(s)))
        return false;
    for (uint32_t i = 0; i < state.flow_count; i++) {
        if (!live_flows_point(s->o->live, LIVE_APPLIED, i, &point) || point.next_lsn == 0 ||
            (point.lag != 0 && point.lag_ms > NEAR_MS))
            return false;
    }
    return state.flow_count > 0;
}

/* The replay ends by itself at the goal; after a takeover, when it has everything. */
static bool has_applied(struct sync *s, const struct live_state *state)
{
    bool ending = s->cutover.state == CUTOVER_ENDING;

    if (s->serves)
        return sync_served_has_goal(s, ending) && (ending ? state->ended : state->goal_applied);
    if (!atomic_load(&s->replay.done) || s->replay.failed)
        return false;
    return state->goal_applied || (ending && state->ended);
}

/* Of the capture; sync_id: of the session. */
static bool has_session(struct sync *s, char sync_id[SYNC_ID_SIZE])
{
    pthread_mutex_lock(&s->progress->mu);
    (void)snprintf(sync_id, SYNC_ID_SIZE, "%s", s->progress->sync_id); /* the same size */
    pthread_mutex_unlock(&s->progress->mu);
    return sync_id[0] != '\0';
}

/*
 * The goal
 */

/*
 * What was asked for together with a pause lies within an empty transaction, at which no replay can stand still: what has
 * been received when that is there is as good, since nothing is written any more.
 */
static int settle_blind(struct sync *s, struct ft_err *err)
{
    uint64_t until_ms = clock_mono_ms() + SETTLE_MS;
    struct sync_source *part;

    for (uint32_t i = 0; (part = sync_source_nodes_part(&s->source, i)) != NULL; i++) {
        struct live_point point = {0};

        if (sync_source_blind_ms(part) == 0 || part->blind_settled)
            continue;
        while (!live_flows_point(s->o->live, LIVE_RECEIVED, i, &point) ||
               point.next_lsn < part->blind_lsn) {
            if (clock_mono_ms() >= until_ms)
                return err_set(err, FT_ERR_NET, "what the source had written did not come");
            (void)usleep(TAKEOVER_PAUSE_US);
        }
        part->blind_lsn = point.next_lsn;
        part->blind_settled = true;
    }
    return 0;
}

/*
 * Of several nodes only at rest: what a slot on its way has left in one journal may be after the goal, and what it has become in the
 * other one before. Who is paused for all clients answers no look, and moves nothing.
 */
static int ask_offsets(struct sync *s, uint64_t *lsn, uint32_t flow_count, struct ft_err *err)
{
    uint64_t since;
    uint64_t now;

    if (sync_source_blind_ms(&s->source) != 0)
        return sync_source_offsets(&s->source, lsn, flow_count, err);
    do {
        if (sync_source_nodes_rest(&s->source, &since, err) != 0 ||
            sync_source_offsets(&s->source, lsn, flow_count, err) != 0 ||
            sync_source_nodes_rest(&s->source, &now, err) != 0)
            return -1;
    } while (!sync_source_nodes_rested(&s->source, since));
    return 0;
}

/* What has been applied of each flow by now. */
static uint64_t *applied_by_now(struct sync *s, uint32_t flow_count, struct ft_err *err)
{
    uint64_t *lsn = calloc(flow_count + 1u, sizeof(*lsn));
    struct live_point point;

    if (lsn == NULL)
        err_nomem(err, "the goal");
    for (uint32_t i = 0; lsn != NULL && i < flow_count; i++) {
        if (live_flows_point(s->o->live, LIVE_APPLIED, i, &point))
            lsn[i] = point.next_lsn;
    }
    return lsn;
}

/* The source's present LSNs. They cannot be below what was applied before, unless it is another server. */
static int ask_goal(struct sync *s, uint32_t *ret_generation, uint64_t *lsn, uint32_t flow_count,
                    struct ft_err *err)
{
    struct live_state state;
    uint64_t *applied;
    bool below = false;
    int rc;

    live_flows_state(s->o->live, &state);
    *ret_generation = state.generation;
    if (state.flow_count != flow_count || !state.ready)
        return err_set(err, FT_ERR_NET, "the source has begun a new full sync");
    applied = applied_by_now(s, flow_count, err);
    if (applied == NULL)
        return -1;
    rc = settle_blind(s, err) != 0 ? -1 : ask_offsets(s, lsn, flow_count, err);
    for (uint32_t i = 0; rc == 0 && i < flow_count; i++)
        below = below || lsn[i] < applied[i];
    free(applied);
    return below ? err_set(err, FT_ERR_NET, "the source is not the one that was captured") : rc;
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
    s->pops_asked = false;
    if (ask_goal(s, &generation, result->goal, state.flow_count, err) != 0)
        return -1;
    if (live_flows_set_goal(s->o->live, generation, result->goal, state.flow_count, err) != 0)
        return -1;
    /* it may have ended at a goal before this one */
    return atomic_load(&s->replay.done) ? sync_start_replay(s, err) : 0;
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

/* There is a new goal. While writes are paused a source journals no more than keys that expire, so it is soon still for long enough. */
static int move_on(struct sync *s, struct ft_err *err)
{
    char time[FORMAT_SIZE];
    uint64_t moving_ms = cutover_moved(&s->cutover, clock_mono_ms());

    if (moving_ms <= s->o->replay.give_up_ms)
        return 0;
    return err_set(err, FT_ERR_TIMEOUT,
                   "the source says that its writes are paused, but its journal has grown for %s",
                   format_duration_ms(moving_ms, time));
}

/* The same, for a step that can be taken at the goal only. Returns 1: not now. */
static int stand_still(struct sync *s, struct ft_err *err)
{
    int moved = look_again(s, err);

    if (moved > 0 && move_on(s, err) != 0)
        return -1;
    if (moved == 0)
        cutover_stands(&s->cutover);
    return moved;
}

int sync_follow_again(struct sync *s, struct ft_err *err)
{
    live_flows_clear_goal(s->o->live);
    free(s->result->goal);
    s->result->goal = NULL;
    return atomic_load(&s->replay.done) ? sync_start_replay(s, err) : 0;
}

/*
 * The actions
 */

static void unpause(struct sync *s)
{
    struct ft_err err = FT_ERR_INIT;
    bool blind = sync_source_blind_ms(&s->source) != 0;

    if (sync_source_unpause(&s->source, &err) == 0)
        return;
    if (blind)
        sync_note(s, "%s", err.msg);
    else
        sync_note(s, "%s; the source's pause ends by itself within %u s", err.msg,
                  CUTOVER_PAUSE_MS / 1000);
}

void sync_let_go(struct sync *s)
{
    if (cutover_is_paused(&s->cutover))
        unpause(s);
}

static int do_pause(struct sync *s, struct ft_err *err)
{
    struct ft_err refused = FT_ERR_INIT;
    uint64_t ignored;

    /* nobody is paused for a cut-over that cannot be */
    if (sync_source_nodes_rest(&s->source, &ignored, err) != 0)
        return -1;
    if (sync_source_pause(&s->source, CUTOVER_PAUSE_MS, &refused) == 0) {
        sync_note(s, "the source's writes are paused%s; waiting until the target has everything",
                  s->cutover.mode == CUTOVER_PAUSE ? "" : ", as there are suspect keys to be read");
        if (sync_source_blind_ms(&s->source) != 0)
            sync_note(s,
                      "a Redis before 6.2 pauses its reads too, and this pause, of %" PRIu64
                      " s, can neither be prolonged nor ended",
                      s->source.blind_pause_ms / 1000);
        return take_goal(s, err);
    }
    if (s->cutover.mode == CUTOVER_PAUSE || refused.kind != FT_ERR_PROTOCOL) {
        *err = refused;
        return -1;
    }
    cutover_not_paused(&s->cutover);
    sync_note(s, "%s; suspect keys are read while it keeps running", refused.msg);
    return take_goal(s, err);
}

static int do_goal(struct sync *s, struct ft_err *err)
{
    sync_note(s, s->cutover.mode == CUTOVER_MANUAL
                     ? "cutting over at what the source has now; it is not paused"
                     : "caught up; waiting until the target has what the source has now");
    return take_goal(s, err);
}

static int do_check(struct sync *s, struct ft_err *err)
{
    switch (sync_check_step(&s->check, s->result->goal, s->result->flow_count, err)) {
    case SYNC_CHECK_ERROR:
        return -1;
    case SYNC_CHECK_MOVED:
        return move_on(s, err) != 0 ? -1 : take_goal(s, err);
    case SYNC_CHECK_DONE:
        sync_note(s,
                  "suspect keys read again: %" PRIu64 " corrected, %" PRIu64 " deleted, %" PRIu64
                  " equal, %zu not read",
                  s->result->checked.corrected, s->result->checked.deleted,
                  s->result->checked.equal, s->check.given_up.count);
        return 0;
    case SYNC_CHECK_ON:
        break;
    }
    return 0;
}

static int do_hold(struct sync *s, struct ft_err *err)
{
    const char *dir = s->o->capture.directory;
    char time[FORMAT_SIZE];
    int moved = stand_still(s, err);

    if (moved != 0)
        return moved < 0 ? -1 : 0;
    sync_note(s,
              "%s everything%s and the source is paused; confirm by \"flowtape "
              "cutover %s --confirm\" or SIGUSR1%s%s; SIGINT lets the source resume",
              s->serves ? "the replicas have" : "the target has",
              s->check.given_up.count == 0 ? "" : " but some suspect keys", dir,
              s->o->hold_ms == 0 ? "" : " within ",
              s->o->hold_ms == 0 ? "" : format_duration_ms(s->o->hold_ms, time));
    if (sync_has_terminal(s)) {
        (void)tcflush(s->o->enter_fd, TCIFLUSH); /* what was typed before confirms nothing */
        s->o->on_note(s->o->context, "Enter confirms too");
    }
    return 0;
}

static int do_finish(struct sync *s, struct ft_err *err)
{
    int moved = 0;

    if (s->cutover.mode == CUTOVER_PAUSE) {
        if (sync_source_pause(&s->source, CUTOVER_LAST_PAUSE_MS, err) != 0)
            return -1;
        moved = stand_still(s, err);
    }
    if (moved != 0)
        return moved < 0 ? -1 : 0;
    /* since it held somebody has gone, or has come and got a state in which keys are suspect */
    if (s->serves && !s->taken_over && (!sync_served_has_all(s) || sync_check_is_due(&s->check))) {
        cutover_more(&s->cutover);
        return 0;
    }
    if (sync_times_finish(s, err) != 0)
        return -1;
    if (sync_source_blind_ms(&s->source) != 0)
        sync_note(s, "the source's pause ends by itself in %" PRIu64 " s",
                  sync_source_blind_ms(&s->source) / 1000);
    if (s->unproven)
        return err_set(err, FT_ERR_NET,
                       "the source says that it has handed over, but flow %" PRIu32
                       " did not bring the record that ends it: the target has all that came, "
                       "which may not be all that the source had",
                       s->silent_flow);
    if (s->serves)
        sync_served_say_done(s);
    s->result->ended = SYNC_CUT_OVER;
    s->over = true;
    return 0;
}

static int do_release(struct sync *s, struct ft_err *err)
{
    sync_proof_stop(s);
    sync_times_undo(s);
    unpause(s);
    sync_note(s, "not confirmed in time: the source resumes");
    if (s->cutover.by_itself) {
        s->result->ended = SYNC_NOT_CONFIRMED;
        s->over = true;
        return 0;
    }
    s->o->on_outcome(s->o->context, SYNC_NOT_CONFIRMED, NULL);
    cutover_failed(&s->cutover);
    return sync_follow_again(s, err);
}

/*
 * The takeover
 *
 * A source that hands over writes a PING record to each flow as the last one, and is gone when all are
 * acknowledged. It cannot be asked again: what the flows have brought is what can be relied upon.
 */

/* The answer did not come: did it hand over? What it did shows within a moment, if it did. */
static int decide_unanswered(struct sync *s, struct ft_err *err)
{
    uint64_t until_ms = clock_mono_ms() + TAKEOVER_LOOK_MS;
    uint32_t flow = 0;
    bool there;
    bool over;

    while ((there = sync_source_is_there(&s->source)) && clock_mono_ms() < until_ms)
        (void)usleep(TAKEOVER_PAUSE_US);
    while (!(over = live_flows_is_handed_over(s->o->live, &flow)) && clock_mono_ms() < until_ms)
        (void)usleep(TAKEOVER_PAUSE_US);
    if (!over)
        return err_set(err, FT_ERR_NET,
                       "the source's answer to DFLY TAKEOVER was lost, and flow %" PRIu32
                       " has not brought the record that ends a hand-over: look whether the source "
                       "still serves before anything writes to the target",
                       flow);
    if (there)
        return err_set(
            err, FT_ERR_NET,
            "the source's answer to DFLY TAKEOVER was lost, and a server answers at its "
            "address: either it is still running, or it has handed over and was started again");
    sync_note(s, "the source's answer was lost, but each flow brought its last record and the "
                 "source is gone");
    return 0;
}

/* What is acknowledged is durable, so with the answer the last records are there already. */
static void look_for_proof(struct sync *s)
{
    uint64_t until_ms = clock_mono_ms() + TAKEOVER_LOOK_MS;

    while ((s->unproven = !live_flows_is_handed_over(s->o->live, &s->silent_flow)) &&
           clock_mono_ms() < until_ms)
        (void)usleep(TAKEOVER_PAUSE_US);
}

/* A takeover waits for commands in flight, and so for those that a pause holds: no pause is left. */
static int do_takeover(struct sync *s, struct ft_err *err)
{
    struct ft_err cause = FT_ERR_INIT;
    char sync_id[SYNC_ID_SIZE];
    bool unanswered;

    if (s->cutover.paused)
        unpause(s);
    cutover_not_paused(&s->cutover);
    (void)has_session(s, sync_id); /* one that has just ended is refused */
    sync_note(s, "asking the source to hand over");
    sync_hand_over(s, true, false);
    if (sync_source_takeover(&s->source, sync_id, TAKEOVER_S, &unanswered, &cause) == 0) {
        look_for_proof(s);
    } else if (!unanswered) {
        *err = cause;
        sync_hand_over(s, false, true);
        return -1;
    } else if (decide_unanswered(s, err) != 0) {
        sync_hand_over(s, false, true);
        return -1;
    }
    s->taken_over = true;
    sync_note(s, "the source has handed over and stops");
    sync_cancel(&s->capture);
    return sync_follow_again(s, err);
}

static int do_prepare(struct sync *s, struct ft_err *err)
{
    int rc;
    int proof;

    if (s->serves) {
        s->prepared = sync_served_is_ready(s);
        return sync_served_wait(s, err);
    }
    rc = sync_times_prepare(s, err);
    proof = rc < 0 ? 0 : sync_proof_prepare(s, err);
    s->prepared = rc > 0 && proof > 0;
    return rc < 0 || proof < 0 ? -1 : 0;
}

/* While the cut-over waits for something, it may be for somebody who is away. */
static int wait_for_replicas(struct sync *s, struct ft_err *err)
{
    if (s->cutover.state < CUTOVER_DRAINING || s->cutover.state == CUTOVER_OVER)
        return 0;
    if (s->cutover.state == CUTOVER_DRAINING && sync_served_needs_goal(s))
        return take_goal(s, err);
    if (s->cutover.state == CUTOVER_CHECKING)
        (void)poll(NULL, 0, ACKNOWLEDGE_MS); /* only to let time pass */
    return sync_served_wait(s, err);
}

static int execute(struct sync *s, enum cutover_action action, struct ft_err *err)
{
    switch (action) {
    case CUTOVER_DO_NOTHING:
        return s->serves ? wait_for_replicas(s, err) : 0;
    case CUTOVER_DO_SAY:
        sync_note(s,
                  "caught up with the source; \"flowtape cutover %s\" or SIGUSR1 begins the "
                  "cut-over",
                  s->o->capture.directory);
        return 0;
    case CUTOVER_DO_PREPARE:
        return do_prepare(s, err);
    case CUTOVER_DO_PAUSE:
        return do_pause(s, err);
    case CUTOVER_DO_GOAL:
        return do_goal(s, err);
    case CUTOVER_DO_RENEW:
        return sync_source_pause(&s->source, CUTOVER_PAUSE_MS, err);
    case CUTOVER_DO_CHECK:
        return do_check(s, err);
    case CUTOVER_DO_PROVE:
        return s->serves ? wait_for_replicas(s, err) : sync_proof_step(s, err);
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

/* A cut-over that failed leaves a sync that follows, unless it was all that was wanted, or there is
 * nothing to follow any more. */
static int give_up(struct sync *s, const struct ft_err *cause, bool paused, struct ft_err *err)
{
    bool by_itself = s->cutover.by_itself;

    sync_proof_stop(s);
    sync_times_undo(s);
    if (paused)
        unpause(s);
    cutover_failed(&s->cutover);
    if (by_itself || s->taken_over || cause->kind == FT_ERR_CANCELLED) {
        *err = *cause;
        return cause->kind == FT_ERR_CANCELLED ? -1 : err_wrap(err, "the cut-over failed");
    }
    sync_note(s, "the cut-over failed: %s; following again", cause->msg);
    s->o->on_outcome(s->o->context, SYNC_FAILED, cause);
    return sync_follow_again(s, err);
}

/* It was about to end at a goal that was given up meanwhile. */
static bool ended_too_early(const struct sync *s, const struct live_state *state)
{
    return atomic_load(&s->replay.done) && !s->replay.failed && !state->ended &&
           !state->goal_applied;
}

int sync_step_cutover(struct sync *s, struct ft_err *err)
{
    struct ft_err cause = FT_ERR_INIT;
    struct cutover_seen seen = {.now_ms = clock_mono_ms()};
    enum cutover_state before = s->cutover.state;
    char sync_id[SYNC_ID_SIZE];
    struct live_state state;
    bool begins;

    live_flows_state(s->o->live, &state);
    if (before <= CUTOVER_PREPARING && (s->full || state.ended))
        return 0;
    if (ended_too_early(s, &state) && sync_start_replay(s, err) != 0)
        return -1;
    seen.caught_up =
        (before == CUTOVER_FOLLOWING || before == CUTOVER_PREPARING) && sync_has_caught_up(s);
    seen.prepared = before == CUTOVER_PREPARING && s->prepared;
    if (before != CUTOVER_PREPARING) {
        s->prepared = false;
        sync_times_keep(s);
    }
    seen.told = before == CUTOVER_HOLDING ? s->confirm : s->begin && state.ready;
    /* with a new full sync nobody has a goal any more; another is taken when it can be replayed */
    seen.lost_goal =
        s->result->goal != NULL && state.ready && state.goal_generation != state.generation;
    seen.applied = has_applied(s, &state);
    seen.attached = has_session(s, sync_id);
    begins = seen.lost_goal || (before == CUTOVER_FOLLOWING && (seen.told || seen.caught_up));
    if (begins)
        sync_check_begin(&s->check);
    if (begins || (seen.applied && !s->pops_asked)) {
        sync_pops_ask(&s->check);
        s->pops_asked = seen.applied;
    }
    if (begins && sync_pops_read(&s->check, err) != 0)
        return -1;
    seen.suspects = sync_check_is_due(&s->check);
    seen.unproven = s->serves ? !sync_served_has_all(s) : seen.applied && sync_proof_is_due(s);
    if (seen.told)
        s->begin = s->confirm = false;
    if (execute(s, cutover_next(&s->cutover, &seen), &cause) == 0)
        return 0;
    return give_up(s, &cause, s->cutover.paused, err);
}
