/* Which flow owns a key: tallies, ties, learning from a journal, the guard. */
#include "lib/test_store.h"

#include "input/source.h"
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
    assert_int_equal(sharding_tally_rule(&t, 0), SHARDING_KEY);
    t = tally(true, owner_by_tag);
    assert_int_equal(sharding_tally_rule(&t, 0), SHARDING_TAG);
    t = tally(true, owner_by_slot);
    assert_int_equal(sharding_tally_rule(&t, 0), SHARDING_SLOT);
    t = tally(false, owner_by_key);
    assert_int_equal(sharding_tally_rule(&t, 0), SHARDING_KEY_OR_TAG);
}

static void test_exceptions_are_tolerated_only_where_allowed(void **state)
{
    struct sharding_tally t = tally(true, owner_by_tag);
    uint32_t other = (owner_by_tag(bytes_str("x"), FLOWS) + 1) % FLOWS;

    (void)state;
    sharding_tally_key(&t, bytes_str("x"), other, FLOWS);
    assert_int_equal(sharding_tally_rule(&t, 0), SHARDING_UNKNOWN);
    assert_int_equal(sharding_tally_rule(&t, 5), SHARDING_TAG);
    t = (struct sharding_tally){0};
    assert_int_equal(sharding_tally_rule(&t, 5), SHARDING_UNKNOWN);
}

static bool passes(enum sharding_rule rule, const char *key, uint32_t flow)
{
    const struct owner_guard guard = {.rule = rule, .flow_count = FLOWS};
    const struct translation_key keys[] = {{.key = bytes_str(key)}};

    return owner_guard_passes(&guard, flow, keys, 1);
}

static void test_the_guard_lets_only_the_owner_pass(void **state)
{
    const char *key = "user{a}:1";
    uint32_t by_key = owner_by_key(bytes_str(key), FLOWS);
    uint32_t by_tag = owner_by_tag(bytes_str(key), FLOWS);

    (void)state;
    assert_int_not_equal(by_key, by_tag); /* or the test would show nothing */
    for (uint32_t flow = 0; flow < FLOWS; flow++) {
        assert_true(passes(SHARDING_UNKNOWN, key, flow));
        assert_int_equal(passes(SHARDING_KEY, key, flow), flow == by_key);
        assert_int_equal(passes(SHARDING_TAG, key, flow), flow == by_tag);
        assert_int_equal(passes(SHARDING_KEY_OR_TAG, key, flow), flow == by_key || flow == by_tag);
    }
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
        cmocka_unit_test(test_exceptions_are_tolerated_only_where_allowed),
        cmocka_unit_test(test_the_guard_lets_only_the_owner_pass),
        cmocka_unit_test(test_a_journal_tells_the_rule),
    };

    return T_RUN("input/sharding", tests);
}
