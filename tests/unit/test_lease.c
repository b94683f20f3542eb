/* Who gets the lease of a target, and from whom. What a process has held once, it does not take over
 * again, so the tests are in this order. */
#include "lib/test_main.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/t_peer.h"
#include "target/lease.h"

#define TAKE      "EVAL if redis.replicate"
#define ELSEWHERE "0123456789abcdef 99 elsewhere 7 7 77"

struct bench {
    struct t_peers peers;
    struct t_told told;
    struct uri uri;
    struct target_client target;
    struct lease *lease;
    struct lease_terms terms;
    struct ft_err err;
};

/* What this process says of itself, out of the first attempt. */
static char own_host[100];
static unsigned long long own_started, own_place;

static void take_loss(void *context, const struct ft_err *err)
{
    (void)context;
    fail_msg("lost: %s", err->msg);
}

static void begin(struct bench *b, const struct t_peer_rule *rules, size_t count)
{
    struct target_host host;

    memset(b, 0, sizeof(*b));
    t_peers_start(&b->peers, 1, rules, count);
    t_peers_rules(&b->peers, t_peer_single, t_peer_single_count);
    b->uri = t_peers_uri(&b->peers, 0);
    host = t_told_host(&b->told, 10000);
    b->terms = (struct lease_terms){.key = "state", .may_create = true, .lost = take_loss};
    target_client_init(&b->target, &b->uri, &host);
    t_ok(target_client_open(&b->target, NULL, &b->err), &b->err);
}

static void end(struct bench *b)
{
    lease_end(b->lease, false);
    target_client_close(&b->target);
    target_client_release(&b->target);
    t_peers_end(&b->peers);
}

static int take(struct bench *b)
{
    return lease_take(&b->lease, &b->target, &b->terms, &b->err);
}

/* {lease, for how long it still runs} */
static const char *held_by(char *out, size_t size, const char *lease)
{
    (void)snprintf(out, size, "*2\r\n$%zu\r\n%s\r\n$4\r\n5000\r\n", strlen(lease), lease);
    return out;
}

static void test_it_is_taken_over_where_the_terms_say_so(void **state)
{
    char held[200];
    const struct t_peer_rule rules[] = {
        {0, TAKE, held_by(held, sizeof(held), ELSEWHERE), 1},
        {0, TAKE, ":1\r\n", 1},
        {0, "EVAL ", ":1\r\n", 1},
    };
    char token[20];
    const char *at;
    long pid;
    struct bench b;

    (void)state;
    begin(&b, rules, 3);
    b.terms.take_over = true;
    t_ok(take(&b), &b.err);
    assert_non_null(b.lease);
    assert_string_equal(b.told.notes, "taken over from process 7 on elsewhere\n");
    lease_end(b.lease, true);
    b.lease = NULL;
    end(&b);
    at = strstr(b.peers.peer[0].log, " 1 state ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, " 1 state %16s 15000 %99s %ld %llu %llx", token, own_host, &pid,
                            &own_started, &own_place),
                     5);
    assert_int_equal(pid, getpid());
    /* of whom it may be taken the second time; and by whom it is given back */
    assert_non_null(strstr(at, " 0123456789abcdef 1\n"));
    assert_int_equal(t_peers_count(&b.peers, 0, TAKE), 2);
    assert_int_equal(t_peers_count(&b.peers, 0, "EVAL"), 3);
    assert_non_null(strstr(strstr(at, "0123456789abcdef 1\n"), token));
}

static void test_it_is_not_taken_over_twice_and_whoever_renews_it_is_alive(void **state)
{
    char held[200];
    char renewed[200];
    const struct t_peer_rule rules[] = {
        {0, TAKE, held_by(held, sizeof(held), ELSEWHERE), 3},
        {0, TAKE, held_by(renewed, sizeof(renewed), "0123456789abcdef 100 elsewhere 7 7 77"), 1},
    };
    struct bench b;

    (void)state;
    begin(&b, rules, 2);
    b.terms.take_over = true;
    t_fails(take(&b), &b.err, FT_ERR_STATE,
            "another replay is at work on this target: process 7 on elsewhere");
    assert_null(b.lease);
    assert_int_equal(b.told.sleeps, 3);
    assert_non_null(strstr(b.told.notes, "waiting until it is clear that it has ended"));
    end(&b);
}

static void test_it_is_waited_for_until_it_has_run_out(void **state)
{
    char held[200];
    const struct t_peer_rule rules[] = {
        {0, TAKE, held_by(held, sizeof(held), ELSEWHERE), 2},
        {0, TAKE, ":1\r\n", 0},
    };
    struct lease *first;
    struct bench b;

    (void)state;
    begin(&b, rules, 2);
    t_ok(take(&b), &b.err);
    assert_non_null(b.lease);
    assert_int_equal(b.told.sleeps, 2);
    assert_int_equal(b.told.note_count, 1);
    first = b.lease;
    t_ok(take(&b), &b.err);
    assert_ptr_equal(b.lease, first);
    end(&b);
}

static void test_of_a_process_that_has_ended_it_is_taken_at_once(void **state)
{
    char lease[300];
    char held[400];
    struct t_peer_rule rules[] = {{0, TAKE, NULL, 1}, {0, TAKE, ":1\r\n", 1}};
    struct bench b;

    (void)state;
    if (own_place == 0)
        skip(); /* this machine does not tell */
    (void)snprintf(lease, sizeof(lease), "00000000000000aa 99 %s 999999999 7 %llx", own_host,
                   own_place);
    rules[0].reply = held_by(held, sizeof(held), lease);
    begin(&b, rules, 2);
    t_ok(take(&b), &b.err);
    assert_non_null(b.lease);
    assert_int_equal(b.told.sleeps + b.told.note_count, 0);
    end(&b);
    assert_non_null(strstr(b.peers.peer[0].log, " 00000000000000aa 1\n"));
}

static void test_of_a_process_that_is_alive_it_is_not_taken(void **state)
{
    char lease[300];
    char held[400];
    struct t_peer_rule rule = {0, TAKE, NULL, 1};
    struct bench b;

    (void)state;
    if (own_place == 0)
        skip(); /* this machine does not tell */
    (void)snprintf(lease, sizeof(lease), "00000000000000aa 99 %s %ld %llu %llx", own_host,
                   (long)getpid(), own_started, own_place);
    rule.reply = held_by(held, sizeof(held), lease);
    begin(&b, &rule, 1);
    t_fails(take(&b), &b.err, FT_ERR_STATE, "another replay is at work");
    assert_int_equal(b.told.sleeps, 0);
    end(&b);
}

static void test_where_there_is_no_hash_there_is_no_lease(void **state)
{
    static const struct t_peer_rule rules[] = {{0, TAKE, ":0\r\n", 1}};
    struct bench b;

    (void)state;
    begin(&b, rules, 1);
    b.terms.may_create = false;
    t_ok(take(&b), &b.err);
    assert_null(b.lease);
    end(&b);
    assert_non_null(strstr(b.peers.peer[0].log, "  0\n"));
}

static void test_who_may_not_run_scripts_is_told_and_goes_without(void **state)
{
    static const struct t_peer_rule rules[] = {{0, "EVAL", "-NOPERM no scripts\r\n", 0},
                                               {0, "WATCH", "-NOPERM nor that\r\n", 0}};
    struct bench b;

    (void)state;
    begin(&b, rules, 1);
    t_ok(take(&b), &b.err);
    assert_int_equal(b.told.note_count, 1);
    assert_non_null(strstr(b.told.notes, "allows neither EVAL nor WATCH"));
    end(&b);
    begin(&b, rules, 1);
    b.terms.quiet = true;
    t_ok(take(&b), &b.err);
    assert_int_equal(b.told.note_count, 0);
    end(&b);
}

static void fails(const char *reply, enum ft_err_kind kind, const char *text)
{
    const struct t_peer_rule rule = {0, "EVAL", reply, 0};
    struct bench b;

    begin(&b, &rule, 1);
    t_fails(take(&b), &b.err, kind, text);
    assert_null(b.lease);
    end(&b);
}

static void test_what_goes_wrong_is_said(void **state)
{
    (void)state;
    fails("*2\r\n$4\r\nxxxx\r\n$1\r\n1\r\n", FT_ERR_PROTOCOL,
          "the lease in the state of the replay is");
    fails("-LOADING its data\r\n", FT_ERR_NET, "LOADING");
    fails("-ERR no\r\n", FT_ERR_PROTOCOL, "ERR no");
    fails("", FT_ERR_NET, "closed the connection");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_taken_over_where_the_terms_say_so),
        cmocka_unit_test(test_it_is_not_taken_over_twice_and_whoever_renews_it_is_alive),
        cmocka_unit_test(test_it_is_waited_for_until_it_has_run_out),
        cmocka_unit_test(test_of_a_process_that_has_ended_it_is_taken_at_once),
        cmocka_unit_test(test_of_a_process_that_is_alive_it_is_not_taken),
        cmocka_unit_test(test_where_there_is_no_hash_there_is_no_lease),
        cmocka_unit_test(test_who_may_not_run_scripts_is_told_and_goes_without),
        cmocka_unit_test(test_what_goes_wrong_is_said),
    };

    return T_RUN("lease", tests);
}
