/* What the service of replicas and the cut-over know of each other: suspects, who is a replica, how far they are. */
#include "lib/t_store.h"

#include <string.h>

#include "serve/serve_live.h"

static const uint64_t first[] = {10, 20};

/* A live capture of two flows, served, with replicas of the test's. */
struct service {
    struct live_flows *flows;
    struct serve_live live;
    struct stream_log *log;
    struct replica_list replicas;
    struct serve_seen seen;
};

static void service_open(struct service *v)
{
    char dir[4200];
    const struct stream_log_options options = {
        .dir = dir, .name = "s", .generation = 1, .flow_count = 2, .first_lsn = first};
    const uint64_t next[] = {15, 20};
    struct ft_err err = FT_ERR_INIT;

    (void)snprintf(dir, sizeof(dir), "%s/serve", t_store_dir.path);
    *v = (struct service){0};
    t_ok(live_flows_new(&v->flows, false, &err), &err);
    t_ok(live_flows_begin(v->flows, 1, 2, next, true, &err), &err);
    t_ok(serve_live_init(&v->live, v->flows, t_store_dir.path, &err), &err);
    t_ok(stream_log_open(&v->log, &options, &err), &err);
    replica_list_init(&v->replicas, 10);
    serve_live_attach(&v->live, v->log, &v->replicas, 1, 2);
}

static void service_close(struct service *v)
{
    serve_live_detach(&v->live);
    replica_list_release(&v->replicas);
    stream_log_free(v->log);
    serve_live_release(&v->live);
    live_flows_free(v->flows);
}

static void look(struct service *v)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(serve_live_look(&v->live, &v->seen, &err), &err);
}

static void put_at_goal(struct service *v, const char *key)
{
    const struct bytes args[] = {bytes_str("SET"), bytes_str(key), bytes_str("1")};
    const uint64_t lsn[] = {15, 20};
    struct ft_err err = FT_ERR_INIT;

    t_ok(resp_file_put(stream_log_file(v->log), 0, args, 3, &err), &err);
    t_ok(stream_log_commit(v->log, lsn, &err), &err);
    serve_live_stand(&v->live, SERVE_AT_GOAL, stream_log_end(v->log));
}

static uint64_t applied(struct service *v)
{
    struct live_point point;

    assert_true(live_flows_point(v->flows, LIVE_APPLIED, 0, &point));
    return point.next_lsn;
}

#define REPLICA(port_, state_)                                                                  \
    {                                                                                           \
        .host = "127.0.0.1", .port = (port_), .state = (state_), .counts = true, .name = "x:1", \
        .offset = STREAM_FIRST_OFFSET                                                           \
    }

static void test_all_have_to_acknowledge(void **state)
{
    struct replica a = REPLICA(7001, REPLICA_ONLINE);
    struct replica b = REPLICA(7002, REPLICA_LOADING);
    struct replica passing = REPLICA(0, REPLICA_ONLINE);
    struct replica silent = REPLICA(0, REPLICA_LOADING);
    struct service v;

    (void)state;
    passing.counts = false; /* redis-cli --rdb */
    silent.offset = 0;      /* redis-cli --replica */
    service_open(&v);
    put_at_goal(&v, "a");
    look(&v);
    assert_int_equal(v.seen.attached, 0);
    assert_false(v.seen.ready);
    assert_int_equal(applied(&v), 0);
    assert_true(replica_list_add(&v.replicas, &a));
    assert_true(replica_list_add(&v.replicas, &b));
    assert_true(replica_list_add(&v.replicas, &passing));
    look(&v);
    assert_int_equal(v.seen.attached, 2);
    assert_false(v.seen.ready);
    assert_true(replica_list_add(&v.replicas, &silent));
    look(&v);
    assert_int_equal(v.seen.attached, 2);
    replica_list_set_state(&v.replicas, &b, REPLICA_ONLINE);
    look(&v);
    assert_true(v.seen.ready);
    assert_false(v.seen.acknowledged);
    assert_int_equal(applied(&v), 10);
    replica_list_acknowledged(&v.replicas, &a, STREAM_FIRST_OFFSET + stream_log_end(v.log));
    look(&v);
    assert_false(v.seen.acknowledged);
    assert_string_equal(v.seen.waits_for, "127.0.0.1:7002");
    replica_list_acknowledged(&v.replicas, &b, STREAM_FIRST_OFFSET + stream_log_end(v.log));
    look(&v);
    assert_true(v.seen.acknowledged);
    assert_int_equal(applied(&v), 15);
    replica_list_remove(&v.replicas, &passing);
    replica_list_remove(&v.replicas, &silent);
    look(&v);
    assert_true(v.seen.acknowledged);
    replica_list_remove(&v.replicas, &a);
    look(&v);
    assert_false(v.seen.acknowledged);
    assert_int_equal(v.seen.missing, 1);
    assert_string_equal(v.seen.waits_for, "127.0.0.1:7001");
    replica_list_remove(&v.replicas, &b);
    service_close(&v);
}

static void test_who_is_known_is_missed_after_a_restart(void **state)
{
    struct replica a = REPLICA(7001, REPLICA_ONLINE);
    struct replica nameless = REPLICA(0, REPLICA_ONLINE);
    struct ft_err err = FT_ERR_INIT;
    struct service v;

    (void)state;
    service_open(&v);
    assert_true(replica_list_add(&v.replicas, &a));
    assert_true(replica_list_add(&v.replicas, &nameless));
    look(&v);
    assert_int_equal(v.seen.attached, 2);
    replica_list_remove(&v.replicas, &a);
    replica_list_remove(&v.replicas, &nameless);
    service_close(&v);

    service_open(&v);
    look(&v);
    assert_int_equal(v.seen.missing, 1);
    assert_string_equal(v.seen.waits_for, "127.0.0.1:7001");
    assert_int_equal(serve_live_forget(&v.live, "127.0.0.1:7003", &err), -1);
    assert_int_equal(err.kind, FT_ERR_USAGE);
    err_clear(&err);
    t_ok(serve_live_forget(&v.live, "127.0.0.1:7001", &err), &err);
    look(&v);
    assert_int_equal(v.seen.missing, 0);
    service_close(&v);
}

/* Only while the stream stands, and of the generation that is served. What was put has to be acknowledged, too. */
static void test_a_command_of_the_cut_over(void **state)
{
    const struct bytes del[] = {bytes_str("DEL"), bytes_str("a")};
    struct replica a = REPLICA(7001, REPLICA_ONLINE);
    struct ft_err err = FT_ERR_INIT;
    struct service v;
    uint64_t end;

    (void)state;
    service_open(&v);
    assert_true(replica_list_add(&v.replicas, &a));
    assert_int_equal(serve_live_put(&v.live, 1, 0, del, 2, &err), -1);
    assert_int_equal(err.kind, FT_ERR_NET);
    err_clear(&err);
    put_at_goal(&v, "a");
    end = stream_log_end(v.log);
    replica_list_acknowledged(&v.replicas, &a, STREAM_FIRST_OFFSET + end);
    look(&v);
    assert_true(v.seen.acknowledged);
    assert_int_equal(serve_live_put(&v.live, 2, 0, del, 2, &err), -1);
    err_clear(&err);
    t_ok(serve_live_put(&v.live, 1, 0, del, 2, &err), &err);
    assert_int_equal(stream_log_end(v.log), end);
    t_ok(serve_live_commit(&v.live, 1, &err), &err);
    assert_true(stream_log_end(v.log) > end);
    look(&v);
    assert_false(v.seen.acknowledged);
    replica_list_acknowledged(&v.replicas, &a, STREAM_FIRST_OFFSET + stream_log_end(v.log));
    look(&v);
    assert_true(v.seen.acknowledged);
    assert_int_equal(applied(&v), 15);
    replica_list_remove(&v.replicas, &a);
    service_close(&v);
}

static void add(struct serve_suspects *s, const char *key)
{
    const struct suspect suspect = {.db = 0, .key = bytes_str(key)};
    struct ft_err err = FT_ERR_INIT;

    t_ok(serve_suspects_add(s, &suspect, &err), &err);
}

static void expect_left(struct serve_suspects *s, const char *want)
{
    struct serve_suspects_at at = {0};
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};
    struct buf key = {0};
    struct suspect left;
    int rc;

    while ((rc = serve_suspects_next(s, &at, &key, &left, &err)) > 0)
        t_ok(buf_append(&text, left.key.p, left.key.n, &err), &err);
    assert_int_equal(rc, 0);
    t_ok(buf_append(&text, "", 1, &err), &err);
    assert_string_equal((const char *)text.p, want);
    assert_int_equal(serve_suspects_count(s), strlen(want));
    buf_release(&text);
    buf_release(&key);
}

static void test_a_suspect_that_was_done_may_be_suspect_again(void **state)
{
    struct serve_suspects_at at = {0};
    struct ft_err err = FT_ERR_INIT;
    struct serve_suspects s;
    struct buf key = {0};
    struct suspect left;

    (void)state;
    serve_suspects_init(&s);
    add(&s, "a");
    add(&s, "b");
    add(&s, "a");
    add(&s, "c");
    expect_left(&s, "abc");
    assert_int_equal(serve_suspects_next(&s, &at, &key, &left, &err), 1);
    t_ok(serve_suspects_done(&s, 0, bytes_str("a"), &err), &err);
    t_ok(serve_suspects_done(&s, 0, bytes_str("unknown"), &err), &err);
    expect_left(&s, "bc");
    add(&s, "a");
    expect_left(&s, "bca");
    /* a walk that was begun before goes through the new list */
    assert_int_equal(serve_suspects_next(&s, &at, &key, &left, &err), 1);
    assert_int_equal(left.key.p[0], 'b');
    serve_suspects_clear(&s);
    expect_left(&s, "");
    assert_int_equal(serve_suspects_next(&s, &at, &key, &left, &err), 0);
    buf_release(&key);
    serve_suspects_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_all_have_to_acknowledge),
        T_STORE_TEST(test_who_is_known_is_missed_after_a_restart),
        T_STORE_TEST(test_a_command_of_the_cut_over),
        T_STORE_TEST(test_a_suspect_that_was_done_may_be_suspect_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
