#include "replay/position/replay_steps.h"

#include "lib/test_main.h"

#include <stdlib.h>

#define LARGE (REPLAY_STEP_BYTES + 1u)

struct setup {
    struct replay_steps steps;
    struct bytes large;
    struct bytes *args;
    size_t cap;
};

static void begin(struct setup *s)
{
    uint8_t *p = malloc(LARGE);

    assert_non_null(p);
    for (size_t i = 0; i < LARGE; i++)
        p[i] = (uint8_t)(i * 7 + i / 256);
    memset(s, 0, sizeof(*s));
    s->large = bytes_of(p, LARGE);
}

static void end(struct setup *s)
{
    replay_steps_release(&s->steps);
    free(s->args);
    free((void *)s->large.p);
}

static void add(struct setup *s, const struct bytes *args, size_t count)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_steps_add(&s->steps, 3, "0:5:0", args, count, &err), &err);
}

static void same(struct setup *s, size_t index, const struct bytes *args, size_t count)
{
    struct ft_err err = FT_ERR_INIT;
    char tag[REPLAY_TAG_TEXT];

    assert_int_equal(s->steps.steps[index].count, count);
    t_ok(replay_steps_args(&s->steps, index, &s->args, &s->cap, tag, &err), &err);
    assert_string_equal(tag, "0:5:0");
    for (size_t i = 0; i < count; i++)
        assert_true(bytes_eq(s->args[i], args[i]));
}

static size_t head(struct setup *s, size_t index)
{
    struct ft_err err = FT_ERR_INIT;
    size_t count;

    t_ok(replay_steps_head(&s->steps, index, &s->args, &s->cap, &count, &err), &err);
    return count;
}

/* What is behind a large argument is with it, however short. */
static void test_a_large_command_is_the_same_from_its_file(void **state)
{
    struct setup s;

    (void)state;
    begin(&s);
    const struct bytes small[] = {bytes_str("SET"), bytes_str("a"), bytes_str("1")};
    const struct bytes large[] = {bytes_str("HSET"), bytes_str("key"), bytes_str("f"),
                                  s.large,           bytes_str(""),    bytes_str("1")};
    const struct bytes key[] = {bytes_str("SET"), s.large, bytes_str("1")};

    add(&s, small, 3);
    add(&s, large, 6);
    add(&s, key, 3);
    add(&s, small, 3);
    for (int i = 0; i < 2; i++) {
        same(&s, 0, small, 3);
        same(&s, 1, large, 6);
        same(&s, 2, key, 3);
        same(&s, 3, small, 3);
    }
    assert_int_equal(head(&s, 0), 3);
    assert_int_equal(head(&s, 1), 3);
    assert_int_equal(head(&s, 2), 1);
    assert_int_equal(s.steps.bytes, 5 + 9 + LARGE + 4 + LARGE + 5);
    assert_true(s.steps.args.text.n < 100);
    replay_steps_clear(&s.steps);
    assert_int_equal(s.steps.bytes, 0);
    end(&s);
}

static void test_many_arguments_are_the_same_from_their_file(void **state)
{
    struct bytes args[50];
    struct setup s;

    (void)state;
    begin(&s);
    args[0] = bytes_str("RPUSH");
    args[1] = bytes_str("list");
    for (size_t i = 2; i < 50; i++)
        args[i] = bytes_of(s.large.p + i, 90000 + i);
    add(&s, args, 50);
    same(&s, 0, args, 50);
    assert_int_equal(head(&s, 0), 2);
    end(&s);
}

/* One that is to come first, or to be told by its arguments, is in memory. */
static void test_a_large_command_stays_in_its_place(void **state)
{
    struct setup s;

    (void)state;
    begin(&s);
    const struct bytes small[] = {bytes_str("SET"), bytes_str("a"), bytes_str("1")};
    const struct bytes large[] = {bytes_str("SET"), bytes_str("b"), s.large};

    add(&s, small, 3);
    assert_true(replay_steps_mark_ahead(&s.steps));
    assert_true(replay_steps_name(&s.steps, bytes_str("a")));
    assert_false(replay_steps_name(&s.steps, bytes_str("c")));
    add(&s, large, 3);
    assert_false(replay_steps_mark_ahead(&s.steps));
    assert_true(s.steps.steps[0].ahead);
    assert_false(s.steps.steps[1].ahead);
    assert_true(replay_steps_name(&s.steps, bytes_str("c")));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_large_command_is_the_same_from_its_file),
        cmocka_unit_test(test_many_arguments_are_the_same_from_their_file),
        cmocka_unit_test(test_a_large_command_stays_in_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
