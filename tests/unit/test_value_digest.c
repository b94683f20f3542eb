/* The digest of values: the same elements in any encoding and order, nothing else. */
#include "lib/t_elements.h"
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
        cmocka_unit_test(damage_is_an_error),
    };

    return T_RUN("rdb/value_digest", tests);
}
