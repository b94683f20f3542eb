#include "fixture/mask_json.h"
#include "fixture/mask_string.h"
#include "lib/test_main.h"

static struct masker m;

static int begin(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    return masker_init(&m, bytes_str("a secret for tests of JSON"), &err);
}

static int end(void **state)
{
    (void)state;
    masker_release(&m);
    return 0;
}

/* What a document has become, with each letter that moved as a or A, each digit as 9. */
static void form_is(const char *json, const char *want)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf out = {0};
    char got[200];
    size_t n = 0;

    t_ok(mask_json_put(&m, bytes_str(json), &out, &err), &err);
    assert_true(out.n < sizeof(got));
    for (size_t i = 0; i < out.n; i++) {
        uint8_t c = out.p[i];
        bool moved = i < strlen(json) && c != (uint8_t)json[i];

        got[n++] = !moved                 ? (char)c
                   : c >= '0' && c <= '9' ? '9'
                   : c >= 'a' && c <= 'z' ? 'a'
                   : c >= 'A' && c <= 'Z' ? 'A'
                                          : (char)c;
    }
    got[n] = '\0';
    assert_string_equal(got, want);
    buf_release(&out);
}

static void test_forms(void **state)
{
    (void)state;
    form_is("{\"k\": [true, false, null, {}], \"l\":\"\"}",
            "{\"a\": [true, false, null, {}], \"a\":\"\"}");
    form_is("[12, -345, 0]", "[99, -999, 0]");
    form_is("{\"s\":\"\\\"\\\\\\n\"}", "{\"a\":\"\\\"\\\\\\n\"}");
    form_is("\"Bo\"", "\"Aa\"");
    form_is("7", "9");
}

static void test_documents(void **state)
{
    static const char *const documents[] = {
        "{\"name\":\"Wilhelmina\",\"age\":123456,\"tags\":[\"caf\xc3\xa9\",\"\\u00e9\\u4e2d\"]}",
        "[\"\\ud83d\\ude00smile\", \"\\u0000zero\", \"line\\nbreak\", \"\\ud800half\"]",
        "[1.5e10, -0.25, 1e-7, 100]",
        "{\"a\":{\"a\":{\"a\":[[[[\"deep\"]]]]}}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct bytes from = bytes_str(documents[i]);
        struct ft_err err = FT_ERR_INIT;
        struct buf out = {0};

        assert_int_equal(mask_json_is_document(from, &err), 1);
        t_ok(mask_string_put(&m, from, &out, &err), &err);
        assert_int_equal(mask_json_is_document(buf_bytes(&out), &err), 1);
        assert_int_equal(out.n, from.n);
        assert_false(bytes_eq(buf_bytes(&out), from));
        for (size_t j = 0; j < from.n; j++)
            assert_int_equal(strchr("{}[]:,\"\\", from.p[j]) != NULL,
                             strchr("{}[]:,\"\\", out.p[j]) != NULL);
        buf_release(&out);
    }
}

/* A string in a document is what it is elsewhere, however it is written. */
static void test_strings_are_names(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf plain = {0}, json = {0}, escaped = {0};

    (void)state;
    t_ok(mask_string_put(&m, bytes_str("Wilhelmina"), &plain, &err), &err);
    t_ok(mask_json_put(&m, bytes_str("\"Wilhelmina\""), &json, &err), &err);
    assert_memory_equal(json.p + 1, plain.p, plain.n);
    t_ok(mask_json_put(&m, bytes_str("\"\\u0057ilhelmina\""), &escaped, &err), &err);
    assert_memory_equal(escaped.p + 7, plain.p + 1, plain.n - 1);
    assert_memory_equal(escaped.p, "\"\\u00", 5);
    buf_release(&plain);
    buf_release(&json);
    buf_release(&escaped);
}

/* What begins like a document, and is none, does not become one. */
static void test_no_documents(void **state)
{
    static const char *const texts[] = {"{", "{name}", "[a]", "{\"a\":tru}", "[1,]"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct buf out = {0};

        assert_int_equal(mask_json_is_document(bytes_str(texts[i]), &err), 0);
        t_ok(mask_string_put(&m, bytes_str(texts[i]), &out, &err), &err);
        assert_int_equal(out.n, strlen(texts[i]));
        assert_int_equal(mask_json_is_document(buf_bytes(&out), &err), 0);
        buf_release(&out);
    }
}

static void test_paths(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf name = {0}, out = {0};
    char want[100];

    (void)state;
    t_ok(mask_string_put(&m, bytes_str("price"), &name, &err), &err);
    assert_int_equal(mask_json_put_path(&m, bytes_str("$..price[12]['price'][-1:]"), &out, &err),
                     1);
    (void)snprintf(want, sizeof(want), "$..%.5s[12]['%.5s'][-1:]", name.p, name.p);
    assert_true(bytes_eq_str(buf_bytes(&out), want));
    buf_clear(&out);
    assert_int_equal(mask_json_put_path(&m, bytes_str("."), &out, &err), 1);
    t_bytes(buf_bytes(&out), ".");
    assert_int_equal(mask_json_put_path(&m, bytes_str("$[?(@.price<10)]"), &out, &err), 0);
    buf_release(&name);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_strings_are_names),
        cmocka_unit_test(test_no_documents),
        cmocka_unit_test(test_paths),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
