/* Commands to two masters that redirect, refuse and fail as scripted. */
#include "lib/test_main.h"

#include <stdlib.h>

#include "lib/t_peer.h"
#include "target/cluster_pipe.h"

#define GIVE_UP_MS 10000u

struct bench {
    struct t_peers peers;
    struct t_told told;
    struct uri uri;
    struct target_client target;
    struct cluster_pipe *pipe;
    struct ft_err err;
    char answers[512]; /* "mark=reply ", in the order in which they came */
};

static int take(void *context, const struct cluster_answer *answer, struct ft_err *err)
{
    struct bench *b = context;
    size_t n = strlen(b->answers);

    (void)err;
    (void)snprintf(b->answers + n, sizeof(b->answers) - n, "%u=%s ", answer->mark,
                   answer->reply->type == REDIS_REPLY_INTEGER ? "int" : answer->reply->str);
    return 0;
}

static void begin(struct bench *b, unsigned nodes, uint64_t give_up_ms,
                  const struct t_peer_rule *rules, size_t count)
{
    bool single = nodes == 1;
    struct target_host host;

    memset(b, 0, sizeof(*b));
    t_peers_start(&b->peers, nodes, rules, count);
    t_peers_rules(&b->peers, single ? t_peer_single : t_peer_cluster,
                  single ? t_peer_single_count : t_peer_cluster_count);
    b->uri = t_peers_uri(&b->peers, 0);
    host = t_told_host(&b->told, give_up_ms);
    target_client_init(&b->target, &b->uri, &host);
    t_ok(target_client_open(&b->target, NULL, &b->err), &b->err);
    t_ok(cluster_pipe_new(&b->pipe, &b->target, 1u << 16, take, b, &b->err), &b->err);
}

#define BEGIN(b, nodes, rules) \
    begin(b, nodes, GIVE_UP_MS, rules, sizeof(rules) / sizeof((rules)[0]))

static void end(struct bench *b)
{
    cluster_pipe_free(b->pipe);
    target_client_close(&b->target);
    target_client_release(&b->target);
    t_peers_end(&b->peers);
}

/* The words of a text; the key is the second one. */
static int put(struct bench *b, uint32_t mark, const char *text)
{
    struct bytes args[8];
    size_t count = 0;

    for (const char *at = text; *at != '\0' && count < 8; at += strspn(at, " ")) {
        args[count] = bytes_of(at, strcspn(at, " "));
        at += args[count++].n;
    }
    return cluster_pipe_put(b->pipe, 0, mark, args[1], args, count, &b->err);
}

static void put_all(struct bench *b, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        t_ok(put(b, (uint32_t)i + 1, texts[i]), &b->err);
    t_ok(cluster_pipe_drain(b->pipe, &b->err), &b->err);
}

static void test_each_command_goes_to_who_has_its_key(void **state)
{
    static const char *const texts[] = {"SET a 1", "SET b 2", "SET c 3", "SET foo 4"};
    struct bench b;

    (void)state;
    begin(&b, 2, GIVE_UP_MS, NULL, 0);
    put_all(&b, texts, 4);
    assert_int_equal(strlen(b.answers), strlen("1=OK 2=OK 3=OK 4=OK "));
    assert_true(atomic_load(&b.told.sent_bytes) == 4 * 3 + 6 + 4);
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 0, "SET b 2"), 1);
    assert_int_equal(t_peers_count(&b.peers, 0, "SET c 3"), 1);
    assert_int_equal(t_peers_count(&b.peers, 0, "SET"), 2);
    assert_int_equal(t_peers_count(&b.peers, 1, "SET"), 2);
    assert_int_equal(b.told.commands, 4);
    assert_int_equal(b.told.note_count, 0);
}

static void test_a_single_server_has_all_keys(void **state)
{
    struct bench b;
    const struct bytes args[] = {bytes_str("SET"), bytes_str("a"), bytes_str("1")};

    (void)state;
    begin(&b, 1, GIVE_UP_MS, NULL, 0);
    t_ok(put(&b, 1, "SET a 1"), &b.err);
    t_ok(cluster_pipe_put(b.pipe, 3, 2, args[1], args, 3, &b.err), &b.err);
    t_ok(put(&b, 3, "SET b 1"), &b.err);
    t_ok(cluster_pipe_drain(b.pipe, &b.err), &b.err);
    assert_string_equal(b.answers, "1=OK 2=OK 3=OK ");
    end(&b);
    assert_non_null(strstr(b.peers.peer[0].log, "SET a 1\nSELECT 3\nSET a 1\nSELECT 0\nSET b 1\n"));
}

static void test_a_slot_that_has_moved_is_followed(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "SET b", "-MOVED 3300 127.0.0.1:@1\r\n", 0},
    };
    static const char *const texts[] = {"SET b 1", "SET c 2"};
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    put_all(&b, texts, 2);
    assert_string_equal(b.answers, "2=OK 1=OK ");
    assert_int_equal(atomic_load(&b.target.resent), 1);
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 1, "SET b 1"), 1);
    assert_int_equal(t_peers_count(&b.peers, 1, "ASKING"), 0);
    /* who is new is asked for the map */
    assert_int_equal(t_peers_count(&b.peers, 1, "CLUSTER SLOTS"), 2);
}

static void test_one_key_that_has_gone_ahead_is_asked_for(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "SET b 1", "-ASK 3300 127.0.0.1:@1\r\n", 0},
    };
    static const char *const texts[] = {"SET b 1", "SET {b}2 2"};
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    put_all(&b, texts, 2);
    assert_string_equal(b.answers, "2=OK 1=OK ");
    end(&b);
    assert_non_null(strstr(b.peers.peer[1].log, "ASKING\nSET b 1\n"));
    assert_int_equal(t_peers_count(&b.peers, 0, "SET {b}2 2"), 1);
    /* the slot stays where it is */
    assert_int_equal(t_peers_count(&b.peers, 1, "CLUSTER SLOTS"), 1);
}

static void test_keys_on_two_nodes_go_one_by_one(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "MSET", "-TRYAGAIN multiple keys\r\n", 0},
        {0, "SET {b}2", "-ASK 3300 127.0.0.1:@1\r\n", 0},
        {0, "RENAME", "-TRYAGAIN multiple keys\r\n", 3},
        {0, "RENAME", "+OK\r\n", 0},
    };
    static const char *const mset[] = {"MSET {b}1 x {b}2 y"};
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    put_all(&b, mset, 1);
    assert_string_equal(b.answers, "1=OK 1=OK ");
    t_ok(put(&b, 2, "RENAME {b}3 {b}4"), &b.err);
    t_ok(cluster_pipe_drain(b.pipe, &b.err), &b.err);
    assert_string_equal(b.answers, "1=OK 1=OK 2=OK ");
    assert_int_equal(b.told.sleeps, 2);
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 0, "SET {b}1 x"), 1);
    assert_int_equal(t_peers_count(&b.peers, 1, "SET {b}2 y"), 1);
    assert_int_equal(t_peers_count(&b.peers, 0, "RENAME"), 4);
}

static void test_a_cluster_that_is_down_is_waited_for(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "SET b", "-CLUSTERDOWN The cluster is down\r\n", 4},
    };
    static const char *const texts[] = {"SET b 1"};
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    put_all(&b, texts, 1);
    assert_string_equal(b.answers, "1=OK ");
    assert_int_equal(b.told.sleeps, 3);
    assert_non_null(strstr(b.told.notes, "answered: CLUSTERDOWN The cluster is down; waiting\n"));
    end(&b);
}

static void test_patience_ends(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "SET b", "-CLUSTERDOWN The cluster is down\r\n", 0},
    };
    struct bench b;

    (void)state;
    begin(&b, 2, 20, rules, 1);
    t_ok(put(&b, 1, "SET b 1"), &b.err);
    t_fails(cluster_pipe_drain(b.pipe, &b.err), &b.err, FT_ERR_PROTOCOL,
            "answered for 0 s: CLUSTERDOWN");
    assert_string_equal(b.answers, "");
    end(&b);
}

static void test_a_lost_connection_ends_it(void **state)
{
    static const struct t_peer_rule rules[] = {{0, "SET c", "", 0}};
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    t_ok(put(&b, 1, "SET b 1"), &b.err);
    t_ok(put(&b, 2, "SET c 1"), &b.err);
    t_fails(cluster_pipe_drain(b.pipe, &b.err), &b.err, FT_ERR_NET, "closed the connection");
    assert_string_equal(b.answers, "1=OK ");
    end(&b);
}

static void test_the_order_on_a_key_is_kept(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "SET b", "-MOVED 3300 127.0.0.1:@1\r\n", 0},
    };
    static const char *const texts[] = {"SET b 1", "SET c 1", "SET b 2", "SET b 3"};
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    put_all(&b, texts, 4);
    assert_string_equal(b.answers, "2=OK 1=OK 3=OK 4=OK ");
    end(&b);
    assert_non_null(strstr(b.peers.peer[1].log, "SET b 1\nSET b 2\nSET b 3\n"));
}

static void overtakes(const char *first, const char *second)
{
    static const struct t_peer_rule rules[] = {
        {0, "SET {b} 1", "-ASK 3300 127.0.0.1:@1\r\n", 1},
        {0, "MSET {b} 1", "-TRYAGAIN multiple keys\r\n", 1},
        {0, "MSET", "+OK\r\n", 0},
        {0, "DEL", ":1\r\n", 0},
    };
    struct bench b;

    BEGIN(&b, 2, rules);
    t_ok(put(&b, 1, first), &b.err);
    t_ok(put(&b, 2, second), &b.err);
    t_fails(cluster_pipe_drain(b.pipe, &b.err), &b.err, FT_ERR_NET, "out of order");
    assert_string_equal(b.answers, "");
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 1, "SET"), 0);
}

static void test_what_got_through_before_an_earlier_one_is_found(void **state)
{
    (void)state;
    overtakes("SET {b} 1", "SET {b} 2");
    overtakes("SET {b} 1", "MSET {b}x 1 {b} 2");
    overtakes("SET {b} 1", "DEL {b}x {b}");
    overtakes("MSET {b} 1 {b}x 2", "SET {b}x 3");
}

static void test_other_keys_may_overtake(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "MSET", "-TRYAGAIN multiple keys\r\n", 1},
    };
    static const char *const texts[] = {"MSET {b}1 1 {b}2 2", "SET {b}3 3"};
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    put_all(&b, texts, 2);
    assert_string_equal(b.answers, "2=OK 1=OK 1=OK ");
    end(&b);
}

static void test_one_bad_key_does_not_take_others_along(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "MSET", "-ERR no\r\n", 0},
        {0, "SET {b}2", "-ERR not this one\r\n", 0},
    };
    static const char *const texts[] = {"MSET {b}1 1 {b}2 2 {b}3 3"};
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    put_all(&b, texts, 1);
    assert_string_equal(b.answers, "1=OK 1=ERR not this one 1=OK ");
    assert_true(atomic_load(&b.target.keys_apart));
    end(&b);
}

static void test_a_full_node_is_waited_for(void **state)
{
    static const struct t_peer_rule rules[] = {
        {T_PEER_ANY, "SET b", "-OOM command not allowed when used memory > 'maxmemory'.\r\n", 2},
    };
    struct bench b;

    (void)state;
    BEGIN(&b, 1, rules);
    t_ok(put(&b, 1, "SET b 1"), &b.err);
    t_ok(cluster_pipe_drain(b.pipe, &b.err), &b.err);
    assert_string_equal(b.answers, "1=OK ");
    assert_false(atomic_load(&b.target.full));
    assert_int_equal(b.told.note_count, 2);
    assert_non_null(strstr(b.told.notes, "'maxmemory'.; waiting\n"));
    assert_non_null(strstr(b.told.notes, "1 command was not executed"));
    end(&b);
}

/* The map then says that node 1's place was taken by its replica, node 2. */
static void test_a_failover_is_no_redirect(void **state)
{
    static const struct t_peer_rule rules[] = {
        {T_PEER_ANY, "CLUSTER SLOTS",
         "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:@0\r\n"
         "*4\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:@1\r\n*2\r\n$9\r\n127.0.0.1\r\n:@2\r\n",
         3}, /* first, and once by each master */
        {T_PEER_ANY, "CLUSTER SLOTS",
         "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:@0\r\n"
         "*4\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:@2\r\n*2\r\n$9\r\n127.0.0.1\r\n:@1\r\n",
         0},
        {1, "SET a 2", "-MOVED 15495 127.0.0.1:@2\r\n", 0},
    };
    struct bench b;

    (void)state;
    BEGIN(&b, 3, rules);
    t_ok(put(&b, 1, "SET a 1"), &b.err);
    t_ok(put(&b, 2, "SET a 2"), &b.err);
    t_fails(cluster_pipe_drain(b.pipe, &b.err), &b.err, FT_ERR_NET, "is no longer a master");
    end(&b);
}

static void test_a_call_gets_its_reply_from_who_has_the_key(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "GET b", "-MOVED 3300 127.0.0.1:@1\r\n", 0},
        {1, "GET b", "=value", 0},
    };
    const struct bytes args[] = {bytes_str("GET"), bytes_str("b")};
    redisReply *reply;
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    t_ok(put(&b, 1, "SET b 1"), &b.err);
    t_ok(cluster_pipe_call(b.pipe, 0, &reply, args, 2, &b.err), &b.err);
    assert_string_equal(reply->str, "value");
    assert_string_equal(b.answers, "1=OK ");
    freeReplyObject(reply);
    end(&b);
}

static void test_a_keyless_command_goes_to_all(void **state)
{
    static const struct t_peer_rule rules[] = {{T_PEER_ANY, "SCRIPT", "=f00", 0}};
    const struct bytes args[] = {bytes_str("SCRIPT"), bytes_str("LOAD"), bytes_str("return")};
    struct bench b;

    (void)state;
    BEGIN(&b, 2, rules);
    t_ok(cluster_pipe_put_all(b.pipe, 7, args, 3, &b.err), &b.err);
    assert_string_equal(b.answers, "7=f00 7=f00 ");
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 0, "SCRIPT LOAD"), 1);
    assert_int_equal(t_peers_count(&b.peers, 1, "SCRIPT LOAD"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_command_goes_to_who_has_its_key),
        cmocka_unit_test(test_a_single_server_has_all_keys),
        cmocka_unit_test(test_a_slot_that_has_moved_is_followed),
        cmocka_unit_test(test_one_key_that_has_gone_ahead_is_asked_for),
        cmocka_unit_test(test_keys_on_two_nodes_go_one_by_one),
        cmocka_unit_test(test_a_cluster_that_is_down_is_waited_for),
        cmocka_unit_test(test_patience_ends),
        cmocka_unit_test(test_a_lost_connection_ends_it),
        cmocka_unit_test(test_the_order_on_a_key_is_kept),
        cmocka_unit_test(test_what_got_through_before_an_earlier_one_is_found),
        cmocka_unit_test(test_other_keys_may_overtake),
        cmocka_unit_test(test_one_bad_key_does_not_take_others_along),
        cmocka_unit_test(test_a_full_node_is_waited_for),
        cmocka_unit_test(test_a_failover_is_no_redirect),
        cmocka_unit_test(test_a_call_gets_its_reply_from_who_has_the_key),
        cmocka_unit_test(test_a_keyless_command_goes_to_all),
    };

    return T_RUN("cluster_pipe", tests);
}
