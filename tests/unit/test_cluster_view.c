#include "wire/cluster_view.h"

#include <stdlib.h>

#include "lib/test_main.h"

#define ID_A "07c37dfeb235213a872192d90877d0cd55635b91"
#define ID_B "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1"
#define ID_C "292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f"
#define ID_D "824fe116063bc5fcf9f4ffd895bc17aee7731ac3"

/* A node with slots on their way in both directions, its replica, one that has failed, and one that has an IPv6 address. */
static const char four[] =
    ID_A " :7001@17001 myself,master - 0 0 3 connected 0-99 101 [100-<-" ID_B "] [99->-" ID_B
         "]\n" ID_B " 10.0.0.2:7002@17002,b.example,shard-id=" ID_B " slave " ID_A
         " 0 1426238317239 3 connected\n" ID_C
         " 10.0.0.3:7003@17003 master,fail - 1426238317741 1426238316232 2 disconnected\n" ID_D
         " ::1:7004@17004 master - 0 1426238318243 18446744073709551615 connected 200-16383\n";

static void test_four_nodes(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    const struct cluster_member *m;
    struct cluster_view *v;

    (void)state;
    t_ok(cluster_view_parse(&v, four, "asked.example", &err), &err);
    assert_int_equal(v->count, 4);
    assert_int_equal(v->self, 0);
    m = &v->members[0];
    assert_true(m->is_master);
    assert_string_equal(m->address.host, "asked.example");
    assert_int_equal(m->address.port, 7001);
    assert_int_equal(m->slot_count, 101);
    assert_int_equal(m->epoch, 3);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        assert_int_equal(cluster_view_owns(v, slot), slot <= 99 || slot == 101);
        assert_int_equal(cluster_view_moves(v, slot), slot == 99 || slot == 100);
    }
    m = &v->members[1];
    assert_string_equal(m->address.id, ID_B);
    assert_false(m->is_master);
    assert_string_equal(m->master_id, ID_A);
    assert_string_equal(m->address.host, "10.0.0.2");
    assert_string_equal(m->address.hostname, "b.example");
    assert_true(v->members[2].failed);
    assert_int_equal(v->members[2].slot_count, 0);
    assert_string_equal(v->members[3].address.host, "::1");
    assert_int_equal(v->members[3].slot_count, 16184);
    assert_true(v->members[3].epoch == UINT64_MAX);
    cluster_view_free(v);
}

static void test_the_slot_map_of_a_view(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct cluster_view *v;
    struct slot_map *m;

    (void)state;
    t_ok(cluster_view_parse(&v, four, "asked.example", &err), &err);
    t_ok(cluster_view_slot_map(v, &m, &err), &err);
    cluster_view_free(v);
    assert_int_equal(m->node_count, 2); /* one has failed, and has no slots */
    assert_string_equal(m->nodes[0].address.host, "::1");
    assert_string_equal(m->nodes[1].address.host, "asked.example");
    assert_string_equal(m->nodes[1].address.id, ID_A);
    assert_int_equal(m->nodes[1].slot_count, 101);
    assert_int_equal(m->nodes[1].replica_count, 1);
    assert_int_equal(m->nodes[1].replicas[0].port, 7002);
    assert_int_equal(m->covered, 101 + 16184);
    assert_int_equal(slot_map_master(m, 101), 1);
    assert_int_equal(slot_map_master(m, 100), SLOT_MAP_NONE);
    assert_int_equal(slot_map_master(m, 200), 0);
    slot_map_free(m);
}

static void expect_wrong(const char *text, const char *why)
{
    struct ft_err err = FT_ERR_INIT;
    struct cluster_view *v = NULL;

    assert_int_equal(cluster_view_parse(&v, text, "h", &err), -1);
    assert_int_equal(err.kind, FT_ERR_PROTOCOL);
    assert_non_null(strstr(err.msg, why));
}

static void test_what_makes_no_sense(void **state)
{
    (void)state;
    expect_wrong("", "no line for the node itself");
    expect_wrong(ID_A " h:1@2 master - 0 0 3 connected 0-99\n", "no line for the node itself");
    expect_wrong(ID_A " h:1@2 myself,master - 0 0\n", "short line");
    expect_wrong(ID_A " h:1@2 myself,master - 0 0 x connected\n", "no epoch");
    expect_wrong(ID_A " h\x1b[1m:1@2 myself,master - 0 0 3 connected\n",
                 "names \"h\\x1b[1m\", which is not a host");
    expect_wrong(ID_A " h:1@2 myself,master - 0 0 3 connected 16384\n", "out of range");
    expect_wrong(ID_A " h:1@2 myself,master - 0 0 3 connected 9-8\n", "out of range");
    expect_wrong(ID_A " h:1@2 myself,master - 0 0 3 connected 1-3\n" ID_B
                      " h:2@2 master - 0 0 3 connected 3\n",
                 "gives slot 3 to two nodes");
    expect_wrong(ID_A " h:1@2 myself,master - 0 0 3 connected [x\n", "out of range");
}

/* Whatever a server sends, at every length. */
static void test_every_prefix(void **state)
{
    char text[sizeof(four)];

    (void)state;
    for (size_t n = 0; n < sizeof(four) - 1; n++) {
        struct ft_err err = FT_ERR_INIT;
        struct cluster_view *v = NULL;

        memcpy(text, four, n);
        text[n] = '\0';
        if (cluster_view_parse(&v, text, "h", &err) == 0)
            assert_true(v->count >= 1);
        else
            assert_int_equal(err.kind, FT_ERR_PROTOCOL);
        cluster_view_free(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_nodes),
        cmocka_unit_test(test_the_slot_map_of_a_view),
        cmocka_unit_test(test_what_makes_no_sense),
        cmocka_unit_test(test_every_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
