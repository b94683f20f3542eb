/* Entries as commands: which ones, in which pieces, and with what losses, by target. */
#include "item/entry_commands.h"
#include "lib/test_main.h"

#include <stdlib.h>

#include "rdb/rdb_writer.h"

#define EXPIRE_MS INT64_C(1800000000000)
#define NOW_MS    INT64_C(1700000000000)

struct case_entry {
    const char *target;
    unsigned type;
    struct bytes value;
    int64_t expire_ms;
    bool replace;
    bool restore;
    bool no_restore;
    size_t piece_bytes;
    uint64_t arg_max;
    enum json_as json_as;
};

/* What was put, words separated by blanks and commands by "; ". */
struct seen {
    struct buf text;
    enum recode_result result;
    enum loss_reason loss;
    struct ft_err err;
};

static int put(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    struct seen *seen = context;

    if (seen->text.n > 0)
        (void)buf_append_str(&seen->text, "; ", err);
    for (size_t i = 0; i < count; i++) {
        char shown[64];

        if (i > 0)
            (void)buf_append_str(&seen->text, " ", err);
        (void)buf_append_str(&seen->text, bytes_escape(args[i], shown, sizeof(shown)), err);
    }
    return 0;
}

static struct seen run(const struct case_entry *c)
{
    struct entry_commands_options options = {.json_as = c->json_as,
                                             .restore = c->restore,
                                             .no_restore = c->no_restore,
                                             .piece_bytes = c->piece_bytes,
                                             .arg_max = c->arg_max};
    struct rdb_entry entry = {.type = (uint8_t)c->type,
                              .key = bytes_str("k"),
                              .value = c->value,
                              .value_bytes = c->value.n,
                              .expire_ms = c->expire_ms};
    struct seen seen = {.err = FT_ERR_INIT};
    struct entry_commands *e;

    t_ok(target_parse(c->target, &options.target, &seen.err), &seen.err);
    t_ok(entry_commands_new(&e, &options, &seen.err), &seen.err);
    seen.result =
        entry_commands_run(e, &entry, NOW_MS, c->replace, put, &seen, &seen.loss, &seen.err);
    (void)buf_append(&seen.text, "", 1, &seen.err);
    entry_commands_free(e);
    return seen;
}

static void expect(struct case_entry c, enum recode_result result, enum loss_reason loss,
                   const char *commands)
{
    struct seen seen = run(&c);

    if (seen.result != result)
        fail_msg("result %d, wanted %d: %s", seen.result, result, seen.err.msg);
    assert_int_equal(seen.loss, loss);
    assert_string_equal((const char *)seen.text.p, commands);
    buf_release(&seen.text);
}

#define BYTES(text) bytes_of(text, sizeof(text) - 1)

static void test_strings(void **state)
{
    struct case_entry c = {.target = "7.0",
                           .type = RDB_TYPE_STRING,
                           .value = BYTES("\x03"
                                          "abc"),
                           .expire_ms = RDB_NO_EXPIRY};

    (void)state;
    expect(c, RECODE_OK, LOSS_NONE, "SET k abc");
    c.replace = true; /* SET replaces by itself */
    expect(c, RECODE_OK, LOSS_NONE, "SET k abc");
    c.value = BYTES("\xc0\x2a");
    expect(c, RECODE_OK, LOSS_NONE, "SET k 42");
    c.expire_ms = EXPIRE_MS;
    expect(c, RECODE_OK, LOSS_NONE, "SET k 42 PXAT 1800000000000");
    c.target = "5.0";
    expect(c, RECODE_OK, LOSS_NONE, "SET k 42; PEXPIREAT k 1800000000000");
}

/* A time that no command takes: such a key has ended. */
static void test_ended_before_time_began(void **state)
{
    struct case_entry c = {.target = "7.0",
                           .type = RDB_TYPE_STRING,
                           .value = BYTES("\x03"
                                          "abc"),
                           .expire_ms = 0,
                           .replace = true};

    (void)state;
    expect(c, RECODE_EMPTY, LOSS_NONE, "DEL k");
    c.expire_ms = -1000;
    c.restore = true;
    expect(c, RECODE_EMPTY, LOSS_NONE, "DEL k");
    c.replace = false;
    expect(c, RECODE_EMPTY, LOSS_NONE, "");
    c.restore = false;
    c.expire_ms = 1;
    expect(c, RECODE_OK, LOSS_NONE, "SET k abc PXAT 1");
}

static void test_collections(void **state)
{
    struct case_entry c = {.target = "7.0",
                           .type = RDB_TYPE_LIST,
                           .value = BYTES("\x02\x01"
                                          "a\x01"
                                          "b"),
                           .expire_ms = RDB_NO_EXPIRY};

    (void)state;
    expect(c, RECODE_OK, LOSS_NONE, "RPUSH k a b");
    c.expire_ms = EXPIRE_MS;
    c.replace = true;
    expect(c, RECODE_OK, LOSS_NONE, "DEL k; RPUSH k a b; PEXPIREAT k 1800000000000");
    c.replace = false;
    c.expire_ms = RDB_NO_EXPIRY;
    c.type = RDB_TYPE_SET;
    expect(c, RECODE_OK, LOSS_NONE, "SADD k a b");
    c.type = RDB_TYPE_HASH;
    c.value = BYTES("\x01\x01"
                    "f\xc0\x07");
    expect(c, RECODE_OK, LOSS_NONE, "HSET k f 7");
    c.type = RDB_TYPE_ZSET_2;
    c.value = BYTES("\x02\x01"
                    "m\x00\x00\x00\x00\x00\x00\xf8\x3f\x01"
                    "n\x9a\x99\x99\x99\x99\x99\xb9\x3f");
    expect(c, RECODE_OK, LOSS_NONE, "ZADD k 1.5 m 0.1 n");
}

/* Large values come in pieces, and each piece can be applied alone. */
static void test_pieces(void **state)
{
    struct case_entry c = {.target = "7.0",
                           .type = RDB_TYPE_LIST,
                           .value = BYTES("\x03\x03"
                                          "aaa\x03"
                                          "bbb\x03"
                                          "ccc"),
                           .expire_ms = RDB_NO_EXPIRY,
                           .piece_bytes = 6};
    struct buf many = {0};
    struct ft_err err = FT_ERR_INIT;
    struct seen seen;
    size_t commands = 1;

    (void)state;
    expect(c, RECODE_OK, LOSS_NONE, "RPUSH k aaa bbb; RPUSH k ccc");
    c.piece_bytes = 1;
    expect(c, RECODE_OK, LOSS_NONE, "RPUSH k aaa; RPUSH k bbb; RPUSH k ccc");
    c.piece_bytes = 0; /* 2000 one-byte elements: bounded by the number of words too */
    (void)buf_append(&many, "\x47\xd0", 2, &err);
    for (int i = 0; i < 2000; i++)
        (void)buf_append(&many, "\x01x", 2, &err);
    c.value = buf_bytes(&many);
    seen = run(&c);
    assert_int_equal(seen.result, RECODE_OK);
    for (size_t i = 0; i < seen.text.n; i++)
        commands += seen.text.p[i] == ';';
    assert_in_range(commands, 4, 5);
    buf_release(&seen.text);
    buf_release(&many);
}

/* g has a time to live until 2026, h one that is over. */
static void test_field_times(void **state)
{
    struct case_entry c = {.target = "7.4",
                           .type = RDB_TYPE_DF_HASH_WITH_EXPIRY,
                           .value = BYTES("\x03\x01"
                                          "f\x01v\xc0\xff\x01"
                                          "g\x01w\xc2\xc0\xe3\xaf\x06\x01"
                                          "h\x01x\xc0\x01"),
                           .expire_ms = RDB_NO_EXPIRY};

    (void)state;
    expect(c, RECODE_OK, LOSS_NONE,
           "HSET k f v g w h x; HPEXPIREAT k 1787400000000 FIELDS 1 g; "
           "HPEXPIREAT k 1675209601000 FIELDS 1 h");
    c.target = "7.0";
    expect(c, RECODE_OK, LOSS_MEMBER_TTL, "HSET k f v g w");
    c.value = BYTES("\x01\x01"
                    "h\x01x\xc0\x01");
    expect(c, RECODE_EMPTY, LOSS_MEMBER_TTL, "");
}

static void test_json(void **state)
{
    struct case_entry c = {.target = "7.0",
                           .type = RDB_TYPE_DF_JSON,
                           .value = BYTES("\x02"
                                          "[]"),
                           .expire_ms = EXPIRE_MS};

    (void)state;
    expect(c, RECODE_LOST, LOSS_JSON, "");
    c.json_as = JSON_AS_STRING;
    expect(c, RECODE_OK, LOSS_NONE, "SET k [] PXAT 1800000000000");
    c.json_as = JSON_AS_DEFAULT;
    c.target = "8.0";
    c.replace = true;
    expect(c, RECODE_OK, LOSS_NONE, "DEL k; JSON.SET k $ []; PEXPIREAT k 1800000000000");
}

static void test_restore(void **state)
{
    struct case_entry c = {.target = "7.0",
                           .type = RDB_TYPE_STRING,
                           .value = BYTES("\x01"
                                          "a"),
                           .expire_ms = EXPIRE_MS,
                           .restore = true};
    struct seen seen = run(&c);

    (void)state;
    assert_int_equal(seen.result, RECODE_OK);
    assert_non_null(strstr((const char *)seen.text.p, "RESTORE k 1800000000000 \\x00\\x01a"));
    assert_non_null(strstr((const char *)seen.text.p, " REPLACE ABSTTL"));
    buf_release(&seen.text);
    c.expire_ms = RDB_NO_EXPIRY;
    seen = run(&c);
    assert_non_null(strstr((const char *)seen.text.p, "RESTORE k 0 "));
    assert_null(strstr((const char *)seen.text.p, "ABSTTL"));
    buf_release(&seen.text);
}

/* A payload that the target does not take is put otherwise, if there is another way. */
static void test_restore_too_long(void **state)
{
    struct case_entry c = {.target = "7.0",
                           .type = RDB_TYPE_LIST,
                           .value = BYTES("\x02\x01"
                                          "a\x01"
                                          "b"),
                           .expire_ms = EXPIRE_MS,
                           .restore = true,
                           .replace = true,
                           .arg_max = 12};
    struct seen seen;

    (void)state;
    expect(c, RECODE_OK, LOSS_NONE, "DEL k; RPUSH k a b; PEXPIREAT k 1800000000000");
    c.type = RDB_TYPE_STRING;
    c.value = BYTES("\x03"
                    "abc");
    expect(c, RECODE_OK, LOSS_NONE, "SET k abc PXAT 1800000000000");
    c.arg_max = 100;
    seen = run(&c);
    assert_int_equal(seen.result, RECODE_OK);
    assert_non_null(strstr((const char *)seen.text.p, "RESTORE k"));
    buf_release(&seen.text);
}

/* What RESTORE alone could bring, and what not even that could. */
static void test_no_restore(void **state)
{
    static const struct {
        unsigned type;
        enum loss_reason loss;
    } lost[] = {
        {RDB_TYPE_MODULE_2, LOSS_MODULE},      {RDB_TYPE_MODULE_PRE_GA, LOSS_MODULE},
        {RDB_TYPE_DF_SBF, LOSS_PROBABILISTIC}, {RDB_TYPE_DF_TOPK, LOSS_PROBABILISTIC},
        {RDB_TYPE_KEYDB_CRON, LOSS_CRON},
    };
    struct case_entry c = {
        .target = "7.0", .value = BYTES("\x00"), .expire_ms = RDB_NO_EXPIRY, .no_restore = true};

    (void)state;
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        c.type = lost[i].type;
        expect(c, RECODE_LOST, lost[i].loss, "");
    }
}

static void test_damaged_values_are_errors(void **state)
{
    struct case_entry c = {.target = "7.0",
                           .type = RDB_TYPE_LIST,
                           .value = BYTES("\x03\x03"
                                          "aaa\x03"),
                           .expire_ms = RDB_NO_EXPIRY};
    struct seen seen = run(&c);

    (void)state;
    assert_int_equal(seen.result, RECODE_ERROR);
    assert_int_equal(seen.err.kind, FT_ERR_CORRUPT);
    buf_release(&seen.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),     cmocka_unit_test(test_ended_before_time_began),
        cmocka_unit_test(test_collections), cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_field_times), cmocka_unit_test(test_json),
        cmocka_unit_test(test_restore),     cmocka_unit_test(test_restore_too_long),
        cmocka_unit_test(test_no_restore),  cmocka_unit_test(test_damaged_values_are_errors),
    };

    return T_RUN("item/entry_commands", tests);
}
