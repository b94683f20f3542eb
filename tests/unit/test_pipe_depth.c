#include "lib/test_main.h"

#include "wire/pipe_depth.h"

#define MOST ((size_t)1 << 20)

/* So many commands in turn, each of them answered after so long. */
static void answer(struct pipe_depth *d, uint64_t *now_us, int count, uint64_t took_us)
{
    for (int i = 0; i < count; i++) {
        assert_true(pipe_depth_wants(d));
        pipe_depth_put(d, 1, *now_us);
        *now_us += took_us;
        pipe_depth_answered(d, *now_us);
    }
}

static void test_fast_answers_widen_it(void **state)
{
    struct pipe_depth d = {0};
    uint64_t now_us = 5;

    (void)state;
    pipe_depth_set(&d, MOST);
    assert_int_equal(d.limit_bytes, MOST / 4);
    answer(&d, &now_us, 1, 1000);
    assert_int_equal(d.limit_bytes, MOST / 4 + MOST / 32);
    answer(&d, &now_us, 20, 2000);
    assert_int_equal(d.limit_bytes, MOST);
}

static void test_a_queue_narrows_it_and_its_end_widens_it(void **state)
{
    struct pipe_depth d = {0};
    uint64_t now_us = 5;

    (void)state;
    pipe_depth_set(&d, MOST);
    answer(&d, &now_us, 20, 1000);
    answer(&d, &now_us, 1, 1001 + PIPE_DEPTH_QUEUE_US);
    assert_int_equal(d.limit_bytes, MOST / 2);
    answer(&d, &now_us, 9, 500000);
    assert_int_equal(d.limit_bytes, PIPE_DEPTH_LEAST_BYTES);
    answer(&d, &now_us, 40, 1000);
    assert_int_equal(d.limit_bytes, MOST);
}

static void test_a_long_way_is_no_queue(void **state)
{
    struct pipe_depth d = {0};
    uint64_t now_us = 5;

    (void)state;
    pipe_depth_set(&d, MOST);
    answer(&d, &now_us, 20, 300000);
    assert_int_equal(d.limit_bytes, MOST);
}

static void test_a_small_limit_is_its_own_least(void **state)
{
    struct pipe_depth d = {0};
    uint64_t now_us = 5;

    (void)state;
    pipe_depth_set(&d, 10000);
    answer(&d, &now_us, 1, 10);
    answer(&d, &now_us, 9, 900000);
    assert_int_equal(d.limit_bytes, 10000);
}

static void test_a_fixed_one_stays(void **state)
{
    struct pipe_depth d = {0};

    (void)state;
    pipe_depth_fix(&d, MOST);
    assert_false(pipe_depth_wants(&d));
    pipe_depth_put(&d, 1, 5);
    pipe_depth_answered(&d, 900000);
    assert_int_equal(d.limit_bytes, MOST);
}

static void test_one_command_is_followed_among_many(void **state)
{
    struct pipe_depth d = {0};

    (void)state;
    pipe_depth_set(&d, MOST);
    pipe_depth_put(&d, 3, 1000);
    assert_false(pipe_depth_wants(&d));
    pipe_depth_put(&d, 4, 900000); /* not this one */
    pipe_depth_answered(&d, 1100);
    pipe_depth_answered(&d, 1200);
    assert_int_equal(d.best_us, 0);
    pipe_depth_answered(&d, 1500);
    assert_int_equal(d.best_us, 500);
    assert_true(pipe_depth_wants(&d));
    pipe_depth_answered(&d, 1600);
    assert_int_equal(d.limit_bytes, MOST / 4 + MOST / 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fast_answers_widen_it),
        cmocka_unit_test(test_a_queue_narrows_it_and_its_end_widens_it),
        cmocka_unit_test(test_a_long_way_is_no_queue),
        cmocka_unit_test(test_a_small_limit_is_its_own_least),
        cmocka_unit_test(test_a_fixed_one_stays),
        cmocka_unit_test(test_one_command_is_followed_among_many),
    };

    return T_RUN("wire/pipe_depth", tests);
}
