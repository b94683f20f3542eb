#include "item/loss.h"
#include "lib/t_mutate.h"

static void test_counts_and_keys(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct loss_report r;

    (void)state;
    loss_init(&r);
    for (uint32_t i = 0; i < 25; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "k%u", i);
        t_ok(loss_add(&r, LOSS_JSON, "json", i, bytes_str(key), &err), &err);
    }
    t_ok(loss_add(&r, LOSS_MEMBER_TTL, "hash", 1, T_BYTES("h"), &err), &err);
    t_ok(loss_add(&r, LOSS_MEMBER_TTL, "set", 1, T_BYTES(""), &err), &err);
    t_ok(loss_add(&r, LOSS_NOTE_STICKY, "string", 0, T_BYTES("s"), &err), &err);
    assert_int_equal(r.losses, 27);
    assert_int_equal(r.notes, 1);
    assert_int_equal(r.line_count, 4);
    assert_int_equal(r.lines[0].reason, LOSS_JSON);
    assert_string_equal(r.lines[0].class_name, "json");
    assert_int_equal(r.lines[0].count, 25);
    assert_int_equal(r.lines[0].key_count, LOSS_KEYS_SHOWN);
    t_bytes(r.lines[0].keys[9], "k9");
    assert_int_equal(r.lines[0].dbs[9], 9);
    assert_string_equal(r.lines[1].class_name, "hash");
    assert_string_equal(r.lines[2].class_name, "set");
    t_bytes(r.lines[2].keys[0], "");
    loss_release(&r);
}

/* Names of classes can come from the input: neither their length nor their number may grow. */
static void test_many_classes(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct loss_report r;
    char name[100];

    (void)state;
    loss_init(&r);
    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(name, sizeof(name), "%04u%070d", i, 0);
        t_ok(loss_add(&r, LOSS_COMMAND, name, 0, T_BYTES("k"), &err), &err);
    }
    assert_true(r.line_count <= 1001);
    assert_int_equal(r.losses, 3000);
    assert_string_equal(r.lines[r.line_count - 1].class_name, "(others)");
    assert_int_equal(r.lines[r.line_count - 1].count, 2000);
    assert_int_equal(strlen(r.lines[0].class_name), LOSS_CLASS_MAX - 1);
    loss_release(&r);
}

static void test_every_reason_has_args(void **state)
{
    (void)state;
    for (int reason = 0; reason < LOSS_REASON_COUNT; reason++) {
        const char *name = loss_reason_name((enum loss_reason)reason);
        const char *text = loss_reason_text((enum loss_reason)reason);

        assert_non_null(name);
        assert_non_null(text);
        assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name));
        for (int other = 0; other < reason; other++)
            assert_string_not_equal(name, loss_reason_name((enum loss_reason)other));
    }
    assert_false(loss_is_note(LOSS_COMMAND));
    assert_true(loss_is_note(LOSS_NOTE_STICKY));
    assert_true(loss_is_note(LOSS_NOTE_MODULE_AUX));
}

/* Counts are added; of the keys the smallest are shown, each once. */
static void test_add_report(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct loss_report more;
    struct loss_report r;

    (void)state;
    loss_init(&r);
    loss_init(&more);
    t_ok(loss_add(&r, LOSS_JSON, "json", 0, T_BYTES("b"), &err), &err);
    t_ok(loss_add(&more, LOSS_JSON, "json", 0, T_BYTES("b"), &err), &err);
    t_ok(loss_add(&more, LOSS_JSON, "json", 0, T_BYTES("a"), &err), &err);
    t_ok(loss_add(&more, LOSS_NOTE_STICKY, "string", 1, T_BYTES("c"), &err), &err);
    t_ok(loss_add(&more, LOSS_MEMBER_TTL, "hash", 0, T_BYTES("h"), &err), &err);
    assert_false(loss_has_left_out(&r, 0, T_BYTES("a")));
    t_ok(loss_add_report(&r, &more, &err), &err);
    assert_int_equal(r.losses, 4);
    assert_true(loss_has_left_out(&r, 0, T_BYTES("a")));
    assert_true(loss_has_left_out(&r, 0, T_BYTES("b")));
    assert_false(loss_has_left_out(&r, 1, T_BYTES("b")));
    assert_false(loss_has_left_out(&r, 1, T_BYTES("c"))); /* of notes and parts the key is there */
    assert_false(loss_has_left_out(&r, 0, T_BYTES("h")));
    assert_int_equal(r.notes, 1);
    assert_int_equal(r.line_count, 3);
    assert_int_equal(r.lines[0].count, 3);
    assert_int_equal(r.lines[0].key_count, 2);
    assert_true(bytes_eq_str(r.lines[0].keys[0], "a"));
    assert_true(bytes_eq_str(r.lines[0].keys[1], "b"));
    assert_int_equal(r.lines[2].dbs[0], 1);
    loss_release(&more);
    loss_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_report),
        cmocka_unit_test(test_counts_and_keys),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_every_reason_has_args),
    };

    return T_RUN("item/loss", tests);
}
