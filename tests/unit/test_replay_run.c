#include "replay/replay_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "item/slot.h"
#include "lib/test_main.h"

#define KEYS 2000

/* What came out: the last value of each key, and in how many commands. */
struct sink {
    int values[KEYS];
    uint64_t keys;
    uint64_t commands;
    uint32_t db;
    bool one_slot;
};

static int take(void *context, uint32_t db, const struct bytes *args, size_t count,
                struct ft_err *err)
{
    struct sink *sink = context;

    (void)err;
    assert_true(bytes_eq_str(args[0], count == 3 ? "SET" : "MSET"));
    assert_int_equal(count % 2, 1);
    for (size_t i = 1; i < count; i += 2) {
        char key[16] = {0};
        char value[16] = {0};

        assert_true(args[i].n < sizeof(key) && args[i + 1].n < sizeof(value));
        memcpy(key, args[i].p, args[i].n);
        memcpy(value, args[i + 1].p, args[i + 1].n);
        sink->values[atoi(key + 1)] = atoi(value);
        sink->keys++;
        if (sink->one_slot)
            assert_int_equal(slot_of(args[i]), slot_of(args[1]));
    }
    sink->db = db;
    sink->commands++;
    return 0;
}

static void add(struct replay_run *run, uint32_t db, int key, int value)
{
    struct ft_err err = FT_ERR_INIT;
    char name[16];
    char text[16];

    snprintf(name, sizeof(name), "k%d", key);
    snprintf(text, sizeof(text), "%d", value);
    assert_int_equal(replay_run_add(run, db, bytes_str(name), bytes_str(text), &err), 0);
}

static struct replay_run *run_new(struct sink *sink, bool by_slot, size_t limit_bytes)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_run *run;

    sink->one_slot = by_slot;
    assert_int_equal(replay_run_new(&run, by_slot, limit_bytes, take, sink, &err), 0);
    return run;
}

/* Twice as many keys as slots to choose from here, each given twice. */
static void test_keys_of_a_slot_go_together_in_their_order(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct sink sink = {0};
    struct replay_run *run = run_new(&sink, true, 1u << 20);

    (void)state;
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < 2 * KEYS; i++)
            add(run, 0, i % KEYS, round * 10000 + i);
        assert_int_equal(sink.keys, (round - 1) * 2 * KEYS);
        assert_int_equal(replay_run_flush(run, &err), 0);
        assert_int_equal(sink.keys, round * 2 * KEYS);
        for (int i = 0; i < KEYS; i++)
            assert_int_equal(sink.values[i], round * 10000 + KEYS + i);
    }
    assert_true(sink.commands <= 3 * KEYS);
    replay_run_free(run);
}

static void test_a_run_is_put_when_it_is_full(void **state)
{
    struct sink sink = {0};
    struct replay_run *run = run_new(&sink, false, 0);

    (void)state;
    for (int i = 0; i < 100; i++)
        add(run, 0, i, i);
    assert_int_equal(sink.commands, 1);
    assert_int_equal(sink.keys, 64);
    add(run, 1, 0, 0); /* another database */
    assert_int_equal(sink.keys, 100);
    assert_int_equal(sink.db, 0);
    replay_run_free(run);

    sink = (struct sink){0};
    run = run_new(&sink, true, 64 * 100);
    for (int i = 0; i < 250; i++)
        add(run, 0, i, i);
    assert_int_equal(sink.keys, 200);
    replay_run_free(run);
}

static void test_apart_each_is_a_command_of_its_own(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (int by_slot = 0; by_slot < 2; by_slot++) {
        struct sink sink = {0};
        struct replay_run *run = run_new(&sink, by_slot != 0, 1u << 20);

        for (int i = 0; i < 10; i++)
            add(run, 0, i, i);
        replay_run_apart(run);
        for (int i = 10; i < 200; i++)
            add(run, 0, i, i);
        assert_int_equal(replay_run_flush(run, &err), 0);
        assert_int_equal(sink.keys, 200);
        assert_int_equal(sink.commands, 200);
        replay_run_free(run);
    }
}

static void test_without_room_each_goes_at_once(void **state)
{
    struct sink sink = {0};
    struct replay_run *run = run_new(&sink, true, 0);

    (void)state;
    for (int i = 0; i < 5; i++)
        add(run, 0, i, i);
    assert_int_equal(sink.keys, 5);
    assert_int_equal(sink.commands, 5);
    replay_run_free(run);
}

static void test_something_else_for_a_key_comes_behind_it(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (int by_slot = 0; by_slot < 2; by_slot++) {
        struct sink sink = {0};
        struct replay_run *run = run_new(&sink, by_slot != 0, 1u << 20);

        for (int i = 0; i < 10; i++)
            add(run, 3, i, i);
        assert_int_equal(replay_run_before(run, 3, bytes_str("k10"), &err), 0);
        assert_int_equal(replay_run_before(run, 2, bytes_str("k7"), &err), 0);
        assert_int_equal(sink.keys, 0);
        assert_int_equal(replay_run_before(run, 3, bytes_str("k7"), &err), 0);
        assert_int_equal(sink.keys, 10);
        assert_int_equal(replay_run_before(run, 3, bytes_str("k7"), &err), 0);
        assert_int_equal(replay_run_flush(run, &err), 0);
        assert_int_equal(sink.keys, 10);
        replay_run_free(run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_of_a_slot_go_together_in_their_order),
        cmocka_unit_test(test_a_run_is_put_when_it_is_full),
        cmocka_unit_test(test_apart_each_is_a_command_of_its_own),
        cmocka_unit_test(test_without_room_each_goes_at_once),
        cmocka_unit_test(test_something_else_for_a_key_comes_behind_it),
    };

    return T_RUN("replay/replay_run", tests);
}
