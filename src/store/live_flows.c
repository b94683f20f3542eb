#include "store/live_flows.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wake.h"

/* Receipts that a flow remembers, to tell how old its lag is; when they become too many, they are
 * merged to one for each share of the time between the first and the last. */
#define RECEIPTS_MAX   64u
#define RECEIPT_SHARES 40u

/* Records before next_lsn, and after those of the receipt before, came at time_us or later. */
struct receipt {
    uint64_t next_lsn;
    uint64_t time_us;
};

struct live_flow {
    uint64_t next_lsn[LIVE_APPLIED]; /* of the capture's stages */
    uint64_t goal_lsn;
    uint64_t ping_lsn;  /* next LSN after the last PING; 0: none yet */
    uint64_t first_lsn; /* of what was received */
    struct receipt receipts[RECEIPTS_MAX];
    uint32_t receipt_count;
};

struct live_waiter {
    struct live_flows *live;
    struct live_waiter *next;
    unsigned stages;
    int fd; /* of wake_open */
    bool told;
};

struct live_flows {
    pthread_mutex_t mu;
    bool eager; /* constant */
    struct live_state state;
    struct live_flow *flows; /* state.flow_count */
    uint64_t *applied;       /* applied_count */
    uint32_t applied_count;
    struct live_waiter *waiters;
};

int live_flows_new(struct live_flows **ret, bool eager, struct ft_err *err)
{
    struct live_flows *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return err_nomem(err, "the state of a capture");
    l->eager = eager;
    (void)pthread_mutex_init(&l->mu, NULL); /* default attributes: cannot fail on Linux */
    *ret = l;
    return 0;
}

void live_flows_free(struct live_flows *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_destroy(&l->mu); /* nobody holds it any more */
    free(l->flows);
    free(l->applied);
    free(l);
}

bool live_flows_is_eager(const struct live_flows *l)
{
    return l->eager;
}

/* Under mu. Who has been told once need not be told again before it has looked. */
static void tell(struct live_flows *l, unsigned stages)
{
    for (struct live_waiter *w = l->waiters; w != NULL; w = w->next) {
        if (w->told || (stages & (w->stages | LIVE_WAIT(LIVE_STAGES))) == 0)
            continue;
        w->told = wake_set(w->fd);
    }
}

static void tell_all(struct live_flows *l)
{
    tell(l, LIVE_WAIT(LIVE_STAGES));
}

/* Under mu: does LIVE_APPLIED cover the goal? */
static void look_at_goal(struct live_flows *l)
{
    struct live_state *s = &l->state;
    bool reached = s->goal_generation != 0 && s->applied_generation == s->goal_generation &&
                   l->applied_count == s->flow_count;

    for (uint32_t i = 0; reached && i < s->flow_count; i++)
        reached = l->applied[i] >= l->flows[i].goal_lsn;
    if (reached != s->goal_applied) {
        s->goal_applied = reached;
        tell_all(l);
    }
}

/*
 * The capture's side
 */

/* Receipts that the target has been through are of no use any more; its next one tells the time of
 * what it does not have. */
static void forget_applied(struct live_flow *f, uint64_t applied)
{
    uint32_t gone = 0;

    while (gone < f->receipt_count && f->receipts[gone].next_lsn <= applied)
        gone++;
    f->receipt_count -= gone;
    memmove(f->receipts, f->receipts + gone, f->receipt_count * sizeof(f->receipts[0]));
}

/* A receipt that came within step_us of the one before goes into that one, which has the earlier
 * time. */
static void append_receipt(struct live_flow *f, uint64_t step_us, const struct receipt *r)
{
    struct receipt *last = f->receipts + f->receipt_count - 1;

    if (f->receipt_count > 0 && r->time_us < last->time_us + step_us)
        last->next_lsn = r->next_lsn;
    else
        f->receipts[f->receipt_count++] = *r;
}

/* Under mu. Each receipt stands for an equal share of the time that there is to be told, so the age
 * of a lag is too large by one share at most. */
static void remember_receipt(struct live_flows *l, uint32_t flow, const struct receipt *r)
{
    struct live_flow *f = &l->flows[flow];
    uint64_t span_us = 0;
    uint64_t step_us;
    uint32_t count;

    if (l->state.applied_generation == l->state.generation && flow < l->applied_count)
        forget_applied(f, l->applied[flow]);
    if (f->receipt_count > 0 && r->time_us > f->receipts[0].time_us)
        span_us = r->time_us - f->receipts[0].time_us;
    step_us = span_us / RECEIPT_SHARES + 1;
    if (f->receipt_count == RECEIPTS_MAX) {
        count = f->receipt_count;
        f->receipt_count = 0;
        for (uint32_t i = 0; i < count; i++)
            append_receipt(f, step_us, &f->receipts[i]);
    }
    append_receipt(f, step_us, r);
}

/* Under mu. */
static bool advance(struct live_flows *l, enum live_stage stage, uint32_t flow, uint64_t next_lsn,
                    uint64_t time_us)
{
    uint64_t *at = &l->flows[flow].next_lsn[stage];

    if (next_lsn <= *at)
        return false;
    if (stage == LIVE_RECEIVED)
        remember_receipt(l, flow, &(struct receipt){next_lsn, time_us});
    if (l->flows[flow].first_lsn == 0)
        l->flows[flow].first_lsn = next_lsn;
    *at = next_lsn;
    return true;
}

int live_flows_begin(struct live_flows *l, uint32_t generation, uint32_t flow_count,
                     const uint64_t *next_lsn, bool ready, struct ft_err *err)
{
    struct live_state *s = &l->state;
    uint64_t now_us = clock_wall_us();
    struct live_flow *flows = NULL;

    if (generation != s->generation) {
        flows = calloc(flow_count + 1u, sizeof(*flows));
        if (flows == NULL)
            return err_nomem(err, "the state of a capture");
    }
    pthread_mutex_lock(&l->mu);
    if (flows != NULL) {
        free(l->flows);
        l->flows = flows;
        s->generation = generation;
        s->flow_count = flow_count;
        s->ready = false;
        s->goal_generation = 0; /* nobody will ever get there */
    }
    for (uint32_t i = 0; i < s->flow_count && i < flow_count; i++) {
        for (int stage = 0; stage < LIVE_APPLIED; stage++)
            (void)advance(l, (enum live_stage)stage, i, next_lsn[i], now_us);
    }
    s->ready = s->ready || ready;
    if (s->ready)
        s->replayable = generation;
    look_at_goal(l);
    tell_all(l);
    pthread_mutex_unlock(&l->mu);
    return 0;
}

void live_flows_by_offset(struct live_flows *l)
{
    pthread_mutex_lock(&l->mu);
    l->state.by_offset = true;
    pthread_mutex_unlock(&l->mu);
}

void live_flows_ready(struct live_flows *l)
{
    pthread_mutex_lock(&l->mu);
    l->state.ready = true;
    l->state.replayable = l->state.generation;
    tell_all(l);
    pthread_mutex_unlock(&l->mu);
}

static void advance_and_tell(struct live_flows *l, enum live_stage stage, uint32_t flow,
                             uint64_t next_lsn, uint64_t time_us)
{
    pthread_mutex_lock(&l->mu);
    if (flow < l->state.flow_count && advance(l, stage, flow, next_lsn, time_us))
        tell(l, LIVE_WAIT(stage));
    pthread_mutex_unlock(&l->mu);
}

void live_flows_received(struct live_flows *l, uint32_t flow, uint64_t next_lsn, uint64_t time_us)
{
    advance_and_tell(l, LIVE_RECEIVED, flow, next_lsn, time_us);
}

void live_flows_advance(struct live_flows *l, enum live_stage stage, uint32_t flow,
                        uint64_t next_lsn)
{
    if (stage == LIVE_WRITTEN || stage == LIVE_DURABLE)
        advance_and_tell(l, stage, flow, next_lsn, 0);
}

void live_flows_pinged(struct live_flows *l, uint32_t flow, uint64_t next_lsn)
{
    pthread_mutex_lock(&l->mu);
    if (flow < l->state.flow_count)
        l->flows[flow].ping_lsn = next_lsn;
    pthread_mutex_unlock(&l->mu);
}

bool live_flows_is_handed_over(struct live_flows *l, uint32_t *ret_flow)
{
    uint32_t i = 0;
    bool over;

    pthread_mutex_lock(&l->mu);
    while (i < l->state.flow_count && l->flows[i].ping_lsn != 0 &&
           l->flows[i].next_lsn[LIVE_RECEIVED] == l->flows[i].ping_lsn &&
           l->flows[i].next_lsn[LIVE_DURABLE] == l->flows[i].ping_lsn)
        i++;
    over = l->state.flow_count != 0 && i == l->state.flow_count;
    pthread_mutex_unlock(&l->mu);
    if (!over)
        *ret_flow = i;
    return over;
}

void live_flows_end(struct live_flows *l)
{
    pthread_mutex_lock(&l->mu);
    l->state.ended = true;
    tell_all(l);
    pthread_mutex_unlock(&l->mu);
}

/*
 * The replay's side
 */

int live_flows_replay_at(struct live_flows *l, uint32_t generation, uint32_t flow_count,
                         const uint64_t *next_lsn, struct ft_err *err)
{
    uint64_t *applied = calloc(flow_count + 1u, sizeof(*applied));
    uint64_t *old;

    if (applied == NULL)
        return err_nomem(err, "the state of a replay");
    memcpy(applied, next_lsn, flow_count * sizeof(*applied));
    pthread_mutex_lock(&l->mu);
    old = l->applied;
    l->applied = applied;
    l->applied_count = flow_count;
    l->state.applied_generation = generation;
    look_at_goal(l);
    tell(l, LIVE_WAIT(LIVE_APPLIED));
    pthread_mutex_unlock(&l->mu);
    free(old);
    return 0;
}

void live_flows_applied(struct live_flows *l, uint32_t flow, uint64_t next_lsn)
{
    pthread_mutex_lock(&l->mu);
    if (flow < l->applied_count && next_lsn > l->applied[flow]) {
        l->applied[flow] = next_lsn;
        look_at_goal(l);
        tell(l, LIVE_WAIT(LIVE_APPLIED));
    }
    pthread_mutex_unlock(&l->mu);
}

void live_flows_readable(struct live_flows *l, uint32_t generation, uint64_t *ret_lsn,
                         uint32_t flow_count)
{
    enum live_stage stage = l->eager ? LIVE_WRITTEN : LIVE_DURABLE;

    pthread_mutex_lock(&l->mu);
    for (uint32_t i = 0; i < flow_count; i++) {
        bool known = generation == l->state.generation && i < l->state.flow_count;

        ret_lsn[i] = known ? l->flows[i].next_lsn[stage] : UINT64_MAX;
    }
    pthread_mutex_unlock(&l->mu);
}

/*
 * For everybody
 */

int live_flows_set_goal(struct live_flows *l, uint32_t generation, const uint64_t *next_lsn,
                        uint32_t flow_count, struct ft_err *err)
{
    struct live_state *s = &l->state;
    int rc = 0;

    pthread_mutex_lock(&l->mu);
    if (generation != s->generation || flow_count != s->flow_count) {
        rc = err_set(err, FT_ERR_NET, "the capture began generation %u meanwhile", s->generation);
    } else {
        for (uint32_t i = 0; i < flow_count; i++)
            l->flows[i].goal_lsn = next_lsn[i];
        s->goal_generation = generation;
        look_at_goal(l);
        tell_all(l);
    }
    pthread_mutex_unlock(&l->mu);
    return rc;
}

void live_flows_clear_goal(struct live_flows *l)
{
    pthread_mutex_lock(&l->mu);
    l->state.goal_generation = 0;
    look_at_goal(l);
    tell_all(l);
    pthread_mutex_unlock(&l->mu);
}

void live_flows_state(struct live_flows *l, struct live_state *ret)
{
    pthread_mutex_lock(&l->mu);
    *ret = l->state;
    pthread_mutex_unlock(&l->mu);
}

bool live_flows_goal(struct live_flows *l, uint32_t generation, uint64_t *ret_lsn,
                     uint32_t flow_count)
{
    bool found;

    pthread_mutex_lock(&l->mu);
    found = generation != 0 && l->state.goal_generation == generation &&
            l->state.flow_count == flow_count;
    for (uint32_t i = 0; found && i < flow_count; i++)
        ret_lsn[i] = l->flows[i].goal_lsn;
    pthread_mutex_unlock(&l->mu);
    return found;
}

/* Under mu: when the first record that is not before next_lsn was received. */
static uint64_t received_us(const struct live_flow *f, uint64_t next_lsn)
{
    uint32_t i = 0;

    while (i + 1 < f->receipt_count && f->receipts[i].next_lsn <= next_lsn)
        i++;
    return f->receipts[i].time_us;
}

/* Under mu. */
static uint64_t lsn_of(const struct live_flows *l, enum live_stage stage, uint32_t flow)
{
    if (stage != LIVE_APPLIED)
        return l->flows[flow].next_lsn[stage];
    return l->state.applied_generation == l->state.generation && flow < l->applied_count
               ? l->applied[flow]
               : 0;
}

/* Under mu. What is in the journal already lags from where it is, also where the capture resumed after that. */
static struct live_point point_of(const struct live_flows *l, enum live_stage stage, uint32_t flow,
                                  uint64_t now_us)
{
    const struct live_flow *f = &l->flows[flow];
    uint64_t received = f->next_lsn[LIVE_RECEIVED];
    struct live_point p = {.next_lsn = lsn_of(l, stage, flow)};

    if (received > p.next_lsn) {
        uint64_t since_us = received_us(f, p.next_lsn);

        p.lag = received - (p.next_lsn != 0 ? p.next_lsn : f->first_lsn);
        p.lag_ms = now_us > since_us ? (now_us - since_us) / 1000 : 0;
    }
    return p;
}

bool live_flows_point(struct live_flows *l, enum live_stage stage, uint32_t flow,
                      struct live_point *ret)
{
    uint64_t now_us = clock_wall_us();
    bool found;

    pthread_mutex_lock(&l->mu);
    found = flow < l->state.flow_count;
    if (found)
        *ret = point_of(l, stage, flow, now_us);
    pthread_mutex_unlock(&l->mu);
    return found;
}

bool live_flows_points(struct live_flows *l, uint32_t flow, struct live_point ret[LIVE_STAGES])
{
    uint64_t now_us = clock_wall_us();
    bool found;

    pthread_mutex_lock(&l->mu);
    found = flow < l->state.flow_count;
    for (int stage = 0; found && stage < LIVE_STAGES; stage++)
        ret[stage] = point_of(l, (enum live_stage)stage, flow, now_us);
    pthread_mutex_unlock(&l->mu);
    return found;
}

/*
 * Waiting
 */

int live_waiter_new(struct live_waiter **ret, struct live_flows *l, unsigned stages,
                    struct ft_err *err)
{
    struct live_waiter *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return err_nomem(err, "a waiter");
    if (wake_open(&w->fd, err) != 0) {
        free(w);
        return -1;
    }
    w->live = l;
    w->stages = stages;
    pthread_mutex_lock(&l->mu);
    w->next = l->waiters;
    l->waiters = w;
    pthread_mutex_unlock(&l->mu);
    *ret = w;
    return 0;
}

void live_waiter_free(struct live_waiter *w)
{
    struct live_waiter **at;

    if (w == NULL)
        return;
    pthread_mutex_lock(&w->live->mu);
    for (at = &w->live->waiters; *at != w; at = &(*at)->next)
        ;
    *at = w->next;
    pthread_mutex_unlock(&w->live->mu);
    (void)close(w->fd); /* holds nothing */
    free(w);
}

int live_waiter_fd(const struct live_waiter *w)
{
    return w->fd;
}

static bool take_told(struct live_waiter *w)
{
    bool told;

    pthread_mutex_lock(&w->live->mu);
    told = w->told && wake_clear(w->fd);
    w->told = false;
    pthread_mutex_unlock(&w->live->mu);
    return told;
}

int live_waiter_wait(struct live_waiter *w, int timeout_ms, int cancel_fd, struct ft_err *err)
{
    uint64_t began_ms = clock_mono_ms();
    int left_ms = timeout_ms;

    for (;;) {
        struct pollfd fds[2] = {{w->fd, POLLIN, 0}, {cancel_fd, POLLIN, 0}};
        uint64_t gone_ms;
        int n = poll(fds, 2, left_ms);

        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "could not wait for the capture");
        if (n > 0 && fds[1].revents != 0)
            return err_set(err, FT_ERR_CANCELLED, "cancelled");
        if (n > 0 && take_told(w))
            return 1;
        gone_ms = clock_mono_ms() - began_ms;
        if (timeout_ms >= 0 && gone_ms >= (uint64_t)timeout_ms)
            return 0;
        left_ms = timeout_ms < 0 ? -1 : timeout_ms - (int)gone_ms;
    }
}
