/* Touched keys: which are served or needed is known exactly, or each is needed. */
#include "item/touched.h"
#include "lib/test_main.h"
#include "state/touched_keys.h"

#define KEYS 100000u

static struct bytes key_of(char text[32], const char *prefix, unsigned i)
{
    return bytes_of(text, (size_t)snprintf(text, 32, "%s:%u", prefix, i));
}

static struct touched_keys *make(uint64_t keys)
{
    struct ft_err err = FT_ERR_INIT;
    struct touched_keys *t;

    t_ok(touched_keys_new(&t, keys, &err), &err);
    assert_true(touched_keys_is_empty(t));
    assert_int_equal(touched_keys_look(t, 0, bytes_str("a")), 0);
    return t;
}

/* The marks of key i, in turn: none, served, needed, both. */
static void add_all(struct touched_keys *t, unsigned count)
{
    char text[32];

    for (unsigned i = 0; i < count; i++) {
        touched_keys_add(t, i % 16, key_of(text, "in", i), i % 2);
        touched_keys_add(t, i % 16, key_of(text, "in", i), i % 4);
    }
    touched_keys_drain(t);
}

/* Of a run each entry as by itself. */
static void check_run(const struct touched_keys *t)
{
    static const size_t counts[] = {0, 1, 5, RDB_RUN_MAX};
    char texts[RDB_RUN_MAX][32];
    struct rdb_run run = {.db = 3};

    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        uint64_t want = 0;

        run.count = counts[c];
        for (unsigned i = 0; i < run.count; i++) {
            struct bytes key = key_of(texts[i], i % 3 == 0 ? "out" : "in", 3 + i * 8);

            run.entries[i].key = key;
            want |= (uint64_t)(touched_keys_look(t, run.db, key) != 0) << i;
        }
        assert_int_equal(touched_keys_look_run(t, &run), want);
        assert_true(run.count < 5 || want != 0);
    }
}

static void test_the_table_is_exact(void **state)
{
    struct touched_keys *t = make(KEYS);
    char text[32];

    (void)state;
    add_all(t, KEYS);
    assert_false(touched_keys_is_full(t));
    assert_false(touched_keys_is_empty(t));
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(touched_keys_look(t, i % 16, key_of(text, "in", i)), KEY_TOUCHED | i % 4);
        assert_int_equal(touched_keys_look(t, i % 16 + 1, key_of(text, "in", i)), 0);
        assert_int_equal(touched_keys_look(t, i % 16, key_of(text, "out", i)), 0);
    }
    check_run(t);
    touched_keys_free(t);
    touched_keys_free(NULL);
}

/* A set may name a key that was never added: nothing says of one that its value is not needed. */
static void check_set(struct touched_keys *t)
{
    char text[32];

    add_all(t, KEYS);
    assert_false(touched_keys_is_full(t));
    for (unsigned i = 0; i < KEYS; i++) {
        unsigned marks = touched_keys_look(t, i % 16, key_of(text, "in", i));

        assert_int_equal(marks & (KEY_TOUCHED | KEY_NEEDED), KEY_TOUCHED | KEY_NEEDED);
        assert_true((marks & KEY_SERVED) != 0 || i % 2 == 0);
        marks = touched_keys_look(t, i % 16, key_of(text, "out", i));
        assert_true(marks == 0 || (marks & KEY_NEEDED) != 0);
    }
    check_run(t);
    touched_keys_free(t);
}

static void test_of_many_keys_each_is_needed(void **state)
{
    (void)state;
    check_set(make(TOUCHED_UNKNOWN));
}

static void test_more_keys_than_expected(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct touched_keys *t = make(1);

    (void)state;
    add_all(t, KEYS);
    assert_true(touched_keys_is_full(t));
    t_ok(touched_keys_widen(t, &err), &err);
    assert_true(touched_keys_is_empty(t));
    check_set(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_exact),
        cmocka_unit_test(test_of_many_keys_each_is_needed),
        cmocka_unit_test(test_more_keys_than_expected),
    };

    return T_RUN("state/touched_keys", tests);
}
