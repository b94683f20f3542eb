#include "lib/test_main.h"

#include "wire/redis_info.h"
#include "wire/server_info.h"

static void test_a_single_server(void **state)
{
    static const char text[] = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"
                               "run_id:0123456789012345678901234567890123456789\r\n"
                               "# Memory\r\nused_memory:1024\r\nused_memory_rss:9\r\n"
                               "maxmemory:2048\r\nmaxmemory_policy:allkeys-lru\r\n"
                               "# Persistence\r\nloading:0\r\n# Replication\r\nrole:master\r\n"
                               "# Cluster\r\ncluster_enabled:0\r\n";
    struct server_info info;

    (void)state;
    server_info_parse(text, &info);
    assert_int_equal(info.version, 700);
    assert_string_equal(info.text, "7.0.15");
    assert_string_equal(info.run_id, "0123456789012345678901234567890123456789");
    assert_string_equal(info.eviction, "allkeys-lru");
    assert_int_equal(info.used_memory, 1024);
    assert_int_equal(info.maxmemory, 2048);
    assert_false(info.cluster || info.loading || info.replica || info.dragonfly || info.brief);
}

static void test_what_is_not_told(void **state)
{
    struct server_info info;

    (void)state;
    server_info_parse("", &info);
    assert_int_equal(info.version, 0);
    assert_int_equal(info.maxmemory, 0);
    assert_string_equal(info.run_id, "");
    server_info_parse("xredis_version:7.0.0\r\nredis_version:wrong\r\n", &info);
    assert_int_equal(info.version, 0);
}

static void test_roles_and_kinds(void **state)
{
    struct server_info info;

    (void)state;
    server_info_parse("redis_version:6.2.11\ndragonfly_version:df-v1.40.0\nrole:master\n", &info);
    assert_true(info.dragonfly);
    server_info_parse("redis_version:5.0.14\nredis_mode:cluster\nrole:slave\nloading:1\n", &info);
    assert_int_equal(info.version, 500);
    assert_true(info.cluster && info.replica && info.loading);
}

static void test_modules(void **state)
{
    struct server_info info;

    (void)state;
    server_info_parse("redis_version:8.0.6\r\n# Modules\r\nmodule:name=ReJSON,ver=80001,api=1\r\n"
                      "module:name=bf,ver=1\r\n",
                      &info);
    assert_string_equal(info.modules, " ReJSON bf ");
    server_info_parse("redis_version:8.0.6\r\n# Modules\r\n", &info);
    assert_string_equal(info.modules, "");
}

static void test_lines_of_info_are_found_by_their_whole_name(void **state)
{
    static const char info[] = "# Commandstats\r\ncmdstat_BLMPOP:calls=7,usec=1\r\n"
                               "cmdstat_lmpop:calls=12,usec=9\r\nmaxmemory_x:1\r\nmaxmemory:5\r\n";
    char text[4];

    (void)state;
    assert_int_equal(redis_info_calls(info, "lmpop"), 12);
    assert_int_equal(redis_info_calls(info, "blmpop"), 7);
    assert_int_equal(redis_info_calls(info, "pop"), 0);
    assert_int_equal(redis_info_number(info, "maxmemory"), 5);
    assert_int_equal(redis_info_number(info, "memory"), 0);
    assert_null(redis_info_value(info, "max"));
    redis_info_copy(info, "cmdstat_lmpop", text, sizeof(text));
    assert_string_equal(text, "cal");
}

static void test_numbered_lines_are_gone_through(void **state)
{
    static const char info[] =
        "# Keyspace\r\ndb0:keys=1,expires=0\r\ndb12:keys=34567,expires=1\r\nx_db5:keys=1\r\n"
        "db:keys=2\r\ndb4294967296:keys=2\r\ndbx:keys=2\r\nslave0:state=online\r\ndb3:avg=1";
    const char *at = info;
    struct bytes value;
    uint64_t keys;
    uint32_t n;

    (void)state;
    assert_true(redis_info_next_db(&at, &n, &keys));
    assert_int_equal(n, 0);
    assert_int_equal(keys, 1);
    assert_true(redis_info_next_db(&at, &n, &keys));
    assert_int_equal(n, 12);
    assert_int_equal(keys, 34567);
    assert_true(redis_info_next_db(&at, &n, &keys));
    assert_int_equal(n, 3);
    assert_int_equal(keys, 0);
    assert_false(redis_info_next_db(&at, &n, &keys));
    at = info;
    assert_true(redis_info_next(&at, "slave", &n, &value));
    assert_int_equal(n, 0);
    t_bytes(value, "state=online");
    assert_false(redis_info_next(&at, "slave", &n, &value));
    at = "";
    assert_false(redis_info_next_db(&at, &n, &keys));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_info_are_found_by_their_whole_name),
        cmocka_unit_test(test_numbered_lines_are_gone_through),
        cmocka_unit_test(test_a_single_server),
        cmocka_unit_test(test_what_is_not_told),
        cmocka_unit_test(test_roles_and_kinds),
        cmocka_unit_test(test_modules),
    };

    return T_RUN("wire/server_info", tests);
}
