#include <stdlib.h>

#include "lib/test_main.h"
#include "replay/replay.h"
#include "replay/report/replay_counters.h"
#include "replay/report/replay_sum.h"

static struct replay_result result_of(uint64_t n)
{
    struct replay_result r = {.target_version = 700,
                              .resumed = n > 1,
                              .keys = n,
                              .records = 10 * n,
                              .bytes = 100 * n,
                              .elapsed_ms = 1000 * n,
                              .kept = n,
                              .journal.flushes = 2 * n,
                              .flow_count = 1};

    for (uint64_t i = 0; i < n; i++) {
        const struct suspect s = {.key = bytes_str("one and the same"), .db = (uint32_t)i};
        struct ft_err err = FT_ERR_INIT;

        t_ok(suspect_add(&r.suspects, &s, &err), &err);
    }
    r.flows = calloc(2, sizeof(*r.flows));
    assert_non_null(r.flows);
    r.flows[0].keys = n;
    r.flows[0].next_lsn = 5 * n;
    return r;
}

static void test_counts_add_up_and_the_rest_is_the_last_one_s(void **state)
{
    struct replay_result sum = {0};
    struct replay_result later = result_of(1);

    (void)state;
    replay_sum_add(&sum, &later);
    assert_int_equal(later.flow_count, 0);
    later = result_of(3);
    replay_sum_add(&sum, &later);
    assert_null(later.flows);
    assert_false(sum.resumed); /* the first was not */
    assert_int_equal(sum.keys, 4);
    assert_int_equal(sum.records, 40);
    assert_int_equal(sum.bytes, 400);
    assert_int_equal(sum.elapsed_ms, 4000);
    assert_int_equal(sum.journal.flushes, 8);
    assert_int_equal(sum.suspects.count, 3); /* one of them twice */
    assert_int_equal(sum.kept, 3);
    assert_int_equal(sum.flows[0].keys, 4);
    assert_int_equal(sum.flows[0].next_lsn, 15);
    replay_result_release(&sum);
}

static void test_each_counter_has_a_name_and_a_place_of_its_own(void **state)
{
    size_t count;
    const struct replay_counter *counters = replay_counters(&count);
    struct replay_result earlier = {0};
    struct replay_result sum = {0};

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct replay_result *both[] = {&earlier, &sum};

        assert_true(counters[i].name[0] != '\0' && counters[i].help[0] != '\0');
        for (size_t k = 0; k < 2 && counters[i].kind != REPLAY_COUNTER_NOW; k++) {
            uint64_t value = (i + 1) * (k == 0 ? 1 : 100);

            assert_int_equal(replay_counter_get(&counters[i], both[k]), 0); /* nobody else's */
            memcpy((char *)both[k] + counters[i].offset, &value, sizeof(value));
        }
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(counters[i].name, counters[k].name);
    }
    replay_counters_add(&sum, &earlier);
    for (size_t i = 0; i < count; i++) {
        if (counters[i].kind != REPLAY_COUNTER_NOW)
            assert_int_equal(replay_counter_get(&counters[i], &sum),
                             (i + 1) * (counters[i].kind == REPLAY_COUNTER_SUM ? 101 : 100));
    }
}

static void test_progress_shows_what_the_fields_hold(void **state)
{
    static const struct {
        const char *name;
        const char *unit;
        uint64_t value;
    } wanted[] = {{"keys", "keys", 1},
                  {"records", "records", 2},
                  {"retries", "retries", 5},
                  {"bytes", "", 3},
                  {"lag", "records to apply", 4}};
    struct replay_progress p = {.keys = 1, .records = 2, .bytes = 3, .lag = 4, .retries = 5};
    size_t count;
    const struct replay_counter *counters = replay_counters(&count);
    size_t shown = 0;

    (void)state;
    assert_true(count <= REPLAY_COUNTERS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_true(counters[i].unit != NULL || counters[i].kind != REPLAY_COUNTER_NOW);
        if (counters[i].unit == NULL)
            continue;
        assert_true(shown < sizeof(wanted) / sizeof(wanted[0]));
        assert_string_equal(counters[i].name, wanted[shown].name);
        assert_string_equal(counters[i].unit, wanted[shown].unit);
        assert_int_equal(replay_counter_live(&counters[i], &p), wanted[shown].value);
        shown++;
    }
    assert_int_equal(shown, sizeof(wanted) / sizeof(wanted[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_counter_has_a_name_and_a_place_of_its_own),
        cmocka_unit_test(test_progress_shows_what_the_fields_hold),
        cmocka_unit_test(test_counts_add_up_and_the_rest_is_the_last_one_s),
    };

    return T_RUN("replay/replay_result", tests);
}
