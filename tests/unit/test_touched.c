/* The set of touched keys: it never forgets, and seldom names others. */
#include "item/touched.h"
#include "lib/test_main.h"

#include <stdlib.h>

static struct bytes key_of(char text[32], const char *prefix, unsigned i)
{
    int n = snprintf(text, 32, "%s:%u", prefix, i);

    return bytes_of(text, (size_t)n);
}

static struct touched *make(uint64_t keys)
{
    struct ft_err err = FT_ERR_INIT;
    struct touched *t;

    t_ok(touched_new(&t, keys, &err), &err);
    return t;
}

static void test_empty(void **state)
{
    struct touched *t = make(0);

    (void)state;
    assert_true(touched_is_empty(t));
    assert_false(touched_may(t, 0, bytes_str("a")));
    assert_false(touched_may(t, 0, bytes_of(NULL, 0)));
    touched_add(t, 0, bytes_of(NULL, 0));
    assert_false(touched_is_empty(t));
    assert_true(touched_may(t, 0, bytes_of(NULL, 0)));
    touched_free(t);
    touched_free(NULL);
}

static void test_databases_are_apart(void **state)
{
    struct touched *t = make(100);

    (void)state;
    touched_add(t, 3, bytes_str("k"));
    assert_true(touched_may(t, 3, bytes_str("k")));
    assert_false(touched_may(t, 0, bytes_str("k")));
    assert_false(touched_may(t, 3, bytes_str("k2")));
    touched_free(t);
}

/* Fewer than one false answer in a thousand with the memory that is taken for so many keys. */
static void test_never_forgets_and_seldom_errs(void **state)
{
    struct touched *t = make(100000);
    unsigned errors = 0;
    char text[32];

    (void)state;
    for (unsigned i = 0; i < 100000; i++)
        touched_add(t, i % 16, key_of(text, "in", i));
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(touched_may(t, i % 16, key_of(text, "in", i)));
        errors += touched_may(t, i % 16, key_of(text, "out", i));
    }
    assert_in_range(errors, 0, 100);
    touched_free(t);
}

/* Many more keys than were expected: more false answers, still no key forgotten. */
static void test_too_many_keys_are_not_forgotten(void **state)
{
    struct touched *t = make(1);
    unsigned errors = 0;
    char text[32];

    (void)state;
    for (unsigned i = 0; i < 50000; i++)
        touched_add(t, 0, key_of(text, "in", i));
    for (unsigned i = 0; i < 50000; i++) {
        assert_true(touched_may(t, 0, key_of(text, "in", i)));
        errors += touched_may(t, 0, key_of(text, "out", i));
    }
    assert_in_range(errors, 1, 25000);
    touched_free(t);
    touched_free(make(TOUCHED_UNKNOWN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_databases_are_apart),
        cmocka_unit_test(test_never_forgets_and_seldom_errs),
        cmocka_unit_test(test_too_many_keys_are_not_forgotten),
    };

    return T_RUN("item/touched", tests);
}
