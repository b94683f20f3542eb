#include "lib/test_main.h"

#include <stdlib.h>
#include <unistd.h>

#include "wire/reach.h"

static struct reach *new_reach(void)
{
    struct reach *r = NULL;
    struct ft_err err = FT_ERR_INIT;

    t_ok(reach_of(&r, &err), &err);
    return r;
}

static void leads_to(const struct reach *r, const char *host, uint16_t port, const char *want_host,
                     uint16_t want_port)
{
    char to[REACH_HOST_SIZE];
    uint16_t to_port = 0;

    assert_true(reach_address(r, host, port, to, &to_port));
    assert_string_equal(to, want_host);
    assert_int_equal(to_port, want_port);
}

static void stays(const struct reach *r, const char *host, uint16_t port)
{
    char to[REACH_HOST_SIZE];
    uint16_t to_port;

    assert_false(reach_address(r, host, port, to, &to_port));
}

static void test_addresses(void **state)
{
    struct reach *r = new_reach();
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_ok(reach_add_addresses(
             r, "10.0.0.1:6379=127.0.0.1:7000, [fd00::1]:6379=[::1]:7001,inner=outer", &err),
         &err);
    leads_to(r, "10.0.0.1", 6379, "127.0.0.1", 7000);
    leads_to(r, "fd00::1", 6379, "::1", 7001);
    leads_to(r, "INNER", 6380, "outer", 6380);
    stays(r, "10.0.0.1", 6380);
    stays(r, "outer", 6379);
    stays(NULL, "10.0.0.1", 6379);
    reach_unref(r);
}

static void test_the_first_rule_counts(void **state)
{
    struct reach *r = new_reach();
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_ok(reach_add_addresses(r, "a:1=b:2,a=c", &err), &err);
    leads_to(r, "a", 1, "b", 2);
    leads_to(r, "a", 3, "c", 3);
    reach_unref(r);
}

static void test_what_is_no_address_rule(void **state)
{
    static const char *const wrong[] = {
        "",
        "a",
        "a:1",
        "a:1=",
        "=b:1",
        "a:1=b",
        "a=b:1",
        "a:0=b:1",
        "a:1=b:65536",
        "a:x=b:1",
        "[::1=b:1",
        "[::1]x=b",
        "a:1=b:1,,c:1=d:1",
    };
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct reach *r = new_reach();

        t_fails(reach_add_addresses(r, wrong[i], &err), &err, FT_ERR_USAGE,
                "is not HOST:PORT=HOST:PORT");
        reach_unref(r);
    }
}

static struct reach *of_file(const char *text, int want, const char *message)
{
    char name[] = "/tmp/flowtape-reach.XXXXXX";
    char arg[sizeof(name) + 1];
    struct reach *r = new_reach();
    struct ft_err err = FT_ERR_INIT;
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)snprintf(arg, sizeof(arg), "@%s", name);
    if (want == 0)
        t_ok(reach_add_addresses(r, arg, &err), &err);
    else
        t_fails(reach_add_addresses(r, arg, &err), &err, FT_ERR_USAGE, message);
    close(fd);
    unlink(name);
    return r;
}

static void test_a_file(void **state)
{
    struct reach *r = of_file("# from inside\n\n  a:1=b:2  # the first\r\nc=d", 0, NULL);

    (void)state;
    leads_to(r, "a", 1, "b", 2);
    leads_to(r, "c", 9, "d", 9);
    reach_unref(r);
    reach_unref(of_file("a:1=b:2\n\nwrong\n", -1, "line 3"));
}

static void test_commands(void **state)
{
    struct reach *r = new_reach();
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_ok(reach_add_command(r, "CONFIG=b840fc02", &err), &err);
    t_bytes(reach_command(r, bytes_str("config")), "b840fc02");
    t_bytes(reach_command(r, bytes_str("CONFIGURE")), "CONFIGURE");
    t_bytes(reach_command(NULL, bytes_str("CONFIG")), "CONFIG");
    t_fails(reach_add_command(r, "CONFIG", &err), &err, FT_ERR_USAGE, "NAME=OTHER");
    t_fails(reach_add_command(r, "=x", &err), &err, FT_ERR_USAGE, "NAME=OTHER");
    t_fails(reach_add_command(r, "CONFIG=", &err), &err, FT_ERR_USAGE, "NAME=OTHER");
    t_fails(reach_add_command(r, "CONFIG GET=x", &err), &err, FT_ERR_USAGE, "NAME=OTHER");
    reach_unref(r);
}

/* After the line that says what it is, once, and as bytes that end no Lua string. */
static void test_scripts(void **state)
{
    static const char rule[] = "[\"\\083\\069\\084\"] = \"\\097\\034\\098\"";
    struct reach *r = new_reach();
    struct buf scratch = {0};
    struct buf again = {0};
    struct ft_err err = FT_ERR_INIT;
    struct bytes out;
    struct bytes same;

    (void)state;
    t_ok(reach_script(r, bytes_str("return 1"), &scratch, &out, &err), &err);
    t_bytes(out, "return 1");
    t_ok(reach_add_command(r, "set=a\"b", &err), &err);
    t_bytes(reach_command_of(r, bytes_str("A\"B")), "set");
    t_bytes(reach_command_of(r, bytes_str("SET")), "SET");
    t_ok(reach_script(r, bytes_str("#!lua flags=x\nreturn 1"), &scratch, &out, &err), &err);
    assert_memory_equal(out.p, "#!lua flags=x\nlocal function named(", 35);
    assert_non_null(memmem(out.p, out.n, rule, strlen(rule)));
    assert_memory_equal(out.p + out.n - 8, "return 1", 8);
    t_ok(reach_script(r, out, &again, &same, &err), &err);
    assert_ptr_equal(same.p, out.p);
    buf_release(&again);
    buf_release(&scratch);
    reach_unref(r);
}

static void test_references(void **state)
{
    struct reach *r = new_reach();
    struct reach *same = r;
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_ok(reach_of(&same, &err), &err);
    assert_ptr_equal(same, r);
    assert_false(reach_prefers_hostname(r));
    reach_prefer_hostname(r);
    assert_ptr_equal(reach_ref(r), r);
    reach_unref(r);
    assert_true(reach_prefers_hostname(r));
    reach_unref(r);
    assert_null(reach_ref(NULL));
    reach_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_the_first_rule_counts),
        cmocka_unit_test(test_what_is_no_address_rule),
        cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_references),
    };

    return T_RUN("reach", tests);
}
