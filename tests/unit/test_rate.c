#include "lib/test_main.h"

#include "base/parse.h"
#include "base/rate.h"

static void test_a_steady_count(void **state)
{
    struct rate r;
    uint64_t now_ms = 1000;

    (void)state;
    rate_begin(&r, now_ms);
    for (uint64_t i = 1; i <= 1000; i++)
        assert_int_equal(rate_take(&r, i * 30, now_ms + i * 100), 300);
}

static void test_only_the_last_ten_seconds_count(void **state)
{
    struct rate r;
    uint64_t count = 0;

    (void)state;
    rate_begin(&r, 0);
    for (uint64_t ms = 500; ms <= 60000; ms += 500)
        (void)rate_take(&r, count += 500, ms);
    assert_int_equal(rate_take(&r, count, 60000), 1000);
    /* it stands still: less and less, and nothing once ten seconds are over */
    assert_int_equal(rate_take(&r, count, 65000), 500);
    for (uint64_t ms = 65500; ms <= 70000; ms += 500)
        (void)rate_take(&r, count, ms);
    assert_int_equal(rate_take(&r, count, 70000), 0);
}

static void test_without_a_beginning(void **state)
{
    struct rate r = {0};

    (void)state;
    assert_int_equal(rate_take(&r, 5000, 100), 0);
    assert_int_equal(rate_take(&r, 5000, 100), 0);
    assert_int_equal(rate_take(&r, 6000, 1100), 1000);
}

static void test_a_smaller_count_is_another_one(void **state)
{
    struct rate r;

    (void)state;
    rate_begin(&r, 0);
    (void)rate_take(&r, 9000, 1000);
    assert_int_equal(rate_take(&r, 10, 2000), 0);
    assert_int_equal(rate_take(&r, 30, 3000), 20);
}

/* A long pause, as of a stopped process. */
static void test_a_gap(void **state)
{
    struct rate r;

    (void)state;
    rate_begin(&r, 0);
    (void)rate_take(&r, 100, 1000);
    assert_int_equal(rate_take(&r, 100 + 1000, 101000), 10);
}

static void test_counts_are_grouped(void **state)
{
    char text[FORMAT_COUNT];

    (void)state;
    assert_string_equal(format_count(0, text), "0");
    assert_string_equal(format_count(999, text), "999");
    assert_string_equal(format_count(1000, text), "1,000");
    assert_string_equal(format_count(1234567, text), "1,234,567");
    assert_string_equal(format_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_steady_count),
        cmocka_unit_test(test_only_the_last_ten_seconds_count),
        cmocka_unit_test(test_without_a_beginning),
        cmocka_unit_test(test_a_smaller_count_is_another_one),
        cmocka_unit_test(test_a_gap),
        cmocka_unit_test(test_counts_are_grouped),
    };

    return T_RUN("rate", tests);
}
