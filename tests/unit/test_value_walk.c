#include <stdlib.h>

#include "lib/t_mutate.h"
#include "lib/test_main.h"
#include "rdb/value_walk.h"

#define D8  "\x00\x00\x00\x00\x00\x00\xf0\x3f" /* eight bytes: 1.0 */
#define ID  "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02"
#define ALL "\x81\xff\xff\xff\xff\xff\xff\xff\xff" /* the number 2^64-1 */

struct walk_row {
    unsigned type;
    enum value_class class;
    const char *name;
    struct bytes value;
};

#define ROW(type, class, name, text)                  \
    {                                                 \
        type, class, name,                            \
        {                                             \
            (const uint8_t *)(text), sizeof(text) - 1 \
        }                                             \
    }

static const struct walk_row rows[] = {
    ROW(RDB_TYPE_STRING, VALUE_STRING, "string",
        "\x03"
        "bar"),
    ROW(RDB_TYPE_STRING, VALUE_STRING, "string", "\xc0\x2a"),
    ROW(RDB_TYPE_STRING, VALUE_STRING, "string",
        "\xc3\x06\x06\x02"
        "abc\x20\x02"),
    ROW(RDB_TYPE_LIST, VALUE_LIST, "list",
        "\x02\x01"
        "a\xc1\xe8\x03"),
    ROW(RDB_TYPE_SET, VALUE_SET, "set", "\x00"),
    ROW(RDB_TYPE_ZSET, VALUE_ZSET, "zset",
        "\x03\x01"
        "a\x03"
        "1.5\x01"
        "b\xfe\x01"
        "c\xff"),
    ROW(RDB_TYPE_HASH, VALUE_HASH, "hash",
        "\x02\x01"
        "f\x01v\x01g\xc0\x01"),
    ROW(RDB_TYPE_ZSET_2, VALUE_ZSET, "zset_2",
        "\x02\x01"
        "a" D8 "\x01"
        "b" D8),
    ROW(RDB_TYPE_MODULE_2, VALUE_MODULE, "module_2",
        ALL "\x01\x05\x02\x40\x40\x03"
            "flt.\x04" D8 "\x05\x03"
            "abc\x00"),
    ROW(RDB_TYPE_HASH_ZIPMAP, VALUE_HASH, "hash_zipmap", "\x02\x00\xff"),
    ROW(RDB_TYPE_LIST_ZIPLIST, VALUE_LIST, "list_ziplist", "\x02zl"),
    ROW(RDB_TYPE_SET_INTSET, VALUE_SET, "set_intset", "\x02is"),
    ROW(RDB_TYPE_ZSET_ZIPLIST, VALUE_ZSET, "zset_ziplist", "\x02zl"),
    ROW(RDB_TYPE_HASH_ZIPLIST, VALUE_HASH, "hash_ziplist", "\x02zl"),
    ROW(RDB_TYPE_LIST_QUICKLIST, VALUE_LIST, "list_quicklist", "\x02\x02zl\x02zl"),
    ROW(RDB_TYPE_STREAM_LISTPACKS, VALUE_STREAM, "stream_listpacks",
        "\x01\x10" ID "\x02lp"
        "\x01\x05\x06"
        "\x01\x01g\x05\x06"
        "\x01" ID D8 "\x02"
        "\x01\x01"
        "c" D8 "\x01" ID),
    ROW(RDB_TYPE_HASH_LISTPACK, VALUE_HASH, "hash_listpack", "\x02lp"),
    ROW(RDB_TYPE_ZSET_LISTPACK, VALUE_ZSET, "zset_listpack", "\x02lp"),
    ROW(RDB_TYPE_LIST_QUICKLIST_2, VALUE_LIST, "list_quicklist_2", "\x02\x02\x02lp\x01\xc0\x07"),
    ROW(RDB_TYPE_STREAM_LISTPACKS_2, VALUE_STREAM, "stream_listpacks_2",
        "\x00"
        "\x00\x05\x06\x00\x00\x00\x00\x03"
        "\x02\x01g\x05\x06" ALL "\x00\x00"
        "\x01h\x05\x06\x02\x01" ID D8 "\x02\x01\x01"
        "c" D8 "\x01" ID),
    ROW(RDB_TYPE_SET_LISTPACK, VALUE_SET, "set_listpack", "\x02lp"),
    ROW(RDB_TYPE_STREAM_LISTPACKS_3, VALUE_STREAM, "stream_listpacks_3",
        "\x01\x10" ID "\x02lp"
        "\x01\x05\x06\x01\x02\x00\x00\x01"
        "\x01\x01g\x05\x06" ALL "\x01" ID D8 "\x02"
        "\x02\x01"
        "c" D8 D8 "\x01" ID "\x01"
        "d" D8 D8 "\x00"),
    ROW(RDB_TYPE_STREAM_LISTPACKS_4, VALUE_STREAM, "stream_listpacks_4",
        "\x00\x01\x05\x06\x01\x02\x00\x00\x01"
        "\x01\x01g\x05\x06" ALL "\x00\x01\x01"
        "c" D8 D8 "\x00"
        "\x05\x40\x64\x02\x01p\x02\x01i\x05\x06\x01j\x05\x07\x01q\x00\x03\x01"),
    ROW(RDB_TYPE_STREAM_LISTPACKS_5, VALUE_STREAM, "stream_listpacks_5",
        "\x00\x01\x05\x06\x01\x02\x00\x00\x01"
        "\x01\x01g\x05\x06" ALL "\x02" ID D8 "\x02" ID D8 "\x01\x01\x01"
        "c" D8 D8 "\x01" ID "\x01" ID "\x05\x40\x64\x00\x03\x01"),
    ROW(RDB_TYPE_HASH_METADATA_PRE_GA, VALUE_HASH, "hash_metadata_pre_ga",
        "\x02\x00\x01"
        "f\x01v" ALL "\x01g\x01w"),
    ROW(RDB_TYPE_HASH_LISTPACK_EX_PRE_GA, VALUE_HASH, "hash_listpack_ex_pre_ga", "\x02lp"),
    ROW(RDB_TYPE_HASH_METADATA, VALUE_HASH, "hash_metadata",
        D8 "\x02\x00\x01"
           "f\x01v\x01\x01g\x01w"),
    ROW(RDB_TYPE_HASH_LISTPACK_EX, VALUE_HASH, "hash_listpack_ex", D8 "\x02lp"),
    ROW(RDB_TYPE_DF_JSON, VALUE_JSON, "json", "\x02{}"),
    ROW(RDB_TYPE_DF_HASH_WITH_EXPIRY, VALUE_HASH, "hash_with_expiry",
        "\x02\x01"
        "f\x01v\xc0\xff\x01g\x01w\xc2\xc0\xe3\xaf\x06"),
    ROW(RDB_TYPE_DF_SET_WITH_EXPIRY, VALUE_SET, "set_with_expiry", "\x01\x01m\xc0\xff"),
    ROW(RDB_TYPE_DF_SBF, VALUE_PROBABILISTIC, "sbf",
        "\x00" D8 D8 "\x01\x02\x03\x02"
        "\x07\x03"
        "bit\x08\x03"
        "bit"),
    ROW(RDB_TYPE_DF_SBF2, VALUE_PROBABILISTIC, "sbf2",
        "\x00" D8 D8 "\x01\x02\x03\x02"
        "\x07\x05\x03"
        "abc\x02"
        "de\x08\x00"),
    ROW(RDB_TYPE_DF_CMS, VALUE_PROBABILISTIC, "cms", "\x02\x01\x09" D8 D8),
    ROW(RDB_TYPE_DF_TOPK, VALUE_PROBABILISTIC, "topk",
        "\x00\x02\x01\x02" D8 "\x01\x01"
        "a\x05\x08"
        "counters"),
    ROW(RDB_TYPE_DF_CUCKOO, VALUE_PROBABILISTIC, "cuckoo",
        "\x02\x14\x01\x08\x03\x00\x02"
        "\x04\x04"
        "abcd\x04\x02"
        "ab\x02"
        "cd"),
    ROW(RDB_TYPE_VALKEY_HASH, VALUE_HASH, "valkey_hash_2", "\x02\x01h\x01v" D8 "\x01g\x01w" D8),
    ROW(RDB_TYPE_KEYDB_CRON, VALUE_MODULE, "keydb_cron",
        "\x01s" D8 D8 "\x01\x01k\x02\x01\x61\x01\x62"),
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Walk a value in pieces of `piece` bytes, each shown from where the last walk stopped. */
static size_t walk(unsigned type, struct bytes in, size_t piece, enum step *ret_step,
                   struct ft_err *err)
{
    struct value_walk w;
    size_t at = 0;
    size_t shown = 0;
    size_t used;

    value_walk_begin(&w, type);
    for (;;) {
        shown = in.n - shown < piece ? in.n : shown + piece;
        *ret_step = value_walk_run(&w, in.p + at, shown - at, at, &used, err);
        assert_in_range(used, 0, shown - at);
        at += used;
        if (*ret_step != STEP_MORE || shown == in.n)
            return at;
        assert_in_range(shown - at, 0, 31);
    }
}

static void test_each_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct bytes value = rows[i].value;
        uint8_t *copy = malloc(value.n + 3);
        struct ft_err err = FT_ERR_INIT;
        enum step step;

        assert_non_null(copy);
        memcpy(copy, value.p, value.n);
        memset(copy + value.n, 0xff, 3);
        assert_true(value_walk_known(rows[i].type));
        assert_string_equal(rdb_type_name(rows[i].type), rows[i].name);
        assert_int_equal(rdb_type_class(rows[i].type), rows[i].class);
        for (size_t piece = 1; piece <= value.n + 3; piece++) {
            size_t n = walk(rows[i].type, bytes_of(copy, value.n + 3), piece, &step, &err);

            if (step != STEP_ITEM || n != value.n) {
                fail_msg("%s in pieces of %zu: step %d after %zu of %zu bytes: %s", rows[i].name,
                         piece, step, n, value.n, err.msg);
            }
        }
        for (size_t n = 0; n < value.n; n++) {
            (void)walk(rows[i].type, bytes_of(copy, n), 1, &step, &err);
            assert_int_equal(step, STEP_MORE);
        }
        free(copy);
    }
}

static void test_every_type_has_a_row(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        size_t i = 0;

        while (i < ROW_COUNT && rows[i].type != type)
            i++;
        assert_int_equal(value_walk_known(type), i < ROW_COUNT);
    }
    assert_string_equal(rdb_type_name(RDB_TYPE_MODULE_PRE_GA), "module_pre_ga");
    assert_null(rdb_type_name(8));
    assert_null(rdb_type_name(RDB_TYPE_COUNT));
    for (unsigned c = 0; c < VALUE_CLASS_COUNT; c++)
        assert_non_null(value_class_name((enum value_class)c));
    assert_string_equal(value_class_name(VALUE_PROBABILISTIC), "probabilistic");
}

static void fails(unsigned type, struct bytes value, uint64_t offset, const char *part)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_walk w;
    size_t used;

    value_walk_begin(&w, type);
    assert_int_equal(value_walk_run(&w, value.p, value.n, 100, &used, &err), STEP_ERROR);
    assert_int_equal(err.offset, 100 + offset);
    t_fails(-1, &err, FT_ERR_CORRUPT, part);
}

static void test_damaged(void **state)
{
    (void)state;
    fails(RDB_TYPE_STRING, T_BYTES("\xc4"), 0, "bad string");
    fails(RDB_TYPE_SET, T_BYTES("\xc0\x01"), 0, "bad number");
    fails(RDB_TYPE_SET, T_BYTES("\x01\x82"), 1, "bad string");
    fails(RDB_TYPE_MODULE_2, T_BYTES("\x01\x06"), 1, "module");
    fails(RDB_TYPE_DF_CMS, T_BYTES(ALL "\x02\x00"), 0, "counters");
    fails(RDB_TYPE_DF_CMS, T_BYTES("\x81\x20\x00\x00\x00\x00\x00\x00\x00\x01\x00"), 0, "counters");
    fails(RDB_TYPE_DF_CUCKOO, T_BYTES("\x00\x00\x00\x00\x00\x00\x01\x04\x05"), 8, "chunk");
    fails(RDB_TYPE_DF_CUCKOO, T_BYTES("\x00\x00\x00\x00\x00\x00\x01\x04\x00"), 8, "chunk");
    fails(RDB_TYPE_DF_TOPK, T_BYTES("\x00\x01\x01\x01" D8 "\x00\x07"), 13, "multiple of 4");
}

/* A value that claims nearly everything must only ask for more. */
static void test_endless(void **state)
{
    const struct bytes huge = T_BYTES(ALL ALL);
    struct ft_err err = FT_ERR_INIT;
    enum step step;

    (void)state;
    assert_int_equal(walk(RDB_TYPE_SET, huge, 1, &step, &err), huge.n);
    assert_int_equal(step, STEP_MORE);
}

static void use(struct bytes damaged, const void *arg)
{
    const struct walk_row *row = arg;
    struct ft_err err = FT_ERR_INIT;
    enum step step;

    (void)walk(row->type, damaged, 7, &step, &err);
}

static void test_hostile(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++)
        t_mutate(rows[i].value, use, &rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_type), cmocka_unit_test(test_every_type_has_a_row),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_endless),
        cmocka_unit_test(test_hostile),
    };

    return T_RUN("rdb/value_walk", tests);
}
