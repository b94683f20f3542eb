#include "codec/lzf.h"

#include "base/buf.h"
#include "lib/t_mutate.h"
#include "lib/test_main.h"
#include "lib/test_store.h"

static void check(struct bytes in, struct bytes want)
{
    uint8_t out[200];

    assert_true(lzf_decompress(in, out, want.n));
    assert_memory_equal(out, want.p, want.n);
    for (size_t n = want.n - 1; n <= want.n + 1; n++) {
        assert_int_equal(lzf_decompress(in, out, n), n == want.n);
        assert_int_equal(lzf_holds(in, n), n == want.n);
    }
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

/* Only must not read or write beyond; and the look alone gives the same answer. */
static void use(struct bytes damaged, const void *arg)
{
    uint8_t *out = malloc(100);

    (void)arg;
    assert_non_null(out);
    for (size_t n = 90; n <= 100; n++)
        assert_int_equal(lzf_decompress(damaged, out, n), lzf_holds(damaged, n));
    free(out);
}

static void test_hostile(void **state)
{
    (void)state;
    t_mutate(T_BYTES("\x01"
                     "aa\xe0\x57\x00\x01"
                     "aa"),
             use, NULL);
}

/* A block by chance, and byte for byte what it decodes to. */
static void put_by_chance(struct buf *in, struct buf *want, uint64_t *random)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t r = t_random(random);
    size_t n = 1 + (r >> 8) % 32;
    size_t distance = 1 + (r >> 16) % (r & 1 ? 20 : 8192);
    uint8_t byte;

    if (want->n < distance || r % 4 == 0) {
        byte = (uint8_t)(n - 1);
        t_ok(buf_append(in, &byte, 1, &err), &err);
        for (; n != 0; n--) {
            byte = (uint8_t)t_random(random);
            t_ok(buf_append(in, &byte, 1, &err), &err);
            t_ok(buf_append(want, &byte, 1, &err), &err);
        }
        return;
    }
    n = 3 + (r >> 40) % (r & 2 ? 5 : 262);
    byte = (uint8_t)((n - 2 < 7 ? n - 2 : 7) << 5 | (distance - 1) >> 8);
    t_ok(buf_append(in, &byte, 1, &err), &err);
    byte = (uint8_t)(n - 2 - 7);
    if (n - 2 >= 7)
        t_ok(buf_append(in, &byte, 1, &err), &err);
    byte = (uint8_t)(distance - 1);
    t_ok(buf_append(in, &byte, 1, &err), &err);
    for (; n != 0; n--) {
        byte = want->p[want->n - distance];
        t_ok(buf_append(want, &byte, 1, &err), &err);
    }
}

static void test_by_chance(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        struct buf in = {0}, want = {0};
        uint8_t *out;

        for (size_t blocks = 1 + t_random(&random) % 300; blocks != 0; blocks--)
            put_by_chance(&in, &want, &random);
        out = malloc(want.n);
        assert_non_null(out);
        assert_true(lzf_decompress(buf_bytes(&in), out, want.n));
        assert_memory_equal(out, want.p, want.n);
        assert_true(lzf_holds(buf_bytes(&in), want.n));
        assert_false(lzf_decompress(buf_bytes(&in), out, want.n - 1));
        assert_false(lzf_holds(buf_bytes(&in), want.n - 1));
        free(out);
        buf_release(&in);
        buf_release(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_by_chance),
    };

    return T_RUN("codec/lzf", tests);
}
