#include "item/owner.h"
#include "item/slot.h"
#include "lib/test_main.h"

/* Keys of a recording with four shards, and the flow on which their records came. */
static void test_owners_of_a_recording(void **state)
{
    static const struct {
        const char *key;
        uint32_t flow;
    } keys[] = {
        {"m1", 0}, {"b1", 0}, {"l5", 0}, {"t4", 0}, {"p1", 0}, {"x1", 0}, {"n1", 1}, {"i1", 1},
        {"f1", 1}, {"t1", 1}, {"z3", 1}, {"g1", 1}, {"x3", 1}, {"s3", 2}, {"m2", 2}, {"l1", 2},
        {"l2", 2}, {"t6", 2}, {"z2", 2}, {"x2", 2}, {"p2", 2}, {"j1", 0}, {"l9", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (owner_by_key(bytes_str(keys[i].key), 4) != keys[i].flow)
            fail_msg("%s: wanted flow %u, got %u", keys[i].key, keys[i].flow,
                     owner_by_key(bytes_str(keys[i].key), 4));
    }
}

static void test_rules_differ_in_what_they_hash(void **state)
{
    struct bytes key = bytes_str("{user}:1");

    (void)state;
    for (uint32_t n = 1; n <= 16; n++) {
        assert_int_equal(owner_by_tag(key, n), owner_by_key(bytes_str("user"), n));
        assert_int_equal(owner_by_slot(key, n), slot_of(bytes_str("user")) % n);
        assert_true(owner_by_key(key, n) < n);
    }
    assert_int_equal(owner_by_key(key, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners_of_a_recording),
        cmocka_unit_test(test_rules_differ_in_what_they_hash),
    };

    return T_RUN("item/owner", tests);
}
