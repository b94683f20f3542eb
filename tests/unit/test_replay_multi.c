/* What a transaction leaves to be written down, against a scripted server. */
#include "replay/position/replay_multi.h"

#include "lib/t_peer.h"
#include "lib/test_main.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_steps.h"

/* Rules of the beginning of a transaction; `times` it is begun. */
#define FOLLOWS_THE_SEVENTH(times)                                    \
    {0, "WATCH pos", "+OK\r\n", 0}, {0, "HGET pos seq", "=7", times}, \
        {0, "HGET pos seq", "=8", 0},                                 \
    {                                                                 \
        0, "MULTI", "+OK\r\n", 0                                      \
    }
#define QUEUES_SCRIPTS                  \
    {0, "EVAL ", "+QUEUED\r\n", 0},     \
    {                                   \
        0, "EVALSHA ", "+QUEUED\r\n", 0 \
    }

/* One command that is queued, and fails when the transaction is executed. */
static const struct t_peer_rule transaction[] = {
    FOLLOWS_THE_SEVENTH(1),
    {0, "SADD key 1", "+QUEUED\r\n", 0},
    {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
    {0, "EXEC", "*2\r\n-WRONGTYPE not a set\r\n:1\r\n", 0},
};

static int refuse(struct replay_node *node, uint32_t db, const char *tag, const struct bytes *args,
                  size_t count, const char *error, bool *ret_keep, struct ft_err *err)
{
    (void)node;
    (void)args;
    (void)err;
    assert_int_equal(db, 0);
    assert_string_equal(tag, "0:5:0");
    assert_int_equal(count, 3);
    assert_string_equal(error, "WRONGTYPE not a set");
    *ret_keep = true;
    return 0;
}

struct setup {
    struct t_peers peers;
    struct target_node server;
    struct target_client target;
    struct replay_position_set set;
    struct replay_node node;
};

/* One whose last transaction was the seventh. */
static void start_with(struct setup *s, const struct t_peer_rule *rules, size_t count,
                       const struct replay_multi_host *host, bool has_scripts)
{
    struct ft_err err = FT_ERR_INIT;

    memset(s, 0, sizeof(*s));
    t_peers_start(&s->peers, 1, rules, count);
    s->server.uri = t_peers_uri(&s->peers, 0);
    (void)snprintf(s->server.name, sizeof(s->server.name), "host:1");
    s->target.named = &s->server.uri;
    s->target.version = 700;
    s->set.target = &s->target;
    s->node.set = &s->set;
    s->node.server = &s->server;
    (void)snprintf(s->node.position.key, sizeof(s->node.position.key), "pos");
    s->node.position.seq = 7;
    t_ok(redis_pipe_open(&s->server.pipe, &s->server.uri, -1, NULL, NULL, &err), &err);
    t_ok(replay_multi_begin(&s->node, host, has_scripts, &err), &err);
}

static void start(struct setup *s, const struct t_peer_rule *rules, size_t count,
                  const struct replay_multi_host *host)
{
    start_with(s, rules, count, host, false);
}

/* Then the log may be read. */
static void end(struct setup *s)
{
    replay_multi_end(&s->node);
    redis_pipe_free(s->server.pipe);
    t_peers_end(&s->peers);
}

/* answers: what the server says to what is written down; ends: what writes it. */
static void run(struct setup *s, const struct t_peer_rule *answers, size_t count,
                void (*ends)(struct replay_node *node))
{
    static const struct replay_multi_host host = {.refuse = refuse};
    const struct bytes args[] = {bytes_str("SADD"), bytes_str("key"), bytes_str("1")};
    struct ft_err err = FT_ERR_INIT;

    start(s, transaction, sizeof(transaction) / sizeof(transaction[0]), &host);
    t_peers_rules(&s->peers, answers, count);
    t_ok(replay_steps_add(s->node.batch.steps, 0, "0:5:0", args, 3, &err), &err);
    t_ok(replay_multi_send(&s->node, &err), &err);
    t_ok(replay_multi_drain(&s->node, &err), &err);
    assert_int_equal(s->node.position.seq, 8);
    ends(&s->node);
    end(s);
}

static void just_end(struct replay_node *node)
{
    (void)node;
}

static void confirm(struct replay_node *node)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_multi_confirm(node, &err), &err);
}

static void fail_to_confirm(struct replay_node *node)
{
    struct ft_err err = FT_ERR_INIT;

    t_fails(replay_multi_confirm(node, &err), &err, FT_ERR_NET, "host:1 answered: OOM");
}

static void test_replies_count_as_read_when_what_failed_is_written_down(void **state)
{
    static const struct t_peer_rule takes[] = {{0, "UNWATCH", "+OK\r\n", 0},
                                               {0, "HSET pos e:0:5:0 ", ":1\r\n", 0},
                                               {0, "HDEL pos unread", ":1\r\n", 0}};
    struct setup s;

    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *written;

        run(&s, takes, 3, i == 0 ? just_end : confirm);
        assert_int_equal(t_peers_count(&s.peers, 0, "HSET pos e:0:5:0 "), 1);
        assert_int_equal(t_peers_count(&s.peers, 0, "HDEL pos unread"), 1);
        written = strstr(s.peers.peer[0].log, "HSET pos e:");
        assert_non_null(strstr(written, "HDEL pos unread"));
    }
}

/* A server without memory takes HDEL, but not HSET. */
static void test_replies_do_not_count_as_read_when_it_is_not(void **state)
{
    static const struct t_peer_rule is_full[] = {{0, "UNWATCH", "+OK\r\n", 0},
                                                 {0, "HSET pos e:0:5:0 ", "-OOM no memory\r\n", 0},
                                                 {0, "HDEL pos unread", ":1\r\n", 0}};
    struct setup s;

    (void)state;
    for (int i = 0; i < 2; i++) {
        run(&s, is_full, 3, i == 0 ? just_end : fail_to_confirm);
        assert_true(t_peers_count(&s.peers, 0, "HSET pos e:0:5:0 ") > 0);
        assert_int_equal(t_peers_count(&s.peers, 0, "HDEL pos unread"), 0);
    }
}

static int keep(struct replay_node *node, uint32_t db, const char *tag, const struct bytes *args,
                size_t count, const char *error, bool *ret_keep, struct ft_err *err)
{
    (void)node;
    (void)db;
    (void)tag;
    (void)args;
    (void)err;
    assert_int_equal(count, 2);
    assert_string_equal(error, "ERR unknown command");
    *ret_keep = true;
    return 0;
}

/* The limit of what is in flight makes the position wait for the replies to all that was queued before it. */
static void test_refusals_may_come_while_the_position_is_queued(void **state)
{
    static const struct t_peer_rule rules[] = {
        FOLLOWS_THE_SEVENTH(2),
        {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
        {0, "EXEC", "-EXECABORT some were refused\r\n", 1},
        {0, "EXEC", "*1\r\n:1\r\n", 1},
        {0, "HDEL pos unread", ":1\r\n", 0},
    };
    static const struct replay_multi_host host = {.refuse = keep};
    static char filler[8000];
    const struct bytes args[] = {bytes_str("SHRED"), bytes_str("key")};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start(&s, rules, sizeof(rules) / sizeof(rules[0]), &host);
    redis_pipe_limit(s.server.pipe, sizeof(filler) / 2);
    for (int i = 0; i < 40; i++) {
        char tag[REPLAY_TAG_TEXT];

        (void)snprintf(tag, sizeof(tag), "0:%d:0", i);
        t_ok(replay_steps_add(s.node.batch.steps, 0, tag, args, 2, &err), &err);
    }
    memset(filler, '1', sizeof(filler));
    t_ok(replay_steps_field(s.node.batch.steps, bytes_str("flow:0"),
                            bytes_of(filler, sizeof(filler)), &err),
         &err);
    t_ok(replay_multi_send(&s.node, &err), &err);
    t_ok(replay_multi_drain(&s.node, &err), &err);
    assert_int_equal(s.node.position.seq, 8);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "SHRED key"), 40);
    assert_int_equal(t_peers_count(&s.peers, 0, "EXEC"), 2);
    assert_int_equal(t_peers_count(&s.peers, 0, "HSET pos "), 2);
    assert_non_null(strstr(s.peers.peer[0].log, " e:0:0:0 "));
}

static void send_position(struct replay_node *node, const char *next)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_steps_field(node->batch.steps, bytes_str("flow:0"), bytes_str(next), &err), &err);
    t_ok(replay_multi_send(node, &err), &err);
    t_ok(replay_multi_drain(node, &err), &err);
}

/* A script that is run over the same connection ends with EXEC or UNWATCH, which end every WATCH. */
static void test_the_position_is_watched_again_when_others_have_ended_it(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "WATCH pos", "+OK\r\n", 0},      {0, "HGET pos seq", "=7", 1},
        {0, "HGET pos seq", "=8", 2},        {0, "HGET pos seq", "=9", 0},
        {0, "MULTI", "+OK\r\n", 0},          {0, "HSET pos seq ", "+QUEUED\r\n", 0},
        {0, "EXEC", "*1\r\n:1\r\n", 0},      {0, "UNWATCH", "+OK\r\n", 0},
        {0, "HDEL pos unread", ":1\r\n", 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;
    redisReply *reply;
    const char *again;

    (void)state;
    start(&s, rules, sizeof(rules) / sizeof(rules[0]), &host);
    send_position(&s.node, "5");
    t_ok(redis_pipe_call_text(s.server.pipe, &reply, "UNWATCH", &err), &err);
    freeReplyObject(reply);
    send_position(&s.node, "6");
    assert_int_equal(s.node.position.seq, 9);
    end(&s);
    again = strstr(s.peers.peer[0].log, "UNWATCH\n");
    assert_non_null(again);
    assert_memory_equal(again, "UNWATCH\nWATCH pos\nHGET pos seq\nMULTI\n", 36);
}

static void add(struct setup *s, const char *tag, const char *command)
{
    struct ft_err err = FT_ERR_INIT;
    struct bytes args[8];
    size_t count = 0;

    for (const char *at = command; *at != '\0'; count++) {
        size_t n = strcspn(at, " ");

        args[count] = bytes_of(at, n);
        at += n + (at[n] == ' ');
    }
    s->node.batch.join_sets = replay_multi_joins_sets(&s->node);
    t_ok(replay_batch_add(&s->node.batch, 0, tag, args, count, &err), &err);
}

static void send(struct setup *s)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_multi_send(&s->node, &err), &err);
    t_ok(replay_multi_drain(&s->node, &err), &err);
}

/* Only the first needs its text; a server that has counted no error has nothing that would have to be read. */
static void test_scripts_go_by_their_digests(void **state)
{
    static const struct t_peer_rule rules[] = {
        FOLLOWS_THE_SEVENTH(1),
        QUEUES_SCRIPTS,
        {0, "RPUSH l a", "+QUEUED\r\n", 0},
        {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
        {0, "EXEC", "*6\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:0\r\n", 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct setup s;

    (void)state;
    start_with(&s, rules, sizeof(rules) / sizeof(rules[0]), &host, true);
    add(&s, "0:5:0", "GETDEL k");
    add(&s, "0:6:0", "RPUSH l a");
    add(&s, "0:7:0", "GETSET k v");
    send(&s);
    assert_int_equal(s.node.position.seq, 8);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "EVAL "), 2);    /* count_refused, call_quietly */
    assert_int_equal(t_peers_count(&s.peers, 0, "EVALSHA "), 2); /* likewise */
    assert_int_equal(t_peers_count(&s.peers, 0, "GET"), 0);
    assert_int_equal(t_peers_count(&s.peers, 0, "HDEL pos unread"), 0);
    assert_null(strstr(s.peers.peer[0].log, "HSET pos seq 8 unread"));
}

/* Which may have the server forget the others. */
static void test_after_a_script_of_the_source_the_texts_come_again(void **state)
{
    static const struct t_peer_rule rules[] = {
        FOLLOWS_THE_SEVENTH(1),
        QUEUES_SCRIPTS,
        {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
        {0, "EXEC", "*7\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:0\r\n", 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct setup s;

    (void)state;
    start_with(&s, rules, sizeof(rules) / sizeof(rules[0]), &host, true);
    add(&s, "0:5:0", "GETDEL k");
    add(&s, "0:6:0", "EVAL return(1) 1 k");
    add(&s, "0:7:0", "GETDEL l");
    add(&s, "0:8:0", "GETDEL m");
    send(&s);
    assert_int_equal(s.node.position.seq, 8);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "EVAL "), 5);    /* with count_refused, twice */
    assert_int_equal(t_peers_count(&s.peers, 0, "EVALSHA "), 1); /* GETDEL m */
}

/* A pop as a command that does not answer with what it takes; who must not trim has the script. */
static void test_pops_do_not_answer(void **state)
{
    static const struct t_peer_rule rules[] = {
        FOLLOWS_THE_SEVENTH(2),
        QUEUES_SCRIPTS,
        {0, "LTRIM a 1 -1", "-NOPERM no ltrim\r\n", 0},
        {0, "LTRIM b 0 -4", "-NOPERM no ltrim\r\n", 0},
        {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
        {0, "EXEC", "-EXECABORT some were refused\r\n", 1},
        {0, "EXEC", "*5\r\n:1\r\n:1\r\n:1\r\n:1\r\n:0\r\n", 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct setup s;
    const char *again;

    (void)state;
    start_with(&s, rules, sizeof(rules) / sizeof(rules[0]), &host, true);
    add(&s, "0:5:0", "LPOP a");
    add(&s, "0:6:0", "RPOP b 3");
    send(&s);
    assert_int_equal(s.node.position.seq, 8);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "LTRIM "), 2);
    again = strstr(s.peers.peer[0].log, "EXEC\n");
    assert_non_null(again);
    assert_non_null(strstr(again, " 0 LPOP a\n"));
    assert_non_null(strstr(again, " 0 RPOP b 3\n"));
}

/* The server has counted one, which is written down before the replies count as read. */
static void test_what_was_counted_is_confirmed(void **state)
{
    static const struct t_peer_rule rules[] = {
        FOLLOWS_THE_SEVENTH(1),
        QUEUES_SCRIPTS,
        {0, "SADD key 1", "+QUEUED\r\n", 0},
        {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
        {0, "EXEC", "*4\r\n:1\r\n-WRONGTYPE not a set\r\n:1\r\n:1\r\n", 0},
        {0, "HSET pos e:0:5:0 ", ":1\r\n", 0},
        {0, "HDEL pos unread", ":1\r\n", 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct setup s;
    const char *written;

    (void)state;
    start_with(&s, rules, sizeof(rules) / sizeof(rules[0]), &host, true);
    add(&s, "0:5:0", "SADD key 1");
    send(&s);
    end(&s);
    written = strstr(s.peers.peer[0].log, "HSET pos e:0:5:0 ");
    assert_non_null(written);
    assert_non_null(strstr(written, "HDEL pos unread"));
}

/* Whoever has taken the position since has made what it says his own. */
static void test_the_position_of_somebody_else_keeps_what_it_says(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "WATCH pos", "+OK\r\n", 0},
        {0, "HGET pos seq", "=7", 1},
        {0, "HGET pos seq", "=99", 0},
        {0, "MULTI", "+OK\r\n", 0},
        {0, "SADD key 1", "+QUEUED\r\n", 0},
        {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
        {0, "EXEC", "*2\r\n-WRONGTYPE not a set\r\n:1\r\n", 0},
        {0, "HSET pos e:0:5:0 ", ":1\r\n", 0},
        {0, "HDEL pos unread", ":1\r\n", 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start(&s, rules, sizeof(rules) / sizeof(rules[0]), &host);
    add(&s, "0:5:0", "SADD key 1");
    t_ok(replay_multi_send(&s.node, &err), &err);
    t_fails(replay_multi_drain(&s.node, &err), &err, FT_ERR_NET, "somebody else");
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "HSET pos e:0:5:0 "), 1);
    assert_int_equal(t_peers_count(&s.peers, 0, "HDEL pos unread"), 0);
}

static int listed;

static int list(void *owner, struct ft_err *err)
{
    (void)owner;
    (void)err;
    listed++;
    return 0;
}

static int refuse_unlisted(struct replay_node *node, uint32_t db, const char *tag,
                           const struct bytes *args, size_t count, const char *error,
                           bool *ret_keep, struct ft_err *err)
{
    listed = 0;
    return refuse(node, db, tag, args, count, error, ret_keep, err);
}

/* With the next transaction the replies of the last one count as read. */
static void test_what_failed_is_listed_before_the_next_transaction(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "WATCH pos", "+OK\r\n", 0},
        {0, "HGET pos seq", "=7", 1},
        {0, "HGET pos seq", "=8", 1},
        {0, "HGET pos seq", "=9", 0},
        {0, "MULTI", "+OK\r\n", 0},
        {0, "SADD key 1", "+QUEUED\r\n", 0},
        {0, "HSET pos seq ", "+QUEUED\r\n", 0},
        {0, "EXEC", "*2\r\n-WRONGTYPE not a set\r\n:1\r\n", 1},
        {0, "EXEC", "*1\r\n:1\r\n", 1},
        {0, "HDEL pos unread", ":1\r\n", 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse_unlisted};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start(&s, rules, sizeof(rules) / sizeof(rules[0]), &host);
    s.set.terms.list_refused = list;
    add(&s, "0:5:0", "SADD key 1");
    t_ok(replay_multi_send(&s.node, &err), &err);
    listed = -1;
    t_ok(replay_multi_send(&s.node, &err), &err);
    assert_int_equal(listed, 1); /* since it failed */
    t_ok(replay_multi_drain(&s.node, &err), &err);
    end(&s);
}

/* SETs that may come first are one command, until that is refused; a key that is not allowed takes no others along. */
static void test_sets_are_joined_unless_that_is_refused(void **state)
{
    static const struct t_peer_rule rules[] = {
        FOLLOWS_THE_SEVENTH(2),
        QUEUES_SCRIPTS,
        {0, "MSET a 1 b 2", "-NOPERM no mset\r\n", 0},
        {0, "SET ", "+QUEUED\r\n", 0},
        {0, "INCR c", "+QUEUED\r\n", 0},
        {0, "DEL x y", "-NOPERM no access to a key\r\n", 0},
        {0, "DEL ", "+QUEUED\r\n", 0},
        {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
        {0, "EXEC", "-EXECABORT some were refused\r\n", 1},
        {0, "EXEC", "*9\r\n:1\r\n+OK\r\n+OK\r\n:1\r\n+OK\r\n:1\r\n:1\r\n:1\r\n:0\r\n", 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct setup s;
    const char *again;

    (void)state;
    start_with(&s, rules, sizeof(rules) / sizeof(rules[0]), &host, true);
    add(&s, "0:5:0", "SET a 1");
    add(&s, "0:6:0", "INCR c");
    add(&s, "0:7:0", "SET b 2");
    add(&s, "0:8:0", "SET c 3");
    add(&s, "0:9:0", "DEL x y");
    send(&s);
    assert_int_equal(s.node.position.seq, 8);
    assert_false(replay_multi_joins_sets(&s.node));
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "MSET "), 1);
    again = strstr(s.peers.peer[0].log, "EXEC\n");
    assert_non_null(again);
    assert_non_null(strstr(again, "SET a 1\nSET b 2\nINCR c\nSET c 3\nDEL x\nDEL y\n"));
}

/*
 * What is queued while the last one is executed
 */

#define EARLY_SETS        500
#define FOUR_ARE_EXECUTED "*4\r\n:1\r\n:1\r\n:1\r\n:0\r\n"

/* Rules of two transactions, of which the first is answered by others. */
static const struct t_peer_rule any_two[] = {
    {0, "WATCH pos", "+OK\r\n", 0},
    {0, "HGET pos seq", "=7", 1},
    {0, "MULTI", "+OK\r\n", 0},
    {0, "DISCARD", "+OK\r\n", 0},
    QUEUES_SCRIPTS,
    {0, "RPUSH l a", "+QUEUED\r\n", 0},
    {0, "INCR key", "-ERR unknown command\r\n", 0},
    {0, "MSET ", "+QUEUED\r\n", 0},
    {0, "HSET pos seq ", "+QUEUED\r\n", 0},
    {0, "HDEL pos unread", ":1\r\n", 0},
    {0, "PING", "+PONG\r\n", 0},
};

/* The first transaction has this command, and is not waited for; the second one is to have SETs. */
static void put_two(struct setup *s, const char *first)
{
    struct ft_err err = FT_ERR_INIT;

    add(s, "0:5:0", first);
    replay_batch_clear(&s->node.batch); /* but for the steps, as who sends it does */
    t_ok(replay_multi_send(&s->node, &err), &err);
    for (int i = 0; i < EARLY_SETS; i++)
        add(s, "0:6:0", "SET k v");
}

/* Of the second one, what it has is queued. */
static void start_two(struct setup *s, const struct replay_multi_host *host, const char *first,
                      const struct t_peer_rule *rules, size_t count)
{
    struct ft_err err = FT_ERR_INIT;
    size_t in_flight;

    start_with(s, any_two, sizeof(any_two) / sizeof(any_two[0]), host, true);
    t_peers_rules(&s->peers, rules, count);
    put_two(s, first);
    in_flight = redis_pipe_in_flight(s->server.pipe);
    t_ok(replay_multi_queue_early(&s->node, &err), &err);
    assert_int_equal(redis_pipe_in_flight(s->server.pipe), in_flight + 3); /* MULTI, EVAL, MSET */
    assert_false(replay_multi_is_drained(&s->node));
}

static void test_the_next_one_is_queued_while_the_last_is_executed(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "HGET pos seq", "=8", 1},
        {0, "HGET pos seq", "=9", 0},
        {0, "EXEC", FOUR_ARE_EXECUTED, 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;
    const char *next;

    (void)state;
    start_two(&s, &host, "RPUSH l a", rules, 3);
    t_ok(replay_multi_drain(&s.node, &err), &err);
    assert_int_equal(s.node.position.seq, 8);
    assert_true(replay_multi_is_drained(&s.node));
    send(&s);
    assert_int_equal(s.node.position.seq, 9);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "DISCARD"), 0);
    assert_int_equal(t_peers_count(&s.peers, 0, "MULTI"), 2);
    assert_int_equal(t_peers_count(&s.peers, 0, "MSET "), 1);
    next = strstr(s.peers.peer[0].log, "EXEC\nWATCH pos\nHGET pos seq\nMULTI\nEVAL ");
    assert_non_null(next);
    assert_non_null(strstr(next, "\nHSET pos seq 9\nEVALSHA "));
}

/* Whoever has the position now, nothing of what was queued has taken effect. */
static void test_the_next_one_is_not_executed_if_the_last_was_not(void **state)
{
    static const struct t_peer_rule changed[] = {
        {0, "HGET pos seq", "=99", 0},
        {0, "EXEC", "*-1\r\n", 0},
    };
    static const struct t_peer_rule claimed_since[] = {
        {0, "HGET pos seq", "=99", 0},
        {0, "EXEC", FOUR_ARE_EXECUTED, 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ft_err err = FT_ERR_INIT;
        struct setup s;

        start_two(&s, &host, "RPUSH l a", i == 0 ? changed : claimed_since, 2);
        t_fails(replay_multi_send(&s.node, &err), &err, FT_ERR_NET,
                i == 0 ? "did not execute" : "somebody else");
        end(&s);
        assert_int_equal(t_peers_count(&s.peers, 0, "EXEC"), 1);
    }
}

static void test_what_is_sent_again_goes_before_what_was_queued_after_it(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "HGET pos seq", "=7", 2},
        {0, "HGET pos seq", "=8", 1},
        {0, "HGET pos seq", "=9", 0},
        {0, "EXEC", "-EXECABORT some were refused\r\n", 1},
        {0, "EXEC", "*3\r\n:1\r\n:1\r\n:0\r\n", 1},
        {0, "EXEC", FOUR_ARE_EXECUTED, 0},
    };
    static const struct replay_multi_host host = {.refuse = keep};
    struct setup s;
    const char *aborted;
    const char *left;

    (void)state;
    start_two(&s, &host, "INCR key", rules, 6);
    send(&s);
    assert_int_equal(s.node.position.seq, 9);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "EXEC"), 3);
    aborted = strstr(s.peers.peer[0].log, "EXEC\n");
    assert_non_null(aborted);
    left = strstr(aborted, "\nDISCARD\nWATCH pos\n");
    assert_non_null(left);
    left = strstr(left, "\nHSET pos seq 8 e:0:5:0 ");
    assert_non_null(left);
    assert_non_null(strstr(left, "\nMSET k v k v"));
}

/* A command that is not of the transaction would be queued with it. */
static void test_others_find_no_open_transaction(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "HGET pos seq", "=8", 2},
        {0, "HGET pos seq", "=9", 0},
        {0, "EXEC", FOUR_ARE_EXECUTED, 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;
    redisReply *reply;

    (void)state;
    start_two(&s, &host, "RPUSH l a", rules, 3);
    t_ok(redis_pipe_call_text(s.server.pipe, &reply, "PING", &err), &err);
    assert_string_equal(reply->str, "PONG");
    freeReplyObject(reply);
    assert_int_equal(s.node.position.seq, 8);
    send(&s);
    assert_int_equal(s.node.position.seq, 9);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "MSET "), 2);
    assert_non_null(
        strstr(s.peers.peer[0].log, "\nDISCARD\nPING\nWATCH pos\nHGET pos seq\nMULTI\n"));
}

/* Without the position, which a replay that resumes has to be told of. */
static void test_what_was_to_be_queued_may_have_been_executed(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "WATCH pos", "+OK\r\n", 0},
        {0, "HGET pos seq", "=7", 1},
        {0, "HGET pos seq", "=8", 0},
        {0, "MULTI", "+OK\r\n", 1},
        {0, "MULTI", "-NOPERM no multi\r\n", 0},
        QUEUES_SCRIPTS,
        {0, "RPUSH l a", "+QUEUED\r\n", 0},
        {0, "MSET ", "+OK\r\n", 0},
        {0, "HSET pos seq 8", "+QUEUED\r\n", 0},
        {0, "EXEC", FOUR_ARE_EXECUTED, 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start_with(&s, rules, sizeof(rules) / sizeof(rules[0]), &host, true);
    put_two(&s, "RPUSH l a");
    t_ok(replay_multi_queue_early(&s.node, &err), &err);
    t_fails(redis_pipe_drain(s.server.pipe, &err), &err, FT_ERR_PROTOCOL,
            "may have executed what was to be in it");
    assert_int_equal(s.node.position.seq, 8);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "MULTI"), 2);
}

/* By which MULTI may be refused for a moment, and what comes after it not. */
static void test_nothing_is_queued_ahead_on_an_old_server(void **state)
{
    static const struct replay_multi_host host = {.refuse = refuse};
    static const struct t_peer_rule rules[] = {
        {0, "HGET pos seq", "=8", 0},
        {0, "EXEC", FOUR_ARE_EXECUTED, 0},
    };
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start_with(&s, any_two, sizeof(any_two) / sizeof(any_two[0]), &host, true);
    t_peers_rules(&s.peers, rules, 2);
    s.target.version = 602;
    put_two(&s, "RPUSH l a");
    t_ok(replay_multi_queue_early(&s.node, &err), &err);
    t_ok(replay_multi_drain(&s.node, &err), &err);
    assert_int_equal(s.node.position.seq, 8);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "MULTI"), 1);
}

static void test_what_is_refused_early_is_left_out_later(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "HGET pos seq", "=8", 3},      {0, "HGET pos seq", "=9", 0},
        {0, "EXEC", FOUR_ARE_EXECUTED, 1}, {0, "EXEC", "-EXECABORT some were refused\r\n", 1},
        {0, "EXEC", FOUR_ARE_EXECUTED, 0},
    };
    static const struct replay_multi_host host = {.refuse = keep};
    struct ft_err err = FT_ERR_INIT;
    struct setup s;

    (void)state;
    start_with(&s, any_two, sizeof(any_two) / sizeof(any_two[0]), &host, true);
    t_peers_rules(&s.peers, rules, 5);
    put_two(&s, "RPUSH l a");
    add(&s, "0:7:0", "INCR key");
    t_ok(replay_multi_queue_early(&s.node, &err), &err);
    t_ok(redis_pipe_drain(s.server.pipe, &err), &err);
    send(&s);
    assert_int_equal(s.node.position.seq, 9);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "DISCARD"), 1);
    assert_int_equal(t_peers_count(&s.peers, 0, "INCR key"), 2);
    assert_int_equal(t_peers_count(&s.peers, 0, "EXEC"), 3);
    assert_non_null(strstr(s.peers.peer[0].log, "\nHSET pos seq 9 e:0:7:0 "));
}

/* Which transaction a pop was refused in does not depend on what has been queued of the next one. */
static void test_a_refused_trim_is_known_after_the_next_one_was_opened(void **state)
{
    static const struct t_peer_rule rules[] = {
        {0, "LTRIM a 1 -1", "-NOPERM no ltrim\r\n", 0},
        {0, "HGET pos seq", "=7", 2},
        {0, "HGET pos seq", "=8", 1},
        {0, "HGET pos seq", "=9", 0},
        {0, "EXEC", "-EXECABORT some were refused\r\n", 1},
        {0, "EXEC", FOUR_ARE_EXECUTED, 0},
    };
    static const struct replay_multi_host host = {.refuse = refuse};
    struct setup s;
    const char *again;

    (void)state;
    start_two(&s, &host, "LPOP a", rules, 6);
    send(&s);
    assert_int_equal(s.node.position.seq, 9);
    end(&s);
    assert_int_equal(t_peers_count(&s.peers, 0, "LTRIM "), 1);
    again = strstr(s.peers.peer[0].log, "EXEC\n");
    assert_non_null(again);
    assert_non_null(strstr(again, " 0 LPOP a\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_count_as_read_when_what_failed_is_written_down),
        cmocka_unit_test(test_replies_do_not_count_as_read_when_it_is_not),
        cmocka_unit_test(test_refusals_may_come_while_the_position_is_queued),
        cmocka_unit_test(test_the_position_is_watched_again_when_others_have_ended_it),
        cmocka_unit_test(test_scripts_go_by_their_digests),
        cmocka_unit_test(test_after_a_script_of_the_source_the_texts_come_again),
        cmocka_unit_test(test_pops_do_not_answer),
        cmocka_unit_test(test_what_was_counted_is_confirmed),
        cmocka_unit_test(test_the_position_of_somebody_else_keeps_what_it_says),
        cmocka_unit_test(test_what_failed_is_listed_before_the_next_transaction),
        cmocka_unit_test(test_sets_are_joined_unless_that_is_refused),
        cmocka_unit_test(test_the_next_one_is_queued_while_the_last_is_executed),
        cmocka_unit_test(test_the_next_one_is_not_executed_if_the_last_was_not),
        cmocka_unit_test(test_what_is_sent_again_goes_before_what_was_queued_after_it),
        cmocka_unit_test(test_others_find_no_open_transaction),
        cmocka_unit_test(test_what_was_to_be_queued_may_have_been_executed),
        cmocka_unit_test(test_nothing_is_queued_ahead_on_an_old_server),
        cmocka_unit_test(test_what_is_refused_early_is_left_out_later),
        cmocka_unit_test(test_a_refused_trim_is_known_after_the_next_one_was_opened),
    };

    return T_RUN("replay/position/replay_multi", tests);
}
