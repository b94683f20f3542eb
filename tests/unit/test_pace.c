#include "lib/test_main.h"

#include "base/pace.h"

#define SECOND_US UINT64_C(1000000)

static void test_amounts_have_their_time(void **state)
{
    struct pace p = {.per_second = 1000};
    uint64_t now_us = 7 * SECOND_US;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_true(pace_take(&p, 1, now_us) <= now_us); /* the burst that is allowed */
    for (int i = 1; i <= 1000; i++)
        assert_int_equal(pace_take(&p, 1, now_us), now_us + (uint64_t)i * 1000);
}

static void test_a_stall_is_not_made_up_for(void **state)
{
    struct pace p = {.per_second = 1000};
    uint64_t now_us = SECOND_US;
    unsigned at_once = 0;

    (void)state;
    for (int i = 0; i < 500; i++)
        now_us = pace_take(&p, 1, now_us) > now_us ? p.due_ns / 1000 : now_us;
    now_us += 60 * SECOND_US;
    while (pace_take(&p, 1, now_us) <= now_us)
        at_once++;
    assert_int_equal(at_once, 1000 * PACE_BURST_US / SECOND_US);
}

static void test_a_large_amount_is_paid_later(void **state)
{
    struct pace p = {.per_second = 1 << 20};
    uint64_t now_us = SECOND_US;

    (void)state;
    assert_int_equal(pace_take(&p, 512 << 20, now_us), 513 * SECOND_US - PACE_BURST_US);
    assert_int_equal(pace_take(&p, 1 << 20, now_us), 514 * SECOND_US - PACE_BURST_US);
}

static void test_a_fast_pace_does_not_round_to_nothing(void **state)
{
    struct pace p = {.per_second = UINT64_C(3000000000)};
    uint64_t now_us = SECOND_US;

    (void)state;
    for (int i = 0; i < 1000; i++)
        (void)pace_take(&p, 3000, now_us);
    assert_int_equal(pace_take(&p, 0, now_us), now_us - PACE_BURST_US + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts_have_their_time),
        cmocka_unit_test(test_a_stall_is_not_made_up_for),
        cmocka_unit_test(test_a_large_amount_is_paid_later),
        cmocka_unit_test(test_a_fast_pace_does_not_round_to_nothing),
    };

    return T_RUN("base/pace", tests);
}
