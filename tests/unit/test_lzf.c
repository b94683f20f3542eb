#include "codec/lzf.h"
#include "lib/t_mutate.h"
#include "lib/test_main.h"

static void check(struct bytes in, struct bytes want)
{
    uint8_t out[200];

    assert_true(lzf_decompress(in, out, want.n));
    assert_memory_equal(out, want.p, want.n);
    assert_false(lzf_decompress(in, out, want.n - 1));
    assert_false(lzf_decompress(in, out, want.n + 1));
}

static void test_known(void **state)
{
    char a[100];

    (void)state;
    memset(a, 'a', sizeof(a));
    check(T_BYTES("\x02"
                  "abc"),
          T_BYTES("abc"));
    /* short back reference: 3 bytes from 3 back */
    check(T_BYTES("\x02"
                  "abc\x20\x02"),
          T_BYTES("abcabc"));
    /* what Redis makes of a hundred times "a": a long one that overlaps itself */
    check(T_BYTES("\x01"
                  "aa\xe0\x57\x00\x01"
                  "aa"),
          bytes_of(a, sizeof(a)));
}

static void test_damaged(void **state)
{
    uint8_t out[16];

    (void)state;
    assert_false(lzf_decompress(T_BYTES("\x02"
                                        "ab"),
                                out, 3)); /* literals end early */
    assert_false(lzf_decompress(T_BYTES("\x00"
                                        "a\x20"),
                                out, 4)); /* no distance */
    assert_false(lzf_decompress(T_BYTES("\x00"
                                        "a\xe0"),
                                out, 10)); /* no length */
    assert_false(lzf_decompress(T_BYTES("\x00"
                                        "a\x20\x01"),
                                out, 4)); /* in front of the first byte */
    assert_true(lzf_decompress(bytes_of("", 0), out, 0));
}

static void use(struct bytes damaged, const void *arg)
{
    uint8_t out[100];

    (void)arg;
    (void)lzf_decompress(damaged, out, sizeof(out)); /* only must not read or write beyond */
}

static void test_hostile(void **state)
{
    (void)state;
    t_mutate(T_BYTES("\x01"
                     "aa\xe0\x57\x00\x01"
                     "aa"),
             use, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_hostile),
    };

    return T_RUN("codec/lzf", tests);
}
