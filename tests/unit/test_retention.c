#include "lib/t_store.h"

#include "store/archived_list.h"
#include "store/retention.h"

/* The time of all that t_store_fill_flow puts, and a day. */
#define PUT_US UINT64_C(1700000000000000)
#define DAY_US (UINT64_C(86400) * 1000000)

/* fill - a capture of so many complete generations, with one flow each; it stays open to write. */
static struct capture *fill(unsigned generations)
{
    struct capture *c = t_store_open_write();

    for (unsigned i = 0; i < generations; i++) {
        struct generation *g = t_store_begin(c, 1);

        (void)t_store_fill_flow(c, g, 0);
        g->began_us = PUT_US;
        t_store_save(c);
    }
    return c;
}

static enum retention_verdict verdict_of(const struct capture *c, uint32_t generation,
                                         const struct retention *rule, uint64_t now_us)
{
    struct ft_err err = FT_ERR_INIT;
    enum retention_verdict v = RETENTION_GONE;

    t_ok(retention_classify(c, &c->generations[generation - 1], rule, now_us, &v, &err), &err);
    return v;
}

static void test_rules_are_numbers_or_times(void **state)
{
    static const char *const wrong[] = {"0", "", "-1", "many", "7x", "0s"};
    struct ft_err err = FT_ERR_INIT;
    struct retention r = {.archives = true};

    (void)state;
    t_ok(retention_parse("3", &r, &err), &err);
    assert_int_equal(r.generations, 3);
    assert_int_equal(r.span_us, 0);
    t_ok(retention_parse("7d", &r, &err), &err);
    assert_int_equal(r.generations, 0);
    assert_int_equal(r.span_us, 7 * DAY_US);
    assert_true(r.archives);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        err = (struct ft_err)FT_ERR_INIT;
        assert_int_equal(retention_parse(wrong[i], &r, &err), -1);
        assert_int_equal(err.kind, FT_ERR_USAGE);
    }
}

static void test_what_is_kept(void **state)
{
    const struct retention one = {.generations = 1};
    const struct retention two = {.generations = 2};
    const struct retention day = {.span_us = DAY_US};
    const struct retention none = {0};
    struct capture *c = fill(3);

    (void)state;
    (void)t_store_begin(c, 1); /* a full sync that is not complete */
    assert_int_equal(verdict_of(c, 4, &one, PUT_US), RETENTION_GONE); /* no file yet */
    assert_int_equal(verdict_of(c, 3, &one, PUT_US), RETENTION_NEWEST_COMPLETE);
    assert_int_equal(verdict_of(c, 2, &one, PUT_US), RETENTION_MAY_GO);
    assert_int_equal(verdict_of(c, 2, &two, PUT_US), RETENTION_WANTED);
    assert_int_equal(verdict_of(c, 1, &two, PUT_US), RETENTION_MAY_GO);
    assert_int_equal(verdict_of(c, 1, &none, PUT_US), RETENTION_WANTED);
    assert_int_equal(verdict_of(c, 1, &day, PUT_US + DAY_US / 2), RETENTION_WANTED);
    assert_int_equal(verdict_of(c, 1, &day, PUT_US + 2 * DAY_US), RETENTION_MAY_GO);
    assert_int_equal(verdict_of(c, 3, &day, PUT_US + 2 * DAY_US), RETENTION_NEWEST_COMPLETE);
    capture_free(c);
}

static void test_what_is_read_stays(void **state)
{
    const struct retention one = {.generations = 1};
    struct retention_sum sum = {0};
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = fill(3);
    struct capture *reader = t_store_open_read();

    (void)state;
    t_ok(capture_hold(reader, capture_find(reader, 1), &err), &err);
    assert_int_equal(verdict_of(c, 1, &one, PUT_US), RETENTION_IN_USE);
    t_ok(retention_apply(c, &one, PUT_US, &sum, &err), &err);
    assert_int_equal(sum.removed, 1); /* the second */
    assert_int_equal(verdict_of(c, 2, &one, PUT_US), RETENTION_GONE);
    capture_free(reader);
    assert_int_equal(verdict_of(c, 1, &one, PUT_US), RETENTION_MAY_GO);
    capture_free(c);
}

static void test_what_went_is_not_missed(void **state)
{
    const struct retention one = {.generations = 1};
    struct retention_sum sum = {0};
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = fill(2);
    uint64_t bytes = retention_bytes(&c->generations[0]);
    struct capture *reader;

    (void)state;
    assert_true(bytes > 1800);
    t_ok(retention_apply(c, &one, PUT_US, &sum, &err), &err);
    assert_int_equal(sum.removed, 1);
    assert_int_equal(sum.bytes, bytes);
    assert_int_equal(faccessat(c->dirfd, "gen-0001", F_OK, 0), -1);
    t_ok(retention_apply(c, &one, PUT_US, &sum, &err), &err);
    assert_int_equal(sum.removed, 1); /* once */
    capture_free(c);
    reader = t_store_open_read();
    assert_int_equal(reader->generation_count, 2);
    assert_int_equal(reader->generations[0].state, GENERATION_ABANDONED);
    assert_string_equal(reader->generations[0].ended_by, RETENTION_ENDED_BY);
    assert_int_equal(capture_find(reader, 0)->id, 2);
    capture_free(reader);
    c = t_store_open_write(); /* and recording resumes */
    assert_int_equal(capture_newest(c)->id, 2);
    capture_free(c);
}

static void test_what_is_not_archived_stays(void **state)
{
    const struct retention one = {.generations = 1, .archives = true};
    struct retention_sum sum = {0};
    struct archived_list list;
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = fill(2);
    const struct capture_flow *f = &c->generations[0].flows[0];
    bool held;

    (void)state;
    assert_int_equal(verdict_of(c, 1, &one, PUT_US), RETENTION_NOT_ARCHIVED);
    t_ok(archived_list_open(&list, c->dirfd, &held, &err), &err);
    for (size_t i = 0; i < f->segment_count; i++) {
        assert_int_equal(verdict_of(c, 1, &one, PUT_US), RETENTION_NOT_ARCHIVED);
        t_ok(archived_list_add(&list, f->segments[i].name, f->segments[i].digest, &err), &err);
    }
    archived_list_release(&list);
    assert_int_equal(verdict_of(c, 1, &one, PUT_US), RETENTION_MAY_GO);
    t_ok(retention_apply(c, &one, PUT_US, &sum, &err), &err);
    assert_int_equal(sum.removed, 1);
    assert_int_equal(c->generations[0].state, GENERATION_COMPLETE); /* the archive has it */
    assert_int_equal(verdict_of(c, 1, &one, PUT_US), RETENTION_GONE);
    capture_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_are_numbers_or_times),
        T_STORE_TEST(test_what_is_kept),
        T_STORE_TEST(test_what_is_read_stays),
        T_STORE_TEST(test_what_went_is_not_missed),
        T_STORE_TEST(test_what_is_not_archived_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
