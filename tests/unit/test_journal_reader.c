#include <inttypes.h>
#include <stdlib.h>

#include "journal/journal_reader.h"
#include "lib/t_feed.h"
#include "lib/t_mutate.h"
#include "lib/test_main.h"

static void *open_reader(const void *skip)
{
    struct journal_reader *r = NULL;
    struct ft_err err = FT_ERR_INIT;

    t_ok(journal_reader_new(&r, skip != NULL, 0, &err), &err);
    return r;
}

static void print_record(const struct journal_record *rec, struct buf *out)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err,
                    "@%" PRIu64 " op%d db%" PRIu32 " tx%" PRIu64 "/%" PRIu64 " lsn%" PRIu64
                    " %s %s %zu:%" PRIu64,
                    rec->offset, rec->op, rec->dbid, rec->txid, rec->shard_count, rec->lsn,
                    rec->counted ? "counted" : "-", rec->name, rec->arg_count, rec->arg_bytes),
         &err);
    for (size_t i = 0; rec->args != NULL && i < rec->arg_count; i++) {
        t_ok(buf_append_str(out, " ", &err), &err);
        feed_digest(out, rec->args[i]);
    }
    t_ok(buf_append_str(out, "\n", &err), &err);
}

static enum step next_record(void *reader, struct window *in, struct buf *out, struct ft_err *err)
{
    struct journal_record rec;
    enum step step = journal_reader_next(reader, in, &rec, err);

    if (step == STEP_ITEM) {
        assert_true(journal_reader_at_boundary(reader));
        print_record(&rec, out);
    }
    return step;
}

static void close_reader(void *reader)
{
    journal_reader_free(reader);
}

static const struct feed_adapter collecting = {
    .name = "journal",
    .open = open_reader,
    .next = next_record,
    .close = close_reader,
    .open_ended = true,
};
static const struct feed_adapter skipping = {
    .name = "journal, skipping",
    .arg = "skip",
    .open = open_reader,
    .next = next_record,
    .close = close_reader,
    .open_ended = true,
};

#define K10  "kkkkkkkkkk"
#define K100 K10 K10 K10 K10 K10 K10 K10 K10 K10 K10

/* Three records, an LSN mark and a PING, by hand. */
static const char three[] = "\x06\x00\x0a\x00\x01\x05\x1f"
                            "\x03SET\x06user:1\x05hello\x04PXAT\x0d"
                            "1790000000000"
                            "\x06\x03\x0a\x41\x2c\x01\x03\x06\x04MSET\x01"
                            "a\x01"
                            "1"
                            "\x06\x00\x0a\x00\x01\x02\x40\x67\x03"
                            "DEL\x40\x64" K100 "\x0f\x14\x0d";

static void check(struct bytes in, const char *want, const char *want_skipping)
{
    feed_gives(&collecting, in, want);
    feed_gives(&skipping, in, want_skipping);
}

static void test_three_records(void **state)
{
    (void)state;
    check(bytes_of(three, sizeof(three) - 1),
          "@0 op10 db0 tx0/1 lsn0 counted SET 5:31 SET user:1 hello PXAT 1790000000000\n"
          "@43 op10 db3 tx300/1 lsn0 counted MSET 3:6 MSET a 1\n"
          "@60 op10 db0 tx0/1 lsn0 counted DEL 2:103 DEL 100:d8bad7c459a6d6f9\n"
          "@174 op15 db0 tx0/0 lsn20 -  0:0\n"
          "@176 op13 db0 tx0/0 lsn0 counted  0:0\n",
          "@0 op10 db0 tx0/1 lsn0 counted SET 5:31\n"
          "@43 op10 db3 tx300/1 lsn0 counted MSET 3:6\n"
          "@60 op10 db0 tx0/1 lsn0 counted DEL 2:103\n"
          "@174 op15 db0 tx0/0 lsn20 -  0:0\n"
          "@176 op13 db0 tx0/0 lsn0 counted  0:0\n");
}

static void test_old_opcodes(void **state)
{
    (void)state;
    check(T_BYTES("\x06\x02\x09\x00\x01\x02\x04\x03"
                  "del\x01k" /* EXPIRED, lower case */
                  "\x0b\x05\x02\x02\x04\x03"
                  "DEL\x01k\x0c\x05\x02\x06\x01\x06\x02\x0d"),
          "@0 op9 db2 tx0/1 lsn0 counted DEL 2:4 del k\n"
          "@13 op11 db2 tx5/2 lsn0 counted DEL 2:4 DEL k\n"
          "@24 op12 db2 tx5/2 lsn0 counted  0:0\n"
          "@27 op13 db2 tx0/0 lsn0 counted  0:0\n",
          "@0 op9 db2 tx0/1 lsn0 counted DEL 2:4\n"
          "@13 op11 db2 tx5/2 lsn0 counted DEL 2:4\n"
          "@24 op12 db2 tx5/2 lsn0 counted  0:0\n"
          "@27 op13 db2 tx0/0 lsn0 counted  0:0\n");
}

/* A name longer than there is room for, and empty words. */
static void test_odd_args(void **state)
{
    (void)state;
    check(T_BYTES("\x0a\x00\x01\x03\x28\x28" K10 K10 K10 K10 "\x00\x00"
                  "\x0a\x00\x01\x01\x00\x00"),
          "@0 op10 db0 tx0/1 lsn0 counted KKKKKKKKKKKKKKKKKKKKKKKKKKKKKKK 3:40 " K10 K10 K10 K10
          "  \n"
          "@48 op10 db0 tx0/1 lsn0 counted  1:0 \n",
          "@0 op10 db0 tx0/1 lsn0 counted KKKKKKKKKKKKKKKKKKKKKKKKKKKKKKK 3:40\n"
          "@48 op10 db0 tx0/1 lsn0 counted  1:0\n");
}

static void fails(struct bytes in, enum ft_err_kind kind, const char *part)
{
    struct ft_err err = FT_ERR_INIT;

    feed_error(&collecting, in, &err);
    t_fails(-1, &err, kind, part);
    feed_error(&skipping, in, &err);
    t_fails(-1, &err, kind, part);
}

static void test_damaged(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    fails(T_BYTES("\x0e"), FT_ERR_UNSUPPORTED, "journal opcode 14 at offset 0");
    fails(T_BYTES("\x0d\xfa"), FT_ERR_UNSUPPORTED, "journal opcode 250 at offset 1");
    fails(T_BYTES("\x06\x80\x00\x01\x00\x00\x0d"), FT_ERR_CORRUPT, "database number 65536");
    fails(T_BYTES("\x06\xc0"), FT_ERR_CORRUPT, "bad number in the journal at offset 1");
    fails(T_BYTES("\x0a\x00\x01\x00\x00"), FT_ERR_CORRUPT, "without arguments");
    /* collecting holds 16 bytes for each, skipping none */
    feed_error(&collecting, T_BYTES("\x0a\x00\x01\x80\x00\x40\x00\x01\x00"), &err);
    t_fails(-1, &err, FT_ERR_LIMIT, "4194305 arguments");
    fails(T_BYTES("\x0a\x00\x01\x02\x02\x01X\x02YZ"), FT_ERR_CORRUPT, "beyond the end");
    fails(T_BYTES("\x0a\x00\x01\x02\x04\x01X\x02YZ\x0d"), FT_ERR_CORRUPT, "shorter than it says");
    fails(T_BYTES("\x0d\x06\x00"), FT_ERR_CORRUPT, "record that begins at offset 1");
    fails(T_BYTES("\x0a\x00\x01\x01\x03\x03"
                  "SE"),
          FT_ERR_CORRUPT, "record that begins at offset 0");
}

static void test_limit(void **state)
{
    const struct bytes in = T_BYTES("\x0a\x00\x01\x02\x64\x03SET");
    struct journal_reader *r = NULL;
    struct journal_record rec;
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    t_ok(journal_reader_new(&r, false, 99, &err), &err);
    window_init(&w, 0, 0);
    t_ok(window_push(&w, in, &err), &err);
    assert_int_equal(journal_reader_next(r, &w, &rec, &err), STEP_ERROR);
    t_fails(-1, &err, FT_ERR_LIMIT, "limit of 99");
    journal_reader_free(r);
    window_release(&w);
}

/* The words of a record that is skipped must not be waited for, however many bytes they have. */
static void test_skipping_holds_nothing(void **state)
{
    struct bytes head = T_BYTES("\x0a\x00\x01\x02\x80\x00\x10\x00\x03\x03SET\x80\x00\x10\x00\x00");
    static uint8_t part[1 << 16];
    struct journal_reader *r = NULL;
    struct journal_record rec;
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    t_ok(journal_reader_new(&r, true, 0, &err), &err);
    window_init(&w, 0, 100); /* a left-over byte more than 100 would be an error */
    t_ok(window_push(&w, head, &err), &err);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(journal_reader_next(r, &w, &rec, &err), STEP_MORE);
        assert_false(journal_reader_at_boundary(r));
        t_ok(window_push(&w, bytes_of(part, sizeof(part)), &err), &err);
    }
    assert_int_equal(journal_reader_next(r, &w, &rec, &err), STEP_ITEM);
    assert_string_equal(rec.name, "SET");
    assert_int_equal(rec.arg_bytes, (1 << 20) + 3);
    journal_reader_free(r);
    window_release(&w);
}

static void test_set_db(void **state)
{
    struct journal_reader *r = open_reader(NULL);
    struct journal_record rec;
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    journal_reader_set_db(r, 7);
    window_init(&w, 500, 0);
    t_ok(window_push(&w, T_BYTES("\x0d\x06\x09\x0d"), &err), &err);
    assert_int_equal(journal_reader_next(r, &w, &rec, &err), STEP_ITEM);
    assert_int_equal(rec.dbid, 7);
    assert_int_equal(rec.offset, 500);
    assert_int_equal(journal_reader_next(r, &w, &rec, &err), STEP_ITEM);
    assert_int_equal(journal_reader_db(r), 9);
    journal_reader_free(r);
    window_release(&w);
}

/* The stable parts of recorded flows: where they begin, and how many records count. */
static void test_recordings(void **state)
{
    static const struct {
        const char *name;
        uint64_t stable_start;
        uint64_t counted;
    } flows[] = {
        {"catalogue/flow-0.bin", 227, 34}, {"catalogue/flow-1.bin", 196, 34},
        {"catalogue/flow-2.bin", 196, 71}, {"catalogue/flow-3.bin", 196, 48},
        {"resume-b/flow-0.bin", 0, 358},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
        char path[64];
        struct buf flow;
        struct bytes journal;
        uint64_t counted = 0;
        char *text;

        (void)snprintf(path, sizeof(path), "recordings/%s", flows[i].name);
        flow = feed_file(path);
        journal = bytes_of(flow.p + flows[i].stable_start, flow.n - flows[i].stable_start);
        text = feed_whole(&collecting, journal);
        for (const char *p = strstr(text, " counted "); p != NULL; p = strstr(p + 1, " counted "))
            counted++;
        assert_int_equal(counted, flows[i].counted);
        free(text);
        feed_check(&collecting, journal);
        feed_check(&skipping, journal);
        buf_release(&flow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_records), cmocka_unit_test(test_old_opcodes),
        cmocka_unit_test(test_odd_args),      cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_limit),         cmocka_unit_test(test_skipping_holds_nothing),
        cmocka_unit_test(test_set_db),        cmocka_unit_test(test_recordings),
    };

    return T_RUN("journal/journal_reader", tests);
}
