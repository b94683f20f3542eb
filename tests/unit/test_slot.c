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

/* By its definition, bit by bit. */
static uint16_t crc16_of(const uint8_t *p, size_t n)
{
    unsigned crc = 0;

    for (size_t i = 0; i < 8 * n; i++) {
        bool bit = (p[i / 8] >> (7 - i % 8) & 1) != (crc >> 15 & 1);

        crc = (crc << 1 ^ (bit ? 0x1021u : 0)) & 0xffff;
    }
    return (uint16_t)crc;
}

static void test_every_byte_counts_wherever_it_is(void **state)
{
    uint8_t key[19] = {0};

    (void)state;
    for (size_t n = 1; n <= sizeof(key); n++) {
        for (size_t at = 0; at < n; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                memset(key, 0x5a, sizeof(key));
                key[at] = (uint8_t)byte;
                assert_int_equal(slot_of(bytes_of(key, n)), crc16_of(key, n) & (SLOT_COUNT - 1));
            }
        }
    }
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
        cmocka_unit_test(test_every_byte_counts_wherever_it_is),
        cmocka_unit_test(test_tags),
    };

    return T_RUN("item/slot", tests);
}
