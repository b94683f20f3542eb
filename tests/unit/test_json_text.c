/* JSON by hand: what is escaped, and what is no text. */
#include "base/json_text.h"
#include "lib/test_main.h"

static void expect_bytes(struct bytes in, const char *wanted)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf out = {0};

    t_ok(json_put_bytes(&out, in, &err), &err);
    (void)buf_append(&out, "", 1, &err);
    assert_string_equal((const char *)out.p, wanted);
    buf_release(&out);
}

static void test_strings(void **state)
{
    (void)state;
    expect_bytes(bytes_of(NULL, 0), "\"\"");
    expect_bytes(bytes_str("plain"), "\"plain\"");
    expect_bytes(bytes_str("a\"b\\c\n\r\t"), "\"a\\\"b\\\\c\\n\\r\\t\"");
    expect_bytes(bytes_of("\0\x1f\x7f", 3), "\"\\u0000\\u001f\x7f\"");
    expect_bytes(bytes_str("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
}

static void test_bytes_that_are_no_text(void **state)
{
    (void)state;
    expect_bytes(bytes_of("\xff", 1), "{\"base64\":\"/w==\"}");
    expect_bytes(bytes_of("\xff\xfe", 2), "{\"base64\":\"//4=\"}");
    expect_bytes(bytes_of("\xff\xfe\xfd", 3), "{\"base64\":\"//79\"}");
    expect_bytes(bytes_of("a\xc0\x80z", 4), "{\"base64\":\"YcCAeg==\"}"); /* overlong */
}

/* Pieces that 3 divides join to what the whole would be. */
static void test_base64_in_pieces(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf whole = {0};
    struct buf pieces = {0};
    uint8_t data[256];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    t_ok(base64_put(&whole, bytes_of(data, sizeof(data)), &err), &err);
    for (size_t at = 0; at < sizeof(data); at += 51) {
        size_t n = sizeof(data) - at < 51 ? sizeof(data) - at : 51;

        t_ok(base64_put(&pieces, bytes_of(data + at, n), &err), &err);
    }
    assert_true(bytes_eq(buf_bytes(&whole), buf_bytes(&pieces)));
    buf_release(&whole);
    buf_release(&pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_base64_in_pieces),
    };

    return T_RUN("base/json_text", tests);
}
