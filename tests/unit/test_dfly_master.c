#include "lib/test_main.h"

#include "lib/t_socket.h"
#include "wire/dfly_master.h"

#define ID_A "0123456789abcdef0123456789abcdef01234567"
#define ID_B "fedcba9876543210fedcba9876543210fedcba98"

static int open_with(struct dfly_master *m, const char *const *replies, char *ret_asked,
                     struct ft_err *err)
{
    struct t_replies peer = {.replies = replies};
    int rc;

    t_replies_start(&peer);
    rc = dfly_master_open(m, &peer.socket.uri, -1, DFLY_REPLY_MS, NULL, NULL, err);
    if (rc == 0)
        dfly_master_close(m);
    t_socket_end(&peer.socket);
    if (ret_asked != NULL)
        strcpy(ret_asked, peer.asked);
    return rc;
}

#define BEGIN "+PONG\r\n", "+OK\r\n", "+OK\r\n"
#define INFO  "$43\r\n# Server\r\ndragonfly_version:df-v1.40.0-87\r\n\r\n"

static void test_sessions_of_all_releases(void **state)
{
    static const struct {
        const char *capa;
        int protocol;
    } cases[] = {
        {"*4\r\n+" ID_A "\r\n+SYNC12\r\n:3\r\n:4\r\n", 4},
        {"*5\r\n+" ID_A "\r\n+SYNC12\r\n:3\r\n:5\r\n+" ID_B "\r\n", 5},
        {"*6\r\n+" ID_A "\r\n+SYNC12\r\n:3\r\n:6\r\n+" ID_B "\r\n:1\r\n", 6},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ft_err err = FT_ERR_INIT;
        struct dfly_master m;
        char asked[4096];

        t_ok(
            open_with(&m, T_REPLIES(BEGIN, cases[i].capa, "+OK\r\n", "+OK\r\n", INFO), asked, &err),
            &err);
        assert_string_equal(m.replication_id, ID_A);
        assert_string_equal(m.sync_id, "SYNC12");
        assert_int_equal(m.flow_count, 3);
        assert_int_equal(m.protocol, cases[i].protocol);
        assert_string_equal(m.release, "df-v1.40.0-87");
        assert_true(strstr(asked, "dragonfly") < strstr(asked, "CLIENT-ID"));
        assert_true(strstr(asked, "CLIENT-ID") < strstr(asked, "CLIENT-VERSION"));
    }
}

static void test_the_oldest_releases_get_no_version(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct dfly_master m;
    char asked[4096];

    (void)state;
    t_ok(open_with(
             &m, T_REPLIES(BEGIN, "*3\r\n+" ID_A "\r\n+SYNC1\r\n:1\r\n", "+OK\r\n", "-ERR no\r\n"),
             asked, &err),
         &err);
    assert_int_equal(m.protocol, 0);
    assert_string_equal(m.release, "");
    assert_null(strstr(asked, "CLIENT-VERSION"));
}

static void test_peers_that_are_of_no_use(void **state)
{
    static const struct {
        const char *capa;
        enum ft_err_kind kind;
        const char *part;
    } cases[] = {
        {"+OK\r\n", FT_ERR_PROTOCOL, "is a Redis server"},
        {"-ERR Replicating a replica is unsupported\r\n", FT_ERR_PROTOCOL, "itself a replica"},
        {"-NOPERM no\r\n", FT_ERR_PROTOCOL, "permission"},
        {"-NOAUTH Authentication required.\r\n", FT_ERR_PROTOCOL, "password"},
        {"-ERR Cannot execute restricted command (admin only)\r\n", FT_ERR_PROTOCOL, "admin port"},
        {"-LOADING Dragonfly is loading\r\n", FT_ERR_NET, "loading"},
        {"-ERR strange\r\n", FT_ERR_PROTOCOL, "\"ERR strange\""},
        {":1\r\n", FT_ERR_PROTOCOL, "unexpected"},
        {"*2\r\n+" ID_A "\r\n+SYNC1\r\n", FT_ERR_PROTOCOL, "unexpected"},
        {"*4\r\n+" ID_A "\r\n+SYNC1\r\n:0\r\n:4\r\n", FT_ERR_PROTOCOL, "0 flows"},
        {"*4\r\n+" ID_A "\r\n+SYNC1\r\n:1025\r\n:4\r\n", FT_ERR_PROTOCOL, "1025 flows"},
        {"*4\r\n+" ID_A "x\r\n+SYNC1\r\n:1\r\n:4\r\n", FT_ERR_PROTOCOL, "unexpected"},
        {"*4\r\n+short\r\n+SYNC1\r\n:1\r\n:4\r\n", FT_ERR_PROTOCOL, "unexpected"},
        {"*4\r\n+" ID_A "\r\n+SYNC\r\n:1\r\n:4\r\n", FT_ERR_PROTOCOL, "unexpected"},
        {"*4\r\n+" ID_A "\r\n+SYNC1x\r\n:1\r\n:4\r\n", FT_ERR_PROTOCOL, "unexpected"},
        {"*1000000000\r\n", FT_ERR_PROTOCOL, "in one reply"},
        {"?\r\n", FT_ERR_PROTOCOL, "not a reply"},
        {"*4\r\n+" ID_A "\r\n", FT_ERR_NET, "closed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct dfly_master m;

        t_fails(open_with(&m, T_REPLIES(BEGIN, cases[i].capa), NULL, &err), &err, cases[i].kind,
                cases[i].part);
    }
}

static void test_loading_is_waited_for(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct dfly_master m;

    (void)state;
    t_ok(open_with(&m,
                   T_REPLIES("-LOADING Dragonfly is loading\r\n", BEGIN,
                             "*4\r\n+" ID_A "\r\n+SYNC1\r\n:2\r\n:4\r\n", "+OK\r\n", "+OK\r\n",
                             INFO),
                   NULL, &err),
         &err);
    assert_int_equal(m.flow_count, 2);
}

static void test_what_follows_the_flow_reply_is_kept(void **state)
{
    const struct dfly_master m = {.replication_id = ID_A, .sync_id = "SYNC9", .flow_count = 4};
    struct ft_err err = FT_ERR_INIT;
    struct dfly_master with_uri = m;
    struct master_flow f;
    struct t_replies peer = {.replies = T_REPLIES("*2\r\n+PARTIAL\r\n+" ID_B "\r\n*1\r\n\x06")};

    (void)state;
    t_replies_start(&peer);
    with_uri.uri = &peer.socket.uri;
    with_uri.timeout_ms = DFLY_REPLY_MS;
    t_ok(dfly_flow_open(&f, &with_uri, 3, 77, -1, &err), &err);
    assert_true(f.partial);
    assert_string_equal(f.eof_token, ID_B);
    t_bytes(resp_client_leftover(&f.client), "*1\r\n\x06");
    t_bytes(resp_client_leftover(&f.client), "");
    dfly_flow_close(&f);
    t_socket_end(&peer.socket);
    assert_string_equal(peer.asked, "*6\r\n$4\r\nDFLY\r\n$4\r\nFLOW\r\n$40\r\n" ID_A
                                    "\r\n$5\r\nSYNC9\r\n$1\r\n3\r\n$2\r\n77\r\n");
}

static void test_how_releases_resume(void **state)
{
    static const struct {
        int protocol;
        const char *release;
        enum dfly_resume form;
    } cases[] = {
        {5, "df-v1.40.0-87-gf8eca6d0b", DFLY_RESUME_RAW},
        {4, "df-v1.35.0", DFLY_RESUME_RAW},
        {4, "df-v1.34.2", DFLY_RESUME_INCREMENT},
        {4, "df-v1.31.0", DFLY_RESUME_INCREMENT},
        {4, "df-v1.30.3", DFLY_RESUME_NEVER},
        {4, "df-v1.21.0", DFLY_RESUME_NEVER},
        {4, "df-v1.20.1", DFLY_RESUME_INCREMENT},
        {2, "df-v1.11.0", DFLY_RESUME_INCREMENT},
        {1, "df-v1.10.0", DFLY_RESUME_NEVER},
        {5, "df-v2.0.0", DFLY_RESUME_RAW},
        {5, "", DFLY_RESUME_RAW},
        {6, "df-dev", DFLY_RESUME_RAW},
        {4, "", DFLY_RESUME_NEVER},
        {3, "", DFLY_RESUME_NEVER},
        {2, "", DFLY_RESUME_INCREMENT},
        {0, "", DFLY_RESUME_NEVER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(dfly_master_resume_form(cases[i].protocol, cases[i].release),
                         cases[i].form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_of_all_releases),
        cmocka_unit_test(test_the_oldest_releases_get_no_version),
        cmocka_unit_test(test_peers_that_are_of_no_use),
        cmocka_unit_test(test_loading_is_waited_for),
        cmocka_unit_test(test_what_follows_the_flow_reply_is_kept),
        cmocka_unit_test(test_how_releases_resume),
    };

    return T_RUN("wire/dfly_master", tests);
}
