#include <stdlib.h>

#include "item/dump.h"
#include "lib/test_main.h"

#define TEXT(s) bytes_of(s, sizeof(s) - 1)

/* Payloads as dragonfly and redis-server 7.0 made them. */
static const struct bytes hello = {
    (const uint8_t *)"\x00\x05hello\x09\x00\xb3\x80\x8e\xba\x31\xb2\x43\xbb", 17};
static const struct bytes number = {
    (const uint8_t *)"\x00\xc0\x2a\x09\x00\x51\x09\x0d\x36\xd2\xe5\x2c\xe1", 13};

static void test_parse(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct dump d;

    (void)state;
    t_ok(dump_parse(hello, &d, &err), &err);
    assert_int_equal(d.type, RDB_TYPE_STRING);
    assert_int_equal(d.rdb_version, 9);
    t_bytes(d.value, "\x05hello");
    t_ok(dump_parse(number, &d, &err), &err);
    t_bytes(d.value, "\xc0\x2a");
}

/* KeyDB adds AUX fields to the value, which are none of it. */
static void test_keydb(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    struct dump d;

    (void)state;
    t_ok(dump_append(&b, RDB_TYPE_STRING,
                     TEXT("\x02hi\xfa\x04mvcc\x01"
                          "7"),
                     9, &err),
         &err);
    t_ok(dump_parse(buf_bytes(&b), &d, &err), &err);
    t_bytes(d.value, "\x02hi");
    buf_clear(&b);
    t_ok(dump_append(&b, RDB_TYPE_STRING,
                     TEXT("\x02hi\xfa\x04mvcc\x02"
                          "7"),
                     9, &err),
         &err);
    t_fails(dump_parse(buf_bytes(&b), &d, &err), &err, FT_ERR_CORRUPT, "ends early");
    buf_release(&b);
}

/* Type 20 is dragonfly's old JSON or a set, by the version. */
static void test_type_20(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    struct dump d;

    (void)state;
    t_ok(dump_append(&b, 20, TEXT("\x02{}"), 9, &err), &err);
    t_ok(dump_parse(buf_bytes(&b), &d, &err), &err);
    assert_int_equal(d.type, RDB_TYPE_DF_JSON);
    buf_clear(&b);
    t_ok(dump_append(&b, 20, TEXT("\x0a\x0a\x00\x00\x00\x01\x00\x81\x61\x02\xff"), 11, &err), &err);
    t_ok(dump_parse(buf_bytes(&b), &d, &err), &err);
    assert_int_equal(d.type, RDB_TYPE_SET_LISTPACK);
    buf_release(&b);
}

static void test_any_flipped_byte_is_seen(void **state)
{
    uint8_t bytes[17];
    struct dump d;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        struct ft_err err = FT_ERR_INIT;

        memcpy(bytes, hello.p, sizeof(bytes));
        bytes[i] ^= 0x40;
        t_fails(dump_parse(bytes_of(bytes, sizeof(bytes)), &d, &err), &err, FT_ERR_CORRUPT,
                "checksum");
    }
}

static void test_any_truncation_is_seen(void **state)
{
    struct dump d;

    (void)state;
    for (size_t n = 0; n < hello.n; n++) {
        struct ft_err err = FT_ERR_INIT;
        uint8_t *exact = malloc(n + 1);

        assert_non_null(exact);
        memcpy(exact, hello.p, n);
        t_fails(dump_parse(bytes_of(exact, n), &d, &err), &err, FT_ERR_CORRUPT, "dump payload");
        free(exact);
    }
}

/* A right checksum does not make a value right. */
static void test_values_that_end_early_or_late(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    struct dump d;

    (void)state;
    t_ok(dump_append(&b, RDB_TYPE_SET, TEXT("\x02\x01\x61"), 9, &err), &err);
    t_fails(dump_parse(buf_bytes(&b), &d, &err), &err, FT_ERR_CORRUPT, "ends early");
    buf_clear(&b);
    t_ok(dump_append(&b, RDB_TYPE_STRING, TEXT("\x01\x61\x62"), 9, &err), &err);
    t_fails(dump_parse(buf_bytes(&b), &d, &err), &err, FT_ERR_CORRUPT, "1 bytes follow");
    buf_clear(&b);
    t_ok(dump_append(&b, 99, TEXT("\x01\x61"), 9, &err), &err);
    t_fails(dump_parse(buf_bytes(&b), &d, &err), &err, FT_ERR_UNSUPPORTED, "type 99");
    buf_release(&b);
}

/* What a target does not read is made again with its version; the result parses again. */
static void test_make_for_targets(void **state)
{
    static const struct {
        const char *target;
        unsigned type, version;
    } cases[] = {
        {"5.0", RDB_TYPE_HASH, 9},
        {"6.2", RDB_TYPE_HASH, 9},
        {"7.0", RDB_TYPE_HASH_LISTPACK, 10},
        {"8.0", RDB_TYPE_HASH_LISTPACK, 12},
    };
    struct rdb_entry entry = {
        .type = RDB_TYPE_HASH_LISTPACK,
        .value = TEXT("\x0d\x0d\x00\x00\x00\x02\x00\x81\x66\x02\x81\x76\x02\xff"),
        .expire_ms = RDB_NO_EXPIRY,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        enum loss_reason loss = LOSS_NONE;
        const struct target *target;
        struct recoder *recoder;
        struct buf b = {0};
        struct dump d;

        t_ok(target_parse(cases[i].target, &target, &err), &err);
        t_ok(recoder_new(&recoder, target, JSON_AS_DEFAULT, &err), &err);
        assert_int_equal(dump_make(recoder, target, &entry, 0, &b, &loss, &err), RECODE_OK);
        assert_int_equal(loss, LOSS_NONE);
        t_ok(dump_parse(buf_bytes(&b), &d, &err), &err);
        assert_int_equal(d.type, cases[i].type);
        assert_int_equal(d.rdb_version, cases[i].version);
        buf_release(&b);
        recoder_free(recoder);
    }
}

static void test_make_of_what_is_lost(void **state)
{
    struct rdb_entry entry = {.type = RDB_TYPE_DF_JSON, .value = TEXT("\x02{}")};
    struct ft_err err = FT_ERR_INIT;
    enum loss_reason loss = LOSS_NONE;
    struct recoder *recoder;
    struct buf b = {0};

    (void)state;
    t_ok(recoder_new(&recoder, target_default(), JSON_AS_DEFAULT, &err), &err);
    assert_int_equal(dump_make(recoder, target_default(), &entry, 0, &b, &loss, &err), RECODE_LOST);
    assert_int_equal(loss, LOSS_JSON);
    assert_int_equal(b.n, 0);
    buf_release(&b);
    recoder_free(recoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_keydb),
        cmocka_unit_test(test_type_20),
        cmocka_unit_test(test_any_flipped_byte_is_seen),
        cmocka_unit_test(test_any_truncation_is_seen),
        cmocka_unit_test(test_values_that_end_early_or_late),
        cmocka_unit_test(test_make_for_targets),
        cmocka_unit_test(test_make_of_what_is_lost),
    };

    return T_RUN("item/dump", tests);
}
