/* What --at means for a capture: LSNs, times, and what is outside of it. */
#include "lib/t_store.h"

#include "input/cut.h"
#include "lib/t_flows.h"

/* Flow 0: LSNs 10 to 12, received 1, 2 and 5 s after the snapshot; flow 1: LSN 10, after 3 s. */
static const struct t_flow_records flows[] = {
    {.records = {{1, 0, 0, "SET a 1"}, {2, 0, 0, "SET a 2"}, {5, 0, 0, "SET a 3"}}},
    {.records = {{3, 0, 0, "SET b 1"}}},
};

static struct capture *capture;
static struct generation *generation;

static int setup(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)t_store_setup(state);
    t_ok(t_flows_make(t_store_path, flows, 2, SHARDING_UNKNOWN, &err), &err);
    t_ok(capture_open_read(&capture, t_store_path, &err), &err);
    generation = capture_find(capture, 0);
    return 0;
}

static int teardown(void **state)
{
    capture_free(capture);
    return t_store_teardown(state);
}

static void expect(const char *text, uint64_t stop_0, uint64_t stop_1)
{
    struct ft_err err = FT_ERR_INIT;
    struct cut cut;

    t_ok(cut_resolve(&cut, text, capture, generation, &err), &err);
    assert_int_equal(cut.flow_count, 2);
    assert_int_equal(cut.stop_lsn[0], stop_0);
    assert_int_equal(cut.stop_lsn[1], stop_1);
    assert_int_equal(cut.is_snapshot, stop_0 == 10 && stop_1 == 10);
    assert_int_equal(cut.is_end, stop_0 == 13 && stop_1 == 11);
    cut_release(&cut);
}

static void refuse(const char *text, const char *part)
{
    struct ft_err err = FT_ERR_INIT;
    struct cut cut;

    t_fails(cut_resolve(&cut, text, capture, generation, &err), &err, FT_ERR_USAGE, part);
}

static void test_names(void **state)
{
    (void)state;
    expect("snapshot", 10, 10);
    expect("end", 13, 11);
    refuse("later", "later");
    refuse("", "--at");
}

static void test_lsns(void **state)
{
    (void)state;
    expect("12,10", 13, 11); /* up to and including */
    expect("9,9", 10, 10);   /* the last LSN of the snapshot */
    expect("10,9", 11, 10);
    refuse("8,9", "LSNs 9");
    refuse("10,14", "flow 1");
    refuse("10", "2 flows, LSNs given: 1");
    refuse("10,10,10", "2 flows, LSNs given: 3");
    refuse("10,", "");
}

static void test_times(void **state)
{
    (void)state;
    expect("2023-11-14T22:13:20Z", 10, 10); /* T_FLOWS_TIME_US */
    expect("2023-11-14T22:13:22Z", 12, 10);
    expect("2023-11-14T22:13:22.999Z", 12, 10);
    expect("2023-11-14T22:13:23Z", 12, 11);
    expect("2024-01-01T00:00:00Z", 13, 11);
    expect("-1s", 12, 11);
    expect("-3s", 12, 10);
    expect("-5s", 10, 10);
    refuse("-6s", "no earlier state");
    refuse("2023-11-14T22:13:19Z", "no earlier state");
}

/* When a state was: what ended by then is none of it. */
static void expect_moment(const char *text, int64_t seconds_behind)
{
    struct ft_err err = FT_ERR_INIT;
    struct cut cut;

    t_ok(cut_resolve(&cut, text, capture, generation, &err), &err);
    assert_int_equal(cut_moment_ms(&cut, 1),
                     (int64_t)(T_FLOWS_TIME_US / 1000) + 1000 * seconds_behind);
    cut_release(&cut);
}

static void test_moments(void **state)
{
    (void)state;
    expect_moment("snapshot", 0);
    expect_moment("end", 5);
    expect_moment("11,9", 2);
    expect_moment("9,10", 3);
    expect_moment("2023-11-14T22:13:24Z", 4);
    assert_int_equal(cut_moment_ms(NULL, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_lsns),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_moments),
    };

    return cmocka_run_group_tests_name("input/cut", tests, setup, teardown) == 0 ? 0 : 1;
}
