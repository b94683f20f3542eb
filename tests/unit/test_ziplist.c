#include "lib/t_blob.h"
#include "rdb/ziplist.h"

/* The example of redis src/ziplist.c with its third element: 2, 5, "Hello World". */
#define EXAMPLE "\x1c\x00\x00\x00\x0e\x00\x00\x00\x03\x00\x00\xf3\x02\xf6\x02\x0bHello World\xff"

/* One of each encoding of an integer, by hand. */
#define INTEGERS                               \
    "\x2e\x00\x00\x00\x26\x00\x00\x00\x07\x00" \
    "\x00\xf1"                                 \
    "\x02\xfd"                                 \
    "\x02\xfe\x80"                             \
    "\x03\xc0\x00\x80"                         \
    "\x04\xf0\x00\x00\x80"                     \
    "\xfe\x05\x00\x00\x00\xd0\x00\x00\x00\x80" \
    "\x0a\xe0\xff\xff\xff\xff\xff\xff"

T_BLOB_COLLECT(ziplist)

static void test_elements(void **state)
{
    (void)state;
    t_blob_is(collect, T_BYTES(EXAMPLE), "2i 5i Hello World ");
    t_blob_is(collect, T_BYTES("\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"), "");
}

static void test_integers(void **state)
{
    /* literal above without the last bytes, so that the end mark is not swallowed by the escape */
    static const char blob[] = INTEGERS "\xff\x7f\xff";
    uint8_t copy[sizeof(blob) - 1];

    (void)state;
    memcpy(copy, blob, sizeof(copy));
    copy[0] = sizeof(copy);
    copy[4] = (uint8_t)(sizeof(copy) - 11);
    t_blob_is(collect, bytes_of(copy, sizeof(copy)),
              "0i 12i -128i -32768i -8388608i -2147483648i 9223372036854775807i ");
}

static void test_long_strings(void **state)
{
    static const uint32_t sizes[] = {63, 64, 253, 254, 16383, 16384, 70000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct ziplist_iter it;
        struct blob_element e;
        uint32_t n = sizes[i];
        uint8_t blob[70100];
        uint8_t *p = blob + 10;
        size_t first;
        uint32_t size;

        *p++ = 0;
        if (n < 64) {
            *p++ = (uint8_t)n;
        } else if (n < 16384) {
            *p++ = (uint8_t)(0x40 | n >> 8);
            *p++ = (uint8_t)n;
        } else {
            const uint8_t head[] = {0x80, 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

            memcpy(p, head, sizeof(head));
            p += sizeof(head);
        }
        memset(p, 'x', n);
        p += n;
        first = (size_t)(p - blob) - 10;
        memset(blob, 0, 10);
        size = (uint32_t)(p - blob);
        blob[4] = (uint8_t)size;
        blob[5] = (uint8_t)(size >> 8);
        blob[6] = (uint8_t)(size >> 16);
        if (first < 254) {
            *p++ = (uint8_t)first;
        } else {
            const uint8_t previous[] = {0xfe, (uint8_t)first, (uint8_t)(first >> 8),
                                        (uint8_t)(first >> 16), 0};

            memcpy(p, previous, sizeof(previous));
            p += sizeof(previous);
        }
        *p++ = 0xf2;
        *p++ = 0xff;
        size = (uint32_t)(p - blob);
        blob[0] = (uint8_t)size;
        blob[1] = (uint8_t)(size >> 8);
        blob[2] = (uint8_t)(size >> 16);
        blob[8] = 2;
        t_ok(ziplist_iter_init(&it, bytes_of(blob, size), &err), &err);
        if (ziplist_iter_next(&it, &e, &err) != STEP_ITEM)
            fail_msg("%u bytes: %s", n, err.msg);
        assert_int_equal(e.text.n, n);
        if (ziplist_iter_next(&it, &e, &err) != STEP_ITEM)
            fail_msg("behind %u bytes: %s", n, err.msg);
        assert_int_equal(e.integer, 1);
        assert_int_equal(ziplist_iter_next(&it, &e, &err), STEP_END);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    t_blob_refused(collect, T_BYTES("\x0f"), "1 bytes");
    t_blob_refused(collect, T_BYTES("\x0c\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"), "claims");
    t_blob_refused(collect, T_BYTES("\x0b\x00\x00\x00\x0b\x00\x00\x00\x00\x00\xff"), "tail offset");
    t_blob_refused(collect, T_BYTES("\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x03\xf6\xff"),
                   "predecessor at offset 12");
    t_blob_refused(collect, T_BYTES("\x0f\x00\x00\x00\x0a\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff"),
                   "last entry");
    t_blob_refused(collect, T_BYTES("\x0f\x00\x00\x00\x0c\x00\x00\x00\x03\x00\x00\xf3\x02\xf6\xff"),
                   "number of elements");
    t_blob_refused(collect, T_BYTES("\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\x05\xff"),
                   "beyond the end");
    t_blob_refused(collect, T_BYTES("\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xc1\xff"),
                   "bad encoding");
}

static void test_looks(void **state)
{
    (void)state;
    assert_true(ziplist_looks_like(T_BYTES(EXAMPLE)));
    assert_false(ziplist_looks_like(T_BYTES("")));
    assert_false(ziplist_looks_like(T_BYTES("a bare element of a list")));
    assert_false(ziplist_looks_like(T_BYTES("\x0b\x00\x00\x00\x0b\x00\x00\x00\x00\x00\xff")));
}

static void test_mutations(void **state)
{
    (void)state;
    t_blob_mutate(collect, T_BYTES(EXAMPLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),     cmocka_unit_test(test_integers),
        cmocka_unit_test(test_long_strings), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_looks),        cmocka_unit_test(test_mutations),
    };

    return T_RUN("rdb/ziplist", tests);
}
