#include "lib/t_blob.h"
#include "rdb/zipmap.h"

/* The example of redis src/zipmap.c, with an unused byte behind the first value. */
#define EXAMPLE   \
    "\x02\x03"    \
    "foo\x03\x01" \
    "bar?\x05hello\x05\x00world\xff"
#define BIG_FORM                \
    "\xfe\xfe\x01\x00\x00\x00"  \
    "a\xfe\x02\x00\x00\x00\x00" \
    "bc\xff"

static int collect(struct bytes blob, char text[T_BLOB_TEXT], struct ft_err *err)
{
    struct zipmap_iter it;
    struct bytes field;
    struct bytes value;
    enum step step;

    text[0] = '\0';
    if (zipmap_iter_init(&it, blob, err) != 0)
        return -1;
    while ((step = zipmap_iter_next(&it, &field, &value, err)) == STEP_ITEM) {
        t_blob_append(text, field, "=");
        t_blob_append(text, value, " ");
    }
    return step == STEP_END ? 0 : -1;
}

static void test_pairs(void **state)
{
    (void)state;
    t_blob_is(collect, T_BYTES(EXAMPLE), "foo=bar hello=world ");
    t_blob_is(collect, T_BYTES(BIG_FORM), "a=bc ");
    t_blob_is(collect, T_BYTES("\x00\xff"), "");
}

static void test_refusals(void **state)
{
    (void)state;
    t_blob_refused(collect, T_BYTES("\xff"), "1 bytes");
    t_blob_refused(collect, T_BYTES("\x00\x00"), "end mark");
    t_blob_refused(collect, T_BYTES("\x01\xff"), "number of fields");
    t_blob_refused(collect,
                   T_BYTES("\x01\x01"
                           "a\xff"),
                   "beyond the end");
    t_blob_refused(collect,
                   T_BYTES("\x01\x01"
                           "a\x01\x05"
                           "b\xff"),
                   "unused bytes");
    t_blob_refused(collect,
                   T_BYTES("\x01\xfe\xff\xff\xff\xff"
                           "a\x01\x05"
                           "b\xff"),
                   "beyond the end");
}

static void test_mutations(void **state)
{
    (void)state;
    t_blob_mutate(collect, T_BYTES(EXAMPLE));
    t_blob_mutate(collect, T_BYTES(BIG_FORM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_mutations),
    };

    return T_RUN("rdb/zipmap", tests);
}
