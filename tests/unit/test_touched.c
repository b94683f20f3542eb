/* The set of touched keys: it never forgets, and seldom names others. */
#include "item/touched.h"
#include "lib/test_main.h"

#include <stdlib.h>

static struct bytes key_of(char text[32], const char *prefix, unsigned i)
{
    int n = snprintf(text, 32, "%s:%u", prefix, i);

    return bytes_of(text, (size_t)n);
}

static struct touched *make(size_t size_bytes)
{
    struct ft_err err = FT_ERR_INIT;
    struct touched *t;

    t_ok(touched_new(&t, size_bytes, &err), &err);
    return t;
}

static void test_empty(void **state)
{
    struct touched *t = make(1024);

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
    struct touched *t = make(1 << 16);

    (void)state;
    touched_add(t, 3, bytes_str("k"));
    assert_true(touched_may(t, 3, bytes_str("k")));
    assert_false(touched_may(t, 0, bytes_str("k")));
    assert_false(touched_may(t, 3, bytes_str("k2")));
    touched_free(t);
}

/* Ten bits a key give about two false answers in a hundred with six probes in one line. */
static void test_never_forgets_and_seldom_errs(void **state)
{
    struct touched *t = make(128 << 10);
    unsigned errors = 0;
    char text[32];

    (void)state;
    for (unsigned i = 0; i < 100000; i++)
        touched_add(t, i % 16, key_of(text, "in", i));
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(touched_may(t, i % 16, key_of(text, "in", i)));
        errors += touched_may(t, i % 16, key_of(text, "out", i));
    }
    assert_in_range(errors, 1, 5000);
    touched_free(t);
}

/* Smaller than a line, and no power of two. */
static void test_any_size(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size += 37) {
        struct touched *t = make(size);
        char text[32];

        for (unsigned i = 0; i < 50; i++)
            touched_add(t, 0, key_of(text, "k", i));
        for (unsigned i = 0; i < 50; i++)
            assert_true(touched_may(t, 0, key_of(text, "k", i)));
        touched_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_databases_are_apart),
        cmocka_unit_test(test_never_forgets_and_seldom_errs),
        cmocka_unit_test(test_any_size),
    };

    return T_RUN("item/touched", tests);
}
