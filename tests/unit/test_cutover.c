/* The decisions of a cut-over. */
#include "lib/test_main.h"
#include "sync/cutover.h"

static enum cutover_action at(struct cutover *c, uint64_t now_ms, struct cutover_seen seen)
{
    seen.now_ms = now_ms;
    seen.prepared = true;
    seen.attached = true;
    return cutover_next(c, &seen);
}

#define SEEN(...) ((struct cutover_seen){__VA_ARGS__})
#define NOTHING   ((struct cutover_seen){0})

static void manual_waits_to_be_told(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_MANUAL, 0);
    assert_int_equal(at(&c, 1, NOTHING), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, 2, SEEN(.caught_up = true)), CUTOVER_DO_SAY);
    assert_int_equal(at(&c, 3, SEEN(.caught_up = true)), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, 4, SEEN(.told = true)), CUTOVER_DO_GOAL);
    assert_int_equal(at(&c, 5, NOTHING), CUTOVER_DO_NOTHING);
    assert_false(cutover_is_paused(&c));
    assert_int_equal(at(&c, 6, SEEN(.lost_goal = true)), CUTOVER_DO_GOAL);
    assert_int_equal(at(&c, 7, SEEN(.applied = true)), CUTOVER_DO_FINISH);
    assert_int_equal(at(&c, 8, SEEN(.applied = true)), CUTOVER_DO_NOTHING);
}

static void times_come_first(void **state)
{
    struct cutover_seen seen = {.now_ms = 1, .caught_up = true};
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_PAUSE, 0);
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_PREPARE);
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_PREPARE);
    assert_false(cutover_is_paused(&c));
    seen.prepared = true;
    seen.caught_up = false; /* the pause would be long */
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_PREPARE);
    seen.caught_up = true;
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_PAUSE);
    cutover_failed(&c);
    seen = (struct cutover_seen){.now_ms = 2, .told = true};
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_PREPARE);
    seen.told = false;
    seen.prepared = true; /* who is told does not wait for that */
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_PAUSE);
}

static void pause_holds_until_confirmed(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_PAUSE, 60000);
    assert_int_equal(at(&c, 0, SEEN(.caught_up = true)), CUTOVER_DO_PAUSE);
    assert_true(cutover_is_paused(&c));
    assert_int_equal(at(&c, CUTOVER_RENEW_MS - 1, NOTHING), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, CUTOVER_RENEW_MS, NOTHING), CUTOVER_DO_RENEW);
    assert_int_equal(at(&c, CUTOVER_RENEW_MS + 1, SEEN(.applied = true)), CUTOVER_DO_HOLD);
    assert_int_equal(at(&c, 2 * CUTOVER_RENEW_MS, NOTHING), CUTOVER_DO_RENEW);
    assert_int_equal(at(&c, 2 * CUTOVER_RENEW_MS + 1, SEEN(.told = true)), CUTOVER_DO_FINISH);
    /* keys expired at the source meanwhile: what is confirmed stays so */
    cutover_more(&c);
    assert_true(cutover_is_paused(&c));
    assert_int_equal(at(&c, 2 * CUTOVER_RENEW_MS + 2, SEEN(.applied = true)), CUTOVER_DO_FINISH);
    assert_false(cutover_is_paused(&c));
}

/* Counted since it stood still last, or was paused; also after it has been confirmed. */
static void paused_source_that_moves(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_PAUSE, 0);
    assert_int_equal(at(&c, 1, SEEN(.caught_up = true)), CUTOVER_DO_PAUSE);
    assert_int_equal(at(&c, 2, SEEN(.applied = true)), CUTOVER_DO_HOLD);
    assert_int_equal(cutover_moved(&c, 100), 0);
    assert_int_equal(at(&c, 101, SEEN(.applied = true)), CUTOVER_DO_HOLD);
    assert_int_equal(cutover_moved(&c, 600), 500);
    assert_int_equal(at(&c, 601, SEEN(.applied = true)), CUTOVER_DO_HOLD);
    cutover_stands(&c);
    assert_int_equal(at(&c, 699, SEEN(.told = true)), CUTOVER_DO_FINISH);
    assert_int_equal(cutover_moved(&c, 700), 0);
    assert_int_equal(at(&c, 899, SEEN(.applied = true)), CUTOVER_DO_FINISH);
    assert_int_equal(cutover_moved(&c, 900), 200);
    assert_int_equal(at(&c, 901, SEEN(.lost_goal = true)), CUTOVER_DO_PAUSE);
    assert_int_equal(cutover_moved(&c, 1000), 0);
    assert_int_equal(cutover_moved(&c, 1001), 1);
}

static void running_source_that_moves(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_MANUAL, 0);
    assert_int_equal(at(&c, 1, SEEN(.told = true)), CUTOVER_DO_GOAL);
    assert_int_equal(cutover_moved(&c, 100), 0);
    assert_int_equal(cutover_moved(&c, 100000), 0);
    assert_int_equal(at(&c, 100001, SEEN(.applied = true)), CUTOVER_DO_FINISH);
}

static void pause_is_released(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_PAUSE, 1000);
    assert_int_equal(at(&c, 0, SEEN(.caught_up = true)), CUTOVER_DO_PAUSE);
    assert_int_equal(at(&c, 1, SEEN(.applied = true)), CUTOVER_DO_HOLD);
    assert_int_equal(at(&c, 1000, NOTHING), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, 1001, NOTHING), CUTOVER_DO_RELEASE);
    assert_false(cutover_is_paused(&c));
    assert_true(c.by_itself);
}

static void holding_lasts_for_ever(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_PAUSE, 0);
    assert_int_equal(at(&c, 0, SEEN(.caught_up = true)), CUTOVER_DO_PAUSE);
    assert_int_equal(at(&c, 1, SEEN(.applied = true)), CUTOVER_DO_HOLD);
    assert_int_equal(at(&c, UINT64_MAX - 1, NOTHING), CUTOVER_DO_RENEW);
    assert_int_equal(at(&c, UINT64_MAX - 1, SEEN(.lost_goal = true)), CUTOVER_DO_PAUSE);
}

static void takeover_ends_when_all_is_applied(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_TAKEOVER, 0);
    assert_int_equal(at(&c, 0, NOTHING), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, 1, SEEN(.caught_up = true)), CUTOVER_DO_GOAL);
    assert_false(cutover_is_paused(&c));
    assert_int_equal(at(&c, 2, NOTHING), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, 3, SEEN(.applied = true)), CUTOVER_DO_TAKEOVER);
    assert_int_equal(at(&c, 4, NOTHING), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, 5, SEEN(.applied = true, .suspects = true)), CUTOVER_DO_FINISH);
}

static void takeover_pauses_for_suspects(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_TAKEOVER, 0);
    assert_int_equal(at(&c, 1, SEEN(.caught_up = true, .suspects = true)), CUTOVER_DO_GOAL);
    assert_int_equal(at(&c, 2, SEEN(.applied = true, .suspects = true)), CUTOVER_DO_PAUSE);
    assert_true(cutover_is_paused(&c));
    assert_int_equal(at(&c, 3, SEEN(.suspects = true)), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, 4, SEEN(.applied = true, .suspects = true)), CUTOVER_DO_CHECK);
    assert_true(cutover_is_paused(&c));
    assert_int_equal(at(&c, 5, SEEN(.suspects = true)), CUTOVER_DO_CHECK);
    assert_int_equal(at(&c, 2 + CUTOVER_RENEW_MS, SEEN(.suspects = true)), CUTOVER_DO_RENEW);
    assert_int_equal(at(&c, 3 + CUTOVER_RENEW_MS, NOTHING), CUTOVER_DO_TAKEOVER);
    assert_false(cutover_is_paused(&c));
}

static void takeover_without_a_pause(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_TAKEOVER, 0);
    assert_int_equal(at(&c, 1, SEEN(.caught_up = true)), CUTOVER_DO_GOAL);
    assert_int_equal(at(&c, 2, SEEN(.applied = true, .suspects = true)), CUTOVER_DO_PAUSE);
    cutover_not_paused(&c);
    assert_int_equal(at(&c, 9999, SEEN(.applied = true, .suspects = true)), CUTOVER_DO_CHECK);
    assert_false(cutover_is_paused(&c));
    cutover_more(&c);
    assert_int_equal(at(&c, 19999, SEEN(.suspects = true)), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, 19999, SEEN(.applied = true)), CUTOVER_DO_TAKEOVER);
}

/* What was stored is applied at once, and the source may not have answered yet; or its session breaks off. */
static void takeover_waits_for_a_session(void **state)
{
    struct cutover_seen seen = {.now_ms = 1, .caught_up = true, .prepared = true};
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_TAKEOVER, 0);
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_GOAL);
    seen = (struct cutover_seen){.now_ms = 2, .applied = true, .suspects = true};
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_NOTHING);
    seen.attached = true;
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_PAUSE);
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_CHECK);
    seen.attached = false;
    seen.suspects = false;
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_NOTHING);
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_NOTHING);
    seen.now_ms = 2 + CUTOVER_RENEW_MS;
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_RENEW);
    seen.attached = true;
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_TAKEOVER);

    cutover_init(&c, CUTOVER_PAUSE, 0); /* which needs none */
    seen = (struct cutover_seen){.now_ms = 1, .caught_up = true, .prepared = true};
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_PAUSE);
    seen = (struct cutover_seen){.now_ms = 2, .applied = true};
    assert_int_equal(cutover_next(&c, &seen), CUTOVER_DO_HOLD);
}

static void suspects_are_read_before_holding(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_PAUSE, 0);
    assert_int_equal(at(&c, 1, SEEN(.caught_up = true)), CUTOVER_DO_PAUSE);
    assert_int_equal(at(&c, 2, SEEN(.applied = true, .suspects = true)), CUTOVER_DO_CHECK);
    assert_int_equal(at(&c, 3, SEEN(.lost_goal = true, .suspects = true)), CUTOVER_DO_PAUSE);
    assert_int_equal(at(&c, 4, SEEN(.applied = true, .suspects = true)), CUTOVER_DO_CHECK);
    assert_int_equal(at(&c, 5, NOTHING), CUTOVER_DO_HOLD);
    assert_int_equal(at(&c, 6, SEEN(.told = true)), CUTOVER_DO_FINISH);
}

static void it_is_proven_before_it_is_held_or_taken_over(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_PAUSE, 0);
    assert_int_equal(at(&c, 1, SEEN(.caught_up = true)), CUTOVER_DO_PAUSE);
    assert_int_equal(at(&c, 2, SEEN(.applied = true, .suspects = true, .unproven = true)),
                     CUTOVER_DO_CHECK);
    assert_int_equal(at(&c, 3, SEEN(.applied = true, .unproven = true)), CUTOVER_DO_PROVE);
    assert_int_equal(at(&c, 4 + CUTOVER_RENEW_MS, SEEN(.applied = true, .unproven = true)),
                     CUTOVER_DO_RENEW);
    assert_int_equal(at(&c, 5 + CUTOVER_RENEW_MS, SEEN(.applied = true)), CUTOVER_DO_HOLD);
    assert_int_equal(at(&c, 6 + CUTOVER_RENEW_MS, SEEN(.told = true)), CUTOVER_DO_FINISH);
    cutover_more(&c); /* the source has moved */
    assert_int_equal(at(&c, 8 + CUTOVER_RENEW_MS, SEEN(.applied = true)), CUTOVER_DO_FINISH);

    cutover_init(&c, CUTOVER_TAKEOVER, 0);
    assert_int_equal(at(&c, 1, SEEN(.caught_up = true)), CUTOVER_DO_GOAL);
    assert_int_equal(at(&c, 2, SEEN(.applied = true, .unproven = true)), CUTOVER_DO_PROVE);
    assert_int_equal(at(&c, 3, SEEN(.applied = true)), CUTOVER_DO_TAKEOVER);
    assert_int_equal(at(&c, 4, SEEN(.unproven = true)), CUTOVER_DO_NOTHING);
    assert_int_equal(at(&c, 5, SEEN(.applied = true, .unproven = true)), CUTOVER_DO_FINISH);
}

static void failure_waits_to_be_told(void **state)
{
    struct cutover c;

    (void)state;
    cutover_init(&c, CUTOVER_TAKEOVER, 0);
    assert_int_equal(at(&c, 1, SEEN(.caught_up = true)), CUTOVER_DO_GOAL);
    assert_int_equal(at(&c, 1, SEEN(.applied = true)), CUTOVER_DO_TAKEOVER);
    cutover_failed(&c);
    assert_int_equal(at(&c, 2, SEEN(.caught_up = true)), CUTOVER_DO_SAY);
    cutover_begin_as(&c, CUTOVER_PAUSE);
    assert_int_equal(at(&c, 3, SEEN(.told = true)), CUTOVER_DO_PAUSE);
    cutover_begin_as(&c, CUTOVER_MANUAL); /* too late */
    assert_true(cutover_is_paused(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manual_waits_to_be_told),
        cmocka_unit_test(times_come_first),
        cmocka_unit_test(pause_holds_until_confirmed),
        cmocka_unit_test(paused_source_that_moves),
        cmocka_unit_test(running_source_that_moves),
        cmocka_unit_test(pause_is_released),
        cmocka_unit_test(holding_lasts_for_ever),
        cmocka_unit_test(takeover_ends_when_all_is_applied),
        cmocka_unit_test(takeover_pauses_for_suspects),
        cmocka_unit_test(takeover_without_a_pause),
        cmocka_unit_test(takeover_waits_for_a_session),
        cmocka_unit_test(suspects_are_read_before_holding),
        cmocka_unit_test(it_is_proven_before_it_is_held_or_taken_over),
        cmocka_unit_test(failure_waits_to_be_told),
    };

    return T_RUN("sync/cutover", tests);
}
