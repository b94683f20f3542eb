/* A window: commands come back by slot, in the order in which they were put; a lane says so much of it as has been sent. */
#include "lib/test_main.h"

#include <stdio.h>
#include <stdlib.h>

#include "item/slot_set.h"
#include "replay/position/replay_state.h"
#include "replay/position/replay_window.h"

#define COMMANDS 5000u
#define SLOTS    257u

static struct replay_window window;

static uint16_t slot_of_number(unsigned i)
{
    return (uint16_t)(i * 7919u % SLOTS * 63u);
}

static void put_numbered(unsigned i)
{
    struct ft_err err = FT_ERR_INIT;
    char tag[32];
    char value[32];

    (void)snprintf(tag, sizeof(tag), "0:%u:0", i);
    (void)snprintf(value, sizeof(value), "value %u", i);
    const struct bytes args[] = {bytes_str("SET"), bytes_str(""), bytes_str(value)};

    t_ok(replay_window_put(&window, slot_of_number(i), tag, args, 1 + i % 3, &err), &err);
}

static void expect_numbered(const struct replay_window_command *c, unsigned i)
{
    char tag[32];
    char value[32];

    (void)snprintf(tag, sizeof(tag), "0:%u:0", i);
    (void)snprintf(value, sizeof(value), "value %u", i);
    assert_string_equal(c->tag, tag);
    assert_int_equal(c->count, 1 + i % 3);
    assert_true(bytes_eq_str(c->args[0], "SET"));
    if (c->count == 3)
        assert_true(bytes_eq_str(c->args[2], value));
}

static void fill_and_read(void)
{
    struct replay_window_command c = {0};
    struct ft_err err = FT_ERR_INIT;
    unsigned seen = 0;

    for (unsigned i = 0; i < COMMANDS; i++)
        put_numbered(i);
    assert_int_equal(window.commands, COMMANDS);
    assert_int_equal(window.most_of_slot, (COMMANDS + SLOTS - 1) / SLOTS);
    assert_true(window.largest_slot * SLOTS >= window.bytes);
    assert_true(window.largest_slot * SLOTS < 2 * window.bytes);
    replay_window_sort(&window);
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        unsigned i = 0;

        replay_window_ahead(&window, (uint16_t)slot); /* changes nothing */
        for (uint32_t at = 0; at < window.count[slot]; at++, i++) {
            while (slot_of_number(i) != slot)
                i++;
            t_ok(replay_window_read(&window, (uint16_t)slot, window.first[slot] + at, &c, &err),
                 &err);
            expect_numbered(&c, i);
            seen++;
        }
    }
    assert_int_equal(seen, COMMANDS);
    replay_window_clear(&window);
    assert_int_equal(window.commands, 0);
    assert_int_equal(window.bytes, 0);
    assert_int_equal(window.largest_slot, 0);
    free(c.args);
}

static void test_by_slot_in_order(void **state)
{
    (void)state;
    fill_and_read();
    fill_and_read();
    replay_window_release(&window);
}

static void test_first_slots_as_a_lane(void **state)
{
    const uint64_t lsn[] = {17, UINT64_C(1) << 40};
    struct replay_lane lane = {.lsn = (uint64_t[2]){17, UINT64_C(1) << 40}};
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};
    struct buf same = {0};

    (void)state;
    for (uint16_t slot = 0; slot < 5000; slot++)
        slot_set_add(lane.slots, slot);
    t_ok(replay_lane_put_first(&text, 5000, lsn, 2, &err), &err);
    t_ok(replay_lane_put(&same, &lane, 2, &err), &err);
    assert_true(bytes_eq(buf_bytes(&text), buf_bytes(&same)));
    assert_true(bytes_eq_str(buf_bytes(&text), "0-4999|17,1099511627776"));
    buf_release(&text);
    buf_release(&same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_slot_in_order),
        cmocka_unit_test(test_first_slots_as_a_lane),
    };

    return T_RUN("replay/position/replay_window", tests);
}
