/* Which flow owns a key: tallies, ties, learning from a journal, the guard. */
#include "lib/test_store.h"

#include "input/sharding_learn.h"
#include "item/owner.h"
#include "lib/t_capture.h"

#include "input/sharding.h"

#define FLOWS 4

static struct sharding_tally tally(bool tagged, uint32_t (*owner)(struct bytes, uint32_t))
{
    struct sharding_tally t = {0};
    char key[32];

    for (int i = 0; i < 200; i++) {
        (void)snprintf(key, sizeof(key), tagged ? "k%d{%d}" : "k%d:%d", i, i % 7);
        sharding_tally_key(&t, bytes_str(key), owner(bytes_str(key), FLOWS), FLOWS);
    }
    return t;
}

static void test_each_rule_is_told_from_the_others(void **state)
{
    struct sharding_tally t;

    (void)state;
    t = tally(true, owner_by_key);
    assert_int_equal(sharding_tally_rule(&t, FLOWS), SHARDING_KEY);
    t = tally(true, owner_by_tag);
    assert_int_equal(sharding_tally_rule(&t, FLOWS), SHARDING_TAG);
    t = tally(true, owner_by_slot);
    assert_int_equal(sharding_tally_rule(&t, FLOWS), SHARDING_SLOT);
    t = tally(false, owner_by_key);
    assert_int_equal(sharding_tally_rule(&t, FLOWS), SHARDING_KEY_OR_TAG);
}

static void test_one_exception_is_enough(void **state)
{
    struct sharding_tally t = tally(true, owner_by_tag);
    uint32_t other = (owner_by_tag(bytes_str("x"), FLOWS) + 1) % FLOWS;

    (void)state;
    sharding_tally_key(&t, bytes_str("x"), other, FLOWS);
    assert_int_equal(sharding_tally_rule(&t, FLOWS), SHARDING_UNKNOWN);
}

/* 4^15 is a little more than 10^9, 2^30 too; all keys of a single flow are its own. */
static void test_few_keys_are_chance(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 40; n++) {
        const struct sharding_tally t = {.keys = n};

        assert_int_equal(sharding_tally_rule(&t, 4),
                         n < 15 ? SHARDING_UNKNOWN : SHARDING_KEY_OR_TAG);
        assert_int_equal(sharding_tally_rule(&t, 2),
                         n < 30 ? SHARDING_UNKNOWN : SHARDING_KEY_OR_TAG);
        assert_int_equal(sharding_tally_rule(&t, 1),
                         n < 1 ? SHARDING_UNKNOWN : SHARDING_KEY_OR_TAG);
    }
}

static void test_a_key_counts_once_and_a_copy_not_at_all(void **state)
{
    const struct translation_key keys[] = {{.key = bytes_str("k")}, {.key = bytes_str("m")}};
    const struct bytes incr[] = {bytes_str("INCR"), bytes_str("k")};
    const struct bytes copy[] = {bytes_str("SET"), bytes_str("k"), bytes_str("HYLLxyz")};
    struct sharding_learner l = {0};

    (void)state;
    sharding_learner_record(&l, copy, 3, keys, 1, 0, FLOWS);
    sharding_learner_record(&l, incr, 2, keys, 2, 0, FLOWS);
    assert_int_equal(l.tally.keys, 0);
    for (int i = 0; i < 100; i++)
        sharding_learner_record(&l, incr, 2, keys, 1, 0, FLOWS);
    assert_int_equal(l.tally.keys, 1);
}

static bool owns(enum sharding_rule rule, const char *key, uint32_t flow)
{
    const struct owner_guard guard = {.rule = rule, .flow_count = FLOWS};

    return owner_guard_owns(&guard, flow, bytes_str(key));
}

static void test_who_owns_a_key(void **state)
{
    const char *key = "user{a}:1";
    uint32_t by_key = owner_by_key(bytes_str(key), FLOWS);
    uint32_t by_tag = owner_by_tag(bytes_str(key), FLOWS);

    (void)state;
    assert_int_not_equal(by_key, by_tag); /* or the test would show nothing */
    for (uint32_t flow = 0; flow < FLOWS; flow++) {
        assert_true(owns(SHARDING_UNKNOWN, key, flow));
        assert_int_equal(owns(SHARDING_KEY, key, flow), flow == by_key);
        assert_int_equal(owns(SHARDING_TAG, key, flow), flow == by_tag);
        assert_int_equal(owns(SHARDING_KEY_OR_TAG, key, flow), flow == by_key || flow == by_tag);
    }
}

static void test_only_copies_are_foreign(void **state)
{
    uint32_t own = owner_by_key(bytes_str("k"), FLOWS);
    uint32_t other = (own + 1) % FLOWS;
    const struct translation_key keys[] = {{.key = bytes_str("k")}};
    const struct bytes copy[] = {bytes_str("SET"), bytes_str("k"), bytes_str("HYLLxyz")};
    const struct bytes incr[] = {bytes_str("INCR"), bytes_str("k")};
    atomic_bool disproved = false;
    const struct owner_guard g = {
        .rule = SHARDING_KEY, .flow_count = FLOWS, .has_records = true, .disproved = &disproved};

    (void)state;
    assert_int_equal(owner_guard_classify(&g, own, copy, 3, keys, 1), OWNER_APPLIES);
    assert_int_equal(owner_guard_classify(&g, own, incr, 2, keys, 1), OWNER_APPLIES);
    assert_int_equal(owner_guard_classify(&g, other, copy, 3, keys, 1), OWNER_FOREIGN);
    assert_int_equal(owner_guard_classify(&g, other, incr, 2, NULL, 0), OWNER_APPLIES);
    assert_false(owner_guard_is_off(&g));
    assert_int_equal(owner_guard_classify(&g, other, incr, 2, keys, 1), OWNER_DISPROVES);
    assert_true(owner_guard_is_off(&g));
    assert_int_equal(owner_guard_classify(&g, other, incr, 2, keys, 1), OWNER_APPLIES);
    assert_int_equal(owner_guard_classify(&g, other, copy, 3, keys, 1), OWNER_APPLIES);
}

/* Its snapshot is empty: only the journal can tell. */
static void test_a_journal_tells_the_rule(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    enum sharding_rule rule;
    struct t_dir d = t_dir_make();
    struct source *s;
    char path[96];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/cap", d.path);
    t_ok(t_capture_make(path, t_recording("catalogue"), &err), &err);
    t_ok(source_open(&s, path, 0, &err), &err);
    t_ok(sharding_learn(s, &rule, &err), &err);
    assert_int_equal(rule, SHARDING_KEY_OR_TAG);
    source_free(s);
    t_dir_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_is_told_from_the_others),
        cmocka_unit_test(test_one_exception_is_enough),
        cmocka_unit_test(test_few_keys_are_chance),
        cmocka_unit_test(test_a_key_counts_once_and_a_copy_not_at_all),
        cmocka_unit_test(test_who_owns_a_key),
        cmocka_unit_test(test_only_copies_are_foreign),
        cmocka_unit_test(test_a_journal_tells_the_rule),
    };

    return T_RUN("input/sharding", tests);
}
