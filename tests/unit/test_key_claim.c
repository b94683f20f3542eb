/* item/key_claim: which keys a claim has, and when two of them meet. */
#include "item/key_claim.h"
#include "item/slot_set.h"
#include "lib/test_main.h"

static struct key_claim claim_of(const char *first, const char *second)
{
    struct ft_err err = FT_ERR_INIT;
    struct key_claim c = {0};

    t_ok(key_claim_add(&c, first, &err), &err);
    if (second != NULL)
        t_ok(key_claim_add(&c, second, &err), &err);
    return c;
}

static void has_what_fits_a_part(void **state)
{
    struct key_claim c = claim_of("in:*", "a\\*b");

    (void)state;
    assert_true(key_claim_has(&c, bytes_str("in:")));
    assert_true(key_claim_has(&c, bytes_str("in:x")));
    assert_false(key_claim_has(&c, bytes_str("in")));
    assert_false(key_claim_has(&c, bytes_str("xin:")));
    assert_true(key_claim_has(&c, bytes_str("a*b")));
    assert_false(key_claim_has(&c, bytes_str("a*bc")));
    assert_false(key_claim_has(&c, bytes_str("axb")));
    assert_false(key_claim_has(&c, bytes_str("")));
    key_claim_release(&c);
    c = claim_of("*", NULL);
    assert_true(key_claim_has(&c, bytes_str("")));
    key_claim_release(&c);
    c = claim_of("slots:12739,0-1", NULL);
    assert_true(key_claim_has(&c, bytes_str("123456789")));
    assert_true(key_claim_has(&c, bytes_str("x{123456789}y")));
    assert_false(key_claim_has(&c, bytes_str("12345678")));
    key_claim_release(&c);
}

static bool overlap(const char *first, const char *second)
{
    struct key_claim a = claim_of(first, NULL);
    struct key_claim b = claim_of(second, NULL);
    bool rc = key_claim_overlaps(&a, &b);

    assert_int_equal(key_claim_overlaps(&b, &a), rc);
    key_claim_release(&a);
    key_claim_release(&b);
    return rc;
}

static void overlaps_unless_it_is_certain(void **state)
{
    (void)state;
    assert_false(overlap("in:*", "out:*"));
    assert_true(overlap("in:*", "in:a*"));
    assert_true(overlap("*", "in:a*"));
    assert_true(overlap("in:*", "in:"));
    assert_false(overlap("in:*", "in"));
    assert_true(overlap("in", "in"));
    assert_false(overlap("in", "on"));
    assert_false(overlap("slots:0-5460", "slots:5461-10922"));
    assert_true(overlap("slots:0-5460", "slots:5460"));
    /* keys of any slot may begin so */
    assert_true(overlap("in:*", "slots:0"));
    assert_true(overlap("in{123456789*", "slots:0"));
    assert_false(overlap("in{123456789}*", "slots:0-12738,12740-16383"));
    assert_true(overlap("in{123456789}*", "slots:12739"));
    assert_false(overlap("123456789", "slots:0-12738,12740-16383"));
    assert_true(overlap("123456789", "slots:12739"));
}

static void text_is_read_back(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct key_claim c = claim_of("slots:7,5-6", "in:*");
    struct key_claim again;
    struct buf text = {0};

    (void)state;
    t_ok(key_claim_put(&text, &c, "\n", &err), &err);
    assert_true(bytes_eq_str(buf_bytes(&text), "in:*\nslots:5-7"));
    t_ok(key_claim_parse(&again, buf_bytes(&text), &err), &err);
    assert_int_equal(again.count, 2);
    assert_string_equal(key_claim_part_text(&again, 1), "slots:5-7");
    key_claim_release(&again);
    key_claim_release(&c);
    buf_release(&text);
}

static void refuses_other_patterns(void **state)
{
    static const char *const bad[] = {"",          "a*b",     "a?",     "[ab]*",
                                      "a\\",       "a\nb",    "a\\\nb", "slots:5-16384",
                                      "slots:9-8", "slots:1-"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct key_claim c = {0};

        assert_int_equal(key_claim_add(&c, bad[i], &err), -1);
        assert_int_equal(err.kind, FT_ERR_USAGE);
        assert_int_equal(c.count, 0);
        key_claim_release(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_what_fits_a_part),
        cmocka_unit_test(overlaps_unless_it_is_certain),
        cmocka_unit_test(text_is_read_back),
        cmocka_unit_test(refuses_other_patterns),
    };

    return T_RUN("key_claim", tests);
}
