#include "fixture/scenario_text.h"
#include "lib/test_main.h"

/* The words of the next line, each in brackets. */
static void next_is(struct scenario_text *t, unsigned line, const char *want)
{
    struct ft_err err = FT_ERR_INIT;
    char got[400] = "";

    assert_int_equal(scenario_text_next(t, &err), STEP_ITEM);
    assert_int_equal(t->line, line);
    for (size_t i = 0; i < t->count; i++) {
        char shown[100];
        size_t n = strlen(got);

        (void)snprintf(got + n, sizeof(got) - n, "[%s]%u",
                       bytes_escape(t->args[i], shown, sizeof(shown)), t->columns[i]);
    }
    assert_string_equal(got, want);
}

static void test_args(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct scenario_text t;

    (void)state;
    scenario_text_init(&t, "a.txt",
                       bytes_str("SET a b\n"
                                 "\n"
                                 "  # a remark\n"
                                 "\tset \"a b\" 'it\\'s' #x \r\n"
                                 "x \"\\x00\\xfF\\n\\\"\\q\" '\\n' \"\"\n"
                                 "a\"b c"));
    next_is(&t, 1, "[SET]1[a]5[b]7");
    next_is(&t, 4, "[set]2[a b]6[it's]12[#x]20");
    next_is(&t, 5, "[x]1[\\x00\\xff\\n\\\"q]3[\\\\n]20[]25");
    next_is(&t, 6, "[a\\\"b]1[c]5");
    assert_int_equal(scenario_text_next(&t, &err), STEP_END);
    scenario_text_release(&t);
}

static void refused(const char *text, const char *part)
{
    struct ft_err err = FT_ERR_INIT;
    struct scenario_text t;
    enum step step;

    scenario_text_init(&t, "a.txt", bytes_str(text));
    do
        step = scenario_text_next(&t, &err);
    while (step == STEP_ITEM);
    t_fails(step, &err, FT_ERR_USAGE, part);
    scenario_text_release(&t);
}

static void test_errors(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct scenario_text t;

    (void)state;
    refused("a\nSET k \"v", "a.txt:2:7: a quote that has no end");
    refused("SET k 'v\\'", "a.txt:1:7: a quote that has no end");
    refused("SET \"k\"v", "a.txt:1:8: a quote ends within a word");
    refused("SET \"k\\", "a.txt:1:5: a quote that has no end");
    scenario_text_init(&t, "b", bytes_str("SET  key\x1b"));
    assert_int_equal(scenario_text_next(&t, &err), STEP_ITEM);
    assert_int_equal(scenario_text_error(&t, 1, &err, "not \"%s\"", "\x1b"), -1);
    assert_string_equal(err.msg, "b:1:6: not \"\\x1b\"");
    err_clear(&err);
    assert_int_equal(scenario_text_error(&t, 2, &err, "more"), -1);
    assert_string_equal(err.msg, "b:1:10: more");
    scenario_text_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_args),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
