#include "command/suspect.h"
#include "command/translate.h"
#include "lib/test_main.h"

/* A record's words, translated, into the report. */
static void take(struct suspect_report *r, uint64_t lsn, const char *const *args, size_t count)
{
    const struct translator_options o = {.target = target_default(), .source_release = 137};
    struct item item = {.kind = ITEM_COMMAND, .flow = 1, .lsn = lsn};
    struct ft_err err = FT_ERR_INIT;
    struct translator *t;
    struct translation result;
    struct bytes list[8];

    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        list[i] = bytes_str(args[i]);
    (void)snprintf(item.record.name, sizeof(item.record.name), "%s", args[0]);
    t_ok(translator_new(&t, &o, &err), &err);
    t_ok(translator_run(t, list, count, 0, 1700000000000, &result, &err), &err);
    t_ok(suspect_add_all(r, NULL, &item, &result, &err), &err);
    translator_free(t);
}

#define TAKE(r, lsn, ...)                                         \
    do {                                                          \
        const char *const t_args[] = {__VA_ARGS__};               \
        take(r, lsn, t_args, sizeof(t_args) / sizeof(t_args[0])); \
    } while (0)

/* The names in their order, each with a blank behind it. */
static void expect_names(const struct suspect_report *r, const char *want)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};
    struct buf key = {0};
    struct suspect s;
    uint64_t at = 0;
    int rc;

    while ((rc = suspect_next(r, &at, &key, &s, &err)) > 0) {
        t_ok(buf_append(&text, s.key.p, s.key.n, &err), &err);
        t_ok(buf_append_str(&text, " ", &err), &err);
    }
    assert_int_equal(rc, 0);
    t_ok(buf_append(&text, "", 1, &err), &err);
    assert_string_equal((const char *)text.p, want);
    buf_release(&text);
    buf_release(&key);
}

static void test_a_key_is_named_once_with_its_first_record(void **state)
{
    struct suspect_report r = {0};

    (void)state;
    TAKE(&r, 7, "SORT", "a");
    TAKE(&r, 8, "SORT", "a");
    TAKE(&r, 9, "SET", "b", "v");
    assert_int_equal(r.count, 1);
    assert_int_equal(r.first_count, 1);
    t_bytes(r.first[0].key, "a");
    assert_string_equal(r.first[0].command, "SORT");
    assert_int_equal(r.first[0].lsn, 7);
    assert_int_equal(r.first[0].flow, 1);
    suspect_release(&r);
}

/* What is made of a suspect key is suspect, what it is made from is not. */
static void test_suspicion_spreads_to_what_a_record_changes(void **state)
{
    struct suspect_report r = {0};

    (void)state;
    TAKE(&r, 1, "LMOVE", "clean", "too", "LEFT", "LEFT");
    TAKE(&r, 2, "SORT", "a");
    TAKE(&r, 3, "LMOVE", "a", "b", "LEFT", "LEFT");
    TAKE(&r, 4, "RENAME", "b", "c");
    TAKE(&r, 5, "SUNIONSTORE", "d", "c", "read");
    TAKE(&r, 6, "COPY", "kept", "d", "REPLACE");
    TAKE(&r, 7, "SMOVE", "d", "e", "member");
    TAKE(&r, 8, "MOVE", "e", "1");
    TAKE(&r, 9, "MSET", "a", "v", "apart", "v");
    TAKE(&r, 10, "DEL", "a", "apart");
    expect_names(&r, "a b c d e e ");
    assert_int_equal(r.count, 6);
    assert_int_equal(r.first[5].db, 1);
    suspect_release(&r);
}

/* More than is shown, and more than memory holds. */
static void test_all_names_are_there(void **state)
{
    enum {
        COUNT = 2500,
        SIZE = 1000
    };
    struct suspect_report r = {0};
    struct suspect_report sum = {0};
    struct ft_err err = FT_ERR_INIT;
    struct buf key = {0};
    uint8_t name[SIZE];
    struct suspect s = {.key = bytes_of(name, sizeof(name)), .command = "SORT"};
    uint64_t at = 0;

    (void)state;
    memset(name, 'x', sizeof(name));
    for (uint32_t i = 0; i < COUNT; i++) {
        memcpy(name, &i, sizeof(i));
        s.lsn = i;
        t_ok(suspect_add(&r, &s, &err), &err);
    }
    assert_int_equal(r.count, COUNT);
    assert_int_equal(r.first_count, SUSPECTS_SHOWN);
    t_ok(suspect_add_report(&sum, &r, &err), &err);
    t_ok(suspect_add_report(&sum, &r, &err), &err);
    suspect_release(&r);
    assert_int_equal(sum.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(suspect_next(&sum, &at, &key, &s, &err), 1);
        assert_int_equal(s.lsn, i);
        assert_int_equal(s.key.n, SIZE);
        assert_memory_equal(s.key.p, &i, sizeof(i));
        assert_int_equal(s.key.p[SIZE - 1], 'x');
    }
    assert_int_equal(suspect_next(&sum, &at, &key, &s, &err), 0);
    buf_release(&key);
    suspect_release(&sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_named_once_with_its_first_record),
        cmocka_unit_test(test_suspicion_spreads_to_what_a_record_changes),
        cmocka_unit_test(test_all_names_are_there),
    };

    return T_RUN("command/suspect", tests);
}
