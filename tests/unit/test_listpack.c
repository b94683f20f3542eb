#include "lib/t_blob.h"
#include "rdb/listpack.h"

/* From a redis-server 7.0: ZADD z 1 one 2.5 two inf three -inf m; DUMP z. */
#define SCORES                                                                        \
    "\x2d\x00\x00\x00\x08\x00\x81m\x02\x84-inf\x05\x83one\x04\x01\x01\x83two\x04\x83" \
    "2.5\x04\x85three\x06\x83inf\x04\xff"

/* One of each encoding of an integer, by hand. */
#define INTEGERS                               \
    "\x2d\x00\x00\x00\x08\x00"                 \
    "\x7f\x01"                                 \
    "\xd0\x00\x02"                             \
    "\xcf\xff\x02"                             \
    "\xf1\x00\x80\x03"                         \
    "\xf2\x00\x00\x80\x04"                     \
    "\xf3\x00\x00\x00\x80\x05"                 \
    "\xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09" \
    "\xf2\xff\xff\x7f\x04\xff"

T_BLOB_COLLECT(listpack)

static void test_strings_and_integers(void **state)
{
    (void)state;
    t_blob_is(collect, T_BYTES(SCORES), "m -inf one 1i two 2.5 three inf ");
    t_blob_is(collect, T_BYTES(INTEGERS),
              "127i -4096i 4095i -32768i -8388608i -2147483648i "
              "-9223372036854775808i 8388607i ");
    t_blob_is(collect, T_BYTES("\x07\x00\x00\x00\x00\x00\xff"), "");
}

/* Strings at the borders of the encodings, with the longest back lengths that go with them. */
static void test_long_strings(void **state)
{
    static const struct {
        uint32_t n;
        const char *head;
        size_t head_size;
        const char *back;
        size_t back_size;
    } cases[] = {
        {63, "\xbf", 1, "\x40", 1},
        {126, "\xe0\x7e", 2, "\x01\x80", 2},
        {4095, "\xef\xff", 2, "\x20\x81", 2},
        {16377, "\xf0\xf9\x3f\x00\x00", 5, "\x7f\xfe", 2},
        {16378, "\xf0\xfa\x3f\x00\x00", 5, "\x00\xff\xff", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct listpack_iter it;
        struct blob_element e;
        uint32_t size =
            6 + (uint32_t)cases[i].head_size + cases[i].n + (uint32_t)cases[i].back_size + 1;
        uint8_t *blob = calloc(1, size);

        assert_non_null(blob);
        blob[0] = (uint8_t)size;
        blob[1] = (uint8_t)(size >> 8);
        blob[4] = 1;
        memcpy(blob + 6, cases[i].head, cases[i].head_size);
        memset(blob + 6 + cases[i].head_size, 'x', cases[i].n);
        memcpy(blob + size - 1 - cases[i].back_size, cases[i].back, cases[i].back_size);
        blob[size - 1] = 0xff;
        t_ok(listpack_iter_init(&it, bytes_of(blob, size), &err), &err);
        if (listpack_iter_next(&it, &e, &err) != STEP_ITEM)
            fail_msg("%u bytes: %s", cases[i].n, err.msg);
        assert_int_equal(e.text.n, cases[i].n);
        assert_int_equal(listpack_iter_next(&it, &e, &err), STEP_END);
        free(blob);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    t_blob_refused(collect, T_BYTES(""), "0 bytes");
    t_blob_refused(collect, T_BYTES("\x08\x00\x00\x00\x00\x00\xff"), "claims");
    t_blob_refused(collect, T_BYTES("\x07\x00\x00\x00\x00\x00\x00"), "end mark");
    t_blob_refused(collect, T_BYTES("\x07\x00\x00\x00\x01\x00\xff"), "number of elements");
    t_blob_refused(collect, T_BYTES("\x09\x00\x00\x00\x01\x00\x05\x02\xff"),
                   "wrong length after it at offset 6");
    t_blob_refused(collect, T_BYTES("\x09\x00\x00\x00\x01\x00\xf5\x01\xff"), "bad encoding");
    t_blob_refused(collect, T_BYTES("\x0d\x00\x00\x00\x01\x00\xf0\xff\xff\xff\xff\x01\xff"),
                   "beyond the end");
}

static void test_mutations(void **state)
{
    (void)state;
    t_blob_mutate(collect, T_BYTES(SCORES));
    t_blob_mutate(collect, T_BYTES(INTEGERS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings_and_integers),
        cmocka_unit_test(test_long_strings),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_mutations),
    };

    return T_RUN("rdb/listpack", tests);
}
