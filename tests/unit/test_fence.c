/* Names of connections, and the end of those that an earlier attempt has left. */
#include "lib/test_main.h"

#include "lib/t_peer.h"
#include "target/fence.h"

struct bench {
    struct t_peers peers;
    struct t_told told;
    struct target_host host;
    struct redis_pipe *pipe;
    struct fence fence;
    struct ft_err err;
};

static void begin(struct bench *b, const struct t_peer_rule *rules, size_t count)
{
    struct uri uri;

    memset(b, 0, sizeof(*b));
    t_peers_start(&b->peers, 1, rules, count);
    uri = t_peers_uri(&b->peers, 0);
    b->host = t_told_host(&b->told, 10000);
    t_ok(redis_pipe_open(&b->pipe, &uri, -1, NULL, NULL, &b->err), &b->err);
    t_ok(fence_begin(&b->fence, "capture", &b->err), &b->err);
}

static void end(struct bench *b)
{
    redis_pipe_free(b->pipe);
    t_peers_end(&b->peers);
}

static void test_each_attempt_has_a_name_of_its_own(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct fence a = {.name = ""};
    struct fence b = {.name = ""};

    (void)state;
    t_ok(fence_begin(&a, "capture", &err), &err);
    t_ok(fence_begin(&b, "capture", &err), &err);
    assert_int_equal(strncmp(a.name, "flowtape-capture-", 17), 0);
    assert_int_equal(strlen(a.name), 17 + 16);
    assert_string_not_equal(a.name, b.name);
    t_ok(fence_begin(&b, NULL, &err), &err);
    assert_string_equal(b.name, "");
}

static void test_others_of_the_same_owner_are_closed(void **state)
{
    static const struct t_peer_rule killed[] = {
        {0, "CLIENT SETNAME flowtape-capture-", "+OK\r\n", 1},
        {0, "CLIENT KILL ID 12", ":1\r\n", 1},
        {0, "CLIENT KILL ID 15", "-ERR No such client\r\n", 1},
    };
    struct t_peer_rule list = {0, "CLIENT LIST", NULL, 1};
    char text[600];
    struct bench b;

    (void)state;
    begin(&b, killed, 3);
    (void)snprintf(text, sizeof(text),
                   "=id=11 addr=x name= db=0\nid=12 addr=x name=flowtape-capture-0123456789abcdef "
                   "db=0\nid=13 addr=x name=%s db=0\nid=14 name=flowtape-other-0123456789abcdef "
                   "db=0\nid=15 name=flowtape-capture-fedcba9876543210 db=0\n",
                   b.fence.name);
    list.reply = text;
    t_peers_rules(&b.peers, &list, 1);
    t_ok(fence_name(&b.fence, &b.host, b.pipe, "host:1", &b.err), &b.err);
    t_ok(fence_close_others(&b.fence, &b.host, b.pipe, "host:1", &b.err), &b.err);
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 0, "CLIENT KILL ID 12"), 1);
    assert_int_equal(t_peers_count(&b.peers, 0, "CLIENT KILL ID 15"), 1);
    assert_int_equal(t_peers_count(&b.peers, 0, "CLIENT KILL"), 2);
    assert_int_equal(b.told.note_count, 0);
}

static void test_who_may_not_is_told_once(void **state)
{
    static const struct t_peer_rule rules[] = {{0, "CLIENT", "-NOPERM no permissions\r\n", 0}};
    struct bench b;

    (void)state;
    begin(&b, rules, 1);
    t_ok(fence_name(&b.fence, &b.host, b.pipe, "host:1", &b.err), &b.err);
    t_ok(fence_close_others(&b.fence, &b.host, b.pipe, "host:1", &b.err), &b.err);
    end(&b);
    assert_int_equal(b.told.note_count, 1);
    assert_non_null(strstr(b.told.notes, "host:1 does not let connections of an interrupted run"));
    assert_non_null(strstr(b.told.notes, "NOPERM no permissions"));
}

static void test_a_transient_error_is_one(void **state)
{
    static const struct t_peer_rule rules[] = {{0, "CLIENT", "-LOADING its data\r\n", 0}};
    struct bench b;

    (void)state;
    begin(&b, rules, 1);
    t_fails(fence_name(&b.fence, &b.host, b.pipe, "host:1", &b.err), &b.err, FT_ERR_NET,
            "host:1 answered: LOADING its data");
    end(&b);
    assert_int_equal(b.told.note_count, 0);
}

static void test_without_an_owner_nothing_is_asked(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, NULL, 0);
    t_ok(fence_begin(&b.fence, NULL, &b.err), &b.err);
    t_ok(fence_name(&b.fence, &b.host, b.pipe, "host:1", &b.err), &b.err);
    t_ok(fence_close_others(&b.fence, &b.host, b.pipe, "host:1", &b.err), &b.err);
    end(&b);
    assert_string_equal(b.peers.peer[0].log, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_attempt_has_a_name_of_its_own),
        cmocka_unit_test(test_others_of_the_same_owner_are_closed),
        cmocka_unit_test(test_who_may_not_is_told_once),
        cmocka_unit_test(test_a_transient_error_is_one),
        cmocka_unit_test(test_without_an_owner_nothing_is_asked),
    };

    return T_RUN("fence", tests);
}
