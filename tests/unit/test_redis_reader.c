#include <inttypes.h>
#include <stdlib.h>

#include "item/flow_decoder.h"
#include "journal/redis_reader.h"
#include "lib/t_feed.h"
#include "lib/t_mutate.h"
#include "lib/test_main.h"

static void *open_reader(const void *skip)
{
    struct redis_reader *r = NULL;
    struct ft_err err = FT_ERR_INIT;

    t_ok(redis_reader_new(&r, skip != NULL, 0, &err), &err);
    return r;
}

static void print_record(const struct redis_reader *r, const struct journal_record *rec,
                         struct buf *out)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err,
                    "@%" PRIu64 " op%d db%" PRIu32 " tx%" PRIu64 "/%" PRIu64 " %s %s %zu:%" PRIu64
                    " %" PRIu64 "s",
                    rec->offset, rec->op, rec->dbid, rec->txid, rec->shard_count,
                    rec->counted ? "counted" : "-", rec->name, rec->arg_count, rec->arg_bytes,
                    redis_reader_time_us(r) / 1000000),
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
    enum step step = redis_reader_next(reader, in, &rec, err);

    if (step == STEP_ITEM) {
        assert_int_equal(redis_reader_at_boundary(reader),
                         rec.txid == 0 || rec.op == JOURNAL_OP_EXEC);
        print_record(reader, &rec, out);
    }
    return step;
}

static void close_reader(void *reader)
{
    redis_reader_free(reader);
}

/* Lines of commands that are whole, and in no transaction: by their line ends, which no argument here has. */
static bool may_end(struct bytes in)
{
    unsigned lines_left = 0;
    bool in_transaction = false;

    while (in.n != 0) {
        const uint8_t *end = memchr(in.p, '\n', in.n);
        size_t n = end == NULL ? 0 : (size_t)(end - in.p) + 1;

        if (end == NULL)
            return lines_left == 0 && !in_transaction && in.p[0] == '#';
        if (lines_left != 0)
            lines_left--;
        else if (in.p[0] == '*')
            lines_left = 2 * (unsigned)(in.p[1] - '0');
        if (lines_left == 0 && bytes_eq_str(bytes_of(in.p, n), "MULTI\r\n"))
            in_transaction = true;
        if (lines_left == 0 && bytes_eq_str(bytes_of(in.p, n), "EXEC\r\n"))
            in_transaction = false;
        in = bytes_of(in.p + n, in.n - n);
    }
    return lines_left == 0 && !in_transaction;
}

static const struct feed_adapter collecting = {
    .name = "commands of a Redis",
    .open = open_reader,
    .next = next_record,
    .close = close_reader,
    .may_end = may_end,
};
static const struct feed_adapter skipping = {
    .name = "commands of a Redis, skipping",
    .arg = "skip",
    .open = open_reader,
    .next = next_record,
    .close = close_reader,
    .may_end = may_end,
};

#define SELECT(db) "*2\r\n$6\r\nSELECT\r\n$1\r\n" db "\r\n"
#define SET_A      "*3\r\n$3\r\nset\r\n$1\r\na\r\n$0\r\n\r\n"
#define DEL_A      "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n"
#define MULTI      "*1\r\n$5\r\nMULTI\r\n"
#define EXEC       "*1\r\n$4\r\nEXEC\r\n"
#define PING       "*1\r\n$4\r\nPING\r\n"
#define GETACK     "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"

static void check(struct bytes in, const char *want, const char *want_skipping)
{
    feed_gives(&collecting, in, want);
    feed_gives(&skipping, in, want_skipping);
}

/* Databases are folded into what follows; notes and times belong to no command. */
static void test_commands(void **state)
{
    (void)state;
    check(T_BYTES(SELECT("3") SET_A "#TS:1790000000\r\n#anything\r\n" DEL_A PING GETACK SELECT("0")
                      SET_A),
          "@23 op10 db3 tx0/1 counted SET 3:4 0s set a \n"
          "@76 op10 db3 tx0/1 counted DEL 2:4 1790000000s DEL a\n"
          "@96 op13 db3 tx0/1 - PING 1:4 1790000000s PING\n"
          "@110 op13 db3 tx0/1 - REPLCONF 3:15 1790000000s REPLCONF GETACK *\n"
          "@170 op10 db0 tx0/1 counted SET 3:4 1790000000s set a \n",
          "@23 op10 db3 tx0/1 counted SET 3:4 0s\n"
          "@76 op10 db3 tx0/1 counted DEL 2:4 1790000000s\n"
          "@96 op13 db3 tx0/1 - PING 1:4 1790000000s\n"
          "@110 op13 db3 tx0/1 - REPLCONF 3:15 1790000000s\n"
          "@170 op10 db0 tx0/1 counted SET 3:4 1790000000s\n");
}

static void test_transactions(void **state)
{
    (void)state;
    check(T_BYTES(MULTI SET_A SELECT("1") DEL_A EXEC DEL_A MULTI EXEC MULTI SET_A EXEC),
          "@15 op10 db0 tx1/1 counted SET 3:4 0s set a \n"
          "@64 op10 db1 tx1/1 counted DEL 2:4 0s DEL a\n"
          "@84 op12 db1 tx1/1 - EXEC 1:4 0s EXEC\n"
          "@98 op10 db1 tx0/1 counted DEL 2:4 0s DEL a\n"
          "@133 op12 db1 tx2/1 - EXEC 1:4 0s EXEC\n"
          "@162 op10 db1 tx3/1 counted SET 3:4 0s set a \n"
          "@188 op12 db1 tx3/1 - EXEC 1:4 0s EXEC\n",
          "@15 op10 db0 tx1/1 counted SET 3:4 0s\n"
          "@64 op10 db1 tx1/1 counted DEL 2:4 0s\n"
          "@84 op12 db1 tx1/1 - EXEC 1:4 0s\n"
          "@98 op10 db1 tx0/1 counted DEL 2:4 0s\n"
          "@133 op12 db1 tx2/1 - EXEC 1:4 0s\n"
          "@162 op10 db1 tx3/1 counted SET 3:4 0s\n"
          "@188 op12 db1 tx3/1 - EXEC 1:4 0s\n");
}

static void reads(const struct feed_adapter *a, struct bytes in, const char *want)
{
    char *got = feed_whole(a, in);

    assert_string_equal(got, want);
    free(got);
}

#define REPLAY(n, size, inner, db, more) \
    "*" n "\r\n$7\r\nRREPLAY\r\n$2\r\nid\r\n$" size "\r\n" inner "\r\n$1\r\n" db "\r\n" more

/* What an active replica of KeyDB propagates is what it holds, also a transaction, and what came to it from another. */
static void test_replays(void **state)
{
    const struct bytes in =
        T_BYTES(REPLAY("5", "26", SET_A, "3", "$1\r\n1\r\n") REPLAY("4", "15", MULTI, "2", "")
                    REPLAY("4", "20", DEL_A, "2", "") REPLAY("4", "14", EXEC, "2", "") DEL_A);
    const struct bytes nested = T_BYTES(REPLAY("4", "59", REPLAY("4", "20", DEL_A, "7", ""), "1",
                                               "") REPLAY("4", "14", PING, "0", ""));
    const struct bytes other = T_BYTES(REPLAY("4", "40", DEL_A DEL_A, "1", "") REPLAY(
        "4", "2", "hi", "1", "") REPLAY("4", "0", "", "1", ""));

    (void)state;
    reads(&collecting, in,
          "@0 op10 db3 tx0/1 counted SET 3:4 0s set a \n"
          "@126 op10 db2 tx1/1 counted DEL 2:4 0s DEL a\n"
          "@185 op12 db2 tx1/1 - EXEC 1:4 0s EXEC\n"
          "@238 op10 db0 tx0/1 counted DEL 2:4 0s DEL a\n");
    reads(&skipping, in,
          "@0 op10 db3 tx0/1 counted SET 3:4 0s\n"
          "@126 op10 db2 tx1/1 counted DEL 2:4 0s\n"
          "@185 op12 db2 tx1/1 - EXEC 1:4 0s\n"
          "@238 op10 db0 tx0/1 counted DEL 2:4 0s\n");
    reads(&skipping, nested,
          "@0 op10 db7 tx0/1 counted DEL 2:4 0s\n"
          "@98 op13 db0 tx0/1 - PING 1:4 0s\n");
    reads(&skipping, other,
          "@0 op10 db0 tx0/1 counted RREPLAY 4:50 0s\n"
          "@79 op10 db0 tx0/1 counted RREPLAY 4:12 0s\n"
          "@119 op10 db0 tx0/1 counted RREPLAY 4:10 0s\n");
    feed_error(&collecting, T_BYTES(REPLAY("4", "20", DEL_A, "x", "")),
               &(struct ft_err)FT_ERR_INIT);
}

static void fails(struct bytes in, enum ft_err_kind kind, const char *part)
{
    struct ft_err err = FT_ERR_INIT;

    feed_error(&collecting, in, &err);
    t_fails(-1, &err, kind, part);
    feed_error(&skipping, in, &err);
    t_fails(-1, &err, kind, part);
}

/* Each error says where the command began. */
static void test_damaged(void **state)
{
    (void)state;
    fails(T_BYTES(DEL_A "x"), FT_ERR_CORRUPT,
          "'*' was expected, got \"x\", in the command that begins at offset 20");
    fails(T_BYTES(DEL_A "*2\r\n$3\r\nDEL\r\n:1\r\n"), FT_ERR_CORRUPT,
          "'$' was expected, got \":\"");
    fails(T_BYTES("*0\r\n"), FT_ERR_CORRUPT, "without arguments");
    fails(T_BYTES("*-1\r\n"), FT_ERR_CORRUPT, "\"*-1\" is not a number");
    fails(T_BYTES("*2\r\n$3\r\nDELxx$1\r\na\r\n"), FT_ERR_CORRUPT, "does not end with CR and LF");
    fails(T_BYTES("*2\n"), FT_ERR_CORRUPT, "does not end with CR and LF");
    fails(T_BYTES("*22222222222222222222222222222222222222\r\n"), FT_ERR_CORRUPT,
          "a line without an end");
    fails(T_BYTES("*4194305\r\n"), FT_ERR_LIMIT, "4194304 arguments");
    fails(T_BYTES(SELECT("x")), FT_ERR_CORRUPT, "SELECT of a database that does not exist");
    fails(T_BYTES("*2\r\n$6\r\nSELECT\r\n$5\r\n65536\r\n"), FT_ERR_CORRUPT,
          "database that does not exist");
    fails(T_BYTES(EXEC), FT_ERR_CORRUPT, "EXEC without a transaction");
    fails(T_BYTES(MULTI MULTI), FT_ERR_CORRUPT, "MULTI within a transaction begins at offset 15");
    fails(T_BYTES("#TS:soon\r\n"), FT_ERR_CORRUPT, "#TS: line without a time");
    fails(T_BYTES(DEL_A "*2\r\n$3\r\nDE"), FT_ERR_CORRUPT,
          "end within the one that begins at offset 20");
    fails(T_BYTES(DEL_A MULTI DEL_A), FT_ERR_CORRUPT,
          "end within the transaction that begins at offset 20");
    fails(T_BYTES(DEL_A MULTI "*2\r\n$3\r\nDE"), FT_ERR_CORRUPT,
          "end within the transaction that begins at offset 20");
    fails(T_BYTES(DEL_A MULTI "#TS:1"), FT_ERR_CORRUPT,
          "end within the transaction that begins at offset 20");
}

static void test_limit(void **state)
{
    struct redis_reader *r = NULL;
    struct journal_record rec;
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    t_ok(redis_reader_new(&r, false, 99, &err), &err);
    window_init(&w, 0, 0);
    t_ok(window_push(&w, T_BYTES("*2\r\n$3\r\nDEL\r\n$97\r\n"), &err), &err);
    assert_int_equal(redis_reader_next(r, &w, &rec, &err), STEP_ERROR);
    t_fails(-1, &err, FT_ERR_LIMIT, "more than 99 bytes");
    redis_reader_free(r);
    window_release(&w);
}

/* The arguments of a command that is skipped must not be waited for, however many bytes they have. */
static void test_skipping_holds_little(void **state)
{
    struct redis_reader *r = open_reader("skip");
    static uint8_t part[1024];
    struct journal_record rec;
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    window_init(&w, 0, 8192); /* more left-over bytes than that would be an error */
    t_ok(window_push(&w, T_BYTES("*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1048576\r\n"), &err), &err);
    for (unsigned i = 0; i < 1024; i++) {
        assert_int_equal(redis_reader_next(r, &w, &rec, &err), STEP_MORE);
        t_ok(window_push(&w, bytes_of(part, sizeof(part)), &err), &err);
    }
    assert_int_equal(redis_reader_next(r, &w, &rec, &err), STEP_MORE);
    assert_false(redis_reader_at_boundary(r));
    t_ok(window_push(&w, T_BYTES("\r\n"), &err), &err);
    assert_int_equal(redis_reader_next(r, &w, &rec, &err), STEP_ITEM);
    assert_true(redis_reader_at_boundary(r));
    assert_string_equal(rec.name, "SET");
    assert_int_equal(rec.arg_bytes, (1 << 20) + 4);
    redis_reader_free(r);
    window_release(&w);
}

/* What a run over an input in one piece comes to. */
struct sums {
    uint64_t counted, others, arg_bytes;
    uint64_t offset; /* where it stopped */
    uint32_t db;
    enum step step;
    struct ft_err err;
};

static void sum(struct bytes in, bool pass, struct sums *ret)
{
    struct redis_reader *r = open_reader("skip");
    struct journal_record rec;
    struct window w;

    memset(ret, 0, sizeof(*ret));
    window_init(&w, 0, 0);
    t_ok(window_push(&w, in, &ret->err), &ret->err);
    w.closed = true;
    do {
        if (pass)
            ret->counted += redis_reader_pass(r, &w);
        ret->step = redis_reader_next(r, &w, &rec, &ret->err);
        if (ret->step == STEP_ITEM) {
            ret->counted += rec.counted;
            ret->others += !rec.counted;
        }
    } while (ret->step == STEP_ITEM);
    ret->offset = window_offset(&w);
    ret->db = redis_reader_db(r);
    redis_reader_free(r);
    window_release(&w);
}

static void same_when_passed(struct bytes in, const void *arg)
{
    struct sums want, got;

    (void)arg;
    sum(in, false, &want);
    sum(in, true, &got);
    assert_int_equal(got.step, want.step);
    assert_int_equal(got.counted, want.counted);
    assert_int_equal(got.others, want.others);
    assert_int_equal(got.offset, want.offset);
    assert_int_equal(got.db, want.db);
    if (want.step == STEP_ERROR) {
        assert_string_equal(got.err.msg, want.err.msg);
        assert_int_equal(got.err.offset, want.err.offset);
    }
}

/* Passing over commands comes to what reading each of them does, also where they are damaged. */
static void test_passing(void **state)
{
    const struct bytes mixed = T_BYTES(
        SELECT("3") SET_A "*3\r\n$6\r\nsetbit\r\n$1\r\nb\r\n$1\r\n1\r\n" MULTI DEL_A SELECT("4")
            SET_A EXEC GETACK
        "*1\r\n$0\r\n\r\n" PING
        "*01\r\n$004\r\nMGET\r\n#TS:5\r\n*2\r\n$0000000003\r\nDEL\r\n$1\r\nb\r\n" REPLAY(
            "4", "20", DEL_A, "6", "") "*1\r\n$7\r\nCLUSTER\r\n" SET_A DEL_A);
    struct sums sums;

    (void)state;
    sum(mixed, true, &sums);
    assert_int_equal(sums.step, STEP_END);
    assert_int_equal(sums.counted, 11);
    assert_int_equal(sums.others, 3); /* EXEC, REPLCONF, PING */
    assert_int_equal(sums.offset, mixed.n);
    assert_int_equal(sums.db, 4);
    same_when_passed(mixed, NULL);
    t_mutate(mixed, same_when_passed, NULL);
}

/* A name that is too long is refused, whatever it begins with. */
static void test_passing_a_long_name(void **state)
{
    static char text[3200];
    struct sums sums;

    (void)state;
    for (const char *first = "smecprx"; *first != '\0'; first++) {
        int n = snprintf(text, sizeof(text), "*1\r\n$3000\r\n%c%02999d\r\n", *first, 0);

        same_when_passed(bytes_of(text, (size_t)n), NULL);
        sum(bytes_of(text, (size_t)n), true, &sums);
        assert_int_equal(sums.step, STEP_ERROR);
    }
}

/* A command is not believed to have more arguments than there are bytes for them. */
static void test_counts_that_are_not_believed(void **state)
{
    struct redis_reader *r = open_reader(NULL);
    struct journal_record rec;
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    window_init(&w, 0, 0);
    t_ok(window_push(&w, T_BYTES("*4194304\r\n$999999999\r\n$3\r\nDEL\r\n"), &err), &err);
    assert_int_equal(redis_reader_next(r, &w, &rec, &err), STEP_MORE);
    redis_reader_free(r);
    window_release(&w);
    fails(T_BYTES(DEL_A "*2\r\n$3\r\nDEL\r\n$18446744073709551615\r\nab\r\n"), FT_ERR_LIMIT,
          "begins at offset 20");
}

/*
 * As flows
 */

static void *open_flow(const void *arg)
{
    const struct flow_decoder_options *options = arg;
    struct flow_decoder *d;
    struct ft_err err = FT_ERR_INIT;

    t_ok(flow_decoder_new(&d, options, &err), &err);
    return d;
}

/* All items of a flow, pushed in pieces. */
static char *flow_text(const struct flow_decoder_options *options, struct bytes in, size_t piece)
{
    struct flow_decoder *d = open_flow(options);
    struct ft_err err = FT_ERR_INIT;
    struct buf out = {0};
    struct item item;
    enum step step;

    do {
        while ((step = flow_decoder_next(d, &item, &err)) == STEP_ITEM) {
            t_ok(buf_printf(&out, &err, "@%" PRIu64 " kind%d lsn%" PRIu64 " t%" PRIu64 " %s\n",
                            item.offset, item.kind, item.lsn, item.time_us,
                            item.is_record ? item.record.name : ""),
                 &err);
        }
        if (step == STEP_MORE && in.n == 0) {
            flow_decoder_close(d);
        } else if (step == STEP_MORE) {
            size_t n = in.n < piece ? in.n : piece;

            t_ok(flow_decoder_push(d, FLOW_PART_SNAPSHOT, bytes_of(in.p, n), 7, &err), &err);
            in = bytes_of(in.p + n, in.n - n);
        }
    } while (step == STEP_MORE);
    if (step == STEP_ERROR)
        t_ok(buf_printf(&out, &err, "%s\n", err.msg), &err);
    t_ok(buf_append(&out, "", 1, &err), &err);
    flow_decoder_free(d);
    return (char *)out.p;
}

static void check_flow(const struct flow_decoder_options *options, struct bytes in,
                       const char *want)
{
    for (size_t piece = 1; piece <= in.n + 1; piece += piece < 4 ? 1 : in.n) {
        char *text = flow_text(options, in, piece);

        assert_string_equal(text, want);
        free(text);
    }
}

#define RDB "REDIS0009\xfe\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0"

/* LSNs are counted, and a snapshot ends where the commands begin, whether there is one or not. */
static void test_append_only_file(void **state)
{
    const struct flow_decoder_options options = {.rdb = {.detect = true},
                                                 .commands = FLOW_COMMANDS_COUNTED};

    (void)state;
    check_flow(&options, T_BYTES(""), "@0 kind5 lsn1 t0 \n");
    check_flow(&options, T_BYTES(MULTI SET_A DEL_A EXEC "#TS:2\r\n" SET_A),
               "@0 kind5 lsn1 t7 \n"
               "@15 kind1 lsn1 t7 SET\n"
               "@41 kind1 lsn2 t7 DEL\n"
               "@61 kind6 lsn0 t7 EXEC\n"
               "@82 kind1 lsn3 t2000000 SET\n");
    check_flow(&options, T_BYTES(RDB DEL_A),
               "@0 kind6 lsn0 t7 \n@9 kind6 lsn0 t7 \n@11 kind0 lsn0 t7 \n@16 kind6 lsn0 t7 \n"
               "@25 kind5 lsn1 t7 \n@25 kind1 lsn1 t7 DEL\n");
}

/* The LSN of a record is the offset after it; what is no record has a part in that. */
static void test_replication(void **state)
{
    const struct flow_decoder_options options = {
        .rdb = {.detect = true}, .commands = FLOW_COMMANDS_BY_OFFSET, .snapshot_next_lsn = 1001};

    (void)state;
    check_flow(&options, T_BYTES(RDB PING SET_A SELECT("1") DEL_A),
               "@0 kind6 lsn0 t7 \n@9 kind6 lsn0 t7 \n@11 kind0 lsn0 t7 \n@16 kind6 lsn0 t7 \n"
               "@25 kind5 lsn1001 t7 \n@25 kind6 lsn1014 t7 PING\n@39 kind1 lsn1040 t7 SET\n"
               "@88 kind1 lsn1083 t7 DEL\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_replays),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_skipping_holds_little),
        cmocka_unit_test(test_passing),
        cmocka_unit_test(test_passing_a_long_name),
        cmocka_unit_test(test_counts_that_are_not_believed),
        cmocka_unit_test(test_append_only_file),
        cmocka_unit_test(test_replication),
    };

    return T_RUN("journal/redis_reader", tests);
}
