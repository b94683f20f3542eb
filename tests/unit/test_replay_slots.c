/* Batches of a cluster without scripts, against scripted servers: a transaction for each slot, and then the position. */
#include "replay/position/replay_slots.h"

#include <stdlib.h>

#include "lib/t_peer.h"
#include "lib/test_main.h"
#include "replay/position/replay_marks.h"
#include "replay/position/replay_pair.h"
#include "replay/position/replay_steps.h"

#define ID "0123456789abcdef0123456789abcdef"
/* Of the slots of "b" and "c", which the first node has. */
#define MARK_B "flowtape:" ID ":slot:{20203}"
#define MARK_C "flowtape:" ID ":slot:{20202}"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Every slot has had five transactions, the position seven. */
static const struct t_peer_rule claimed[] = {
    {T_PEER_ANY, "EXISTS flowtape:", ":1\r\n", 0},
    {T_PEER_ANY, "HSET flowtape:", ":0\r\n", 0},
    {T_PEER_ANY, "HGETALL flowtape:", "*2\r\n$3\r\nseq\r\n$1\r\n5\r\n", 0},
    {T_PEER_ANY, "ASKING", "+OK\r\n", 0},
};
static const struct t_peer_rule executed[] = {
    {0, "WATCH ", "+OK\r\n", 0},
    {0, "HGET flowtape:", "=5", 0},
    {0, "HGET pos seq", "=7", 0},
    {0, "MULTI", "+OK\r\n", 0},
    {0, "INCR ", "+QUEUED\r\n", 0},
    {0, "HSET " MARK_B " seq 6 flow:", "+QUEUED\r\n", 0},
    {0, "HSET " MARK_C " seq 6 flow:", "+QUEUED\r\n", 0},
    {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
};

struct setup {
    struct t_peers peers;
    struct slot_map_node map_nodes[2];
    struct slot_map map;
    struct target_node servers[2];
    struct target_client target;
    struct replay_node nodes[2];
    uint64_t lsn[2], written[2];
    struct replay_position_set set;
    struct replay_progress progress;
    struct replay_result result;
    struct replay_report report;
    char note[400];
};

static int refuse(struct replay_node *node, uint32_t db, const char *tag, const struct bytes *args,
                  size_t count, const char *error, bool *ret_keep, struct ft_err *err)
{
    (void)node;
    (void)db;
    (void)args;
    (void)count;
    (void)error;
    (void)err;
    assert_string_equal(tag, "0:9:0");
    *ret_keep = true;
    return 0;
}

static int put(struct replay_node *node, uint32_t db, const char *tag, const struct bytes *args,
               size_t count, struct ft_err *err)
{
    return replay_steps_add(node->batch.steps, db, tag, args, count, err);
}

static const struct replay_multi_host host = {.refuse = refuse, .put = put};

static void take_note(void *context, const char *text)
{
    (void)snprintf(context, sizeof(((struct setup *)0)->note), "%s", text);
}

/* Two masters, each with half of the slots, and a flow of which everything before LSN 9 is applied. */
static void start(struct setup *s, const struct t_peer_rule *rules, size_t count)
{
    struct ft_err err = FT_ERR_INIT;

    memset(s, 0, sizeof(*s));
    t_peers_start(&s->peers, 2, rules, count);
    t_peers_rules(&s->peers, executed, COUNT(executed));
    t_peers_rules(&s->peers, claimed, COUNT(claimed));
    s->map = (struct slot_map){.nodes = s->map_nodes, .node_count = 2};
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        s->map.owner[slot] = slot >= SLOT_COUNT / 2;
    replay_report_init(&s->report, &s->progress, NULL, &s->result);
    s->report.on_note = take_note;
    s->report.context = s->note;
    s->target.cluster = true;
    s->target.map = &s->map;
    s->target.nodes = s->servers;
    s->target.node_count = 2;
    s->target.host.cancel_fd = -1;
    s->target.host.give_up_ms = 60000;
    s->target.named = &s->servers[0].uri;
    s->set = (struct replay_position_set){.report = &s->report,
                                          .target = &s->target,
                                          .id = ID,
                                          .flow_count = 1,
                                          .has_journal = true,
                                          .state = {.by_slot = true},
                                          .nodes = s->nodes,
                                          .node_count = 2};
    for (unsigned n = 0; n < 2; n++) {
        struct replay_node *node = &s->nodes[n];

        s->servers[n].uri = t_peers_uri(&s->peers, n);
        (void)snprintf(s->servers[n].name, sizeof(s->servers[n].name), "host:%u", n);
        (void)snprintf(s->map_nodes[n].address.host, sizeof(s->map_nodes[n].address.host),
                       "127.0.0.1");
        s->map_nodes[n].address.port = s->peers.peer[n].port;
        t_ok(redis_pipe_open(&s->servers[n].pipe, &s->servers[n].uri, -1, NULL, NULL, &err), &err);
        node->set = &s->set;
        node->server = &s->servers[n];
        s->lsn[n] = 9;
        s->written[n] = 11;
        node->position.lsn = &s->lsn[n];
        node->position.seq = 7;
        (void)snprintf(node->position.key, sizeof(node->position.key), "pos");
        node->written = &s->written[n];
        t_ok(replay_slots_begin(node, &host, &err), &err);
    }
}

/* What the servers were asked before is of no interest. */
static void load(struct setup *s)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_marks_load(&s->set, &err), &err);
    for (unsigned n = 0; n < 2; n++)
        replay_slots_listen(&s->nodes[n]);
    pthread_mutex_lock(&s->peers.mu);
    s->peers.peer[0].log[0] = '\0';
    pthread_mutex_unlock(&s->peers.mu);
}

/* Then the logs may be read. */
static void end(struct setup *s)
{
    for (unsigned n = 0; n < 2; n++) {
        replay_slots_end(&s->nodes[n]);
        redis_pipe_free(s->servers[n].pipe);
        free(s->nodes[n].position.outcomes);
    }
    replay_marks_free(s->set.marks);
    t_peers_end(&s->peers);
    replay_report_release(&s->report);
}

static void add(struct setup *s, const char *tag, const char *command, const char *key)
{
    const struct bytes args[] = {bytes_str(command), bytes_str(key)};
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_steps_add(s->nodes[0].batch.steps, 0, tag, args, 2, &err), &err);
}

/* All records before LSN 11 are in the batch. */
static int send_batch(struct setup *s, struct ft_err *err)
{
    struct replay_node *node = &s->nodes[0];

    t_ok(replay_steps_field(s->nodes[0].batch.steps, bytes_str("flow:0"), bytes_str("11"), err),
         err);
    return replay_slots_send(&node, 1, err);
}

static const char *log_of(const struct setup *s)
{
    return s->peers.peer[0].log;
}

static void test_the_position_follows_a_transaction_for_each_slot(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "EXEC", "*3\r\n:1\r\n:2\r\n:1\r\n", 2},
        {0, "EXEC", "*1\r\n:0\r\n", 1},
    };
    struct ft_err err = FT_ERR_INIT;
    const char *position;
    struct setup s;

    (void)state;
    start(&s, rules, COUNT(rules));
    load(&s);
    add(&s, "0:9:0", "INCR", "b");
    add(&s, "0:9:1", "INCR", "c");
    add(&s, "0:10:0", "INCR", "b");
    add(&s, "0:10:1", "INCR", "c");
    t_ok(send_batch(&s, &err), &err);
    assert_int_equal(s.nodes[0].position.seq, 8);
    assert_int_equal(replay_marks_get(&s.set, slot_of(bytes_str("b")))->seq, 6);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "EXEC"), 3);
    position =
        strstr(log_of(&s), "WATCH pos\nHGET pos seq\nMULTI\nHSET pos seq 8 flow:0 11\nEXEC\n");
    assert_non_null(position);
    assert_true(strstr(log_of(&s), "HSET " MARK_B " seq 6 flow:0 11\n") < position);
    assert_true(strstr(log_of(&s), "HSET " MARK_C " seq 6 flow:0 11\n") < position);
    assert_int_equal(t_peers_count(&s.peers, 0, "HSET " MARK_B " seq 6 flow:0 11"), 1);
    assert_int_equal(t_peers_count(&s.peers, 0, "HSET " MARK_C " seq 6 flow:0 11"), 1);
}

static void test_what_is_not_queued_is_remembered_by_the_mark(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "EXEC", "-EXECABORT some were refused\r\n", 1},
        {0, "EXEC", "*2\r\n:1\r\n:1\r\n", 1},
        {0, "EXEC", "*1\r\n:0\r\n", 1},
    };
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start(&s, rules, COUNT(rules));
    load(&s);
    add(&s, "0:9:0", "SHRED", "b");
    add(&s, "0:10:0", "INCR", "b");
    t_ok(send_batch(&s, &err), &err);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "SHRED b"), 1);
    assert_int_equal(t_peers_count(&s.peers, 0, "INCR b"), 2);
    assert_int_equal(t_peers_count(&s.peers, 0, "HSET " MARK_B " seq 6 flow:0 11 e:0:9:0 "), 1);
    assert_int_equal(t_peers_count(&s.peers, 0, "HSET pos seq 8 flow:0 11"), 1);
}

static void test_what_fails_is_remembered_by_the_position(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "EXEC", "*2\r\n-WRONGTYPE no number\r\n:1\r\n", 1},
        {0, "EXEC", "*1\r\n:0\r\n", 1},
    };
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start(&s, rules, COUNT(rules));
    load(&s);
    add(&s, "0:9:0", "INCR", "b");
    t_ok(send_batch(&s, &err), &err);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "HSET pos seq 8 flow:0 11 e:0:9:0 "), 1);
}

/* rule: what the server says otherwise. The position is left alone. */
static void fails(const struct t_peer_rule *rule, const char *with, unsigned transactions)
{
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    start(&s, rule, 1);
    load(&s);
    add(&s, "0:9:0", "INCR", "b");
    t_fails(send_batch(&s, &err), &err, FT_ERR_NET, with);
    assert_int_equal(s.nodes[0].position.seq, 7);
    assert_int_equal(atomic_load(&s.servers[0].redirected), strstr(with, "MOVED") != NULL);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "MULTI"), transactions);
    assert_int_equal(t_peers_count(&s.peers, 0, "HSET pos"), 0);
}

static void test_nothing_is_executed_for_who_has_lost_the_slot(void **state)
{
    static const struct t_peer_rule claimed_since = {0, "HGET " MARK_B " seq", "=77", 0};
    static const struct t_peer_rule touched = {0, "EXEC", "*-1\r\n", 0};
    static const struct t_peer_rule moved = {0, "INCR b", "-MOVED 3300 127.0.0.1:@1\r\n", 0};

    (void)state;
    fails(&claimed_since, "somebody else has resumed", 0);
    fails(&touched, "did not execute", 1);
    fails(&moved, "MOVED 3300", 1);
}

/* A slot is on its way: its mark is with the other node already, and is ahead of the position. */
static void test_a_mark_is_read_where_it_is(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "EXISTS " MARK_B, "-ASK 3300 127.0.0.1:@1\r\n", 0},
        {0, "HSET " MARK_B, "-ASK 3300 127.0.0.1:@1\r\n", 0},
        {0, "HGETALL " MARK_B, "-ASK 3300 127.0.0.1:@1\r\n", 0},
        {1, "HGETALL " MARK_B,
         "*6\r\n$3\r\nseq\r\n$1\r\n5\r\n$6\r\nflow:0\r\n$2\r\n42\r\n$6\r\nd:0:41\r\n$1\r\n1\r\n",
         0},
    };
    struct item item = {.kind = ITEM_COMMAND, .lsn = 41};
    const struct bytes b = bytes_str("b");
    const struct bytes c = bytes_str("c");
    struct setup s;

    (void)state;
    start(&s, rules, COUNT(rules));
    load(&s);
    assert_true(replay_is_past(&s.set, &item, b));
    assert_false(replay_is_past(&s.set, &item, c));
    assert_int_equal(replay_pair_standing(&s.set, &item, b, c), REPLAY_STANDS_HALF);
    item.lsn = 42;
    assert_false(replay_is_past(&s.set, &item, b));
    assert_non_null(strstr(s.note, "flow:first-last LSN: 0:9-41"));
    end(&s);
}

static void test_a_mark_that_is_gone_ends_the_replay(void **state)
{
    static const struct t_peer_rule gone[] = {
        {0, "EXISTS " MARK_C, ":0\r\n", 0},
        {T_PEER_ANY, "HSET ", "-ERR the next run would find what this makes\r\n", 0},
    };
    static const struct t_peer_rule gone_since = {0, "HSET " MARK_C, ":1\r\n", 0};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start(&s, gone, COUNT(gone));
    t_fails(replay_marks_load(&s.set, &err), &err, FT_ERR_PROTOCOL, "lost its position");
    end(&s);
    start(&s, &gone_since, 1);
    t_fails(replay_marks_load(&s.set, &err), &err, FT_ERR_PROTOCOL, "lost its position");
    end(&s);
}

static void test_what_a_script_reads_is_watched_with_its_transaction(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "GET b", "=v", 0},
        {0, "SET b vx", "+QUEUED\r\n", 0},
        {0, "EXEC", "*2\r\n+OK\r\n:1\r\n", 1},
        {0, "EXEC", "*1\r\n:0\r\n", 1},
    };
    static const char wanted[] =
        "WATCH " MARK_B "\nHGET " MARK_B " seq\nWATCH b\nGET b\nMULTI\nSET b vx\nHSET " MARK_B
        " seq 6 flow:0 11\nEXEC\nWATCH pos\n";
    const struct bytes args[] = {
        bytes_str("EVAL"), bytes_str("redis.call('SET', KEYS[1], redis.call('GET', KEYS[1])..'x')"),
        bytes_str("1"), bytes_str("b")};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start(&s, rules, COUNT(rules));
    load(&s);
    t_ok(replay_slots_put_script(&s.nodes[0], 0, "0:9:0", args, 4, &err), &err);
    t_ok(send_batch(&s, &err), &err);
    end(&s);
    assert_int_equal(strncmp(log_of(&s), wanted, sizeof(wanted) - 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_position_follows_a_transaction_for_each_slot),
        cmocka_unit_test(test_what_is_not_queued_is_remembered_by_the_mark),
        cmocka_unit_test(test_what_fails_is_remembered_by_the_position),
        cmocka_unit_test(test_nothing_is_executed_for_who_has_lost_the_slot),
        cmocka_unit_test(test_a_mark_is_read_where_it_is),
        cmocka_unit_test(test_a_mark_that_is_gone_ends_the_replay),
        cmocka_unit_test(test_what_a_script_reads_is_watched_with_its_transaction),
    };

    return T_RUN("replay/position/replay_slots", tests);
}
