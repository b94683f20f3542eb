#include "wire/cluster_shards.h"

#include <stdlib.h>

#include "lib/t_reply.h"

#define ID_A "07c37dfeb235213a872192d90877d0cd55635b91"
#define ID_B "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1"

static int parse(struct slot_map **ret, const char *text, bool secure, struct ft_err *err)
{
    redisReply *reply = t_reply(text);
    int rc;

    *ret = NULL;
    rc = cluster_shards_parse(ret, reply, "asked.example", secure, err);
    freeReplyObject(reply);
    return rc;
}

#define SHARD(slots, nodes) "*4 $5 slots " slots "$5 nodes " nodes
#define NODE(port, role)    "*4 $4 port :" port " $4 role " role
#define MASTER              "$6 master "
#define REPLICA             "$7 replica "

/* As redis 7 tells them: the second has no name of its own, a replica that has failed, and another port for TLS. */
static const char two[] =
    "*3 " SHARD("*4 :0 :99 :101 :16383 ",
                "*2 *16 $2 id $40 " ID_A
                " $4 port :7001 $8 tls-port :8001 $2 ip $8 10.0.0.1 $8 endpoint $8 10.0.0.1 "
                "$8 hostname $9 a.example $4 role " MASTER "$6 health $6 online "
                "*14 $2 id $40 " ID_B
                " $4 port :7002 $2 ip $8 10.0.0.2 $8 endpoint $1 ? $4 role " REPLICA
                "$18 replication-offset :72156 $6 health $6 online ")
        SHARD("*2 :100 :100 ",
              "*2 " NODE("7003", MASTER) "*6 $4 port :7004 $4 role " REPLICA "$6 health $4 fail ")
            SHARD("*0 ", "*1 " NODE("7005", MASTER));

static void test_two_masters(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct slot_map *m;

    (void)state;
    t_ok(parse(&m, two, false, &err), &err);
    assert_int_equal(m->covered, SLOT_COUNT);
    assert_int_equal(m->node_count, 2);
    assert_string_equal(m->nodes[0].address.host, "10.0.0.1");
    assert_int_equal(m->nodes[0].address.port, 7001);
    assert_string_equal(m->nodes[0].address.id, ID_A);
    assert_string_equal(m->nodes[0].address.hostname, "a.example");
    assert_int_equal(m->nodes[0].slot_count, 16383);
    assert_int_equal(m->nodes[0].range_count, 2);
    assert_int_equal(m->nodes[0].replica_count, 1);
    assert_string_equal(m->nodes[0].replicas[0].host, "10.0.0.2");
    assert_int_equal(m->nodes[0].replicas[0].port, 7002);
    assert_string_equal(m->nodes[1].address.host, "asked.example");
    assert_int_equal(m->nodes[1].address.port, 7003);
    assert_string_equal(m->nodes[1].address.id, "");
    assert_int_equal(m->nodes[1].replica_count, 0);
    assert_int_equal(slot_map_master(m, 99), 0);
    assert_int_equal(slot_map_master(m, 100), 1);
    slot_map_free(m);
    t_ok(parse(&m, two, true, &err), &err);
    assert_int_equal(m->nodes[0].address.port, 8001);
    assert_int_equal(m->nodes[1].address.port, 7003);
    slot_map_free(m);
}

/* During a failover a shard may have two masters, or none: then it is not for this answer to say. */
static void test_a_shard_without_its_one_master(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct slot_map *m;

    (void)state;
    t_ok(
        parse(&m, "*1 " SHARD("*2 :0 :1 ", "*2 " NODE("1", MASTER) NODE("2", MASTER)), false, &err),
        &err);
    assert_null(m);
    t_ok(parse(&m, "*1 " SHARD("*2 :0 :1 ", "*1 " NODE("1", REPLICA)), false, &err), &err);
    assert_null(m);
    t_ok(parse(&m, "*1 " SHARD("*2 :0 :1 ", "*1 " NODE("0", MASTER)), false, &err), &err);
    assert_null(m);
}

static void expect_wrong(const char *text, const char *why)
{
    struct ft_err err = FT_ERR_INIT;
    struct slot_map *m;

    t_fails(parse(&m, text, false, &err), &err, FT_ERR_PROTOCOL, why);
}

static void test_hosts_that_are_none(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct slot_map *m;

    (void)state;
    t_ok(parse(&m,
               "*1 " SHARD("*2 :0 :1 ", "*1 *6 $4 port :1 $4 role " MASTER "$8 hostname $3 a/b "),
               false, &err),
         &err);
    assert_string_equal(m->nodes[0].address.host, "asked.example");
    assert_string_equal(m->nodes[0].address.hostname, ""); /* not needed */
    slot_map_free(m);
    expect_wrong("*1 " SHARD("*2 :0 :1 ", "*1 *6 $4 port :1 $4 role " MASTER "$2 ip $3 a/b "),
                 "which is not a host");
    expect_wrong("*1 " SHARD("*2 :0 :1 ", "*2 " NODE("1", MASTER) "*6 $4 port :2 $4 role " REPLICA
                                                                  "$2 ip $3 a\x1b"
                                                                  "b "),
                 "\"a\\x1bb\", which is not a host");
}

static void test_what_makes_no_sense(void **state)
{
    (void)state;
    expect_wrong("+OK ", "not a list of shards");
    expect_wrong("*1 :3 ", "without slots or nodes");
    expect_wrong("*1 *2 $5 slots *0 ", "without slots or nodes");
    expect_wrong("*1 " SHARD("*1 :0 ", "*0 "), "out of range");
    expect_wrong("*1 " SHARD("*2 :0 :16384 ", "*0 "), "out of range");
    expect_wrong("*1 " SHARD("*2 :2 :1 ", "*0 "), "out of range");
    expect_wrong("*1 " SHARD("*2 :0 $1 1 ", "*0 "), "out of range");
    expect_wrong("*2 " SHARD("*2 :0 :5 ", "*1 " NODE("1", MASTER))
                     SHARD("*2 :5 :6 ", "*1 " NODE("2", MASTER)),
                 "gives slot 5 to two shards");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_masters),
        cmocka_unit_test(test_a_shard_without_its_one_master),
        cmocka_unit_test(test_hosts_that_are_none),
        cmocka_unit_test(test_what_makes_no_sense),
    };

    return T_RUN("wire/cluster_shards", tests);
}
