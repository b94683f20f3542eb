#include "target/local_script.h"

#include <stdlib.h>

#include "command/command_lua.h"
#include "lib/test_main.h"
#include "resp/resp_write.h"
#include "target/target_lua.h"

/* A server that answers each command that reads with the next reply, and remembers what it was asked. */
struct server {
    const char *replies[4];
    unsigned asked;
    char log[400];
};

static int ask(void *context, uint32_t db, redisReply **ret, const struct bytes *args, size_t count,
               struct ft_err *err)
{
    struct server *s = context;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    (void)err;
    (void)snprintf(s->log + strlen(s->log), sizeof(s->log) - strlen(s->log), "%u:%.*s ", db,
                   (int)args[0].n, (const char *)args[0].p);
    assert_true(count > 0 && s->asked < 4);
    assert_int_equal(redisReaderFeed(reader, s->replies[s->asked], strlen(s->replies[s->asked])),
                     REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    redisReaderFree(reader);
    s->asked++;
    *ret = reply;
    return 0;
}

/* What a script of key k answers, and what it would write, as RESP without its line ends. */
static void run(struct server *s, const char *script, const char *argument, redisReply **ret,
                char *ret_writes, size_t size)
{
    const struct bytes args[] = {bytes_str("EVAL"), bytes_str(script), bytes_str("1"),
                                 bytes_str("k"), bytes_str(argument)};
    const struct local_script_write *writes;
    struct ft_err err = FT_ERR_INIT;
    struct local_script *l;
    size_t count;

    ret_writes[0] = '\0';
    assert_int_equal(local_script_new(&l, ask, s, &err), 0);
    assert_int_equal(local_script_run(l, ret, 3, args, 5, &err), 0);
    writes = local_script_writes(l, &count);
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(ret_writes);

        (void)snprintf(ret_writes + n, size - n, "%u:", writes[i].db);
        for (size_t j = 0; j < writes[i].count; j++) {
            n = strlen(ret_writes);
            (void)snprintf(ret_writes + n, size - n, "%.*s%s", (int)writes[i].args[j].n,
                           (const char *)writes[i].args[j].p, j + 1 < writes[i].count ? " " : ";");
        }
    }
    local_script_free(l);
}

static void test_what_is_read_is_asked_and_what_is_written_is_kept(void **state)
{
    struct server s = {.replies = {"$1\r\n5\r\n", "$-1\r\n"}};
    char writes[200];
    redisReply *reply;

    (void)state;
    run(&s,
        "local v = redis.call('GET', KEYS[1]) redis.call('SELECT', 1) "
        "local none = redis.call('GET', 'other') assert(none == false) "
        "redis.call('SET', KEYS[1], v + ARGV[1]) redis.call('DEL', 'other') return {v, 7, true}",
        "2", &reply, writes, sizeof(writes));
    assert_string_equal(s.log, "3:GET 1:GET ");
    assert_string_equal(writes, "1:SET k 7;1:DEL other;");
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_int_equal(reply->elements, 3);
    assert_string_equal(reply->element[0]->str, "5");
    assert_int_equal(reply->element[1]->integer, 7);
    assert_int_equal(reply->element[2]->integer, 1);
    freeReplyObject(reply);
}

static void test_what_was_written_is_not_read(void **state)
{
    struct server s = {.replies = {"$1\r\n5\r\n"}};
    char writes[200];
    redisReply *reply;

    (void)state;
    run(&s, "redis.call('SET', KEYS[1], 1) return redis.call('GET', KEYS[1])", "", &reply, writes,
        sizeof(writes));
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    assert_non_null(strstr(reply->str, "reads what it has written"));
    assert_string_equal(writes, ""); /* nothing of it */
    assert_int_equal(s.asked, 0);
    freeReplyObject(reply);
}

static void test_errors_are_replies(void **state)
{
    static const char wrong[] = "-WRONGTYPE no string\r\n";
    struct server s = {.replies = {wrong, wrong, "$1\r\nx\r\n"}};
    char writes[200];
    redisReply *reply;

    (void)state;
    run(&s, "return redis.call('GET', KEYS[1])", "", &reply, writes, sizeof(writes));
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    assert_string_equal(reply->str, "WRONGTYPE no string");
    freeReplyObject(reply);
    run(&s, "return redis.pcall('GET', KEYS[1]).err", "", &reply, writes, sizeof(writes));
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    freeReplyObject(reply);
    run(&s, "return redis.error_reply('ERR ' .. redis.call('GET', KEYS[1]))", "", &reply, writes,
        sizeof(writes));
    assert_string_equal(reply->str, "ERR x");
    freeReplyObject(reply);
    run(&s, "this is no Lua", "", &reply, writes, sizeof(writes));
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
}

static void test_refusals_are_unpacked(void **state)
{
    struct server s = {.asked = 0};
    char writes[200];
    redisReply *reply;

    (void)state;
    run(&s, "return cmsgpack.unpack(ARGV[1])",
        "\x92\xa3"
        "ERR\xdd\x01\x01\x01\x02\xd9\x01"
        "a\xa1"
        "b",
        &reply, writes, sizeof(writes));
    assert_int_equal(reply->type, REDIS_REPLY_ERROR); /* fewer than it says */
    freeReplyObject(reply);
    run(&s, "return cmsgpack.unpack(ARGV[1])",
        "\x92\xa3"
        "ERR\x92\xd9\x01"
        "a\xa1"
        "b",
        &reply, writes, sizeof(writes));
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_string_equal(reply->element[0]->str, "ERR");
    assert_string_equal(reply->element[1]->element[1]->str, "b");
    freeReplyObject(reply);
}

static void test_nothing_else_is_within_reach(void **state)
{
    static const char *const reaching[] = {
        "return os.execute('true')",
        "return io.open('/etc/passwd')",
        "return require('os')",
        "return dofile('/etc/passwd')",
        "return loadfile('/etc/passwd')",
        "return load('x')",
        "return loadstring('return 1')()",
        "return package.path",
        "return debug.getinfo(1)",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(reaching) / sizeof(reaching[0]); i++) {
        struct server s = {0};
        char writes[200];
        redisReply *reply;

        run(&s, reaching[i], "1", &reply, writes, sizeof(writes));
        assert_int_equal(reply->type, REDIS_REPLY_ERROR);
        freeReplyObject(reply);
    }
}

static void test_own_scripts_are_known(void **state)
{
    (void)state;
    assert_true(local_script_is_own(bytes_str(lua_incrbyfloat)));
    assert_true(local_script_is_own(bytes_str(lua_lease_take)));
    assert_false(local_script_is_own(bytes_str("return 1")));
    assert_false(local_script_is_own(bytes_of(lua_incrbyfloat, strlen(lua_incrbyfloat) - 1)));
    assert_false(local_script_is_own(bytes_str("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read_is_asked_and_what_is_written_is_kept),
        cmocka_unit_test(test_what_was_written_is_not_read),
        cmocka_unit_test(test_errors_are_replies),
        cmocka_unit_test(test_refusals_are_unpacked),
        cmocka_unit_test(test_nothing_else_is_within_reach),
        cmocka_unit_test(test_own_scripts_are_known),
    };

    return T_RUN("local_script", tests);
}
