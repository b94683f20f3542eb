/* The digest of values: the same elements in any encoding and order, nothing else. */
#include "lib/t_elements.h"
#include "lib/t_stream_value.h"
#include "rdb/module_value.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_writer.h"
#include "rdb/value_digest.h"

static struct value_digest digest(unsigned type, struct bytes value)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_digest d = {0};

    t_ok(value_digest_run(type, value, &d, &err), &err);
    return d;
}

static void same(unsigned type_a, struct bytes a, unsigned type_b, struct bytes b)
{
    struct value_digest da = digest(type_a, a);
    struct value_digest db = digest(type_b, b);

    assert_true(value_digest_eq(&da, &db));
}

static void differ(unsigned type_a, struct bytes a, unsigned type_b, struct bytes b)
{
    struct value_digest da = digest(type_a, a);
    struct value_digest db = digest(type_b, b);

    assert_false(value_digest_eq(&da, &db));
}

#define INTSET T_BYTES("\x0e\x02\x00\x00\x00\x03\x00\x00\x00\xfe\xff\x01\x00\x2c\x01")

static void strings(void **state)
{
    (void)state;
    same(RDB_TYPE_STRING, T_BYTES("\xc0\x2a"), RDB_TYPE_STRING,
         T_BYTES("\x02"
                 "42"));
    differ(RDB_TYPE_STRING, T_BYTES("\xc0\x2a"), RDB_TYPE_STRING,
           T_BYTES("\x02"
                   "43"));
    differ(RDB_TYPE_STRING,
           T_BYTES("\x01"
                   "a"),
           RDB_TYPE_LIST,
           T_BYTES("\x01\x01"
                   "a"));
}

static void lists_have_an_order(void **state)
{
    (void)state;
    same(RDB_TYPE_LIST, T_BYTES("\x02\xc0\x02\xc0\x05"), RDB_TYPE_LIST_ZIPLIST,
         T_BYTES("\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff"));
    differ(RDB_TYPE_LIST, T_BYTES("\x02\xc0\x02\xc0\x05"), RDB_TYPE_LIST,
           T_BYTES("\x02\xc0\x05\xc0\x02"));
    differ(RDB_TYPE_LIST, T_BYTES("\x02\xc0\x02\xc0\x05"), RDB_TYPE_LIST, T_BYTES("\x01\xc0\x02"));
}

static void sets_have_none(void **state)
{
    (void)state;
    same(RDB_TYPE_SET,
         T_BYTES("\x03\x03"
                 "300\x01"
                 "1\x02-2"),
         RDB_TYPE_SET_INTSET, INTSET);
    differ(RDB_TYPE_SET,
           T_BYTES("\x02\x03"
                   "300\x01"
                   "1"),
           RDB_TYPE_SET_INTSET, INTSET);
    differ(RDB_TYPE_SET, T_BYTES("\x00"), RDB_TYPE_SET_INTSET, INTSET);
}

static void hashes_have_fields(void **state)
{
    (void)state;
    same(RDB_TYPE_HASH,
         T_BYTES("\x02\x01"
                 "a\x01"
                 "x\x01"
                 "b\x01"
                 "y"),
         RDB_TYPE_HASH,
         T_BYTES("\x02\x01"
                 "b\x01"
                 "y\x01"
                 "a\x01"
                 "x"));
    differ(RDB_TYPE_HASH,
           T_BYTES("\x02\x01"
                   "a\x01"
                   "x\x01"
                   "b\x01"
                   "y"),
           RDB_TYPE_HASH,
           T_BYTES("\x02\x01"
                   "a\x01"
                   "y\x01"
                   "b\x01"
                   "x"));
    differ(RDB_TYPE_HASH,
           T_BYTES("\x01\x01"
                   "a\x01"
                   "x"),
           RDB_TYPE_HASH,
           T_BYTES("\x01\x01"
                   "x\x01"
                   "a"));
}

static void sorted_sets_have_scores(void **state)
{
    (void)state;
    same(RDB_TYPE_ZSET,
         T_BYTES("\x02\x01"
                 "b\xfe\x01"
                 "a\x03"
                 "1.5"),
         RDB_TYPE_ZSET_2,
         T_BYTES("\x02\x01"
                 "a\x00\x00\x00\x00\x00\x00\xf8\x3f\x01"
                 "b\x00\x00\x00\x00\x00\x00\xf0\x7f"));
    differ(RDB_TYPE_ZSET,
           T_BYTES("\x01\x01"
                   "a\x03"
                   "1.5"),
           RDB_TYPE_ZSET,
           T_BYTES("\x01\x01"
                   "a\x03"
                   "2.5"));
}

/* Register 0 is 3 and register 1 is 1: dense, and as "val 3 x 1, val 1 x 1, xzero 16382". */
static void hyperloglogs_have_registers(void **state)
{
    static uint8_t dense[5 + 16 + 12288] = {0x80, 0, 0, 0x30, 0x10, 'H', 'Y', 'L', 'L'};
    struct bytes sparse = T_BYTES("\x14HYLL\x01\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08"
                                  "\x88\x80\x7f\xfd");

    (void)state;
    dense[5 + 16] = 3 | 1 << 6;
    same(RDB_TYPE_STRING, sparse, RDB_TYPE_STRING, bytes_of(dense, sizeof(dense)));
    dense[5 + 16] = 3;
    differ(RDB_TYPE_STRING, sparse, RDB_TYPE_STRING, bytes_of(dense, sizeof(dense)));
    /* one register too few: a string like any other, whose every byte counts */
    differ(RDB_TYPE_STRING,
           T_BYTES("\x14HYLL\x01\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08"
                   "\x88\x80\x7f\xfc"),
           RDB_TYPE_STRING,
           T_BYTES("\x14HYLL\x01\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x09"
                   "\x88\x80\x7f\xfc"));
}

static struct bytes json(const char *text)
{
    static struct buf bufs[2];
    static unsigned turn;
    struct buf *b = &bufs[turn++ % 2];
    struct ft_err err = FT_ERR_INIT;

    buf_clear(b);
    t_ok(rdb_string_put(b, bytes_str(text), &err), &err);
    return buf_bytes(b);
}

static void json_is_what_it_means(void **state)
{
    static const char *const equal[][2] = {
        {"{\"a\":1,\"b\":[true,null]}", " { \"b\" : [ true , null ] , \"a\" : 1.0 } "},
        {"\"\\u00e9\\n\"", "\"\xc3\xa9\\u000a\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"[1e2,-0.5,0]", "[100,-5e-1,-0]"},
        {"{}", "{ }"},
        {"[[],[[]]]", "[ [ ] , [ [ ] ] ]"},
    };
    static const char *const unequal[][2] = {
        {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}"},
        {"[1,2]", "[2,1]"},
        {"[[1],2]", "[[1,2]]"},
        {"\"1\"", "1"},
        {"9007199254740993", "9007199254740992"},
        {"{}", "[]"},
        {"null", "false"},
        {"{\"a\":{}}", "{\"a\":[]}"},
        {"[1,", "[1, "}, /* not JSON: bytes */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(equal) / sizeof(equal[0]); i++)
        same(RDB_TYPE_DF_JSON, json(equal[i][0]), RDB_TYPE_DF_JSON, json(equal[i][1]));
    for (size_t i = 0; i < sizeof(unequal) / sizeof(unequal[0]); i++)
        differ(RDB_TYPE_DF_JSON, json(unequal[i][0]), RDB_TYPE_DF_JSON, json(unequal[i][1]));
}

/* A string of n letters and `last`, as JSON. */
static void long_json(struct buf *ret, size_t n, const char *last)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};

    t_ok(buf_append_str(&text, "\"", &err), &err);
    for (size_t i = 0; i < n; i++)
        t_ok(buf_append_str(&text, "a", &err), &err);
    t_ok(buf_append_str(&text, last, &err), &err);
    t_ok(buf_append_str(&text, "\"", &err), &err);
    t_ok(rdb_string_put(ret, buf_bytes(&text), &err), &err);
    buf_release(&text);
}

/* Strings are taken stride by stride, which may end before a quote or an escape. */
static void json_has_long_strings(void **state)
{
    static const size_t sizes[] = {MEMORY_STRIDE - 2, MEMORY_STRIDE - 1, MEMORY_STRIDE,
                                   MEMORY_STRIDE + 1, 2 * MEMORY_STRIDE};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buf plain = {0};
        struct buf escaped = {0};
        struct buf other = {0};

        long_json(&plain, sizes[i], "a");
        long_json(&escaped, sizes[i], "\\u0061");
        long_json(&other, sizes[i], "b");
        same(RDB_TYPE_DF_JSON, buf_bytes(&plain), RDB_TYPE_DF_JSON, buf_bytes(&escaped));
        differ(RDB_TYPE_DF_JSON, buf_bytes(&plain), RDB_TYPE_DF_JSON, buf_bytes(&other));
        buf_release(&plain);
        buf_release(&escaped);
        buf_release(&other);
    }
}

static void json_of_a_module_is_json(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf module = {0};

    (void)state;
    t_ok(rdb_put_len(&module, module_id_encode(JSON_MODULE, JSON_MODULE_VERSION), &err), &err);
    t_ok(buf_append(&module, "\x05\x0a{\"a\": 1.0}\x00", 13, &err), &err);
    same(RDB_TYPE_DF_JSON, json("{\"a\":1}"), RDB_TYPE_MODULE_2, buf_bytes(&module));
    buf_release(&module);
}

static struct value_parts parts(unsigned type, struct bytes value, int64_t now_ms)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_digester *d;
    struct value_parts ret;

    t_ok(value_digester_new(&d, &err), &err);
    t_ok(value_digester_run(d, type, value, now_ms, &ret, &err), &err);
    value_digester_free(d);
    return ret;
}

/* Members 1 (ends 10 s after the epoch of member times) and 2 (never). */
#define TIMED_SET              \
    T_BYTES("\x02\xc0\x01\x02" \
            "10\xc0\x02\x02-1")
#define ENDS_MS ((int64_t)(RDB_DF_MEMBER_EPOCH_S + 10) * 1000)

static void times_are_apart(void **state)
{
    struct value_parts all = parts(RDB_TYPE_DF_SET_WITH_EXPIRY, TIMED_SET, VALUE_DIGEST_ALL);
    struct value_parts later = parts(RDB_TYPE_DF_SET_WITH_EXPIRY, TIMED_SET, ENDS_MS);
    struct value_parts plain = parts(RDB_TYPE_SET, T_BYTES("\x02\xc0\x02\xc0\x01"), 0);
    struct value_parts one = parts(RDB_TYPE_SET, T_BYTES("\x01\xc0\x02"), 0);

    (void)state;
    assert_int_equal(all.count, 2);
    assert_true(value_digest_eq(&all.value, &plain.value));
    assert_int_not_equal(all.times, 0);
    assert_int_equal(plain.times, 0);
    assert_int_equal(later.count, 1);
    assert_int_equal(later.times, 0);
    assert_true(value_digest_eq(&later.value, &one.value));
}

static void streams_have_a_state(void **state)
{
    struct value_parts v1 = parts(RDB_TYPE_STREAM_LISTPACKS, T_BYTES(STREAM_1), 0);
    struct value_parts v2 = parts(RDB_TYPE_STREAM_LISTPACKS_2, T_BYTES(STREAM_2), 0);
    struct value_parts v3 = parts(RDB_TYPE_STREAM_LISTPACKS_3, T_BYTES(STREAM_3), 0);

    (void)state;
    assert_int_equal(v3.count, 3);
    assert_true(value_digest_eq(&v2.value, &v3.value));
    assert_true(value_digest_eq(&v1.value, &v3.value));
    assert_int_equal(v2.state, v3.state); /* but for times at which consumers were active */
    assert_true(v3.has_counters);
    assert_false(v1.has_counters);
}

static void damage_is_an_error(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_digest d = {1, 2};

    (void)state;
    assert_int_equal(value_digest_run(RDB_TYPE_LIST, T_BYTES("\x02\x01"), &d, &err), -1);
    assert_int_equal(err.kind, FT_ERR_CORRUPT);
    assert_int_equal(d.low, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),
        cmocka_unit_test(lists_have_an_order),
        cmocka_unit_test(sets_have_none),
        cmocka_unit_test(hashes_have_fields),
        cmocka_unit_test(sorted_sets_have_scores),
        cmocka_unit_test(hyperloglogs_have_registers),
        cmocka_unit_test(json_is_what_it_means),
        cmocka_unit_test(json_has_long_strings),
        cmocka_unit_test(json_of_a_module_is_json),
        cmocka_unit_test(times_are_apart),
        cmocka_unit_test(streams_have_a_state),
        cmocka_unit_test(damage_is_an_error),
    };

    return T_RUN("rdb/value_digest", tests);
}
