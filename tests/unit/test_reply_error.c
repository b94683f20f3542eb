#include "lib/test_main.h"
#include "wire/reply_error.h"

#include <stdlib.h>

static struct reply_error parse(const char *text)
{
    struct reply_error e;

    memset(&e, 0x55, sizeof(e));
    reply_error_parse(bytes_str(text), &e);
    return e;
}

static void test_redirects(void **state)
{
    struct reply_error e = parse("MOVED 3999 127.0.0.1:6381");

    (void)state;
    assert_int_equal(e.kind, REPLY_ERROR_MOVED);
    assert_int_equal(e.slot, 3999);
    assert_string_equal(e.host, "127.0.0.1");
    assert_int_equal(e.port, 6381);
    e = parse("-ASK 16383 ::1:65535");
    assert_int_equal(e.kind, REPLY_ERROR_ASK);
    assert_int_equal(e.slot, 16383);
    assert_string_equal(e.host, "::1");
    assert_int_equal(e.port, 65535);
    e = parse("MOVED 0 :6379");
    assert_int_equal(e.kind, REPLY_ERROR_MOVED);
    assert_string_equal(e.host, "");
    e = parse("MOVED 0 ?:6379 more words");
    assert_int_equal(e.kind, REPLY_ERROR_MOVED);
    assert_string_equal(e.host, "");
    assert_int_equal(e.port, 6379);
}

static void test_bad_redirects(void **state)
{
    static const char *const texts[] = {
        "MOVED",
        "MOVED ",
        "MOVED 1",
        "MOVED 1 ",
        "MOVED 1 host",
        "MOVED 1 host:",
        "MOVED 1 host:0",
        "MOVED 1 host:65536",
        "MOVED 1 host:-1",
        "MOVED 1 host:6379x",
        "MOVED 16384 host:6379",
        "MOVED -1 host:6379",
        "MOVED 99999999999999999999 host:6379",
        "MOVED  1 host:6379",
        "ASK x host:6379",
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reply_error e = parse(texts[i]);

        if (e.kind != REPLY_ERROR_OTHER)
            fail_msg("\"%s\" was taken for a redirect", texts[i]);
    }
    snprintf(text, sizeof(text), "MOVED 1 %0255d:6379", 0);
    assert_int_equal(parse(text).kind, REPLY_ERROR_MOVED);
    snprintf(text, sizeof(text), "MOVED 1 %0256d:6379", 0);
    assert_int_equal(parse(text).kind, REPLY_ERROR_OTHER);
    assert_int_equal(reply_error_kind_of(bytes_of("MOVED 1 a\0b:6379", 16)), REPLY_ERROR_OTHER);
}

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        enum reply_error_kind kind;
    } cases[] = {
        {"", REPLY_ERROR_OTHER},
        {"-", REPLY_ERROR_OTHER},
        {" ", REPLY_ERROR_OTHER},
        {"ERR syntax error", REPLY_ERROR_OTHER},
        {"WRONGTYPE Operation against a key holding the wrong kind of value", REPLY_ERROR_OTHER},
        {"MOVEDX 1 a:1", REPLY_ERROR_OTHER},
        {"moved 1 a:1", REPLY_ERROR_OTHER},
        {"TRYAGAIN Multiple keys request during rehashing of slot", REPLY_ERROR_TRYAGAIN},
        {"CROSSSLOT Keys in request don't hash to the same slot", REPLY_ERROR_CROSSSLOT},
        {"CLUSTERDOWN Hash slot not served", REPLY_ERROR_CLUSTERDOWN},
        {"LOADING Redis is loading the dataset in memory", REPLY_ERROR_LOADING},
        {"READONLY You can't write against a read only replica.", REPLY_ERROR_READONLY},
        {"-MASTERDOWN Link with MASTER is down", REPLY_ERROR_MASTERDOWN},
        {"UNBLOCKED force unblock from blocking operation, instance state changed (master -> "
         "replica?)",
         REPLY_ERROR_UNBLOCKED},
        {"ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if "
         "a replica is configured to be writable (which is not the default) writes to replicas are "
         "just local and are not propagated.",
         REPLY_ERROR_READONLY},
        {"NOREPLICAS Not enough good replicas to write.", REPLY_ERROR_NOREPLICAS},
        {"OOM command not allowed when used memory > 'maxmemory'.", REPLY_ERROR_OOM},
        {"OOM command not allowed when used memory > 'maxmemory'. script: 0f, on @user_script:1.",
         REPLY_ERROR_OOM},
        {"MISCONF Errors writing to the AOF file: No space left on device", REPLY_ERROR_MISCONF},
        {"BUSY Redis is busy running a script.", REPLY_ERROR_BUSY},
        {"ERR max number of clients reached", REPLY_ERROR_MAXCLIENTS},
        {"ERR max number of clients + cluster connections reached", REPLY_ERROR_MAXCLIENTS},
        {"BUSYKEY Target key name already exists.", REPLY_ERROR_BUSYKEY},
        {"NOSCRIPT No matching script. Please use EVAL.", REPLY_ERROR_NOSCRIPT},
        {"NOAUTH Authentication required.", REPLY_ERROR_DENIED},
        {"NOPERM this user has no permissions", REPLY_ERROR_DENIED},
        {"WRONGPASS invalid username-password pair", REPLY_ERROR_DENIED},
        {"LOADING", REPLY_ERROR_LOADING},
        {"ERR Script attempted to access a non local key in a cluster node script: 1c, on "
         "@user_script:1.",
         REPLY_ERROR_NOT_LOCAL},
        {"@user_script: 1: Lua script attempted to access a non local key in a cluster node",
         REPLY_ERROR_NOT_LOCAL},
        {"ERR Script attempted to access keys that do not hash to the same slot",
         REPLY_ERROR_CROSSSLOT},
        {"ERR Script attempted to execute a write command while the cluster is down and readonly",
         REPLY_ERROR_CLUSTERDOWN},
        {"ERR Script attempted to execute a command while the cluster is down",
         REPLY_ERROR_CLUSTERDOWN},
        {"ERR Error running script (call to f_a0eba429819eb116b1a34b79e79949774ec457ad): "
         "@user_script:1: @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.",
         REPLY_ERROR_OOM},
        {"-ERR Error running script (call to f_a0): @user_script:1: @user_script: 1: -READONLY You "
         "can't write against a read only replica.",
         REPLY_ERROR_READONLY},
        {"ERR Error running script (call to f_a0): @user_script:1: @user_script: 1: Lua script "
         "attempted to access a non local key in a cluster node",
         REPLY_ERROR_NOT_LOCAL},
        {"ERR Error running script (call to f_a0): @user_script:1: @user_script: 1: -OTHER x",
         REPLY_ERROR_OTHER},
        {"ERR Error running script (call to f_a0): @user_script: ", REPLY_ERROR_OTHER},
        {"ERR no script: @user_script: 1: -OOM", REPLY_ERROR_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum reply_error_kind got = reply_error_kind_of(bytes_str(cases[i].text));

        if (got != cases[i].kind)
            fail_msg("\"%s\": %d, wanted %d", cases[i].text, (int)got, (int)cases[i].kind);
    }
    assert_int_equal(reply_error_kind_of(bytes_of(NULL, 0)), REPLY_ERROR_OTHER);
}

static void test_abort(void **state)
{
    struct reply_error e = parse("EXECABORT Transaction discarded because of previous errors.");

    (void)state;
    assert_int_equal(e.kind, REPLY_ERROR_EXECABORT);
    assert_int_equal(e.cause, REPLY_ERROR_OTHER);
    e = parse("EXECABORT Transaction discarded because of: OOM command not allowed");
    assert_int_equal(e.kind, REPLY_ERROR_EXECABORT);
    assert_int_equal(e.cause, REPLY_ERROR_OOM);
    e = parse("EXECABORT Transaction discarded because of: ");
    assert_int_equal(e.cause, REPLY_ERROR_OTHER);
    e = parse("EXECABORT");
    assert_int_equal(e.kind, REPLY_ERROR_EXECABORT);
}

static void test_classes(void **state)
{
    (void)state;
    assert_true(reply_error_is_passing(REPLY_ERROR_MOVED));
    assert_true(reply_error_is_passing(REPLY_ERROR_OOM));
    assert_true(reply_error_is_passing(REPLY_ERROR_BUSY));
    assert_false(reply_error_is_passing(REPLY_ERROR_BUSYKEY));
    assert_false(reply_error_is_passing(REPLY_ERROR_CROSSSLOT));
    assert_false(reply_error_is_passing(REPLY_ERROR_EXECABORT));
    assert_false(reply_error_is_passing(REPLY_ERROR_OTHER));
    assert_true(reply_error_is_passing(REPLY_ERROR_MAXCLIENTS));
    assert_true(reply_text_is_passing(bytes_str("BUSY Redis is busy running a script.")));
    assert_true(reply_text_is_passing(
        bytes_str("EXECABORT Transaction discarded because of: LOADING Redis is loading")));
    assert_false(reply_text_is_passing(
        bytes_str("EXECABORT Transaction discarded because of previous errors.")));
    assert_false(reply_text_is_passing(bytes_str("WRONGTYPE Operation against a key")));
    assert_true(reply_error_is_topology(REPLY_ERROR_NOT_LOCAL));
    assert_true(reply_error_is_topology(REPLY_ERROR_READONLY));
    assert_true(reply_error_is_topology(REPLY_ERROR_UNBLOCKED));
    assert_true(reply_error_is_passing(REPLY_ERROR_UNBLOCKED));
    assert_false(reply_error_is_topology(REPLY_ERROR_LOADING));
    assert_false(reply_error_is_topology(REPLY_ERROR_OOM));
    assert_false(reply_error_is_topology(REPLY_ERROR_OTHER));
}

/* Every error cut at every length, and with each byte changed: read within its bounds. */
static void test_damaged(void **state)
{
    static const char *const texts[] = {
        "-MOVED 3999 127.0.0.1:6381",
        "EXECABORT Transaction discarded because of: MOVED 1 a:1",
        "ERR Script attempted to access a non local key in a cluster node",
        "ERR Error running script (call to f_a0): @user_script:1: @user_script: 1: -OOM command",
    };
    struct reply_error e;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t n = 0; n <= strlen(texts[i]); n++) {
            uint8_t *copy = malloc(n == 0 ? 1 : n);

            assert_non_null(copy);
            memcpy(copy, texts[i], n);
            reply_error_parse(bytes_of(copy, n), &e);
            for (size_t at = 0; at < n; at++) {
                copy[at] ^= 0x20;
                reply_error_parse(bytes_of(copy, n), &e);
                copy[at] ^= 0x20;
            }
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redirects), cmocka_unit_test(test_bad_redirects),
        cmocka_unit_test(test_kinds),     cmocka_unit_test(test_abort),
        cmocka_unit_test(test_classes),   cmocka_unit_test(test_damaged),
    };

    return T_RUN("wire/reply_error", tests);
}
