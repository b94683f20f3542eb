#include "lib/test_main.h"

#include <stdlib.h>

#include "lib/t_peer.h"
#include "wire/sentinel.h"

#define ASKED "SENTINEL get-master-addr-by-name mymaster"

/* An address of `count` sentinels; then uri_release. */
static struct uri sentinels(const struct t_peers *p, unsigned count, const char *access)
{
    char text[200];
    struct uri u;
    struct ft_err err = FT_ERR_INIT;
    int n = snprintf(text, sizeof(text), "redis-sentinel://%s", access);

    for (unsigned i = 0; i < count; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%s127.0.0.1:%u", i == 0 ? "" : ",",
                      p->peer[i].port);
    (void)snprintf(text + n, sizeof(text) - (size_t)n, "/mymaster/3");
    t_ok(uri_parse(text, &u, &err), &err);
    return u;
}

static int locate(struct uri *ret, struct uri named, struct ft_err *err)
{
    int rc = sentinel_locate(ret, &named, -1, 5000, err);

    uri_release(&named);
    return rc;
}

static void test_the_master_they_agree_on(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, ASKED, "*2\r\n$9\r\n127.0.0.9\r\n$4\r\n7001\r\n", 0},
    };
    struct t_peers p;
    struct uri u;
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_peers_start(&p, 1, rules, 1);
    t_ok(locate(&u, sentinels(&p, 1, ""), &err), &err);
    t_peers_end(&p);
    assert_int_equal(u.scheme, URI_REDIS);
    assert_string_equal(u.host, "127.0.0.9");
    assert_int_equal(u.port, 7001);
    assert_int_equal(u.db, 3);
    uri_release(&u);
}

/* One that is gone, one that knows nothing, and one that knows. */
static void test_they_are_asked_in_turn(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, ASKED, "", 0},
        {1, ASKED, "*-1\r\n", 0},
        {2, ASKED, "*2\r\n$3\r\n::1\r\n$4\r\n7002\r\n", 0},
    };
    struct t_peers p;
    struct uri u;
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_peers_start(&p, 3, rules, 3);
    t_ok(locate(&u, sentinels(&p, 3, ""), &err), &err);
    t_peers_end(&p);
    assert_string_equal(u.host, "::1");
    assert_int_equal(u.port, 7002);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(t_peers_count(&p, i, ASKED), 1);
    uri_release(&u);
}

static void test_the_password_is_that_of_the_server(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "AUTH", "-ERR AUTH <password> called without any password configured\r\n", 0},
        {0, ASKED, "*2\r\n$9\r\n127.0.0.9\r\n$4\r\n7001\r\n", 0},
    };
    struct t_peers p;
    struct uri u;
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_peers_start(&p, 1, rules, 2);
    t_ok(locate(&u, sentinels(&p, 1, "ann:sesame@"), &err), &err);
    t_peers_end(&p);
    assert_int_equal(t_peers_count(&p, 0, "AUTH ann sesame"), 1);
    assert_string_equal(u.user, "ann");
    assert_string_equal(u.password, "sesame");
    uri_release(&u);
}

static void refused(const char *reply, enum ft_err_kind kind, const char *message)
{
    const struct t_peer_rule rules[] = {{0, ASKED, reply, 0}};
    struct t_peers p;
    struct uri u;
    struct ft_err err = FT_ERR_INIT;

    t_peers_start(&p, 1, rules, 1);
    t_fails(locate(&u, sentinels(&p, 1, ""), &err), &err, kind, message);
    t_peers_end(&p);
}

static void test_answers_that_are_no_address(void **state)
{
    (void)state;
    refused("*-1\r\n", FT_ERR_PROTOCOL, "knows no master \"mymaster\"");
    refused("-IDONTKNOW nothing\r\n", FT_ERR_PROTOCOL, "answered: IDONTKNOW");
    refused("+OK\r\n", FT_ERR_PROTOCOL, "did not answer with an address");
    refused("*1\r\n$1\r\na\r\n", FT_ERR_PROTOCOL, "did not answer with an address");
    refused("*2\r\n$0\r\n\r\n$4\r\n7001\r\n", FT_ERR_PROTOCOL, "did not answer with an address");
    refused("*2\r\n$1\r\na\r\n$1\r\n0\r\n", FT_ERR_PROTOCOL, "did not answer with an address");
    refused("*2\r\n$1\r\na\r\n$5\r\n65536\r\n", FT_ERR_PROTOCOL, "did not answer with an address");
    refused("*2\r\n$1\r\na\r\n:7001\r\n", FT_ERR_PROTOCOL, "did not answer with an address");
    refused("", FT_ERR_NET, "127.0.0.1");
}

/* No sentinels: the first host that takes a connection. */
static void test_several_hosts(void **state)
{
    struct t_peers p;
    struct uri named, u;
    char text[80];
    uint16_t gone;
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_peers_start(&p, 1, t_peer_single, t_peer_single_count);
    gone = p.peer[0].port;
    t_peers_end(&p);
    t_peers_start(&p, 1, t_peer_single, t_peer_single_count);
    (void)snprintf(text, sizeof(text), "redis://127.0.0.1:%u,127.0.0.1:%u/2",
                   gone == p.peer[0].port ? 1 : gone, p.peer[0].port);
    t_ok(uri_parse(text, &named, &err), &err);
    t_ok(locate(&u, named, &err), &err);
    t_peers_end(&p);
    assert_int_equal(u.port, p.peer[0].port);
    assert_int_equal(u.other_count, 0);
    assert_int_equal(u.db, 2);
    uri_release(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_master_they_agree_on),
        cmocka_unit_test(test_they_are_asked_in_turn),
        cmocka_unit_test(test_the_password_is_that_of_the_server),
        cmocka_unit_test(test_answers_that_are_no_address),
        cmocka_unit_test(test_several_hosts),
    };

    return T_RUN("sentinel", tests);
}
