/* What a master says of its replicas, and what is made of it. */
#include "lib/test_main.h"

#include "lib/t_peer.h"
#include "target/wait_replicas.h"

#define TWO                                                                         \
    "=role:master\r\nconnected_slaves:2\r\nslave0:ip=10.0.0.1,port=1,state=online," \
    "offset=1,lag=0\r\nslave1:ip=10.0.0.2,port=1,state=online,offset=1,lag=0\r\n"   \
    "slave_priority:7\r\n"
#define ONE_OF_TWO                                                                  \
    "=role:master\r\nconnected_slaves:2\r\nslave0:ip=10.0.0.1,port=1,state=online," \
    "offset=1,lag=0\r\nslave1:ip=10.0.0.2,port=1,state=wait_bgsave,offset=0,lag=0\r\n"

struct bench {
    struct t_peers peers;
    struct t_told told;
    struct uri uri;
    struct target_client target;
    struct ft_err err;
};

static void begin(struct bench *b, const char *info, const char *answer)
{
    const struct t_peer_rule rules[] = {
        {0, "INFO replication", info, 0},
        {0, "WAIT", answer, 0},
    };
    struct target_host host;

    memset(b, 0, sizeof(*b));
    t_peers_start(&b->peers, 1, rules, 2);
    t_peers_rules(&b->peers, t_peer_single, t_peer_single_count);
    b->uri = t_peers_uri(&b->peers, 0);
    host = t_told_host(&b->told, 10000);
    target_client_init(&b->target, &b->uri, &host);
    t_ok(target_client_open(&b->target, NULL, &b->err), &b->err);
}

static void end(struct bench *b)
{
    target_client_close(&b->target);
    target_client_release(&b->target);
    t_peers_end(&b->peers);
}

/* How many were missing at the end; 99: it was not. */
static uint64_t waits(const char *info, const char *answer, bool all, unsigned asked,
                      const char *note)
{
    struct bench b;
    uint64_t missing = 99;

    begin(&b, info, answer);
    if (all)
        t_ok(wait_replicas_all(&b.target, &missing, &b.err), &b.err);
    else
        t_ok(wait_replicas_node(&b.target, &b.target.nodes[0], &b.err), &b.err);
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 0, "WAIT"), asked);
    assert_int_equal(b.told.note_count, note != NULL);
    if (note != NULL)
        assert_non_null(strstr(b.told.notes, note));
    return missing;
}

static void test_who_is_online_is_waited_for(void **state)
{
    (void)state;
    (void)waits(TWO, ":2\r\n", false, 1, NULL);
    assert_int_equal(waits(TWO, ":3\r\n", true, 1, NULL), 0);
    assert_int_equal(waits("=role:master\r\nconnected_slaves:0\r\n", ":9\r\n", true, 0, NULL), 0);
}

static void test_who_does_not_confirm_is_named(void **state)
{
    (void)state;
    (void)waits(TWO, ":1\r\n", false, 1, "1 of 2 replicas of 127.0.0.1:");
    assert_int_equal(waits(TWO, ":1\r\n", true, 1, "1 of 2 replicas of 127.0.0.1:"), 1);
    (void)waits(ONE_OF_TWO, ":0\r\n", false, 1, "0 of 1 replica of 127.0.0.1:");
}

static void test_who_is_not_there_is_named_at_the_end(void **state)
{
    (void)state;
    (void)waits(ONE_OF_TWO, ":1\r\n", false, 1, NULL);
    assert_int_equal(
        waits(ONE_OF_TWO, ":1\r\n", true, 1, "slave1:ip=10.0.0.2,port=1,state=wait_bgsave"), 1);
}

static void test_who_may_not_ask_goes_without(void **state)
{
    (void)state;
    assert_int_equal(waits(TWO, "-NOPERM no\r\n", true, 1, "whether 2 replicas of"), 2);
    (void)waits("-NOPERM no\r\n", ":0\r\n", false, 0, NULL);
    assert_int_equal(waits("-NOPERM no\r\n", ":0\r\n", true, 0,
                           "has replicas, and what these have, cannot be asked"),
                     0);
}

static void fails(const char *info, const char *answer, enum ft_err_kind kind, const char *text)
{
    struct bench b;

    begin(&b, info, answer);
    t_fails(wait_replicas_node(&b.target, &b.target.nodes[0], &b.err), &b.err, kind, text);
    end(&b);
}

static void test_a_master_that_is_none_any_more_has_lost_something(void **state)
{
    (void)state;
    fails("=role:slave\r\nmaster_host:x\r\n", ":0\r\n", FT_ERR_NET, "is no longer a master");
    fails(TWO, "-UNBLOCKED force unblock from blocking operation, instance state changed\r\n",
          FT_ERR_NET, "asked about its replicas, answered: UNBLOCKED");
    fails(TWO, "", FT_ERR_NET, "closed the connection");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_online_is_waited_for),
        cmocka_unit_test(test_who_does_not_confirm_is_named),
        cmocka_unit_test(test_who_is_not_there_is_named_at_the_end),
        cmocka_unit_test(test_who_may_not_ask_goes_without),
        cmocka_unit_test(test_a_master_that_is_none_any_more_has_lost_something),
    };

    return T_RUN("wait_replicas", tests);
}
