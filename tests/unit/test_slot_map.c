#include "wire/slot_map.h"

#include <stdlib.h>

#include "lib/t_reply.h"

#define ID_A "07c37dfeb235213a872192d90877d0cd55635b91"
#define ID_B "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1"

static int parse(struct slot_map **ret, const char *text, struct ft_err *err)
{
    redisReply *reply = t_reply(text);
    int rc = slot_map_parse(ret, reply, "asked.example", err);

    freeReplyObject(reply);
    return rc;
}

static struct slot_map *parse_ok(const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct slot_map *m = NULL;

    t_ok(parse(&m, text, &err), &err);
    return m;
}

#define HOST    "$9 127.0.0.1 "
#define NODE(p) "*2 " HOST ":" #p " "

/* Three masters as redis 5 and 6 tell them; the one at 7002 has two ranges, in neighbouring rows. */
static const char three[] =
    "*4 *4 :0 :5000 *3 " HOST ":7002 $40 " ID_A " *3 " HOST ":7005 $40 " ID_B " "
    "*3 :10923 :16383 " NODE(7003) "*3 :5461 :10922 " NODE(7001) "*4 :5001 :5460 *3 " HOST
                                                                 ":7002 $40 " ID_A " *3 " HOST
                                                                 ":7005 $40 " ID_B " ";

static void test_three_masters(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct slot_map *m = parse_ok(three);

    (void)state;
    assert_int_equal(m->node_count, 3);
    assert_int_equal(m->covered, SLOT_COUNT);
    t_ok(slot_map_check_covered(m, &err), &err);
    assert_int_equal(m->nodes[0].address.port, 7001);
    assert_int_equal(m->nodes[1].address.port, 7002);
    assert_int_equal(m->nodes[2].address.port, 7003);
    assert_string_equal(m->nodes[1].address.host, "127.0.0.1");
    assert_string_equal(m->nodes[1].address.id, ID_A);
    assert_string_equal(m->nodes[0].address.id, "");
    assert_int_equal(m->nodes[1].range_count, 1);
    assert_int_equal(m->nodes[1].ranges[0].first, 0);
    assert_int_equal(m->nodes[1].ranges[0].last, 5460);
    assert_int_equal(m->nodes[1].slot_count, 5461);
    assert_int_equal(m->nodes[1].replica_count, 1);
    assert_int_equal(m->nodes[1].replicas[0].port, 7005);
    assert_int_equal(m->nodes[0].replica_count, 0);
    assert_int_equal(slot_map_master(m, 0), 1);
    assert_int_equal(slot_map_master(m, 5461), 0);
    assert_int_equal(slot_map_master(m, 16383), 2);
    assert_int_equal(slot_map_master_of_key(m, bytes_str("foo")), 2);
    assert_int_equal(slot_map_find(m, "127.0.0.1", 7003), 2);
    assert_int_equal(slot_map_find(m, "127.0.0.1", 7004), SLOT_MAP_NONE);
    assert_int_equal(slot_map_find(m, "127.0.0.2", 7001), SLOT_MAP_NONE);
    slot_map_free(m);
}

static void test_gaps(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct slot_map *m = parse_ok("*2 *3 :0 :99 " NODE(1) "*3 :200 :16383 " NODE(1));

    (void)state;
    assert_int_equal(m->node_count, 1);
    assert_int_equal(m->nodes[0].range_count, 2);
    assert_int_equal(m->nodes[0].ranges[1].first, 200);
    assert_int_equal(m->covered, SLOT_COUNT - 100);
    assert_int_equal(slot_map_master(m, 150), SLOT_MAP_NONE);
    t_fails(slot_map_check_covered(m, &err), &err, FT_ERR_PROTOCOL, "100 of 16384 slots");
    slot_map_free(m);
    m = parse_ok("*0 ");
    assert_int_equal(m->node_count, 0);
    assert_int_equal(slot_map_find(m, "a", 1), SLOT_MAP_NONE);
    t_fails(slot_map_check_covered(m, &err), &err, FT_ERR_PROTOCOL, "such as 0-16383");
    slot_map_free(m);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *node;
        const char *host;
    } cases[] = {
        {"*2 $0  :1 ", "asked.example"},
        {"*2 $-1 :1 ", "asked.example"},
        {"*2 $1 ? :1 ", "asked.example"},
        {"*4 $1 ? :1 $40 " ID_A " *2 $2 ip $8 10.1.2.3 ", "10.1.2.3"},
        {"*4 $-1 :1 $40 " ID_A " *4 $8 hostname $3 a.b $2 ip $8 10.1.2.3 ", "10.1.2.3"},
        {"*4 $-1 :1 $40 " ID_A " *1 $2 ip ", "asked.example"},
        {"*4 $3 a.b :1 $40 " ID_A " *2 $2 ip $8 10.1.2.3 ", "a.b"},
        {"*2 $3 ::1 :1 ", "::1"},
        {"*2 $12 fe80::1%eth0 :1 ", "fe80::1%eth0"},
        {"*3 $3 a-b :1 $3 xyz ", "a-b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        struct slot_map *m;

        snprintf(text, sizeof(text), "*1 *3 :0 :16383 %s", cases[i].node);
        m = parse_ok(text);
        assert_string_equal(m->nodes[0].address.host, cases[i].host);
        slot_map_free(m);
    }
}

static void test_nonsense(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"+OK ", "not a slot map"},
        {"$-1 ", "not a slot map"},
        {"*1 +OK ", "without a master"},
        {"*1 *0 ", "without a master"},
        {"*1 *2 :0 :1 ", "without a master"},
        {"*1 *3 :0 :1 :2 ", "no host and port"},
        {"*1 *3 :0 :1 *0 ", "no host and port"},
        {"*1 *3 :0 :1 *1 $1 a ", "no host and port"},
        {"*1 *3 :0 :1 *2 $1 a $1 1 ", "no host and port"},
        {"*1 *3 :0 :1 *2 $1 a :0 ", "port 0"},
        {"*1 *3 :0 :1 *2 $1 a :65536 ", "port 65536"},
        {"*1 *3 :0 :1 *2 $1 a :-1 ", "port -1"},
        {"*1 *3 :0 :1 *2 $3 a/b :1 ", "\"a/b\", which is not a host"},
        {"*1 *3 :0 :1 *2 $2 -a :1 ", "which is not a host"},
        {"*1 *3 :0 :1 *2 $2 \xc3\xa4 :1 ", "which is not a host"},
        {"*1 *4 :0 :1 *2 $1 a :1 :3 ", "no host and port"},
        {"*1 *3 :1 :0 *2 $1 a :1 ", "without a range"},
        {"*1 *3 :-1 :0 *2 $1 a :1 ", "without a range"},
        {"*1 *3 :0 :16384 *2 $1 a :1 ", "without a range"},
        {"*1 *3 :0 :9223372036854775807 *2 $1 a :1 ", "without a range"},
        {"*1 *3 $1 0 :1 *2 $1 a :1 ", "without a range"},
        {"*2 *3 :0 :5 *2 $1 a :1 *3 :5 :6 *2 $1 b :1 ", "slot 5 to two masters"},
        {"*2 *3 :0 :5 *2 $1 a :1 *3 :5 :6 *2 $1 a :1 ", "slot 5 to two masters"},
    };
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slot_map *m = NULL;

        t_fails(parse(&m, cases[i].text, &err), &err, FT_ERR_PROTOCOL, cases[i].says);
        assert_null(m);
    }
}

static void test_too_long_host(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct slot_map *m = NULL;
    char text[400];

    (void)state;
    snprintf(text, sizeof(text), "*1 *3 :0 :1 *2 $256 %0256d :1 ", 0);
    t_fails(parse(&m, text, &err), &err, FT_ERR_PROTOCOL, "which is not a host");
    snprintf(text, sizeof(text), "*1 *3 :0 :1 *2 $255 %0255d :1 ", 0);
    m = parse_ok(text);
    assert_int_equal(strlen(m->nodes[0].address.host), 255);
    slot_map_free(m);
}

static void test_tags(void **state)
{
    char tag[SLOT_MAP_TAG_SIZE];
    uint8_t *seen = calloc(SLOT_COUNT, 1);
    unsigned count = 0;

    (void)state;
    assert_non_null(seen);
    for (unsigned i = 0; i < 109758; i++) {
        uint16_t slot = slot_of(bytes_of(tag, i64_to_text(i, tag)));

        count += seen[slot] == 0;
        seen[slot] = 1;
    }
    assert_int_equal(count, SLOT_COUNT);
    assert_int_equal(slot_of(bytes_str(slot_map_slot_tag(12182, tag))), 12182);
    assert_int_equal(slot_of(bytes_str(slot_map_slot_tag(0, tag))), 0);
    free(seen);
}

static void test_node_uri(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct slot_map_address a = {.host = "::1", .port = 7000};
    char shown[URI_ADDRESS_SIZE];
    struct uri like;
    struct uri u;

    (void)state;
    t_ok(uri_parse("redis://me:secret@other:1/3", &like, &err), &err);
    t_ok(slot_map_node_uri(&a, &like, &u, &err), &err);
    assert_int_equal(u.scheme, URI_REDIS);
    assert_int_equal(u.db, 0);
    assert_string_equal(u.user, "me");
    assert_string_equal(u.password, "secret");
    assert_string_equal(uri_address(&u, shown), "[::1]:7000");
    uri_release(&u);
    uri_release(&like);
    t_ok(uri_parse("unix:/tmp/s", &like, &err), &err);
    t_ok(slot_map_node_uri(&a, &like, &u, &err), &err);
    assert_null(u.user);
    assert_null(u.password);
    uri_release(&u);
    uri_release(&like);
}

static void test_what_is_a_host(void **state)
{
    static const char *const hosts[] = {"a.example", "10.0.0.1", "::1", "fe80::1%eth0", "a_b-c"};
    static const char *const others[] = {"", "-a", "a b", "a/b", "a\x1b", "\xc3\xa4"};

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        assert_true(slot_map_is_host(bytes_str(hosts[i])));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(slot_map_is_host(bytes_str(others[i])));
    assert_false(slot_map_is_host(bytes_of("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_masters),  cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_addresses),      cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_too_long_host),  cmocka_unit_test(test_tags),
        cmocka_unit_test(test_what_is_a_host), cmocka_unit_test(test_node_uri),
    };

    return T_RUN("wire/slot_map", tests);
}
