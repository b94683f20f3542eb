#include <inttypes.h>
#include <stdlib.h>

#include "lib/t_rdb.h"
#include "rdb/rdb_stream_run.h"

/* ---- the worked examples ---- */

/* A whole full sync, by hand: each kind of entry, a journal record, the end. */
static const char tiny_sync[] = "REDIS0009"
                                "\xfa\x09redis-ver\x06"
                                "6.2.11"
                                "\xfa\x06"
                                "df-ver\x0a"
                                "df-v1.40.1"
                                "\xfa\x0aredis-bits\xc0\x40"
                                "\xfa\x05"
                                "ctime\xc2\x40\x8f\x89\x6a"
                                "\xfa\x08used-mem\xc2\x40\x42\x0f\x00"
                                "\xfa\x0c"
                                "aof-preamble\xc0\x00"
                                "\xfa\x08shard-id\xc0\x01"
                                "\xfe\x00"
                                "\x00\x03"
                                "foo\x03"
                                "bar"
                                "\xfc\x00\x6c\x50\xc4\xa0\x01\x00\x00"
                                "\xdc\x01\x00\x00\x00"
                                "\x00\x01n\xc0\x2a"
                                "\x02\xc0\x2a\x02\x01"
                                "a\xc1\xe8\x03"
                                "\x1f\x01h\x02\x01"
                                "f\x01v\xc0\xff\x01g\x01w\xc2\xc0\xe3\xaf\x06"
                                "\xd2\x01\x13\x06\x00\x0a\x00\x01\x03\x09\x03SET\x03"
                                "foo\x03"
                                "baz"
                                "\xc8" ZERO_8 "\xd3\x12\x00\x00\x00\x00\x00\x00\x00" EOF_9;

static const char tiny_heads[] = "@0 header n=9\n"
                                 "@9 aux name=redis-ver bytes=6.2.11\n"
                                 "@27 aux name=df-ver bytes=df-v1.40.1\n"
                                 "@46 aux name=redis-bits bytes=64\n"
                                 "@60 aux name=ctime bytes=1787400000\n"
                                 "@72 aux name=used-mem bytes=1000000\n"
                                 "@87 aux name=aof-preamble bytes=0\n"
                                 "@103 aux name=shard-id bytes=1\n"
                                 "@115 selectdb\n";

static void test_tiny_sync(void **state)
{
    const struct bytes in = bytes_of(tiny_sync, sizeof(tiny_sync) - 1);
    char want[4000];

    (void)state;
    (void)snprintf(
        want, sizeof(want),
        "%s@117 0/foo string:4 value=\\x03bar\n"
        "@126 0/n string:2 value=\\xc0* expire=1790000000000 sticky\n"
        "@145 0/42 set:6 value=\\x02\\x01a\\xc1\\xe8\\x03\n"
        "@154 0/h hash_with_expiry:16 value=\\x02\\x01f\\x01v\\xc0\\xff\\x01g\\x01w\\xc2"
        "\\xc0\\xe3\\xaf\\x06\n"
        "@173 journal-blob n=1 bytes=\\x06\\x00\\n\\x00\\x01\\x03\\x09\\x03SET\\x03foo\\x03"
        "baz\n"
        "@195 fullsync-end\n"
        "@204 journal-offset n=18\n"
        "@213 eof\n",
        tiny_heads);
    t_rdb_text(&t_rdb_flow, in, want);
    (void)snprintf(
        want, sizeof(want),
        "%s@117 0/foo string:4\n"
        "@126 0/n string:2 expire=1790000000000 sticky\n"
        "@145 0/42 set:6\n"
        "@154 0/h hash_with_expiry:16\n"
        "@173 journal-blob n=1 bytes=\\x06\\x00\\n\\x00\\x01\\x03\\x09\\x03SET\\x03foo\\x03"
        "baz\n"
        "@195 fullsync-end\n"
        "@204 journal-offset n=18\n"
        "@213 eof\n",
        tiny_heads);
    t_rdb_text(&t_rdb_flow_skip, in, want);
}

/* Pieces of a value between other things. */
static void test_tagged(void **state)
{
    const struct bytes in = T_BYTES(MAGIC "\xfe\x00"
                                          "\xe0\x05\x00\x00\x00\x0a\x00\x00\x00"
                                          "\x02\x03"
                                          "big\x03\x01"
                                          "a\x01"
                                          "b"
                                          "\xd2\x01\x01\x0d"
                                          "\xfe\x02"
                                          "\x00\x03"
                                          "foo\x03"
                                          "bar"
                                          "\xe0\x05\x00\x00\x00\x02\x00\x00\x00"
                                          "\x01"
                                          "c" EOF_9);

    (void)state;
    t_rdb_text(&t_rdb_flow, in,
               "@0 header n=9\n"
               "@9 selectdb\n"
               "@30 journal-blob n=1 bytes=\\x0d\n"
               "@34 selectdb n=2\n"
               "@36 2/foo string:4 value=\\x03bar\n"
               "@20 0/big set:7 value=\\x03\\x01a\\x01b\\x01c\n"
               "@56 eof\n");
    t_rdb_text(&t_rdb_flow_skip, in,
               "@0 header n=9\n"
               "@9 selectdb\n"
               "@30 journal-blob n=1 bytes=\\x0d\n"
               "@34 selectdb n=2\n"
               "@36 2/foo string:4\n"
               "@20 0/big set:7\n"
               "@56 eof\n");
}

/* ---- whose stream it is ---- */

static bool is_dragonfly(const char *name, struct bytes in)
{
    struct rdb_stream *s = NULL;
    struct rdb_item item;
    struct ft_err err = FT_ERR_INIT;
    struct window w;
    enum step step;
    bool result;

    t_ok(rdb_stream_new(&s, &t_rdb_detect, &err), &err);
    window_init(&w, 0, 0);
    t_ok(window_push(&w, in, &err), &err);
    do
        step = rdb_stream_next(s, &w, &item, &err);
    while (step == STEP_ITEM);
    if (step == STEP_ERROR)
        fail_msg("%s: %s", name, err.msg);
    result = rdb_stream_is_dragonfly(s);
    rdb_stream_free(s);
    window_release(&w);
    return result;
}

#define AUX_621             \
    "\xfa\x09redis-ver\x06" \
    "6.2.11"
#define AUX_999             \
    "\xfa\x09redis-ver\x0b" \
    "999.999.999"
#define AUX_DF   \
    "\xfa\x06"   \
    "df-ver\x0a" \
    "df-v1.30.0"

static void test_detect(void **state)
{
    (void)state;
    assert_true(is_dragonfly("df-ver", T_BYTES(MAGIC AUX_621 AUX_DF)));
    assert_true(is_dragonfly("6.2.11", T_BYTES(MAGIC AUX_621)));
    assert_true(is_dragonfly("999", T_BYTES(MAGIC AUX_999 "\xdc\x01\x00\x00\x00\x1e\x01j\x02{}")));
    assert_false(is_dragonfly("resizedb", T_BYTES(MAGIC AUX_621 "\xfe\x00\xfb\x01\x00")));
    assert_false(is_dragonfly("version 11", T_BYTES("REDIS0011" AUX_999)));
    assert_true(is_dragonfly("opcode", T_BYTES(MAGIC "\xc8" ZERO_8)));
    t_rdb_fails(&t_rdb_any, T_BYTES("REDIS0011\xc8" ZERO_8), FT_ERR_UNSUPPORTED,
                "unknown opcode or type 200");
    t_rdb_fails(&t_rdb_any, T_BYTES(MAGIC AUX_621 "\xfe\x00\xfb\x01\x00\xe0"), FT_ERR_UNSUPPORTED,
                "224");
}

static void test_type_20(void **state)
{
    (void)state;
    t_rdb_text(&t_rdb_any, T_BYTES(MAGIC AUX_621 "\x14\x01j\x02{}" EOF_9),
               "@0 header n=9\n"
               "@9 aux name=redis-ver bytes=6.2.11\n"
               "@27 0/j json:3 value=\\x02{}\n"
               "@33 eof\n");
    t_rdb_text(&t_rdb_any, T_BYTES("REDIS0011\x14\x01s\x02lp" EOF_9),
               "@0 header n=11\n"
               "@9 0/s set_listpack:3 value=\\x02lp\n"
               "@15 eof\n");
}

/* ---- search indexes ---- */

#define NODE                                     \
    "\x01\x00\x00\x00" LE64_1 "\x01\x00\x00\x00" \
    "\x02\x00\x00\x00"                           \
    "aaaabbbb"                                   \
    "\x00\x00\x00\x00"
#define DF_138   \
    "\xfa\x06"   \
    "df-ver\x0a" \
    "df-v1.38.2"
#define DF_139   \
    "\xfa\x06"   \
    "df-ver\x0a" \
    "df-v1.39.0"

static void test_indexes(void **state)
{
    (void)state;
    t_rdb_text(&t_rdb_flow,
               T_BYTES(MAGIC DF_139 "\xde\x05"
                                    "idx:v\x07\x02" NODE NODE "\xdf\x01\x03"
                                    "idx\x02\x01k\x05\xc0\x01\x06" EOF_9),
               "@0 header n=9\n"
               "@9 aux name=df-ver bytes=df-v1.39.0\n"
               "@28 index skipped=72\n"
               "@101 index skipped=12\n"
               "@114 eof\n");
    t_rdb_text(&t_rdb_flow,
               T_BYTES(MAGIC DF_138 "\xde\x05"
                                    "idx:v\x02" NODE NODE EOF_9),
               "@0 header n=9\n"
               "@9 aux name=df-ver bytes=df-v1.38.2\n"
               "@28 index skipped=71\n"
               "@100 eof\n");
}

/* ---- damage and limits ---- */

static void test_damaged(void **state)
{
    (void)state;
    t_rdb_fails(&t_rdb_flow, T_BYTES(MAGIC "\x08\x01k"), FT_ERR_UNSUPPORTED,
                "value type 8: nothing up to Dragonfly 1.40 writes it");
    t_rdb_fails(&t_rdb_flow, T_BYTES(MAGIC "\xcb"), FT_ERR_UNSUPPORTED,
                "unknown opcode or type 203");
    t_rdb_fails(&t_rdb_flow, T_BYTES(MAGIC "\x63"), FT_ERR_UNSUPPORTED,
                "unknown opcode or type 99");
    t_rdb_fails(&t_rdb_file, T_BYTES(MAGIC "\x1e\x01j\x02{}"), FT_ERR_UNSUPPORTED,
                "unknown value type 30");
    t_rdb_fails(&t_rdb_flow, T_BYTES(MAGIC "\xdc\x04\x00\x00\x00"), FT_ERR_CORRUPT, "mask 0x4");
    t_rdb_fails(&t_rdb_flow, T_BYTES(MAGIC "\xfc" LE64_1 "\xfe\x00"), FT_ERR_CORRUPT,
                "opcode 254 where an entry");
    t_rdb_fails(&t_rdb_flow, T_BYTES(MAGIC "\xfe\xc0"), FT_ERR_CORRUPT,
                "bad number after opcode 254");
    t_rdb_fails(&t_rdb_flow, T_BYTES(MAGIC "\x00\xc5"), FT_ERR_CORRUPT,
                "0xc5 does not begin a key");
    t_rdb_fails(&t_rdb_flow,
                T_BYTES(MAGIC "\xfa\x01"
                              "a\xd0"),
                FT_ERR_CORRUPT, "0xd0 does not begin a string");
    t_rdb_fails(&t_rdb_flow, T_BYTES(MAGIC "\xfa\x41\x2c\x01"), FT_ERR_CORRUPT, "ends early");
}

static void test_limit(void **state)
{
    const struct rdb_stream_options small = {.dragonfly = true, .max_item_bytes = 1000};
    const struct feed_adapter a = T_RDB_ADAPTER(small);

    (void)state;
    /* refused when it is announced, not when it has come */
    t_rdb_fails(&a, T_BYTES(MAGIC "\x00\x01k\x43\xe8vvv"), FT_ERR_LIMIT,
                "needs 1005 bytes, more than");
    t_rdb_fails(&a, T_BYTES(MAGIC "\x00\x43\xe9kkk"), FT_ERR_LIMIT, "limit of 1000");
    t_rdb_fails(&a, T_BYTES(MAGIC "\xd2\x01\x43\xe9j"), FT_ERR_LIMIT, "limit of 1000");
}

/* Long keys and strings are passed over when skipping, without ever being held. */
static void test_skipping_holds_nothing(void **state)
{
    enum {
        LONG = 70000,
        SHORT = 65536
    };
    struct buf b = {0};
    struct buf half = {0};
    char *text;

    (void)state;
    T_PUT(&b, MAGIC "\xfa\x03lua");
    t_put_len(&b, LONG);
    t_put_fill(&b, LONG);
    T_PUT(&b, "\x02");
    t_put_len(&b, LONG);
    t_put_fill(&b, LONG);
    T_PUT(&b, "\x01\x01m\x02");
    t_put_len(&b, SHORT);
    t_put_fill(&b, SHORT);
    T_PUT(&b, "\x01\x01m\xd2\x01");
    t_put_len(&b, LONG);
    t_put_fill(&b, LONG);
    t_put_len(&half, LONG);
    t_put_fill(&half, LONG);
    T_PUT(&b, "\x00\x01k");
    t_put(&b, buf_bytes(&half));
    buf_clear(&half);
    T_PUT(&half, "\x02");
    t_put_len(&half, LONG);
    t_put_fill(&half, LONG);
    T_PUT(&half, "\x02\x01m");
    t_put_tag(&b, 4, buf_bytes(&half));
    t_put_tag(&b, 4, T_BYTES("\x01n"));
    T_PUT(&b, EOF_9);
    text = feed_whole(&t_rdb_flow_skip, buf_bytes(&b));
    assert_string_equal(text, "@0 header n=9\n"
                              "@9 aux name=lua skipped=70000\n"
                              "@70019 0/ set:3 skipped=70000\n"
                              "@140028 0/65536:14cbcc8a3059a485 set:3\n"
                              "@205573 journal-blob n=1 skipped=70000\n"
                              "@275580 0/k string:70005\n"
                              "@345597 0/ set:5 skipped=70000\n"
                              "@415617 eof\n");
    free(text);
    feed_check(&t_rdb_flow_skip, buf_bytes(&b));
    free(feed_whole(&t_rdb_flow, buf_bytes(&b)));
    buf_release(&b);
    buf_release(&half);
}

/* The window of a skipping parser never holds more than a key and a few numbers. */
static void test_skipping_window(void **state)
{
    static uint8_t part[1 << 16];
    struct rdb_stream *s = t_rdb_open(&t_rdb_dragonfly_skip);
    struct rdb_item item;
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    window_init(&w, 0, 100);
    t_ok(window_push(&w, T_BYTES(MAGIC "\x00\x01k\x80\x01\x00\x00\x00"), &err), &err);
    assert_int_equal(rdb_stream_next(s, &w, &item, &err), STEP_ITEM);
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(rdb_stream_next(s, &w, &item, &err), STEP_MORE);
        assert_false(rdb_stream_at_boundary(s));
        t_ok(window_push(&w, bytes_of(part, sizeof(part)), &err), &err);
    }
    assert_int_equal(rdb_stream_next(s, &w, &item, &err), STEP_ITEM);
    t_bytes(item.entry.key, "k");
    assert_int_equal(item.entry.value_bytes, (1 << 24) + 5);
    assert_true(rdb_stream_at_boundary(s));
    rdb_stream_free(s);
    window_release(&w);
}

/* ---- recordings ---- */

/* feed_whole and how many lines of a text contain a word. */
static unsigned count(const char *text, const char *arg)
{
    unsigned n = 0;

    for (const char *p = strstr(text, arg); p != NULL; p = strstr(p + 1, arg))
        n++;
    return n;
}

struct recorded {
    const char *name;
    unsigned entries; /* in databases 0 and 1 */
    unsigned blobs;   /* of the journal */
    uint64_t offset;  /* JOURNAL_OFFSET; 0: none */
};

static void check_recording(const struct recorded *r)
{
    char path[80];
    char offset[40];
    struct buf b;
    char *text;

    (void)snprintf(path, sizeof(path), "recordings/%s", r->name);
    b = feed_file(path);
    text = feed_whole(&t_rdb_any, buf_bytes(&b));
    assert_int_equal(count(text, " 0/") + count(text, " 1/"), r->entries);
    assert_int_equal(count(text, " journal-blob n=1 "), r->blobs);
    (void)snprintf(offset, sizeof(offset), " journal-offset n=%" PRIu64 "\n", r->offset);
    assert_int_equal(count(text, offset), r->offset != 0);
    free(text);
    feed_check(&t_rdb_any, buf_bytes(&b));
    feed_check(&t_rdb_flow_skip, buf_bytes(&b));
    buf_release(&b);
}

/* What a run over an input comes to, in pieces of a size. */
static size_t entries_in_runs(struct bytes in)
{
    struct rdb_stream *s = t_rdb_open(t_rdb_file.arg);
    struct ft_err err = FT_ERR_INIT;
    struct rdb_item item;
    struct rdb_run run;
    struct window w;
    size_t n = 0;

    window_init(&w, 0, 0);
    t_ok(window_push(&w, in, &err), &err);
    while (rdb_stream_next(s, &w, &item, &err) == STEP_ITEM) {
        do {
            t_ok(rdb_stream_run(s, &w, &run, &err), &err);
            n += run.count;
        } while (run.count != 0);
    }
    window_release(&w);
    t_rdb_close(s);
    return n;
}

/* What a run may hold, and what ends it. */
static void test_runs(void **state)
{
    struct buf b = {0};
    char *want;

    (void)state;
    T_PUT(&b, MAGIC "\xfe\x00");
    for (unsigned i = 0; i < 2 * RDB_RUN_MAX + 2; i++)
        T_PUT(&b, "\x00\x01k\x01v");
    T_PUT(&b, "\xfc\x39\x30\x00\x00\x00\x00\x00\x00\x00\x01t\x01v");
    T_PUT(&b, "\xfc\x00\x00\x00\x00\x00\x00\x00\x80\x00\x01o\x01v"); /* long over: another number */
    T_PUT(&b, "\x00\x01i\xc0\x2a");
    T_PUT(&b, "\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01n\x01v"); /* no time to live */
    T_PUT(&b, "\x00\xc0\x07\x01v\xf8\x05\x00\x01"
              "f\x01v");                                /* a number as the key, one that was used */
    T_PUT(&b, "\x00\x01y\xc3\x04\x05\x01\x00\x00\x00"); /* compressed, damaged */
    T_PUT(&b, "\x00\x01x\xc3\x04\x08\x00"
              "a\xa0\x00"
              "\x00\x01z\xc3\x04\x08\x00"
              "a\xa0\x00"); /* compressed */
    T_PUT(&b, "\x00\x00\x00\xfe\x03\x00\x01"
              "d\x01v\x00\x01l");
    t_put_len(&b, RDB_RUN_VALUE_MAX + 1);
    t_put_fill(&b, RDB_RUN_VALUE_MAX + 1);
    T_PUT(&b, "\x00\x01"
              "e\x01v" EOF_9);
    assert_int_equal(entries_in_runs(buf_bytes(&b)), 2 * RDB_RUN_MAX + 2 + 7);
    want = feed_whole(&t_rdb_file, buf_bytes(&b));
    t_rdb_buf(&t_rdb_file, &b, want);
    free(want);
}

struct sums {
    uint64_t entries, others;
    uint64_t offset; /* where it stopped */
    enum step step;
    struct ft_err err;
};

static const struct rdb_stream_options skip_any = {
    .skip_values = true, .detect = true, .verify_checksum = true};

static void sum(struct bytes in, bool pass, size_t piece, struct sums *ret)
{
    struct rdb_stream *s = t_rdb_open(&skip_any);
    struct rdb_item item;
    struct window w;

    memset(ret, 0, sizeof(*ret));
    window_init(&w, 0, 0);
    do {
        size_t n = in.n < piece ? in.n : piece;

        t_ok(window_push(&w, bytes_of(in.p, n), &ret->err), &ret->err);
        w.closed = n == 0;
        in = bytes_of(in.p + n, in.n - n);
        do {
            if (pass)
                ret->entries += rdb_stream_pass(s, &w);
            ret->step = rdb_stream_next(s, &w, &item, &ret->err);
            ret->entries += ret->step == STEP_ITEM && item.kind == RDB_ITEM_ENTRY;
            ret->others += ret->step == STEP_ITEM && item.kind != RDB_ITEM_ENTRY;
        } while (ret->step == STEP_ITEM);
    } while (ret->step == STEP_MORE);
    ret->offset = window_offset(&w);
    t_rdb_close(s);
    window_release(&w);
}

static void same_when_passed(struct bytes in, const void *arg)
{
    struct sums want, got;

    (void)arg;
    sum(in, false, SIZE_MAX, &want);
    sum(in, true, SIZE_MAX, &got);
    assert_int_equal(got.step, want.step);
    assert_int_equal(got.entries, want.entries);
    assert_int_equal(got.others, want.others);
    assert_int_equal(got.offset, want.offset);
    if (want.step == STEP_ERROR) {
        assert_string_equal(got.err.msg, want.err.msg);
        assert_int_equal(got.err.offset, want.err.offset);
    }
}

static void passes(struct bytes in, uint64_t entries, uint64_t others)
{
    for (size_t piece = 1; piece <= in.n; piece++) {
        struct sums sums;

        sum(in, true, piece, &sums);
        assert_int_equal(sums.step, STEP_END);
        assert_int_equal(sums.entries, entries);
        assert_int_equal(sums.others, others);
        assert_int_equal(sums.offset, in.n);
    }
    same_when_passed(in, NULL);
}

/* Passing over entries comes to what reading each of them does, also where they are damaged. */
static void test_passing(void **state)
{
    static const char entries[] = "\x00\x01k\x01v"
                                  "\xfc" LE64_1 "\x00\xc0\x05\xc1\x01\x02"
                                  "\x10\x01h\xc3\x04\x05\x01"
                                  "abc"
                                  "\x00\xc3\x04\x03\x02"
                                  "abc\x01v"
                                  "\x02\x01s\x01\x01m\xf9\x07\x14\x01t\x40\x03"
                                  "abc\x00\x00\x00";
    struct buf b = {0};

    (void)state;
    T_PUT(&b, "REDIS0011\xfe\x00\xfb\x07\x01");
    t_put(&b, bytes_of(entries, sizeof(entries) - 1));
    T_PUT(&b, "\xff");
    t_put_checksum(&b);
    passes(buf_bytes(&b), 7, 4);
    t_mutate(buf_bytes(&b), same_when_passed, NULL);
    buf_release(&b);
    T_PUT(&b, MAGIC "\xfe\x00");
    t_put_blob(&b, false, bytes_of(entries, sizeof(entries) - 1));
    T_PUT(&b, "\x00\x01z\x01v\xe0\x05\x00\x00\x00\x06\x00\x00\x00\x02\x01s\x01\x01m" EOF_9);
    passes(buf_bytes(&b), 9, 3);
    buf_release(&b);
    passes(bytes_of(tiny_sync, sizeof(tiny_sync) - 1), 4, 13);
}

static void test_recordings(void **state)
{
    static const struct recorded flows[] = {
        {"empty/flow-0.bin", 0, 0, 1},
        {"files/types-0001.dfs", 228, 0, 0},
        {"files/types.rdb", 449, 0, 0},
        {"live-4/flow-1.bin", 156, 229, 230},
        {"older/1.19.2/types/flow-0.bin", 132, 0, 1},
        {"types-lz4/flow-0.bin", 221, 0, 1},
        {"types-lzf/flow-1.bin", 228, 0, 1},
        {"types-untagged/flow-0.bin", 221, 0, 1},
        {"types-zstd/flow-1.bin", 228, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
        check_recording(&flows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiny_sync),       cmocka_unit_test(test_tagged),
        cmocka_unit_test(test_detect),          cmocka_unit_test(test_type_20),
        cmocka_unit_test(test_indexes),         cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_limit),           cmocka_unit_test(test_skipping_holds_nothing),
        cmocka_unit_test(test_skipping_window), cmocka_unit_test(test_recordings),
        cmocka_unit_test(test_passing),         cmocka_unit_test(test_runs),
    };

    return T_RUN("rdb/rdb_stream", tests);
}
