#include "lib/test_main.h"

#include <stdlib.h>
#include <unistd.h>

#include "cmd/args.h"
#include "cmd/settings.h"

struct options {
    const char *name;
    bool flag;
    bool quiet;
    bool help;
    char list[64];
};

/* A repeatable option: each value is appended. */
static int take_key(void *into, const char *value, struct ft_err *err)
{
    struct options *o = into;

    if (strcmp(value, "bad") == 0)
        return err_set(err, FT_ERR_USAGE, "a bad key");
    strncat(o->list, value, sizeof(o->list) - strlen(o->list) - 1);
    return 0;
}

static const struct arg args[] = {
    {"name", "NAME", "a name (default: none)", offsetof(struct options, name), NULL},
    {"key", "GLOB", "keys", 0, take_key},
    {"flag", NULL, "a flag", offsetof(struct options, flag), NULL},
    {"quiet", NULL, "quiet", offsetof(struct options, quiet), NULL},
    {"help", NULL, "help", offsetof(struct options, help), NULL},
};

static char path[64];

/* parse - a command line, with options in `o`; its operands are SOURCE and DIR. */
static int parse(struct options *o, const char **argv, char ***ret_operands, struct ft_err *err)
{
    const struct arg_group groups[] = {ARG_GROUP(NULL, args, o)};
    int argc = 0;

    while (argv[argc] != NULL)
        argc++;
    *o = (struct options){0};
    return args_parse_operands(groups, 1, argc, (char **)argv, 2, "SOURCE and DIR", &o->help,
                               ret_operands, err);
}

/* A file of its own for each text, since one that has been read is not read again. */
static char *write_file(const char *text)
{
    static unsigned count;
    FILE *f;

    (void)snprintf(path, sizeof(path), "test_args.%d.%u.conf", (int)getpid(), count++);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return path;
}

static void test_the_command_line_alone(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct options o;
    char **operands;
    const char *argv[] = {"test", "--key", "a", "s", "--flag", "-q", "--key=b", "d", NULL};
    const char *unset[] = {"test", "s", "d", "--flag=no", NULL};
    const char *bad[] = {"test", "s", "d", "--flag=perhaps", NULL};
    const char *few[] = {"test", "s", NULL};

    (void)state;
    args_set_command("test");
    t_ok(parse(&o, argv, &operands, &err), &err);
    assert_string_equal(o.list, "ab");
    assert_true(o.flag && o.quiet && !o.help);
    assert_string_equal(operands[0], "s");
    assert_string_equal(operands[1], "d");
    t_ok(parse(&o, unset, &operands, &err), &err);
    assert_false(o.flag);
    t_fails(parse(&o, bad, &operands, &err), &err, FT_ERR_USAGE,
            "--flag: wanted yes or no, not \"perhaps\"");
    err = (struct ft_err)FT_ERR_INIT;
    t_fails(parse(&o, few, &operands, &err), &err, FT_ERR_USAGE, "wanted SOURCE and DIR, got 1");
}

static void test_the_environment(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct options o;
    char **operands;
    const char *argv[] = {"test", NULL};
    const char *typed[] = {"test", "--key", "typed", "x", "y", NULL};

    (void)state;
    args_set_command("test");
    setenv("FLOWTAPE_NAME", "of all", 1);
    setenv("FLOWTAPE_TEST_NAME", "of test", 1);
    setenv("FLOWTAPE_KEY", "k", 1);
    setenv("FLOWTAPE_FLAG", "on", 1);
    setenv("FLOWTAPE_SOURCE", "s", 1);
    setenv("FLOWTAPE_TEST_DIR", "d", 1);
    t_ok(parse(&o, argv, &operands, &err), &err);
    assert_string_equal(o.name, "of test");
    assert_string_equal(o.list, "k");
    assert_true(o.flag);
    assert_string_equal(operands[0], "s");
    assert_string_equal(operands[1], "d");
    t_ok(parse(&o, typed, &operands, &err), &err);
    assert_string_equal(o.list, "typed"); /* instead of, not besides */
    assert_string_equal(operands[0], "x");
    setenv("FLOWTAPE_KEY", "bad", 1);
    t_fails(parse(&o, argv, &operands, &err), &err, FT_ERR_USAGE, "FLOWTAPE_KEY: --key: a bad key");
    setenv("FLOWTAPE_KEY", "redis://u:secret@h", 1);
    err = (struct ft_err)FT_ERR_INIT;
    t_fails(parse(&o, argv, &operands, &err), &err, FT_ERR_USAGE, "FLOWTAPE_KEY: an address with");
    assert_null(strstr(err.msg, "secret"));
    unsetenv("FLOWTAPE_NAME");
    unsetenv("FLOWTAPE_TEST_NAME");
    unsetenv("FLOWTAPE_KEY");
    unsetenv("FLOWTAPE_FLAG");
    unsetenv("FLOWTAPE_SOURCE");
    unsetenv("FLOWTAPE_TEST_DIR");
}

static void test_the_file(void **state)
{
    static const char text[] = "# of all commands\n"
                               "key = all\n"
                               "name = all\n"
                               "  flag = yes\n"
                               "; the next two are for one\n"
                               "[test]\n"
                               "key = one\n"
                               "key = two\n"
                               "\n"
                               "dir = /some/where\n"
                               "[other]\n"
                               "name = other\n";
    const char *argv[] = {"test", "--config", write_file(text), NULL};
    struct ft_err err = FT_ERR_INIT;
    struct settings s;
    struct options o;
    char **operands;
    size_t at = 0;

    (void)state;
    t_ok(settings_read(&s, path, &err), &err);
    assert_int_equal(s.count, 7);
    assert_int_equal(settings_next(&s, "test", "key", &at)->line, 7);
    assert_string_equal(settings_next(&s, "test", "key", &at)->value, "two");
    assert_null(settings_next(&s, "test", "key", &at));
    settings_release(&s);

    args_set_command("test");
    setenv("FLOWTAPE_SOURCE", "from the environment", 1);
    t_ok(parse(&o, argv, &operands, &err), &err);
    assert_string_equal(o.list, "onetwo");
    assert_string_equal(o.name, "all");
    assert_true(o.flag);
    assert_string_equal(operands[0], "from the environment");
    assert_string_equal(operands[1], "/some/where");
    unsetenv("FLOWTAPE_SOURCE");
    assert_int_equal(unlink(path), 0);
}

static void test_what_is_wrong_in_a_file(void **state)
{
    static char huge[400];
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"flag = yes\nwords\n", ":2: wanted \"name = value\" or \"[COMMAND]\""},
        {"[test\nflag = yes\n", ":1: wanted \"name = value\" or \"[COMMAND]\""},
        {"\npassword = x\n", ":2: passwords are not taken from here"},
        {"target = redis://:secret@h\n", ":1: an address with a password in it"},
        {"archive = cp a b ; cp b c\n", ":1: a comment stands on a line of its own"},
        {huge, ":1: a line has up to 198 characters"},
    };

    (void)state;
    memset(huge, 'x', sizeof(huge) - 1);
    memcpy(huge, "name = ", 7);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct settings s;

        t_fails(settings_read(&s, write_file(cases[i].text), &err), &err, FT_ERR_USAGE,
                cases[i].says);
        assert_null(strstr(err.msg, "secret"));
        settings_release(&s);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_operands_have_names(void **state)
{
    const char *at = "INPUT, A and DIR";
    char name[ARG_NAME_SIZE];

    (void)state;
    assert_true(args_next_operand(&at, name));
    assert_string_equal(name, "input");
    assert_true(args_next_operand(&at, name));
    assert_string_equal(name, "a");
    assert_true(args_next_operand(&at, name));
    assert_string_equal(name, "dir");
    assert_false(args_next_operand(&at, name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_command_line_alone),
        cmocka_unit_test(test_the_environment),
        cmocka_unit_test(test_the_file),
        cmocka_unit_test(test_what_is_wrong_in_a_file),
        cmocka_unit_test(test_operands_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
