#include "item/slot.h"
#include "lib/test_main.h"

static void test_check_value(void **state)
{
    (void)state;
    assert_int_equal(slot_of(bytes_str("123456789")), 0x31c3);
    assert_int_equal(slot_of(bytes_str("")), 0);
    assert_int_equal(slot_of(bytes_str("foo")), 12182);
    assert_int_equal(slot_of(bytes_str("bar")), 5061);
    assert_int_equal(slot_of(bytes_of("\0\xff", 2)), 0x1ef0 & (SLOT_COUNT - 1));
}

static void test_tags(void **state)
{
    (void)state;
    t_bytes(slot_tag(bytes_str("{user1000}.following")), "user1000");
    t_bytes(slot_tag(bytes_str("foo{}{bar}")), "foo{}{bar}");
    t_bytes(slot_tag(bytes_str("foo{{bar}}zap")), "{bar");
    t_bytes(slot_tag(bytes_str("foo{bar}{zap}")), "bar");
    t_bytes(slot_tag(bytes_str("foo{bar")), "foo{bar");
    t_bytes(slot_tag(bytes_str("foo}bar{")), "foo}bar{");
    t_bytes(slot_tag(bytes_str("")), "");
    assert_int_equal(slot_of(bytes_str("{foo}x")), slot_of(bytes_str("foo")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_value),
        cmocka_unit_test(test_tags),
    };

    return T_RUN("item/slot", tests);
}
