#include "audit/verify.h"

#include "lib/t_store.h"

#define EMPTY_RDB  "REDIS0009\xff\x00\x00\x00\x00\x00\x00\x00\x00"
#define SELECT_3   "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
#define SET_KEY    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n1\r\n"
#define STABLE_LSN 1000u

static void put(struct segment_writer *w, struct t_flow *f, struct bytes payload, uint32_t dbid,
                uint8_t flags)
{
    struct ft_err err = FT_ERR_INIT;
    const uint32_t records = f->kind == SEGMENT_JOURNAL ? (uint32_t)payload.n : 0;
    static uint8_t room[200];
    struct segment_block b;

    b = t_block(f, CODEC_NONE, (uint32_t)payload.n, records, flags, room);
    b.payload = payload;
    b.dbid = dbid;
    if (flags & SEGMENT_BLOCK_END)
        b.first_lsn = STABLE_LSN;
    t_ok(segment_writer_append(w, &b, 1, &err), &err);
}

/* A capture of a Redis, of which the second block of commands begins in database 3. Returns what verify finds. */
static struct verify_report verify(uint32_t first_dbid, uint32_t second_dbid)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = t_store_open_write();
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, UINT64_C(1700000000000000)};
    struct verify_report report;
    struct segment_writer *w;
    struct generation *g;

    t_ok(capture_set_redis(c, true, &err), &err);
    g = t_store_begin(c, 1);
    w = t_store_start(c, g, 0, SEGMENT_SNAPSHOT, 0);
    put(w, &f, bytes_of(EMPTY_RDB, sizeof(EMPTY_RDB) - 1), 0, SEGMENT_BLOCK_END);
    t_store_finish(g, 0, w);
    f.kind = SEGMENT_JOURNAL;
    f.lsn = STABLE_LSN;
    w = t_store_start(c, g, 0, SEGMENT_JOURNAL, STABLE_LSN);
    put(w, &f, bytes_str(SELECT_3 SET_KEY), first_dbid, 0);
    put(w, &f, bytes_str(SET_KEY), second_dbid, 0);
    t_store_finish(g, 0, w);
    t_store_save(c);
    capture_free(c);
    t_ok(verify_run(&report, t_store_path, NULL, &err), &err);
    return report;
}

static void test_a_block_says_in_which_database_it_begins(void **state)
{
    struct verify_report report = verify(0, 3);

    (void)state;
    if (report.findings_total != 0)
        fail_msg("%s", report.findings[0].text);
    assert_int_equal(report.records, 2);
    verify_report_release(&report);
}

static void test_a_block_that_says_another_database(void **state)
{
    struct verify_report report = verify(0, 2);

    (void)state;
    assert_int_equal(report.findings_total, 1);
    assert_string_equal(report.findings[0].text, "block starts in database 2, by its records in 3");
    verify_report_release(&report);
}

static void test_a_first_block_that_says_another_database(void **state)
{
    struct verify_report report = verify(1, 3);

    (void)state;
    assert_int_equal(report.findings_total, 1);
    assert_string_equal(report.findings[0].text, "block starts in database 1, by its records in 0");
    verify_report_release(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_a_block_says_in_which_database_it_begins),
        T_STORE_TEST(test_a_block_that_says_another_database),
        T_STORE_TEST(test_a_first_block_that_says_another_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
