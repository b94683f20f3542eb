#include <math.h>

#include "lib/t_elements.h"

/*
 * One good value per type. Those marked 7.0 are what DUMP of a redis-server 7.0.15 gave, without
 * its type byte and its last ten bytes; the others were written by hand from the formats.
 */
static const struct sample {
    const char *name;
    unsigned type;
    struct bytes value;
    const char *want;
    uint64_t count; /* as value_iter_count should have it */
} samples[] = {
#define SAMPLE(name, type, value, want, count)                                 \
    {                                                                          \
        name, type, {(const uint8_t *)(value), sizeof(value) - 1}, want, count \
    }
    SAMPLE("string, 7.0", RDB_TYPE_STRING, "\x05hello", "hello", 1),
    SAMPLE("compressed string, 7.0", RDB_TYPE_STRING,
           "\xc3\x0a\x40\x50\x02"
           "aba\xe0\x42\x01\x01"
           "ab",
           "abababababababababababababababababababababababababababababababababababababababab", 1),
    SAMPLE("list", RDB_TYPE_LIST,
           "\x03\x01"
           "a\xc0\xfe\x00",
           "a -2 ", 3),
    SAMPLE("set, 7.0", RDB_TYPE_SET,
           "\x03\x01"
           "a\xc0\x01\x01"
           "b",
           "a 1 b", 3),
    SAMPLE("zset of text", RDB_TYPE_ZSET,
           "\x03\x01"
           "a\x03"
           "1.5\x01"
           "b\xfe\x01"
           "c\xff",
           "a*1.5 b*inf c*-inf", 3),
    SAMPLE("hash, 7.0", RDB_TYPE_HASH,
           "\x03\x01"
           "f\x01v\xc0\x2a\xc0\xf9\x03n64\x0e-7000000000000",
           "f=v 42=-7 n64=-7000000000000", 3),
    SAMPLE("zset_2", RDB_TYPE_ZSET_2,
           "\x02\x01"
           "a\x00\x00\x00\x00\x00\x00\xf8\x3f\x01"
           "b\x00\x00\x00\x00\x00\x00\xf0\x7f",
           "a*1.5 b*inf", 2),
    SAMPLE("zipmap", RDB_TYPE_HASH_ZIPMAP,
           "\x18\x02\x03"
           "foo\x03\x00"
           "bar\x05hello\x05\x00world\xff",
           "foo=bar hello=world", 2),
    SAMPLE("list_ziplist", RDB_TYPE_LIST_ZIPLIST,
           "\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff", "2 5", 2),
    SAMPLE("intset, 7.0", RDB_TYPE_SET_INTSET,
           "\x0e\x02\x00\x00\x00\x03\x00\x00\x00\xfe\xff\x01\x00\x2c\x01", "-2 1 300", 3),
    SAMPLE(
        "compressed intset, 7.0", RDB_TYPE_SET_INTSET,
        "\xc3\x1b\x20\x04\x08\x00\x00\x00\x03\x20\x03\x01\xfe\xff\x80\x00\x00\x01\x20\x0b\x60\x00"
        "\x06\x30\xef\x7d\xba\x02\x00\x00",
        "-2 1 3000000000000", 3),
    SAMPLE("zset_ziplist", RDB_TYPE_ZSET_ZIPLIST,
           "\x13\x13\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01"
           "a\x03\x03"
           "2.5\xff",
           "a*2.5", 1),
    SAMPLE("hash_ziplist", RDB_TYPE_HASH_ZIPLIST,
           "\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff", "2=5", 1),
    SAMPLE("quicklist with a bare node", RDB_TYPE_LIST_QUICKLIST,
           "\x03\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff\x04"
           "bare\xc0\x07",
           "2 5 bare 7", 0),
    SAMPLE(
        "hash_listpack, 7.0", RDB_TYPE_HASH_LISTPACK,
        "\x40\x46\x46\x00\x00\x00\x0e\x00\x81"
        "f\x02\x81v\x02\x2a\x01\xdf\xf9\x02\x83n16\x04\xde"
        "\xd4\x02\x83n24\x04\xf2\x90\xee\xfe\x04\x83n32\x04\xf3\x80\xe2\xd3\xfb\x05\x83n64\x04\xf4"
        "\x00\x90\x7c\x2f\xa2\xf9\xff\xff\x09\x83n13\x04\xcf\xff\x02\xff",
        "f=v 42=-7 n16=-300 n24=-70000 n32=-70000000 n64=-7000000000000 n13=4095", 7),
    SAMPLE("zset_listpack, 7.0", RDB_TYPE_ZSET_LISTPACK,
           "\x2d\x2d\x00\x00\x00\x08\x00\x81m\x02\x84-inf\x05\x83one\x04\x01\x01\x83two\x04\x83"
           "2.5\x04\x85three\x06\x83inf\x04\xff",
           "m*-inf one*1 two*2.5 three*inf", 4),
    SAMPLE("quicklist_2, 7.0", RDB_TYPE_LIST_QUICKLIST_2,
           "\x02\x02\x0f\x0f\x00\x00\x00\x03\x00\x81"
           "a\x02\x01\x01\x81"
           "b\x02\xff\x02\x14\x14\x00"
           "\x00\x00\x02\x00\xf4\x8e\x33\x8c\x2c\x05\x00\x00\x00\x09\x81"
           "c\x02\xff",
           "a 1 b 22222222222 c", 0),
    SAMPLE("quicklist_2 with a plain node", RDB_TYPE_LIST_QUICKLIST_2,
           "\x03\x01\x05plain\x01\xc0\x09\x02\x0a\x0a\x00\x00\x00\x01\x00\x81"
           "a\x02\xff",
           "plain 9 a", 0),
    SAMPLE("set_listpack", RDB_TYPE_SET_LISTPACK,
           "\x0c\x0c\x00\x00\x00\x02\x00\x81"
           "a\x02\x05\x01\xff",
           "a 5", 2),
    SAMPLE("hash_metadata before 7.4", RDB_TYPE_HASH_METADATA_PRE_GA,
           "\x02\x00\x01"
           "a\x01"
           "b\x41\x00\x01"
           "c\x01"
           "d",
           "a=b c=d~256", 2),
    SAMPLE("hash_listpack_ex before 7.4", RDB_TYPE_HASH_LISTPACK_EX_PRE_GA,
           "\x16\x16\x00\x00\x00\x06\x00\x81"
           "a\x02\x01\x01\x00\x01\x81"
           "b\x02\x02\x01\xc1\x00\x02\xff",
           "a=1 b=2~256", 2),
    SAMPLE("hash_metadata", RDB_TYPE_HASH_METADATA,
           "\x00\x10\x00\x00\x00\x00\x00\x00\x03\x00\x01"
           "a\x01"
           "b\x01\x01"
           "c\x01"
           "d\x0b\x01"
           "e\x01"
           "f",
           "a=b c=d~4096 e=f~4106", 3),
    SAMPLE("hash_listpack_ex", RDB_TYPE_HASH_LISTPACK_EX,
           "\x00\x01\x00\x00\x00\x00\x00\x00"
           "\x16\x16\x00\x00\x00\x06\x00\x81"
           "a\x02\x01\x01\x00\x01\x81"
           "b\x02\x02\x01\xc1\x00\x02\xff",
           "a=1 b=2~256", 2),
    SAMPLE("hash_with_expiry", RDB_TYPE_DF_HASH_WITH_EXPIRY,
           "\x02\x01"
           "a\x01"
           "b\xc0\xff\x01"
           "c\x01"
           "d\xc0\x0a",
           "a=b c=d~1675209610000", 2),
    SAMPLE("set_with_expiry", RDB_TYPE_DF_SET_WITH_EXPIRY,
           "\x02\x01"
           "a\xc0\xff\x01"
           "b\x03"
           "100",
           "a b~1675209700000", 2),
};
#define SAMPLE_COUNT (sizeof(samples) / sizeof(samples[0]))

static void test_every_encoding(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct ft_err err = FT_ERR_INIT;
        char text[T_ELEMENTS_MAX];
        struct value_iter *it;

        if (t_elements(samples[i].type, samples[i].value, text, &err) != 0)
            fail_msg("%s: %s", samples[i].name, err.msg);
        if (strcmp(text, samples[i].want) != 0)
            fail_msg("%s: got \"%s\"", samples[i].name, text);
        t_ok(value_iter_new(&it, samples[i].type, samples[i].value, &err), &err);
        if (value_iter_count(it) != samples[i].count)
            fail_msg("%s: count %d", samples[i].name, (int)value_iter_count(it));
        value_iter_free(it);
    }
}

static void test_stored_strings(void **state)
{
    static const char hash[] = "\x01\x01"
                               "f\xc0\x2a";
    struct ft_err err = FT_ERR_INIT;
    struct value_iter *it;
    struct value_element e;

    (void)state;
    t_ok(value_iter_new(&it, RDB_TYPE_HASH, T_BYTES(hash), &err), &err);
    assert_int_equal(value_iter_next(it, &e, &err), STEP_ITEM);
    t_bytes(e.stored_field, "\x01"
                            "f");
    t_bytes(e.stored_value, "\xc0\x2a");
    t_bytes(e.value, "42");
    assert_int_equal(value_iter_next(it, &e, &err), STEP_END);
    value_iter_free(it);
}

static void test_nan_score(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_iter *it;
    struct value_element e;

    (void)state;
    t_ok(value_iter_new(&it, RDB_TYPE_ZSET,
                        T_BYTES("\x01\x01"
                                "a\xfd"),
                        &err),
         &err);
    assert_int_equal(value_iter_next(it, &e, &err), STEP_ITEM);
    assert_true(isnan(e.score));
    value_iter_free(it);
}

static void test_refusals(void **state)
{
    static const struct {
        unsigned type;
        struct bytes value;
        const char *part;
    } cases[] = {
#define CASE(type, value, part) {type, {(const uint8_t *)(value), sizeof(value) - 1}, part}
        CASE(RDB_TYPE_SET,
             "\x02\x01"
             "a",
             "set value"),
        CASE(RDB_TYPE_SET,
             "\x01\x01"
             "ab",
             "left over after the last element at offset 3"),
        CASE(RDB_TYPE_SET, "\xc0\x01", "bad length at offset 0"),
        CASE(RDB_TYPE_SET, "", "ends early at offset 0"),
        CASE(RDB_TYPE_ZSET,
             "\x01\x01"
             "a\x02"
             "no",
             "not a number"),
        CASE(RDB_TYPE_ZSET_2,
             "\x01\x01"
             "a\x00\x00",
             "ends early at offset 3"),
        CASE(RDB_TYPE_HASH_LISTPACK,
             "\x0a\x0a\x00\x00\x00\x01\x00\x81"
             "a\x02\xff",
             "odd number"),
        CASE(RDB_TYPE_ZSET_LISTPACK,
             "\x0d\x0d\x00\x00\x00\x02\x00\x81"
             "a\x02\x81"
             "b\x02\xff",
             "not a number"),
        CASE(RDB_TYPE_HASH_LISTPACK, "\x07\x07\x00\x00\x00\x00\x00\xff\x00", "left over"),
        CASE(RDB_TYPE_LIST_QUICKLIST_2,
             "\x01\x03\x01"
             "a",
             "neither plain nor packed"),
        CASE(RDB_TYPE_DF_SET_WITH_EXPIRY,
             "\x01\x01"
             "a\xc0\xfe",
             "number of seconds"),
        CASE(RDB_TYPE_DF_SET_WITH_EXPIRY,
             "\x01\x01"
             "a\x01x",
             "number of seconds"),
        CASE(RDB_TYPE_HASH_METADATA,
             "\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x01"
             "a\x01"
             "b",
             "out of range"),
        CASE(RDB_TYPE_HASH_METADATA,
             "\x00\x00\x00\x00\x00\x00\x01\x00\x01\x02\x01"
             "a\x01"
             "b",
             "out of range"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        char text[T_ELEMENTS_MAX];

        t_fails(t_elements(cases[i].type, cases[i].value, text, &err), &err, FT_ERR_CORRUPT,
                cases[i].part);
    }
}

static void test_types_without_elements(void **state)
{
    static const unsigned types[] = {RDB_TYPE_MODULE_2,
                                     RDB_TYPE_STREAM_LISTPACKS_3,
                                     RDB_TYPE_DF_JSON,
                                     RDB_TYPE_DF_SBF,
                                     8,
                                     26,
                                     200};
    struct ft_err err = FT_ERR_INIT;
    struct value_iter *it;

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        t_fails(value_iter_new(&it, types[i], T_BYTES("\x00"), &err), &err, FT_ERR_UNSUPPORTED,
                "no elements");
}

static void test_bare_nodes(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    assert_int_equal(
        value_bare_node(
            T_BYTES("\x01\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff"), &err),
        0);
    assert_int_equal(value_bare_node(T_BYTES("\x01\x04"
                                             "bare"),
                                     &err),
                     1);
    assert_int_equal(value_bare_node(T_BYTES("\x01\xc0\x05"), &err), 1);
    assert_int_equal(value_bare_node(T_BYTES("\x00"), &err), 0);
    t_fails(value_bare_node(T_BYTES("\x01\x04"
                                    "bar"),
                            &err),
            &err, FT_ERR_CORRUPT, "quicklist");
}

static void use(struct bytes damaged, const void *arg)
{
    const struct sample *s = arg;
    struct ft_err err = FT_ERR_INIT;
    char text[T_ELEMENTS_MAX];

    if (t_elements(s->type, damaged, text, &err) != 0)
        assert_int_equal(err.kind, FT_ERR_CORRUPT);
    err_clear(&err);
    if (s->type == RDB_TYPE_LIST_QUICKLIST)
        (void)value_bare_node(damaged, &err);
}

static void test_mutations(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        t_mutate(samples[i].value, use, &samples[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_encoding),
        cmocka_unit_test(test_stored_strings),
        cmocka_unit_test(test_nan_score),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_types_without_elements),
        cmocka_unit_test(test_bare_nodes),
        cmocka_unit_test(test_mutations),
    };

    return T_RUN("rdb/value_iter", tests);
}
