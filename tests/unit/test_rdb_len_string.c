#include "lib/t_mutate.h"
#include "lib/test_main.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"

static void test_len(void **state)
{
    static const struct {
        uint64_t value;
        struct bytes coded;
    } rows[] = {
        {0, {(const uint8_t *)"\x00", 1}},
        {5, {(const uint8_t *)"\x05", 1}},
        {63, {(const uint8_t *)"\x3f", 1}},
        {64, {(const uint8_t *)"\x40\x40", 2}},
        {300, {(const uint8_t *)"\x41\x2c", 2}},
        {16383, {(const uint8_t *)"\x7f\xff", 2}},
        {16384, {(const uint8_t *)"\x80\x00\x00\x40\x00", 5}},
        {20000, {(const uint8_t *)"\x80\x00\x00\x4e\x20", 5}},
        {4294967295u, {(const uint8_t *)"\x80\xff\xff\xff\xff", 5}},
        {4294967296u, {(const uint8_t *)"\x81\x00\x00\x00\x01\x00\x00\x00\x00", 9}},
        {UINT64_MAX, {(const uint8_t *)"\x81\xff\xff\xff\xff\xff\xff\xff\xff", 9}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[RDB_LEN_MAX_SIZE];
        uint64_t value = 1;
        size_t n = rdb_len_put(out, rows[i].value);

        assert_int_equal(n, rows[i].coded.n);
        assert_memory_equal(out, rows[i].coded.p, n);
        assert_int_equal(rdb_len_get(out, n, &value), n);
        assert_int_equal(value, rows[i].value);
        for (size_t less = 0; less < n; less++)
            assert_int_equal(rdb_len_get(out, less, &value), 0);
    }
}

static void test_len_bad(void **state)
{
    uint64_t value;

    (void)state;
    for (unsigned byte = 0x82; byte < 0x100; byte++)
        assert_int_equal(rdb_len_get(&(uint8_t){(uint8_t)byte}, 1, &value), -1);
    /* not the shortest form, but a number */
    assert_int_equal(rdb_len_get((const uint8_t *)"\x40\x05", 2, &value), 2);
    assert_int_equal(value, 5);
}

static void take(struct bytes coded, const char *want)
{
    struct buf scratch = {0};
    struct ft_err err = FT_ERR_INIT;
    struct bytes in = coded;
    struct bytes got;

    t_ok(rdb_string_take(&in, &got, &scratch, &err), &err);
    assert_int_equal(in.n, 0);
    if (!bytes_eq_str(got, want))
        fail_msg("wanted %s", want);
    in = coded;
    t_ok(rdb_string_skip(&in, &err), &err);
    assert_int_equal(in.n, 0);
    buf_release(&scratch);
}

static void test_take(void **state)
{
    (void)state;
    take(T_BYTES("\x00"), "");
    take(T_BYTES("\x03"
                 "foo"),
         "foo");
    take(T_BYTES("\x40\x03"
                 "foo"),
         "foo");
    take(T_BYTES("\xc0\x2a"), "42");
    take(T_BYTES("\xc0\xff"), "-1");
    take(T_BYTES("\xc1\xe8\x03"), "1000");
    take(T_BYTES("\xc1\x00\x80"), "-32768");
    take(T_BYTES("\xc2\x40\x8f\x89\x6a"), "1787400000");
    take(T_BYTES("\xc2\x00\x00\x00\x80"), "-2147483648");
    take(T_BYTES("\xc3\x06\x06\x02"
                 "abc\x20\x02"),
         "abcabc");
}

static void take_fails(struct bytes coded, size_t limit, enum ft_err_kind kind, const char *part)
{
    struct buf scratch = BUF_INIT(limit);
    struct ft_err err = FT_ERR_INIT;
    struct bytes in = coded;
    struct bytes got;

    t_fails(rdb_string_take(&in, &got, &scratch, &err), &err, kind, part);
    assert_int_equal(in.n, coded.n);
    buf_release(&scratch);
}

static void test_take_bad(void **state)
{
    (void)state;
    take_fails(T_BYTES(""), 0, FT_ERR_CORRUPT, "in its head");
    take_fails(T_BYTES("\xc4"), 0, FT_ERR_CORRUPT, "0xc4");
    take_fails(T_BYTES("\x03"
                       "fo"),
               0, FT_ERR_CORRUPT, "3 bytes ends after 2");
    take_fails(T_BYTES("\x81\xff\xff\xff\xff\xff\xff\xff\xff"), 0, FT_ERR_CORRUPT, "after 0");
    take_fails(T_BYTES("\xc1\x01"), 0, FT_ERR_CORRUPT, "in its head");
    take_fails(T_BYTES("\xc3\x04\x07\x02"
                       "abc"),
               0, FT_ERR_CORRUPT, "do not decompress to 7");
    /* a terabyte out of four bytes is refused before anything is allocated */
    take_fails(T_BYTES("\xc3\x04\x81\x00\x00\x01\x00\x00\x00\x00\x00\x02"
                       "abc"),
               0, FT_ERR_CORRUPT, "4 bytes of lzf cannot be 1099511627776");
    take_fails(T_BYTES("\xc3\x06\x06\x02"
                       "abc\x20\x02"),
               4, FT_ERR_LIMIT, "limit of 4");
}

static void test_head_prefixes(void **state)
{
    const struct bytes head = T_BYTES("\xc3\x80\x00\x00\x01\x00\x42\x00");
    struct rdb_string_head got;

    (void)state;
    for (size_t n = 0; n < head.n; n++)
        assert_int_equal(rdb_string_head_get(head.p, n, &got), STEP_MORE);
    assert_int_equal(rdb_string_head_get(head.p, head.n, &got), STEP_ITEM);
    assert_int_equal(got.kind, RDB_STRING_LZF);
    assert_int_equal(got.head_size, 8);
    assert_int_equal(got.payload_size, 256);
    assert_int_equal(got.raw_size, 512);
}

static void put(const char *text, struct bytes want)
{
    struct buf out = {0};
    struct ft_err err = FT_ERR_INIT;

    t_ok(rdb_string_put(&out, bytes_str(text), &err), &err);
    if (!bytes_eq(buf_bytes(&out), want))
        fail_msg("%s: wrong coding", text);
    buf_release(&out);
}

static void test_put(void **state)
{
    (void)state;
    put("", T_BYTES("\x00"));
    put("foo", T_BYTES("\x03"
                       "foo"));
    put("0", T_BYTES("\xc0\x00"));
    put("-128", T_BYTES("\xc0\x80"));
    put("128", T_BYTES("\xc1\x80\x00"));
    put("-32769", T_BYTES("\xc2\xff\x7f\xff\xff"));
    put("2147483647", T_BYTES("\xc2\xff\xff\xff\x7f"));
    put("2147483648", T_BYTES("\x0a"
                              "2147483648"));
    put("007", T_BYTES("\x03"
                       "007"));
    put("-0", T_BYTES("\x02-0"));
    put("+1", T_BYTES("\x02+1"));
    put(" 1", T_BYTES("\x02 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_len),           cmocka_unit_test(test_len_bad),
        cmocka_unit_test(test_take),          cmocka_unit_test(test_take_bad),
        cmocka_unit_test(test_head_prefixes), cmocka_unit_test(test_put),
    };

    return T_RUN("rdb/rdb_len, rdb/rdb_string", tests);
}
