/* What a node answers to batches: as it must not be understood, and what its answer makes room for. */
#include "lib/test_main.h"

#include <poll.h>
#include <stdlib.h>

#include "lib/t_peer.h"
#include "replay/position/replay_gather.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_position.h"

static void refuses(redisReply reply, const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_position_set set = {0};
    struct target_node server = {.name = "host:1"};
    struct replay_node node = {.set = &set, .server = &server};

    t_fails(replay_node_reply(&node, 1, &reply, &err), &err, FT_ERR_PROTOCOL, text);
    assert_int_equal(atomic_load(&set.acknowledged), 0);
}

static void test_a_batch_is_answered_with_an_array(void **state)
{
    char ok[] = "OK";

    (void)state;
    refuses((redisReply){.type = REDIS_REPLY_STATUS, .str = ok},
            "host:1 answered a batch with OK, which is not a reply to it");
    refuses((redisReply){.type = REDIS_REPLY_NIL}, "with nothing");
    refuses((redisReply){.type = REDIS_REPLY_INTEGER, .integer = 0}, "with an integer");
    refuses((redisReply){.type = REDIS_REPLY_STRING, .str = ok, .len = 2}, "with a value");
}

static void test_what_was_refused_has_its_form(void **state)
{
    redisReply number = {.type = REDIS_REPLY_INTEGER};
    redisReply *elements[] = {&number};
    redisReply reply = {.type = REDIS_REPLY_ARRAY, .elements = 1, .element = elements};
    struct ft_err err = FT_ERR_INIT;
    struct replay_position_set set = {0};
    struct target_node server = {.name = "host:1"};
    struct replay_node node = {.set = &set, .server = &server};

    (void)state;
    t_fails(replay_node_reply(&node, 1, &reply, &err), &err, FT_ERR_PROTOCOL, "unknown form");
    reply.elements = 0;
    t_ok(replay_node_reply(&node, 1, &reply, &err), &err);
    assert_int_equal(atomic_load(&set.acknowledged), 2);
}

/* Nothing else may happen that would have it sent. */
static void test_a_reply_makes_room_for_what_was_gathered(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "PING", "+PONG\r\n", 0},
        {0, "SCRIPT LOAD ",
         "="
         "0123456789abcdef0123456789abcdef01234567",
         0},
        {0, "EVALSHA ", "*0\r\n", 0},
    };
    const struct bytes ping[] = {bytes_str("PING")};
    const struct bytes set[] = {bytes_str("SET"), bytes_str("key"), bytes_str("1")};
    struct replay_progress progress = {0};
    struct replay_result result = {0};
    struct ft_err err = FT_ERR_INIT;
    struct target_client target = {.version = 700};
    struct target_node server = {.name = "host:1"};
    struct replay_report report;
    struct replay_position_set sent = {.report = &report, .target = &target};
    struct replay_node node = {.set = &sent, .server = &server};
    struct t_peers peers;
    struct pollfd readable;

    (void)state;
    t_peers_start(&peers, 1, rules, sizeof(rules) / sizeof(rules[0]));
    server.uri = t_peers_uri(&peers, 0);
    target.named = &server.uri;
    replay_report_init(&report, &progress, NULL, &result);
    t_ok(redis_pipe_open(&server.pipe, &server.uri, -1, replay_node_reply, &node, &err), &err);
    t_ok(redis_pipe_put(server.pipe, 0, ping, 1, &err), &err);
    t_ok(redis_pipe_put(server.pipe, 0, ping, 1, &err), &err);
    t_ok(replay_node_put(&node, 0, "0:5:0", set, 3, &err), &err);
    t_ok(redis_pipe_push(server.pipe, &err), &err);
    readable = (struct pollfd){redis_pipe_fd(server.pipe), POLLIN, 0};
    assert_int_equal(poll(&readable, 1, 60000), 1);
    assert_int_equal(node.count.batches, 0);
    t_ok(replay_node_flush_soon(&node, false, &err), &err);
    assert_int_equal(node.count.batches, 1);
    t_ok(redis_pipe_drain(server.pipe, &err), &err);
    redis_pipe_free(server.pipe);
    t_peers_end(&peers);
    assert_int_equal(t_peers_count(&peers, 0, "EVALSHA "), 1);
    replay_batch_release(&node.batch);
    replay_report_release(&report);
}

/* One of two nodes has something in a window: the other one is as far as what has been read, and says so. */
static void test_nothing_gathered_holds_nothing_back(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "SCRIPT LOAD ",
         "="
         "0123456789abcdef0123456789abcdef01234567",
         0},
        {0, "EVALSHA ", "*0\r\n", 0},
    };
    const struct bytes args[] = {bytes_str("SET"), bytes_str("key"), bytes_str("1")};
    uint64_t next[] = {50};
    uint64_t written[2][1] = {{40}, {40}};
    struct replay_progress progress = {0};
    struct replay_result result = {0};
    struct ft_err err = FT_ERR_INIT;
    struct target_client target = {.version = 700, .cluster = true, .node_count = 2};
    struct target_node server = {.name = "host:1"};
    struct replay_report report;
    struct replay_position_set set = {
        .report = &report, .target = &target, .flow_count = 1, .node_count = 2, .next = next};
    struct replay_node nodes[2] = {{.set = &set, .server = &server, .written = written[0]},
                                   {.set = &set, .server = &server, .written = written[1]}};
    struct t_peers peers;

    (void)state;
    set.nodes = nodes;
    t_peers_start(&peers, 1, rules, sizeof(rules) / sizeof(rules[0]));
    server.uri = t_peers_uri(&peers, 0);
    target.named = &server.uri;
    replay_report_init(&report, &progress, NULL, &result);
    t_ok(redis_pipe_open(&server.pipe, &server.uri, -1, replay_node_reply, &nodes[1], &err), &err);
    t_ok(replay_positions_follow(&set, &err), &err);
    assert_int_equal(nodes[0].sent.acked[0], 40);
    t_ok(replay_nodes_gather(&set, true, &err), &err);
    t_ok(replay_node_put(&nodes[0], 0, "0:45:0", args, 3, &err), &err);
    assert_int_equal(replay_positions_applied(&set, 0), 40);
    nodes[1].sent.acked[0] = 30;
    assert_int_equal(replay_positions_applied(&set, 0), 40);

    t_ok(replay_node_flush_soon(&nodes[0], true, &err), &err);
    t_ok(replay_node_flush_soon(&nodes[1], true, &err), &err);
    assert_int_equal(nodes[0].count.batches, 0);
    assert_int_equal(nodes[1].count.batches, 1);
    assert_int_equal(written[0][0], 40);
    assert_int_equal(written[1][0], 50);
    t_ok(redis_pipe_drain(server.pipe, &err), &err);
    assert_int_equal(nodes[1].sent.acked[0], 50);
    redis_pipe_free(server.pipe);
    t_peers_end(&peers);
    for (size_t n = 0; n < 2; n++) {
        replay_batch_release(&nodes[n].batch);
        replay_sent_release(&nodes[n].sent);
    }
    replay_gather_free(set.gather);
    replay_report_release(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_is_answered_with_an_array),
        cmocka_unit_test(test_what_was_refused_has_its_form),
        cmocka_unit_test(test_a_reply_makes_room_for_what_was_gathered),
        cmocka_unit_test(test_nothing_gathered_holds_nothing_back),
    };

    return T_RUN("replay/position/replay_node", tests);
}
