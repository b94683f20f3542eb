/* Commands as bytes, and the words of a command again. */
#include "lib/test_main.h"

#include <stdlib.h>

#include "resp/resp_write.h"

static void test_args_come_back(void **state)
{
    const struct bytes in[] = {bytes_str("SET"), bytes_of("a\r\n$1\0", 6), bytes_str("")};
    struct ft_err err = FT_ERR_INIT;
    struct buf out = {0};
    struct bytes *args;
    size_t count;

    (void)state;
    t_ok(resp_put_command(&out, in, 3, &err), &err);
    t_ok(resp_take_command(buf_bytes(&out), &args, &count, &err), &err);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++)
        assert_true(bytes_eq(args[i], in[i]));
    free(args);
    for (size_t n = 0; n < out.n; n++) {
        t_fails(resp_take_command(bytes_of(out.p, n), &args, &count, &err), &err, FT_ERR_BUG,
                "not a command");
        err_clear(&err);
    }
    buf_release(&out);
}

static void test_other_bytes_are_no_command(void **state)
{
    static const char *const texts[] = {"", "*0\r\n", "*1\r\n+OK\r\n", "*9\r\n$1\r\na\r\n",
                                        "*1\r\n$99999999999999999999\r\na\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct bytes *args;
        size_t count;

        t_fails(resp_take_command(bytes_str(texts[i]), &args, &count, &err), &err, FT_ERR_BUG,
                "not a command");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_args_come_back),
        cmocka_unit_test(test_other_bytes_are_no_command),
    };

    return T_RUN("resp/resp_write", tests);
}
