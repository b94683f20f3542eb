/* What kind of reply a command has, and what is none. */
#include "lib/test_main.h"

#include <stdlib.h>

#include "wire/reply_kind.h"

#define ARGS_MAX 8

/* The words are separated by blanks. */
static unsigned kinds_of(const char *command)
{
    struct bytes args[ARGS_MAX];
    size_t count = 0;

    while (*command != '\0') {
        size_t n = strcspn(command, " ");

        assert_true(count < ARGS_MAX);
        args[count++] = bytes_of(command, n);
        command += n + (command[n] == ' ');
    }
    return reply_kinds_of(args, count);
}

static void test_each_command_has_its_kinds(void **state)
{
    (void)state;
    assert_int_equal(kinds_of("SET k v"), REPLY_KIND_OK);
    assert_int_equal(kinds_of("set k v PXAT 5"), REPLY_KIND_OK);
    assert_int_equal(kinds_of("SET k v KEEPTTL nx"), REPLY_KIND_OK | REPLY_KIND_NIL);
    assert_int_equal(kinds_of("SET k v GET"), REPLY_KIND_OK | REPLY_KIND_NIL | REPLY_KIND_BULK);
    assert_int_equal(kinds_of("SET nx get"), REPLY_KIND_OK);
    assert_int_equal(kinds_of("RESTORE k 0 payload"), REPLY_KIND_OK);
    assert_int_equal(kinds_of("SADD k a"), REPLY_KIND_INTEGER);
    assert_int_equal(kinds_of("ZADD k 1 a"), REPLY_KIND_INTEGER);
    assert_int_equal(kinds_of("ZADD k NX INCR 1 a"),
                     REPLY_KIND_INTEGER | REPLY_KIND_BULK | REPLY_KIND_NIL);
    assert_int_equal(kinds_of("APPEND k a"), REPLY_KIND_INTEGER);
    assert_int_equal(kinds_of("ZUNIONSTORE d 1 k"), REPLY_KIND_INTEGER);
    assert_int_equal(kinds_of("GET k"), REPLY_KIND_BULK | REPLY_KIND_NIL);
    assert_int_equal(kinds_of("EXEC"), REPLY_KIND_ARRAY | REPLY_KIND_NIL);
}

static void test_others_may_answer_anything(void **state)
{
    (void)state;
    assert_int_equal(kinds_of("EVALSHA sha 0"), REPLY_KIND_ANY);
    assert_int_equal(kinds_of("JSON.SET k $ 1"), REPLY_KIND_ANY);
    assert_int_equal(kinds_of("SE"), REPLY_KIND_ANY);
    assert_int_equal(kinds_of("SETS"), REPLY_KIND_ANY);
    assert_int_equal(kinds_of("A"), REPLY_KIND_ANY);
    assert_int_equal(kinds_of("ZZZ"), REPLY_KIND_ANY);
}

static void fails(int type, const char *text, unsigned kinds, const char *what)
{
    redisReply reply = {.type = type, .str = (char *)(uintptr_t)text};
    struct ft_err err = FT_ERR_INIT;

    assert_false(reply_is_of(&reply, kinds));
    t_fails(reply_not_of(&reply, "host:1", "SET \"k\"", &err), &err, FT_ERR_PROTOCOL, what);
}

static void test_what_is_no_reply_is_named(void **state)
{
    redisReply ok = {.type = REDIS_REPLY_STATUS, .str = (char *)(uintptr_t) "OK"};

    (void)state;
    assert_true(reply_is_of(&ok, REPLY_KIND_OK));
    fails(REDIS_REPLY_STATUS, "OK", REPLY_KIND_STATUS, "host:1 answered SET \"k\" with OK,");
    fails(REDIS_REPLY_STATUS, "QUEUED", REPLY_KIND_OK, "with QUEUED,");
    fails(REDIS_REPLY_STATUS, "QUEUED", REPLY_KIND_STATUS, "with QUEUED,");
    fails(REDIS_REPLY_STATUS, "PONG", REPLY_KIND_OK, "with a status,");
    fails(REDIS_REPLY_INTEGER, NULL, REPLY_KIND_OK, "with an integer,");
    fails(REDIS_REPLY_STRING, "OK", REPLY_KIND_OK, "with a value,");
    fails(REDIS_REPLY_NIL, NULL, REPLY_KIND_OK | REPLY_KIND_BULK, "with nothing,");
    fails(REDIS_REPLY_ARRAY, NULL, REPLY_KIND_INTEGER, "with an array,");
    fails(REDIS_REPLY_ERROR, "ERR", REPLY_KIND_ANY, "with an error,");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_command_has_its_kinds),
        cmocka_unit_test(test_others_may_answer_anything),
        cmocka_unit_test(test_what_is_no_reply_is_named),
    };

    return T_RUN("wire/reply_kind", tests);
}
