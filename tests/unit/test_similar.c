#include "lib/test_main.h"

#include "base/similar.h"

static const char *const known[] = {"capture", "convert", "cutover", "config",
                                    "replay",  "sync",    "serve"};

static const char *best(const char *word)
{
    struct similar s = {.word = word};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        similar_look(&s, known[i]);
    return s.best;
}

static void test_mistyped(void **state)
{
    (void)state;
    assert_string_equal(best("captrue"), "capture"); /* swapped */
    assert_string_equal(best("cature"), "capture");  /* missing */
    assert_string_equal(best("syncc"), "sync");      /* too many */
    assert_string_equal(best("replax"), "replay");   /* different */
    assert_string_equal(best("SERVE"), "serve");
    assert_string_equal(best("conv"), "convert"); /* begins it */
}

/* The nearest one, not the first that is near. */
static void test_the_nearest(void **state)
{
    (void)state;
    assert_string_equal(best("cutovert"), "cutover");
    assert_string_equal(best("confit"), "config");
}

static void test_nothing_is_similar(void **state)
{
    char large[200];

    (void)state;
    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    assert_null(best("banana"));
    assert_null(best("x"));
    assert_null(best(""));
    assert_null(best("cat"));
    assert_null(best(large));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistyped),
        cmocka_unit_test(test_the_nearest),
        cmocka_unit_test(test_nothing_is_similar),
    };

    return T_RUN("similar", tests);
}
