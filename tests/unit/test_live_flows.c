#include "store/live_flows.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/test_main.h"

static const uint64_t nothing[2];

static struct live_flows *live_new(bool eager)
{
    struct ft_err err = FT_ERR_INIT;
    struct live_flows *l = NULL;

    t_ok(live_flows_new(&l, eager, &err), &err);
    return l;
}

static void begin(struct live_flows *l, uint32_t generation, const uint64_t *lsn, bool ready)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(live_flows_begin(l, generation, 2, lsn, ready, &err), &err);
}

static uint64_t lsn_at(struct live_flows *l, enum live_stage stage, uint32_t flow)
{
    struct live_point p;

    assert_true(live_flows_point(l, stage, flow, &p));
    return p.next_lsn;
}

static uint64_t lag_of(struct live_flows *l, enum live_stage stage, uint32_t flow)
{
    struct live_point p;

    assert_true(live_flows_point(l, stage, flow, &p));
    return p.lag;
}

static void test_stages(void **state)
{
    struct live_flows *l = live_new(false);
    struct live_point at[LIVE_STAGES];
    struct live_state s;
    struct live_point p;
    uint64_t readable[3];

    (void)state;
    live_flows_state(l, &s);
    assert_int_equal(s.generation, 0);
    assert_int_equal(s.replayable, 0);
    assert_false(live_flows_point(l, LIVE_RECEIVED, 0, &p));
    begin(l, 3, nothing, false);
    live_flows_received(l, 1, 100, 1);
    live_flows_received(l, 1, 140, 2);
    live_flows_advance(l, LIVE_WRITTEN, 1, 130);
    live_flows_advance(l, LIVE_DURABLE, 1, 120);
    live_flows_advance(l, LIVE_DURABLE, 1, 110);
    live_flows_advance(l, LIVE_DURABLE, 7, 110);
    assert_int_equal(lsn_at(l, LIVE_DURABLE, 1), 120);
    assert_int_equal(lag_of(l, LIVE_DURABLE, 1), 20);
    assert_int_equal(lag_of(l, LIVE_WRITTEN, 1), 10);
    assert_int_equal(lag_of(l, LIVE_RECEIVED, 1), 0);
    assert_int_equal(lag_of(l, LIVE_APPLIED, 1), 40); /* it began with 100 */
    assert_true(live_flows_points(l, 1, at));
    assert_int_equal(at[LIVE_RECEIVED].next_lsn, 140);
    assert_int_equal(at[LIVE_WRITTEN].next_lsn, 130);
    assert_int_equal(at[LIVE_WRITTEN].lag, 10);
    assert_int_equal(at[LIVE_DURABLE].next_lsn, 120);
    assert_int_equal(at[LIVE_DURABLE].lag, 20);
    assert_int_equal(at[LIVE_APPLIED].next_lsn, 0);
    assert_int_equal(at[LIVE_APPLIED].lag, 40);
    assert_false(live_flows_points(l, 2, at));
    assert_int_equal(lsn_at(l, LIVE_DURABLE, 0), 0);
    live_flows_readable(l, 3, readable, 3);
    assert_int_equal(readable[0], 0);
    assert_int_equal(readable[1], 120);
    assert_true(readable[2] == UINT64_MAX);
    live_flows_readable(l, 2, readable, 2);
    assert_true(readable[1] == UINT64_MAX);
    live_flows_free(l);
}

static void test_eager(void **state)
{
    struct live_flows *l = live_new(true);
    uint64_t readable[2];

    (void)state;
    begin(l, 1, nothing, true);
    live_flows_advance(l, LIVE_WRITTEN, 0, 30);
    live_flows_advance(l, LIVE_DURABLE, 0, 20);
    live_flows_readable(l, 1, readable, 2);
    assert_int_equal(readable[0], 30);
    assert_true(live_flows_is_eager(l));
    live_flows_free(l);
}

static void test_generations(void **state)
{
    static const uint64_t first[2] = {50, 60};
    static const uint64_t grown[2] = {55, 10};
    struct live_flows *l = live_new(false);
    struct ft_err err = FT_ERR_INIT;
    struct live_state s;

    (void)state;
    begin(l, 1, first, true);
    t_ok(live_flows_replay_at(l, 1, 2, first, &err), &err);
    begin(l, 1, grown, false); /* a resumption: nothing goes back */
    live_flows_state(l, &s);
    assert_true(s.ready);
    assert_int_equal(lsn_at(l, LIVE_DURABLE, 0), 55);
    assert_int_equal(lsn_at(l, LIVE_DURABLE, 1), 60);
    assert_int_equal(lag_of(l, LIVE_APPLIED, 0), 5);
    begin(l, 2, nothing, false);
    live_flows_state(l, &s);
    assert_int_equal(s.generation, 2);
    assert_int_equal(s.replayable, 1);
    assert_false(s.ready);
    assert_int_equal(s.applied_generation, 1);
    assert_int_equal(lsn_at(l, LIVE_APPLIED, 0), 0);
    live_flows_ready(l);
    live_flows_state(l, &s);
    assert_int_equal(s.replayable, 2);
    live_flows_free(l);
}

static void test_goal(void **state)
{
    static const uint64_t goal[2] = {10, 20};
    struct live_flows *l = live_new(false);
    struct ft_err err = FT_ERR_INIT;
    struct live_state s;
    uint64_t seen[2];

    (void)state;
    begin(l, 1, nothing, true);
    t_ok(live_flows_replay_at(l, 1, 2, nothing, &err), &err);
    t_fails(live_flows_set_goal(l, 2, goal, 2, &err), &err, FT_ERR_NET, "generation 1");
    assert_false(live_flows_goal(l, 1, seen, 2));
    t_ok(live_flows_set_goal(l, 1, goal, 2, &err), &err);
    assert_true(live_flows_goal(l, 1, seen, 2));
    assert_int_equal(seen[1], 20);
    live_flows_applied(l, 0, 10);
    live_flows_applied(l, 1, 19);
    live_flows_state(l, &s);
    assert_false(s.goal_applied);
    live_flows_applied(l, 1, 20);
    live_flows_state(l, &s);
    assert_true(s.goal_applied);
    t_ok(live_flows_replay_at(l, 1, 2, nothing, &err), &err); /* the target lost it again */
    live_flows_state(l, &s);
    assert_false(s.goal_applied);
    live_flows_clear_goal(l);
    assert_false(live_flows_goal(l, 1, seen, 2));
    live_flows_free(l);
}

static void test_handed_over(void **state)
{
    static const uint64_t at[2] = {10, 20};
    struct live_flows *l = live_new(false);
    uint32_t flow = 9;

    (void)state;
    assert_false(live_flows_is_handed_over(l, &flow)); /* nothing is known yet */
    begin(l, 1, at, true);
    assert_false(live_flows_is_handed_over(l, &flow));
    assert_int_equal(flow, 0);
    live_flows_received(l, 0, 11, 1);
    live_flows_pinged(l, 0, 11);
    live_flows_advance(l, LIVE_DURABLE, 0, 11);
    live_flows_received(l, 1, 21, 1);
    live_flows_pinged(l, 1, 21);
    assert_false(live_flows_is_handed_over(l, &flow)); /* it is not durable */
    assert_int_equal(flow, 1);
    live_flows_advance(l, LIVE_DURABLE, 1, 21);
    assert_true(live_flows_is_handed_over(l, &flow));
    live_flows_received(l, 0, 12, 2); /* it went on behind it */
    live_flows_advance(l, LIVE_DURABLE, 0, 12);
    assert_false(live_flows_is_handed_over(l, &flow));
    assert_int_equal(flow, 0);
    live_flows_free(l);
}

/* The age of a lag is never told too small, and hardly too large, however many receipts there were. */
static void test_age(void **state)
{
    struct live_flows *l = live_new(false);
    uint64_t now_us = clock_wall_us();
    struct live_point p;

    (void)state;
    begin(l, 1, nothing, true);
    for (uint64_t i = 0; i < 1000; i++)
        live_flows_received(l, 0, i + 1, now_us - (1000 - i) * 1000000);
    assert_true(live_flows_point(l, LIVE_DURABLE, 0, &p));
    assert_true(p.lag_ms >= 1000 * 1000);
    live_flows_advance(l, LIVE_DURABLE, 0, 500);
    assert_true(live_flows_point(l, LIVE_DURABLE, 0, &p));
    assert_int_equal(p.lag, 500);
    assert_in_range(p.lag_ms, 500 * 1000, 530 * 1000);
    live_flows_advance(l, LIVE_DURABLE, 0, 1000);
    assert_true(live_flows_point(l, LIVE_DURABLE, 0, &p));
    assert_int_equal(p.lag_ms, 0);
    live_flows_free(l);
}

/* Who stays as far behind, for however long, is told so; and who catches up, too. */
static void test_age_of_applied(void **state)
{
    struct live_flows *l = live_new(false);
    uint64_t now_us = clock_wall_us();
    struct live_point p;

    (void)state;
    begin(l, 1, nothing, true);
    assert_int_equal(live_flows_replay_at(l, 1, 2, nothing, NULL), 0);
    for (uint64_t i = 1; i <= 10000; i++) {
        live_flows_received(l, 0, i, now_us - (10000 - i) * 1000000);
        if (i > 400)
            live_flows_applied(l, 0, i - 400);
    }
    assert_true(live_flows_point(l, LIVE_APPLIED, 0, &p));
    assert_int_equal(p.lag, 400);
    assert_in_range(p.lag_ms, 399 * 1000, 412 * 1000);
    live_flows_applied(l, 0, 9990);
    assert_true(live_flows_point(l, LIVE_APPLIED, 0, &p));
    assert_in_range(p.lag_ms, 9 * 1000, 22 * 1000);
    live_flows_free(l);
}

/* A target that is further back than where the capture has resumed, or than what came first at once. */
static void test_lag_from_before(void **state)
{
    static const uint64_t resumed[2] = {1000, 0};
    static const uint64_t applied[2] = {400, 1};
    struct live_flows *l = live_new(false);
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    begin(l, 1, resumed, true);
    live_flows_received(l, 1, 30, clock_wall_us());
    t_ok(live_flows_replay_at(l, 1, 2, applied, &err), &err);
    assert_int_equal(lag_of(l, LIVE_APPLIED, 0), 600);
    assert_int_equal(lag_of(l, LIVE_APPLIED, 1), 29);
    live_flows_applied(l, 1, 12);
    assert_int_equal(lag_of(l, LIVE_APPLIED, 1), 18);
    live_flows_free(l);
}

static void test_wait(void **state)
{
    struct live_flows *l = live_new(false);
    struct ft_err err = FT_ERR_INIT;
    int cancel_fd = eventfd(1, EFD_NONBLOCK);
    struct live_waiter *durable;
    struct live_waiter *all;

    (void)state;
    t_ok(live_waiter_new(&durable, l, LIVE_WAIT(LIVE_DURABLE), &err), &err);
    t_ok(live_waiter_new(&all, l, LIVE_WAIT(LIVE_RECEIVED) | LIVE_WAIT(LIVE_APPLIED), &err), &err);
    assert_int_equal(live_waiter_wait(durable, 0, -1, &err), 0);
    begin(l, 1, nothing, true);
    assert_int_equal(live_waiter_wait(durable, -1, -1, &err), 1);
    assert_int_equal(live_waiter_wait(all, -1, -1, &err), 1);
    assert_int_equal(live_waiter_wait(all, 0, -1, &err), 0);
    live_flows_received(l, 0, 5, 1);
    live_flows_received(l, 0, 6, 1);
    assert_int_equal(live_waiter_wait(durable, 1, -1, &err), 0);
    assert_int_equal(live_waiter_wait(all, -1, -1, &err), 1);
    assert_int_equal(live_waiter_wait(all, 0, -1, &err), 0);
    t_fails(live_waiter_wait(all, -1, cancel_fd, &err), &err, FT_ERR_CANCELLED, "cancelled");
    live_flows_end(l);
    assert_int_equal(live_waiter_wait(durable, -1, -1, &err), 1);
    live_waiter_free(durable);
    live_flows_advance(l, LIVE_DURABLE, 0, 5);
    live_waiter_free(all);
    (void)close(cancel_fd);
    live_flows_free(l);
}

#define RACE_LSN 20000u

static void *race_main(void *arg)
{
    for (uint64_t i = 1; i <= RACE_LSN; i++)
        live_flows_advance(arg, LIVE_DURABLE, 0, i);
    return NULL;
}

/* No move is missed by one who looks only after having been told. */
static void test_race(void **state)
{
    struct live_flows *l = live_new(false);
    struct ft_err err = FT_ERR_INIT;
    struct live_waiter *w;
    pthread_t thread;
    uint64_t seen = 0;

    (void)state;
    begin(l, 1, nothing, true);
    t_ok(live_waiter_new(&w, l, LIVE_WAIT(LIVE_DURABLE), &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, race_main, l), 0);
    while (seen < RACE_LSN) {
        assert_int_equal(live_waiter_wait(w, 60000, -1, &err), 1);
        seen = lsn_at(l, LIVE_DURABLE, 0);
    }
    (void)pthread_join(thread, NULL);
    live_waiter_free(w);
    live_flows_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages),         cmocka_unit_test(test_eager),
        cmocka_unit_test(test_generations),    cmocka_unit_test(test_goal),
        cmocka_unit_test(test_handed_over),    cmocka_unit_test(test_age),
        cmocka_unit_test(test_age_of_applied), cmocka_unit_test(test_lag_from_before),
        cmocka_unit_test(test_wait),           cmocka_unit_test(test_race),
    };

    return T_RUN("store/live_flows", tests);
}
