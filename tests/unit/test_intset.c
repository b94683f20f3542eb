#include "lib/t_blob.h"
#include "rdb/intset.h"

/* From a redis-server 7.0: SADD s 1 -2 300; DUMP s. */
#define OF_16_BITS "\x02\x00\x00\x00\x03\x00\x00\x00\xfe\xff\x01\x00\x2c\x01"
#define OF_32_BITS "\x04\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x80\xff\xff\xff\x7f"
#define OF_64_BITS \
    "\x08\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\xff\xff\xff\xff\xff\xff\xff\x7f"

T_BLOB_COLLECT(intset)

static void test_widths(void **state)
{
    (void)state;
    t_blob_is(collect, T_BYTES(OF_16_BITS), "-2i 1i 300i ");
    t_blob_is(collect, T_BYTES(OF_32_BITS), "-2147483648i 2147483647i ");
    t_blob_is(collect, T_BYTES(OF_64_BITS), "-9223372036854775808i 9223372036854775807i ");
}

static void test_refusals(void **state)
{
    (void)state;
    t_blob_refused(collect, T_BYTES("\x02\x00"), "2 bytes");
    t_blob_refused(collect, T_BYTES("\x03\x00\x00\x00\x00\x00\x00\x00"), "size of elements 3");
    t_blob_refused(collect, T_BYTES("\x02\x00\x00\x00\x01\x00\x00\x80\x01\x00"), "claims");
    t_blob_refused(collect, T_BYTES("\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x01\x00"),
                   "ascending order at offset 10");
}

static void test_mutations(void **state)
{
    (void)state;
    t_blob_mutate(collect, T_BYTES(OF_16_BITS));
    t_blob_mutate(collect, T_BYTES(OF_64_BITS));
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
