#include "lib/t_mutate.h"
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

static int collect(struct bytes blob, char *text, size_t text_size, struct ft_err *err)
{
    struct zipmap_iter it;
    struct bytes field;
    struct bytes value;
    char shown[2][100];
    size_t n = 0;
    enum step step;

    text[0] = '\0';
    if (zipmap_iter_init(&it, blob, err) != 0)
        return -1;
    while ((step = zipmap_iter_next(&it, &field, &value, err)) == STEP_ITEM) {
        if (n < text_size - 202)
            n += (size_t)snprintf(text + n, text_size - n, "%s=%s ",
                                  bytes_escape(field, shown[0], sizeof(shown[0])),
                                  bytes_escape(value, shown[1], sizeof(shown[1])));
    }
    return step == STEP_END ? 0 : -1;
}

static void test_pairs(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    char text[1000];

    (void)state;
    t_ok(collect(T_BYTES(EXAMPLE), text, sizeof(text), &err), &err);
    assert_string_equal(text, "foo=bar hello=world ");
    t_ok(collect(T_BYTES(BIG_FORM), text, sizeof(text), &err), &err);
    assert_string_equal(text, "a=bc ");
    t_ok(collect(T_BYTES("\x00\xff"), text, sizeof(text), &err), &err);
    assert_string_equal(text, "");
}

static void test_refusals(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    char text[1000];

    (void)state;
    t_fails(collect(T_BYTES("\xff"), text, sizeof(text), &err), &err, FT_ERR_CORRUPT, "1 bytes");
    t_fails(collect(T_BYTES("\x00\x00"), text, sizeof(text), &err), &err, FT_ERR_CORRUPT,
            "end mark");
    t_fails(collect(T_BYTES("\x01\xff"), text, sizeof(text), &err), &err, FT_ERR_CORRUPT,
            "number of fields");
    t_fails(collect(T_BYTES("\x01\x01"
                            "a\xff"),
                    text, sizeof(text), &err),
            &err, FT_ERR_CORRUPT, "beyond the end");
    t_fails(collect(T_BYTES("\x01\x01"
                            "a\x01\x05"
                            "b\xff"),
                    text, sizeof(text), &err),
            &err, FT_ERR_CORRUPT, "unused bytes");
    t_fails(collect(T_BYTES("\x01\xfe\xff\xff\xff\xff"
                            "a\x01\x05"
                            "b\xff"),
                    text, sizeof(text), &err),
            &err, FT_ERR_CORRUPT, "beyond the end");
}

static void use(struct bytes damaged, const void *arg)
{
    struct ft_err err = FT_ERR_INIT;
    char text[1000];

    (void)arg;
    if (collect(damaged, text, sizeof(text), &err) != 0)
        assert_int_equal(err.kind, FT_ERR_CORRUPT);
}

static void test_mutations(void **state)
{
    (void)state;
    t_mutate(T_BYTES(EXAMPLE), use, NULL);
    t_mutate(T_BYTES(BIG_FORM), use, NULL);
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
