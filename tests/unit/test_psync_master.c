#include "lib/test_main.h"

#include "lib/t_socket.h"
#include "wire/psync_master.h"

#define ID_A "0123456789abcdef0123456789abcdef01234567"
#define ID_B "fedcba9876543210fedcba9876543210fedcba98"
#define OK_2 "+OK\r\n", "+OK\r\n"

static int open_flow_of(const char *version, struct master_flow *f, uint64_t lsn,
                        const char *const *replies, char *ret_asked, struct ft_err *err)
{
    struct t_replies peer = {.replies = replies};
    struct psync_master m = {.timeout_ms = 20000};
    int rc;

    (void)snprintf(m.version, sizeof(m.version), "%s", version);

    t_replies_start(&peer);
    m.uri = &peer.socket.uri;
    rc = psync_flow_open(f, &m, ID_A, lsn, -1, err);
    t_socket_end(&peer.socket);
    if (ret_asked != NULL)
        strcpy(ret_asked, peer.asked);
    return rc;
}

static int open_flow(struct master_flow *f, uint64_t lsn, const char *const *replies,
                     char *ret_asked, struct ft_err *err)
{
    return open_flow_of("redis-7.2.6", f, lsn, replies, ret_asked, err);
}

static void test_who_the_master_is(void **state)
{
    static const struct {
        const char *info; /* NULL: refused */
        const char *version;
        const char *id;
        const char *former_id;
    } cases[] = {
        {"redis_version:7.2.6\r\nmaster_replid:" ID_A "\r\nmaster_replid2:" ID_B "\r\n",
         "redis-7.2.6", ID_A, ID_B},
        {"redis_version:7.2.4\r\nvalkey_version:8.1.1\r\n", "valkey-8.1.1", "", ""},
        {"redis_version:6.3.4\r\nmvcc_depth:0\r\n", "keydb-6.3.4", "", ""},
        {"redis_version:2.8.24\r\nrun_id:" ID_B "\r\n", "redis-2.8.24", ID_B, ""},
        {NULL, "", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char info[512] = "-NOPERM no\r\n";
        const char *const replies[] = {"+PONG\r\n", info, NULL};
        struct t_replies peer = {.replies = replies};
        struct ft_err err = FT_ERR_INIT;
        struct psync_master m;

        if (cases[i].info != NULL)
            (void)snprintf(info, sizeof(info), "$%zu\r\n%s\r\n", strlen(cases[i].info),
                           cases[i].info);
        t_replies_start(&peer);
        t_ok(psync_master_open(&m, &peer.socket.uri, -1, 20000, NULL, NULL, &err), &err);
        psync_master_close(&m);
        t_socket_end(&peer.socket);
        assert_string_equal(m.version, cases[i].version);
        assert_string_equal(m.replication_id, cases[i].id);
        assert_string_equal(m.former_id, cases[i].former_id);
    }
}

static void keep_note(void *context, const char *text)
{
    assert_int_equal(*(const char **)context == NULL, true);
    *(const char **)context = text;
}

static void test_active_replica(void **state)
{
    struct t_replies peer = {.replies = T_REPLIES("+PONG\r\n",
                                                  "$56\r\nredis_version:6.3.4\r\nmvcc_depth:0\r\n"
                                                  "role:active-replica\r\n\r\n")};
    struct ft_err err = FT_ERR_INIT;
    struct psync_master m;
    const char *text = NULL;

    (void)state;
    t_replies_start(&peer);
    t_ok(psync_master_open(&m, &peer.socket.uri, -1, 20000, keep_note, &text, &err), &err);
    psync_master_close(&m);
    t_socket_end(&peer.socket);
    assert_true(m.is_active_replica);
    assert_non_null(strstr(text, "propagates nothing of keys that expire"));
}

static void test_a_dragonfly_is_told_apart(void **state)
{
    struct t_replies peer = {
        .replies = T_REPLIES("+PONG\r\n", "$30\r\ndragonfly_version:df-v1.40.0\r\n\r\n")};
    struct ft_err err = FT_ERR_INIT;
    struct psync_master m;

    (void)state;
    t_replies_start(&peer);
    t_fails(psync_master_open(&m, &peer.socket.uri, -1, 20000, NULL, NULL, &err), &err,
            FT_ERR_PROTOCOL, "dragonfly://");
    t_socket_end(&peer.socket);
}

static void test_full_syncs(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct master_flow f;
    char asked[4096];

    (void)state;
    t_ok(open_flow(&f, 0,
                   T_REPLIES(OK_2, "\n\n+FULLRESYNC " ID_B " 41\r\n\n\n$EOF:" ID_A "\r\nREDIS"),
                   asked, &err),
         &err);
    assert_false(f.partial);
    assert_string_equal(f.replication_id, ID_B);
    assert_string_equal(f.eof_token, ID_A);
    assert_int_equal(f.first_lsn, 42);
    assert_int_equal(f.rdb_bytes, 0);
    t_bytes(resp_client_leftover(&f.client), "REDIS");
    resp_client_close(&f.client);
    assert_non_null(strstr(asked, "$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n"));
    assert_null(strstr(asked, "dual"));

    /* masters before 4.0 know no capa */
    t_ok(open_flow(&f, 77,
                   T_REPLIES("+OK\r\n", "-ERR Unrecognized REPLCONF option: capa\r\n",
                             "+FULLRESYNC " ID_B " 0\r\n$173\r\n"),
                   asked, &err),
         &err);
    assert_string_equal(f.eof_token, "");
    assert_int_equal(f.first_lsn, 1);
    assert_int_equal(f.rdb_bytes, 173);
    resp_client_close(&f.client);
    assert_non_null(strstr(asked, "$5\r\nPSYNC\r\n$40\r\n" ID_A "\r\n$2\r\n77\r\n"));
}

/* Without it a Valkey 9 sends nothing, or what is older. */
static void test_a_valkey_is_told_what_is_understood(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct master_flow f;
    char asked[4096];

    (void)state;
    t_ok(open_flow_of("valkey-9.1.2", &f, 0,
                      T_REPLIES(OK_2, "-ERR what?\r\n", "+FULLRESYNC " ID_B " 0\r\n$173\r\n"),
                      asked, &err),
         &err);
    resp_client_close(&f.client);
    assert_non_null(strstr(asked, "$7\r\nversion\r\n$5\r\n9.1.0\r\n"));
    t_ok(open_flow(&f, 0, T_REPLIES(OK_2, "+FULLRESYNC " ID_B " 0\r\n$173\r\n"), asked, &err),
         &err);
    resp_client_close(&f.client);
    assert_null(strstr(asked, "version"));
}

static void test_resumptions(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct master_flow f;

    (void)state;
    t_ok(open_flow(&f, 77, T_REPLIES(OK_2, "+CONTINUE\r\n*1\r\n"), NULL, &err), &err);
    assert_true(f.partial);
    assert_string_equal(f.replication_id, "");
    assert_int_equal(f.first_lsn, 77);
    t_bytes(resp_client_leftover(&f.client), "*1\r\n");
    resp_client_close(&f.client);
    t_ok(open_flow(&f, 77, T_REPLIES(OK_2, "+CONTINUE " ID_B "\r\n"), NULL, &err), &err);
    assert_string_equal(f.replication_id, ID_B);
    resp_client_close(&f.client);
}

static void test_answers_that_are_of_no_use(void **state)
{
    static const struct {
        uint64_t lsn;
        const char *answer;
        enum ft_err_kind kind;
        const char *part;
    } cases[] = {
        {0, "-NOMASTERLINK Can't SYNC while not connected with my master\r\n", FT_ERR_NET,
         "for now"},
        {0, "-LOADING Redis is loading\r\n", FT_ERR_NET, "loading"},
        {0, "-NOPERM no\r\n", FT_ERR_PROTOCOL, "PSYNC"},
        {0, "-ERR unknown command\r\n", FT_ERR_PROTOCOL, "unknown command"},
        {0, "+CONTINUE\r\n", FT_ERR_PROTOCOL, "answered PSYNC with"},
        {9, "+CONTINUE short\r\n", FT_ERR_PROTOCOL, "answered PSYNC with"},
        {9, "+FULLRESYNC " ID_A " x\r\n", FT_ERR_PROTOCOL, "answered PSYNC with"},
        {9, "+FULLRESYNC short 5\r\n", FT_ERR_PROTOCOL, "answered PSYNC with"},
        {9, "+FULLRESYNC " ID_A " 5\r\n$EOF:short\r\n", FT_ERR_PROTOCOL, "answered PSYNC with"},
        {9, "+FULLRESYNC " ID_A " 5\r\n$0\r\n", FT_ERR_PROTOCOL, "answered PSYNC with"},
        {9, "+FULLRESYNC " ID_A " 5\r\n-ERR BGSAVE failed\r\n", FT_ERR_NET, "BGSAVE"},
        {9, "+FULLRESYNC " ID_A " 5\r\n", FT_ERR_NET, "closed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct master_flow f;

        t_fails(open_flow(&f, cases[i].lsn, T_REPLIES(OK_2, cases[i].answer), NULL, &err), &err,
                cases[i].kind, cases[i].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_the_master_is),
        cmocka_unit_test(test_active_replica),
        cmocka_unit_test(test_a_dragonfly_is_told_apart),
        cmocka_unit_test(test_full_syncs),
        cmocka_unit_test(test_a_valkey_is_told_what_is_understood),
        cmocka_unit_test(test_resumptions),
        cmocka_unit_test(test_answers_that_are_of_no_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
