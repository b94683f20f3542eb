#include "lib/t_mutate.h"
#include "rdb/intset.h"

/* From a redis-server 7.0: SADD s 1 -2 300; DUMP s. */
#define OF_16_BITS "\x02\x00\x00\x00\x03\x00\x00\x00\xfe\xff\x01\x00\x2c\x01"
#define OF_32_BITS "\x04\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x80\xff\xff\xff\x7f"
#define OF_64_BITS \
    "\x08\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\xff\xff\xff\xff\xff\xff\xff\x7f"

static int collect(struct bytes blob, int64_t *values, size_t values_max, size_t *ret_count,
                   struct ft_err *err)
{
    struct intset_iter it;
    struct blob_element e;
    size_t n = 0;
    enum step step;

    if (intset_iter_init(&it, blob, err) != 0)
        return -1;
    while ((step = intset_iter_next(&it, &e, err)) == STEP_ITEM) {
        assert_true(e.is_integer);
        if (n < values_max)
            values[n] = e.integer;
        n++;
    }
    *ret_count = n;
    return step == STEP_END ? 0 : -1;
}

static void test_widths(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    int64_t values[4];
    size_t n;

    (void)state;
    t_ok(collect(T_BYTES(OF_16_BITS), values, 4, &n, &err), &err);
    assert_int_equal(n, 3);
    assert_int_equal(values[0], -2);
    assert_int_equal(values[1], 1);
    assert_int_equal(values[2], 300);
    t_ok(collect(T_BYTES(OF_32_BITS), values, 4, &n, &err), &err);
    assert_int_equal(n, 2);
    assert_true(values[0] == INT32_MIN && values[1] == INT32_MAX);
    t_ok(collect(T_BYTES(OF_64_BITS), values, 4, &n, &err), &err);
    assert_int_equal(n, 2);
    assert_true(values[0] == INT64_MIN && values[1] == INT64_MAX);
}

static void test_refusals(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    size_t n;

    (void)state;
    t_fails(collect(T_BYTES("\x02\x00"), NULL, 0, &n, &err), &err, FT_ERR_CORRUPT, "2 bytes");
    t_fails(collect(T_BYTES("\x03\x00\x00\x00\x00\x00\x00\x00"), NULL, 0, &n, &err), &err,
            FT_ERR_CORRUPT, "size of elements 3");
    t_fails(collect(T_BYTES("\x02\x00\x00\x00\x01\x00\x00\x80\x01\x00"), NULL, 0, &n, &err), &err,
            FT_ERR_CORRUPT, "claims");
    t_fails(collect(T_BYTES("\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x01\x00"), NULL, 0, &n, &err),
            &err, FT_ERR_CORRUPT, "ascending order at offset 10");
}

static void use(struct bytes damaged, const void *arg)
{
    struct ft_err err = FT_ERR_INIT;
    size_t n;

    (void)arg;
    if (collect(damaged, NULL, 0, &n, &err) != 0)
        assert_int_equal(err.kind, FT_ERR_CORRUPT);
}

static void test_mutations(void **state)
{
    (void)state;
    t_mutate(T_BYTES(OF_16_BITS), use, NULL);
    t_mutate(T_BYTES(OF_64_BITS), use, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_mutations),
    };

    return T_RUN("rdb/intset", tests);
}
