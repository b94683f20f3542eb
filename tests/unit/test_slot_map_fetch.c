/* What a node is asked for, and which of its answers counts. */
#include "wire/slot_map_fetch.h"

#include "capture/cluster_nodes.h"
#include "lib/t_peer.h"
#include "lib/test_main.h"
#include "wire/uri_list.h"

#define ID_A   "07c37dfeb235213a872192d90877d0cd55635b91"
#define ID_B   "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1"
#define NOPERM "-NOPERM this user has no permissions to run the 'cluster|slots' command\r\n"
#define SHARDS                                                                                 \
    "*2\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:8191\r\n$5\r\nnodes\r\n*1\r\n"                    \
    "*6\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n:@0\r\n$4\r\nrole\r\n$6\r\nmaster\r\n" \
    "*4\r\n$5\r\nslots\r\n*2\r\n:8192\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n"                      \
    "*6\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n:@1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
#define NO_MASTER "*1\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:1\r\n$5\r\nnodes\r\n*0\r\n"
#define NODES                                                              \
    "=" ID_A " 127.0.0.1:@0 myself,master - 0 0 1 connected 0-8191\n" ID_B \
    " 127.0.0.1:@1 master - 0 0 2 connected 8192-16383\n"

struct bench {
    struct t_peers peers;
    struct uri uri;
    struct uri *nodes;
    uint32_t count;
    struct ft_err err;
};

static int find(struct bench *b, const struct t_peer_rule *rules, size_t count)
{
    memset(b, 0, sizeof(*b));
    t_peers_start(&b->peers, 2, rules, count);
    b->uri = t_peers_uri(&b->peers, 0);
    return cluster_nodes_find(&b->nodes, &b->count, &b->uri, -1, &b->err);
}

static void end(struct bench *b)
{
    uri_list_free(b->nodes, b->count);
    t_peers_end(&b->peers);
}

static void finds_both(const struct t_peer_rule *rules, size_t count, unsigned shards,
                       unsigned nodes)
{
    struct bench b;

    t_ok(find(&b, rules, count), &b.err);
    assert_int_equal(b.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(b.nodes[i].port, b.peers.peer[i].port);
        assert_string_equal(b.nodes[i].host, "127.0.0.1");
    }
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 0, "CLUSTER SHARDS"), shards);
    assert_int_equal(t_peers_count(&b.peers, 0, "CLUSTER NODES"), nodes);
}

static void test_what_is_asked_when_slots_are_refused(void **state)
{
    const struct t_peer_rule info = {0, "CLUSTER INFO",
                                     "=cluster_state:ok\r\ncluster_slots_ok:16384\r\n", 0};
    const struct t_peer_rule no_info = {0, "CLUSTER INFO", NOPERM, 0};
    const struct t_peer_rule by_shards[] = {
        info, {0, "CLUSTER SLOTS", NOPERM, 0}, {0, "CLUSTER SHARDS", SHARDS, 0}};
    const struct t_peer_rule by_nodes[] = {
        info,
        {0, "CLUSTER SLOTS", "-ERR unknown subcommand 'SLOTS'. Try CLUSTER HELP.\r\n", 0},
        {0, "CLUSTER SHARDS", "-ERR unknown subcommand 'SHARDS'. Try CLUSTER HELP.\r\n", 0},
        {0, "CLUSTER NODES", NODES, 0}};
    const struct t_peer_rule unsure[] = {info,
                                         {0, "CLUSTER SLOTS", NOPERM, 0},
                                         {0, "CLUSTER SHARDS", NO_MASTER, 0},
                                         {0, "CLUSTER NODES", NODES, 0}};
    const struct t_peer_rule nodes_only[] = {no_info,
                                             {0, "CLUSTER SLOTS", NOPERM, 0},
                                             {0, "CLUSTER SHARDS", NOPERM, 0},
                                             {0, "CLUSTER NODES", NODES, 0}};

    (void)state;
    finds_both(by_shards, 3, 1, 0);
    finds_both(by_nodes, 4, 1, 1);
    finds_both(unsure, 4, 1, 1);
    finds_both(nodes_only, 4, 1, 1);
}

static void refuses(const struct t_peer_rule *rules, size_t count, enum ft_err_kind kind,
                    const char *part, unsigned nodes)
{
    struct bench b;

    t_fails(find(&b, rules, count), &b.err, kind, part);
    end(&b);
    assert_int_equal(t_peers_count(&b.peers, 0, "CLUSTER NODES"), nodes);
}

static void test_what_nobody_says(void **state)
{
    static const char disabled[] = "-ERR This instance has cluster support disabled\r\n";
    const struct t_peer_rule single[] = {{0, "CLUSTER", disabled, 0}};
    const struct t_peer_rule all_refused[] = {
        {0, "CLUSTER INFO", "=cluster_state:ok\r\ncluster_slots_ok:16384\r\n", 0},
        {0, "CLUSTER", NOPERM, 0}};
    const struct t_peer_rule loading[] = {
        {0, "CLUSTER INFO", "=cluster_state:ok\r\ncluster_slots_ok:16384\r\n", 0},
        {0, "CLUSTER SLOTS", NOPERM, 0},
        {0, "CLUSTER SHARDS", "-LOADING Redis is loading the dataset in memory\r\n", 0}};
    const struct t_peer_rule unsure[] = {
        {0, "CLUSTER INFO", "=cluster_state:ok\r\ncluster_slots_ok:16384\r\n", 0},
        {0, "CLUSTER SHARDS", NO_MASTER, 0},
        {0, "CLUSTER", NOPERM, 0}};
    const struct t_peer_rule gap[] = {
        {0, "CLUSTER SHARDS", "-ERR unknown command 'CLUSTER'\r\n", 0},
        {0, "CLUSTER NODES", "=" ID_A " :@0 myself,master - 0 0 1 connected 0-16382\n", 0},
        {0, "CLUSTER", "-ERR unknown command 'CLUSTER'\r\n", 0}};

    (void)state;
    refuses(single, 1, FT_ERR_USAGE, "is not part of a cluster", 0);
    refuses(all_refused, 2, FT_ERR_PROTOCOL, "CLUSTER SLOTS was answered: NOPERM", 1);
    refuses(loading, 3, FT_ERR_NET, "CLUSTER SHARDS was answered: LOADING", 0);
    refuses(unsure, 3, FT_ERR_NET, "has no master, or several", 1);
    refuses(gap, 3, FT_ERR_PROTOCOL, "no master for 1 of 16384 slots", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_asked_when_slots_are_refused),
        cmocka_unit_test(test_what_nobody_says),
    };

    return T_RUN("wire/slot_map_fetch", tests);
}
