/* Which servers count as a target, and what is learnt of them. */
#include "lib/test_main.h"

#include "lib/t_peer.h"
#include "target/key_scan.h"
#include "target/rights.h"
#include "target/target_client.h"

struct bench {
    struct t_peers peers;
    struct t_told told;
    struct uri uri;
    struct target_client target;
    struct ft_err err;
};

static void begin(struct bench *b, unsigned nodes, const struct t_peer_rule *rules, size_t count)
{
    bool single = nodes == 1;
    struct target_host host;

    memset(b, 0, sizeof(*b));
    t_peers_start(&b->peers, nodes, rules, count);
    t_peers_rules(&b->peers, single ? t_peer_single : t_peer_cluster,
                  single ? t_peer_single_count : t_peer_cluster_count);
    b->uri = t_peers_uri(&b->peers, 0);
    b->uri.db = 5;
    host = t_told_host(&b->told, 10000);
    target_client_init(&b->target, &b->uri, &host);
}

static void end(struct bench *b)
{
    target_client_close(&b->target);
    target_client_release(&b->target);
    t_peers_end(&b->peers);
}

static void test_a_single_server_is_its_only_node(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "INFO",
         "=redis_version:7.2.4\r\nrun_id:f00d\r\nrole:master\r\nmaxmemory:1000\r\n"
         "maxmemory_policy:allkeys-lru\r\n",
         2},
    };
    struct bench b;

    (void)state;
    begin(&b, 1, rules, 1);
    t_ok(target_client_open(&b.target, "owner", &b.err), &b.err);
    assert_false(b.target.cluster);
    assert_int_equal(b.target.version, 702);
    assert_string_equal(b.target.kind->name, "7.2");
    assert_int_equal(b.target.node_count, 1);
    assert_int_equal(b.target.uri.db, 0);
    assert_string_equal(b.target.nodes[0].run_id, "f00d");
    assert_int_equal(b.target.nodes[0].maxmemory, 1000);
    assert_int_equal(b.target.arg_max, 536870912);
    assert_ptr_equal(target_client_node(&b.target, bytes_str("a")), &b.target.nodes[0]);
    assert_non_null(strstr(b.told.notes, "evicts keys at maxmemory 1000 "));
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 0, "CLIENT SETNAME flowtape-owner-"), 1);
}

static void test_a_cluster_has_a_node_for_each_master(void **state)
{
    struct bench b;
    size_t of_b;

    (void)state;
    begin(&b, 2, NULL, 0);
    t_ok(target_client_open(&b.target, NULL, &b.err), &b.err);
    assert_true(b.target.cluster);
    assert_int_equal(b.target.node_count, 2);
    of_b = target_client_index(&b.target, bytes_str("b"));
    assert_int_equal(b.target.nodes[of_b].uri.port, b.peers.peer[0].port);
    assert_int_equal(b.target.nodes[1 - of_b].uri.port, b.peers.peer[1].port);
    assert_int_equal(target_client_index(&b.target, bytes_str("a")), 1 - of_b);
    t_bytes(buf_bytes(&b.target.nodes[of_b].slots), "0-8191");
    assert_int_equal(b.target.arg_max, 0);
    end(&b);
}

static void refuses(unsigned nodes, const char *command, const char *reply, enum ft_err_kind kind,
                    const char *text)
{
    const struct t_peer_rule rule = {T_PEER_ANY, command, reply, 0};
    struct bench b;

    begin(&b, nodes, &rule, 1);
    t_fails(target_client_open(&b.target, NULL, &b.err), &b.err, kind, text);
    assert_false(b.target.was_connected);
    end(&b);
}

static void test_what_cannot_be_written_into_is_refused(void **state)
{
    (void)state;
    refuses(1, "INFO", "=redis_version:7.4.0\r\ndragonfly_version:1\r\n", FT_ERR_PROTOCOL,
            "is a Dragonfly");
    refuses(1, "INFO", "=redis_version:4.0.14\r\nrole:master\r\n", FT_ERR_PROTOCOL,
            "is Redis 4.0.14; 5.0 or later");
    refuses(1, "INFO", "=redis_version:7.0.0\r\nrole:slave\r\n", FT_ERR_PROTOCOL, "is a replica");
    refuses(1, "INFO", "=redis_version:7.0.0\r\nrole:master\r\nloading:1\r\n", FT_ERR_NET,
            "is loading its data");
    refuses(2, "CLUSTER SLOTS", "*1\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:@0\r\n",
            FT_ERR_PROTOCOL, "8192");
    refuses(2, "CLUSTER INFO", "=cluster_state:fail\r\ncluster_slots_ok:8000\r\n", FT_ERR_NET,
            "the masters of 8384 of 16384 slots do not answer");
}

static void test_a_known_cluster_is_found_through_any_node(void **state)
{
    static const struct t_peer_rule gone[] = {{0, "", "", 1}};
    struct bench b;

    (void)state;
    begin(&b, 2, NULL, 0);
    t_ok(target_client_open(&b.target, NULL, &b.err), &b.err);
    target_client_close(&b.target);
    assert_int_equal(b.target.node_count, 0);
    /* the named node closes the next connection; rules are tried in order, so this one goes first */
    pthread_mutex_lock(&b.peers.mu);
    memmove(b.peers.rules + 1, b.peers.rules, b.peers.rule_count++ * sizeof(b.peers.rules[0]));
    b.peers.rules[0] = gone[0];
    memset(b.peers.used, 0, sizeof(b.peers.used));
    pthread_mutex_unlock(&b.peers.mu);
    t_ok(target_client_open(&b.target, NULL, &b.err), &b.err);
    assert_int_equal(b.target.node_count, 2);
    assert_int_equal(b.target.version, 700);
    end(&b);
}

static void test_a_transient_error_may_go_away(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "GET b", "-MOVED 3300 127.0.0.1:@1\r\n", 1},
        {0, "GET c", "-WRONGTYPE no\r\n", 0},
        {0, "GET b", "-FLOWTAPE not here: slot 3300\r\n", 0},
    };
    const struct bytes b_args[] = {bytes_str("GET"), bytes_str("b")};
    const struct bytes c_args[] = {bytes_str("GET"), bytes_str("c")};
    struct target_node *node;
    redisReply *reply;
    struct bench b;

    (void)state;
    begin(&b, 2, rules, 3);
    t_ok(target_client_open(&b.target, NULL, &b.err), &b.err);
    node = target_client_node(&b.target, bytes_str("b"));
    t_fails(target_node_call(node, NULL, c_args, 2, &b.err), &b.err, FT_ERR_PROTOCOL, "WRONGTYPE");
    t_ok(target_node_ask(node, &reply, c_args, 2, &b.err), &b.err);
    freeReplyObject(reply);
    assert_false(atomic_load(&node->redirected));
    t_fails(target_node_ask(node, &reply, b_args, 2, &b.err), &b.err, FT_ERR_NET, "MOVED");
    t_fails(target_node_call(node, &reply, b_args, 2, &b.err), &b.err, FT_ERR_NET, "not here");
    target_client_close(&b.target);
    assert_true(b.target.was_redirected);
    end(&b);
}

static int take_keys(void *context, struct target_node *node, uint32_t db, const struct bytes *keys,
                     size_t count, struct ft_err *err)
{
    char *seen = context;

    (void)node;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(seen);

        (void)snprintf(seen + n, 100 - n, "%u:%.*s ", db, (int)keys[i].n, (const char *)keys[i].p);
    }
    return 0;
}

static void test_all_keys_of_all_databases_are_found(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "INFO keyspace", "=# Keyspace\r\ndb0:keys=2,expires=0\r\ndb7:keys=1,expires=0\r\n", 0},
        {0, "SCAN 0", "*2\r\n$2\r\n17\r\n*1\r\n$1\r\na\r\n", 1},
        {0, "SCAN 17", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n", 1},
        {0, "SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nc\r\n", 1},
        {0, "SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n:1\r\n", 1},
    };
    char seen[100] = "";
    struct bench b;

    (void)state;
    begin(&b, 1, rules, 5);
    t_ok(target_client_open(&b.target, NULL, &b.err), &b.err);
    t_ok(key_scan(&b.target.nodes[0], take_keys, seen, &b.err), &b.err);
    assert_string_equal(seen, "0:a 0:b 7:c ");
    t_fails(key_scan(&b.target.nodes[0], take_keys, seen, &b.err), &b.err, FT_ERR_PROTOCOL,
            "does not answer SCAN as Redis does");
    end(&b);
    assert_non_null(strstr(b.peers.peer[0].log, "SELECT 7\nSCAN 0 COUNT 1000\nSELECT 0\n"));
}

static void test_rights_are_found_without_a_change(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "HSET", "-NOPERM this user has no permissions to run the 'hset' command\r\n", 0},
        {0, "RESTORE", "-ERR unknown command 'RESTORE'\r\n", 0},
        {0, "EVALSHA", "-NOPERM no\r\n", 0},
        {0, "MULTI", "+OK\r\n", 0},
        {0, "FLUSHALL", "+QUEUED\r\n", 0},
        {0, "DISCARD", "-ERR DISCARD without MULTI\r\n", 0},
        {0, "SET", "$-1\r\n", 0},
        {0, "HGET ", "$-1\r\n", 0},
        {0, "HEXISTS", ":0\r\n", 0},
        {0, "SSCAN", "*2\r\n$1\r\n0\r\n*0\r\n", 0},
        {0, "TIME", "*2\r\n$1\r\n1\r\n$1\r\n1\r\n", 0},
        {0, "SELECT", "+OK\r\n", 0},
        {0, "HGETALL", "*0\r\n", 0},
        {0, "HDEL", ":0\r\n", 0},
        {0, "MSET", "-ERR wrong number of arguments\r\n", 0},
        {0, "DEL", ":0\r\n", 0},
        {0, "EXISTS", ":0\r\n", 0},
        {0, "EVAL ", ":1\r\n", 0},
    };
    struct rights rights = {.known = false};
    struct bench b;

    (void)state;
    begin(&b, 1, rules, sizeof(rules) / sizeof(rules[0]));
    t_ok(target_client_open(&b.target, NULL, &b.err), &b.err);
    t_ok(rights_probe(&rights, &b.target, &(struct rights_wanted){0}, &b.err), &b.err);
    assert_true(rights.known && rights.no_restore && !rights.no_set && !rights.no_mset &&
                !rights.no_flush);
    t_fails(rights_check(&rights, "the target", &b.err), &b.err, FT_ERR_PROTOCOL,
            "the target does not allow HSET, which is needed: NOPERM this user");
    t_ok(rights_probe(&rights, &b.target, &(struct rights_wanted){.journal = true}, &b.err),
         &b.err);
    assert_true(rights.no_eval); /* scripts of the journal are run here then */
    t_fails(rights_check(&rights, "the target", &b.err), &b.err, FT_ERR_PROTOCOL, "HSET, ");
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_single_server_is_its_only_node),
        cmocka_unit_test(test_a_cluster_has_a_node_for_each_master),
        cmocka_unit_test(test_what_cannot_be_written_into_is_refused),
        cmocka_unit_test(test_a_known_cluster_is_found_through_any_node),
        cmocka_unit_test(test_a_transient_error_may_go_away),
        cmocka_unit_test(test_all_keys_of_all_databases_are_found),
        cmocka_unit_test(test_rights_are_found_without_a_change),
    };

    return T_RUN("target_client", tests);
}
