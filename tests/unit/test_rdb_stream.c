#include <inttypes.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/crc64.h"
#include "base/endian.h"
#include "lib/t_feed.h"
#include "lib/t_mutate.h"
#include "lib/test_main.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_stream.h"
#include "rdb/rdb_version.h"
#include "rdb/value_walk.h"

/* ---- the parser as the harness sees it ---- */

static void *open_stream(const void *options)
{
    struct rdb_stream *s = NULL;
    struct ft_err err = FT_ERR_INIT;

    t_ok(rdb_stream_new(&s, options, &err), &err);
    return s;
}

static void print_bytes(struct buf *out, const char *label, struct bytes b)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err, " %s=", label), &err);
    feed_digest(out, b);
}

static void print_number(struct buf *out, const char *label, int64_t n)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err, " %s=%" PRId64, label, n), &err);
}

static void print_entry(const struct rdb_entry *e, struct buf *out)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err, "%" PRIu32 "/", e->db), &err);
    feed_digest(out, e->key);
    t_ok(buf_printf(out, &err, " %s:%" PRIu64, rdb_type_name(e->type), e->value_bytes), &err);
    if (e->value.p != NULL)
        print_bytes(out, "value", e->value);
    if (e->raw.p != NULL) {
        assert_int_equal(e->raw.p[0], rdb_byte_of_type(e->type));
        assert_true(e->raw.p + e->raw.n == e->value.p + e->value.n);
    }
    if (e->expire_ms != RDB_NO_EXPIRY)
        print_number(out, "expire", e->expire_ms);
    if (e->has_idle)
        print_number(out, "idle", (int64_t)e->idle_s);
    if (e->has_freq)
        print_number(out, "freq", e->freq);
    if (e->has_mc_flags)
        print_number(out, "mc", e->mc_flags);
    if (e->sticky)
        t_ok(buf_append_str(out, " sticky", &err), &err);
    if (e->has_key_meta)
        t_ok(buf_append_str(out, " meta", &err), &err);
}

static void print_item(const struct rdb_item *item, struct buf *out)
{
    static const char *const names[] = {
        [RDB_ITEM_HEADER] = "header",
        [RDB_ITEM_AUX] = "aux",
        [RDB_ITEM_SELECTDB] = "selectdb",
        [RDB_ITEM_RESIZEDB] = "resizedb",
        [RDB_ITEM_ENTRY] = "",
        [RDB_ITEM_FUNCTION] = "function",
        [RDB_ITEM_FUNCTION_PRE_GA] = "function-pre-ga",
        [RDB_ITEM_MODULE_AUX] = "module-aux",
        [RDB_ITEM_INDEX] = "index",
        [RDB_ITEM_SLOT_IMPORT] = "slot-import",
        [RDB_ITEM_JOURNAL_BLOB] = "journal-blob",
        [RDB_ITEM_JOURNAL_OFFSET] = "journal-offset",
        [RDB_ITEM_FULLSYNC_END] = "fullsync-end",
        [RDB_ITEM_EOF] = "eof",
    };
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err, "@%" PRIu64 " %s", item->offset, names[item->kind]), &err);
    if (item->kind == RDB_ITEM_ENTRY)
        print_entry(&item->entry, out);
    if (item->number != 0)
        print_number(out, "n", (int64_t)item->number);
    if (item->name.n != 0)
        print_bytes(out, "name", item->name);
    if (item->bytes.n != 0)
        print_bytes(out, "bytes", item->bytes);
    if (item->kind == RDB_ITEM_AUX && item->entry.key.n != 0)
        print_bytes(out, "of", item->entry.key);
    if (item->skipped_bytes != 0)
        print_number(out, "skipped", (int64_t)item->skipped_bytes);
    t_ok(buf_append_str(out, "\n", &err), &err);
}

static enum step next_item(void *stream, struct window *in, struct buf *out, struct ft_err *err)
{
    struct rdb_item item;
    enum step step = rdb_stream_next(stream, in, &item, err);

    if (step == STEP_ITEM)
        print_item(&item, out);
    return step;
}

static void close_stream(void *stream)
{
    rdb_stream_free(stream);
}

static const struct rdb_stream_options dragonfly = {.dragonfly = true};
static const struct rdb_stream_options dragonfly_skip = {.dragonfly = true, .skip_values = true};
static const struct rdb_stream_options redis_verify = {.verify_checksum = true};
static const struct rdb_stream_options detect = {.detect = true, .verify_checksum = true};

#define ADAPTER(with)                                               \
    {                                                               \
#with, &(with), open_stream, next_item, close_stream, false \
    }

static const struct feed_adapter flow = ADAPTER(dragonfly);
static const struct feed_adapter flow_skip = ADAPTER(dragonfly_skip);
static const struct feed_adapter file = ADAPTER(redis_verify);
static const struct feed_adapter any = ADAPTER(detect);

static void check_text(const struct feed_adapter *a, struct bytes in, const char *want)
{
    char *text = feed_whole(a, in);

    assert_string_equal(text, want);
    free(text);
    feed_check(a, in);
}

static void fails(const struct feed_adapter *a, struct bytes in, enum ft_err_kind kind,
                  const char *part)
{
    struct ft_err err = FT_ERR_INIT;

    feed_error(a, in, &err);
    t_fails(-1, &err, kind, part);
}

#define MAGIC  "REDIS0009"
#define EOF_9  "\xff\x00\x00\x00\x00\x00\x00\x00\x00"
#define ZERO_8 "\x00\x00\x00\x00\x00\x00\x00\x00"

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
    check_text(&flow, in, want);
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
    check_text(&flow_skip, in, want);
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
    check_text(&flow, in,
               "@0 header n=9\n"
               "@9 selectdb\n"
               "@30 journal-blob n=1 bytes=\\x0d\n"
               "@34 selectdb n=2\n"
               "@36 2/foo string:4 value=\\x03bar\n"
               "@20 0/big set:7 value=\\x03\\x01a\\x01b\\x01c\n"
               "@56 eof\n");
    check_text(&flow_skip, in,
               "@0 header n=9\n"
               "@9 selectdb\n"
               "@30 journal-blob n=1 bytes=\\x0d\n"
               "@34 selectdb n=2\n"
               "@36 2/foo string:4\n"
               "@20 0/big set:7\n"
               "@56 eof\n");
}

/* ---- streams put together ---- */

static void put(struct buf *b, struct bytes raw)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_append(b, raw.p, raw.n, &err), &err);
}

#define PUT(b, text) put(b, T_BYTES(text))

static void put_len(struct buf *b, uint64_t n)
{
    uint8_t len[RDB_LEN_MAX_SIZE];

    put(b, bytes_of(len, rdb_len_put(len, n)));
}

static void put_fill(struct buf *b, size_t n)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_reserve(b, n, &err), &err);
    for (size_t i = 0; i < n; i++)
        buf_push(b, (uint8_t)('a' + i % 26));
}

static void put_tag(struct buf *b, uint32_t id, struct bytes payload)
{
    uint8_t head[9] = {RDB_OP_DF_TAGGED_CHUNK};

    store_le32(head + 1, id);
    store_le32(head + 5, (uint32_t)payload.n);
    put(b, bytes_of(head, sizeof(head)));
    put(b, payload);
}

static void put_blob(struct buf *b, bool zstd, struct bytes content)
{
    static uint8_t frame[4 << 20];
    size_t n = zstd ? ZSTD_compress(frame, sizeof(frame), content.p, content.n, 3)
                    : LZ4F_compressFrame(frame, sizeof(frame), content.p, content.n, NULL);
    struct ft_err err = FT_ERR_INIT;

    assert_in_range(n, 1, sizeof(frame));
    t_ok(buf_reserve(b, 1, &err), &err);
    buf_push(b, zstd ? RDB_OP_DF_ZSTD_BLOB : RDB_OP_DF_LZ4_BLOB);
    put_len(b, n);
    put(b, bytes_of(frame, n));
}

static void check_buf(const struct feed_adapter *a, struct buf *b, const char *want)
{
    check_text(a, buf_bytes(b), want);
    buf_release(b);
}

static void fails_buf(const struct feed_adapter *a, struct buf *b, enum ft_err_kind kind,
                      const char *part)
{
    fails(a, buf_bytes(b), kind, part);
    buf_release(b);
}

/* ---- tagged chunks ---- */

#define LE64_1 "\x01\x00\x00\x00\x00\x00\x00\x00"

/* Two open entries, prefixes within the payload, an id used again, a value in one chunk. */
static void test_tags_interleaved(void **state)
{
    struct buf b = {0};

    (void)state;
    PUT(&b, MAGIC);
    put_tag(&b, 1,
            T_BYTES("\xfc" LE64_1 "\xdc\x03\x00\x00\x00\x07\x00\x00\x00"
                    "\x04\xc0\x07\x02\x01"
                    "f\x01v"));
    put_tag(&b, 2,
            T_BYTES("\x12\x01l\x02\x01"
                    "\x01p"));
    put_tag(&b, 1, T_BYTES("\x01g\x01w"));
    PUT(&b, "\xfe\x03");
    put_tag(&b, 2, T_BYTES("\x02\x02lp"));
    put_tag(&b, 1, T_BYTES("\x00\x01k\x02ok"));
    PUT(&b, EOF_9);
    check_buf(&flow, &b,
              "@0 header n=9\n"
              "@18 0/7 hash:9 value=\\x02\\x01f\\x01v\\x01g\\x01w expire=1 mc=7 sticky\n"
              "@73 selectdb n=3\n"
              "@53 0/l list_quicklist_2:8 value=\\x02\\x01\\x01p\\x02\\x02lp\n"
              "@97 3/k string:3 value=\\x02ok\n"
              "@103 eof\n");
}

static void test_tags_damaged(void **state)
{
    struct buf b = {0};

    (void)state;
    PUT(&b, MAGIC);
    put_tag(&b, 1,
            T_BYTES("\x02\x03"
                    "ab"));
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "ends before its entry's value at offset 18");
    PUT(&b, MAGIC);
    put_tag(&b, 1, T_BYTES("\x00\x01k\x01vx"));
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "bytes follow the value");
    PUT(&b, MAGIC);
    put_tag(&b, 1, T_BYTES("\x00\x01k\x40"));
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "ends within a number");
    PUT(&b, MAGIC);
    put_tag(&b, 1, T_BYTES("\xfe\x00"));
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "opcode 254 within a tagged chunk");
    PUT(&b, MAGIC);
    put_tag(&b, 0, T_BYTES("\x00\x01k\x01v"));
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "id 0 and 5 bytes");
    PUT(&b, MAGIC);
    put_tag(&b, 1, T_BYTES("\x02\x01s\x02\x01m"));
    PUT(&b, EOF_9);
    fails(&flow_skip, buf_bytes(&b), FT_ERR_CORRUPT, "1 tagged entries are incomplete");
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "1 tagged entries are incomplete");
}

static void test_too_many_tags(void **state)
{
    struct buf b = {0};

    (void)state;
    PUT(&b, MAGIC);
    for (uint32_t id = 1; id <= 1025; id++)
        put_tag(&b, id, T_BYTES("\x02\x01s\x02\x01m"));
    fails_buf(&flow_skip, &b, FT_ERR_LIMIT, "more than 1024 entries are open");
}

/* ---- compressed blobs ---- */

/* The selected database and open tags go through the walls of blobs; 300 kB need several pieces. */
static void check_blobs(bool zstd)
{
    struct buf content = {0};
    struct buf b = {0};

    PUT(&b, MAGIC);
    PUT(&content, "\xfe\x02\x00\x01"
                  "a\x01x\x00\x03"
                  "big");
    put_len(&content, 300000);
    put_fill(&content, 300000);
    put_tag(&content, 9,
            T_BYTES("\x02\x01s\x02\x01"
                    "m"));
    put_blob(&b, zstd, buf_bytes(&content));
    buf_clear(&content);
    PUT(&b, "\x00\x01"
            "b\x01y");
    put_tag(&content, 9, T_BYTES("\x01n"));
    PUT(&content, "\xc8" ZERO_8 "\xd3" LE64_1);
    put_blob(&b, zstd, buf_bytes(&content));
    buf_release(&content);
    PUT(&b, EOF_9);
    for (unsigned skip = 0; skip < 2; skip++) {
        const struct feed_adapter *a = skip ? &flow_skip : &flow;
        char *text = feed_whole(a, buf_bytes(&b));
        const char *want[] = {"@9 selectdb n=2\n@9 2/a string:2",
                              "@9 2/big string:300005",
                              " 2/b string:2",
                              "@9 2/s set:5",
                              " fullsync-end\n",
                              " journal-offset n=1\n",
                              " eof\n"};
        const char *at = text;

        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
            at = strstr(at, want[i]);
            if (at == NULL)
                fail_msg("no \"%s\" in order in:\n%s", want[i], text);
        }
        free(text);
        feed_check(a, buf_bytes(&b));
    }
    buf_release(&b);
}

static void test_lz4_blobs(void **state)
{
    (void)state;
    check_blobs(false);
}

static void test_zstd_blobs(void **state)
{
    (void)state;
    check_blobs(true);
}

static void test_blobs_damaged(void **state)
{
    struct buf content = {0};
    struct buf b = {0};

    (void)state;
    PUT(&b, MAGIC);
    put_blob(&b, false, T_BYTES("\x00\x01k\x05v"));
    fails_buf(&flow, &b, FT_ERR_CORRUPT,
              "compressed blob at offset 9: it ends in the middle of an item");
    PUT(&b, MAGIC);
    put_blob(&b, true, T_BYTES("\xfc" LE64_1));
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "in the middle of an item");
    PUT(&b, MAGIC);
    put_blob(&b, false, T_BYTES(EOF_9));
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "end of the stream within a compressed blob");
    PUT(&b, MAGIC);
    put_blob(&content, true, T_BYTES("\xfe\x00"));
    put_blob(&b, false, buf_bytes(&content));
    buf_release(&content);
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "compressed blob within a compressed blob");
    PUT(&b, MAGIC "\xca\x04\x04\x22\x4d\x18");
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "its frame does not end");
    PUT(&b, MAGIC "\xc9\x04"
                  "abcd");
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "bad zstd frame");
    PUT(&b, MAGIC "\xca\x00");
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "length of a compressed blob");
    PUT(&b, MAGIC);
    put_tag(&b, 3, T_BYTES("\xca\x01\x00"));
    fails_buf(&flow, &b, FT_ERR_CORRUPT, "opcode 202 within a tagged chunk");
}

/* ---- what Redis writes ---- */

static void put_checksum(struct buf *b)
{
    uint8_t crc[8];

    store_le64(crc, crc64(0, b->p, b->n));
    put(b, bytes_of(crc, sizeof(crc)));
}

/* As Redis reads them: -1 is none, and what is below that is a time that is over. */
static void test_odd_times(void **state)
{
    struct buf b = {0};

    (void)state;
    PUT(&b, "REDIS0010"
            "\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01"
            "a\x01"
            "1"
            "\xfc\xfe\xff\xff\xff\xff\xff\xff\xff\x00\x01"
            "b\x01"
            "1"
            "\xfc\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
            "c\x01"
            "1"
            "\xff");
    put_checksum(&b);
    check_buf(&file, &b,
              "@0 header n=10\n"
              "@9 0/a string:2 value=\\x011\n"
              "@23 0/b string:2 value=\\x011 expire=-2\n"
              "@37 0/c string:2 value=\\x011 expire=0\n"
              "@51 eof n=-2102215476159383483\n");
}

/* Every opcode that Redis has, a module's id of "test-mod1" version 3, and bytes behind the end. */
static void test_redis_file(void **state)
{
    struct buf b = {0};

    (void)state;
    PUT(&b, "REDIS0012"
            "\xfa\x09redis-ver\x05"
            "8.0.0"
            "\xf7\x81\xb5\xeb\x2d\xfa\x6a\x1d\xd4\x03\x02\x01\x05\x02hi\x00"
            "\xf5\x0f#!lua name=f\n--"
            "\xf6\x01l\x03lua\x01\x02"
            "de\x03"
            "cod"
            "\xf6\x01l\x03lua\x00\x03"
            "cod"
            "\xfe\x01\xfb\x02\x01\xf4\x01\x02\x00"
            "\xf8\x40\x64\x00\x01"
            "a\x01"
            "1"
            "\xfd\xff\xff\xff\xff\xf9\xff\x14\x01"
            "b\x02lp"
            "\xff");
    put_checksum(&b);
    PUT(&b, "padding");
    check_buf(&file, &b,
              "@0 header n=12\n"
              "@9 aux name=redis-ver bytes=8.0.0\n"
              "@26 module-aux name=test-mod1 bytes=\\x81\\xb5\\xeb-\\xfaj\\x1d\\xd4\\x03\\x02\\x01"
              "\\x05\\x02hi\\x00\n"
              "@43 function bytes=#!lua name=f\\n--\n"
              "@60 function-pre-ga skipped=14\n"
              "@75 function-pre-ga skipped=11\n"
              "@87 selectdb n=1\n"
              "@89 resizedb n=2\n"
              "@96 1/a string:2 value=\\x011 idle=100\n"
              "@104 1/b set_listpack:3 value=\\x02lp expire=-1000 freq=255\n"
              "@117 eof n=7980877922124122948\n");
}

static void test_old_version(void **state)
{
    (void)state;
    /* no checksum before version 5; what follows EOF is not looked at */
    check_text(&file,
               T_BYTES("REDIS0003\xfe\x00\x03\x01z\x01\x01m\x03"
                       "1.5\xff\x01\x02"),
               "@0 header n=3\n"
               "@9 selectdb\n"
               "@11 0/z zset:7 value=\\x01\\x01m\\x031.5\n"
               "@21 eof\n");
}

static void test_versions(void **state)
{
    (void)state;
    fails(&file, T_BYTES("REDIS0016"), FT_ERR_UNSUPPORTED,
          "unsupported: version 16 of the RDB format \"REDIS\" is newer than all that are known");
    fails(&file, T_BYTES("REDIS0000"), FT_ERR_UNSUPPORTED, "no version 0");
    fails(&file, T_BYTES("VALKEY081"), FT_ERR_UNSUPPORTED,
          "version 81 of the RDB format \"VALKEY\", which Valkey 9.2 and later write");
    fails(&file, T_BYTES("VALKEY011"), FT_ERR_UNSUPPORTED, "\"VALKEY\"");
    fails(&file, T_BYTES("REDIS00x9"), FT_ERR_CORRUPT, "not a number");
    fails(&file, T_BYTES("RED"), FT_ERR_CORRUPT, "ends early");
    fails(&file, T_BYTES("VAL"), FT_ERR_CORRUPT, "ends early");
    fails(&file, T_BYTES("REX"), FT_ERR_CORRUPT, "not an RDB stream");
}

/* What is known by its number only is refused by the name of whose it is. */
static void test_unread(void **state)
{
    (void)state;
    fails(&file, T_BYTES("REDIS0012\x1a\x01k"), FT_ERR_UNSUPPORTED, "26 is a stream of Redis 8.6");
    fails(&file, T_BYTES("REDIS0009\x40\x01k"), FT_ERR_UNSUPPORTED, "64 is a cron job of KeyDB");
    fails(&file, T_BYTES("REDIS0012\xf3\x01"), FT_ERR_UNSUPPORTED, "243 is metadata of a key");
    fails(&file, T_BYTES("REDIS0012\x1d\x01k"), FT_ERR_UNSUPPORTED,
          "unsupported: unknown value type 29");
    fails(&file, T_BYTES("REDIS0014\x1c\x01k"), FT_ERR_UNSUPPORTED, "28 is an array of Redis 8.8");
    fails(&file, T_BYTES("REDIS0015\xf2\x01"), FT_ERR_UNSUPPORTED, "242 is a template of hashes");
    fails(&file, T_BYTES("REDIS0015\x1e\x01k"), FT_ERR_UNSUPPORTED, "30 is a hash made from a");
    fails(&file, T_BYTES("REDIS0011\x26\x01k"), FT_ERR_UNSUPPORTED, "unknown");
    fails(&file, T_BYTES("VALKEY080\x17\x01k"), FT_ERR_UNSUPPORTED, "23 is a hash of Valkey 9.2");
    fails(&file, T_BYTES("VALKEY080\x19\x01k"), FT_ERR_UNSUPPORTED, "unknown");
}

/* One number, two meanings: the magic decides. */
static void test_families(void **state)
{
    (void)state;
    check_text(
        &file,
        T_BYTES("VALKEY080\xf3\x02jb\x01\x05\x06\xf4\x01\x01\x00"
                "\x16\x01h\x01\x01"
                "f\x01v\xff\xff\xff\xff\xff\xff\xff\xff" EOF_9),
        "@0 header n=80\n"
        "@9 slot-import skipped=6\n"
        "@20 0/h valkey_hash_2:13 value=\\x01\\x01f\\x01v\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\n"
        "@36 eof\n");
    /* metadata of two modules between the time and the type; what Redis Enterprise adds */
    check_text(&file,
               T_BYTES("REDIS0013\x79\x05\xfc\x00\x6c\x50\xc4\xa0\x01\x00\x00\x6b\x07\xf3\x02"
                       "aaaa\x05\x01x\x02\x01\x00"
                       "bbbb\x00\x00\x01k\x01v" EOF_9),
               "@0 header n=13\n"
               "@11 0/k string:2 value=\\x01v expire=1790000000000 meta\n"
               "@44 eof\n");
}

/* KeyDB: the key's version behind its time, members with times behind their value. */
static void test_keydb(void **state)
{
    const struct bytes in = T_BYTES("REDIS0009\xfe\x00\xfb\x02\x00"
                                    "\xfc\x00\x6c\x50\xc4\xa0\x01\x00\x00"
                                    "\xfa\x0bmvcc-tstamp\x01"
                                    "7"
                                    "\x02\x01s\x02\x01"
                                    "a\x01"
                                    "b"
                                    "\xfa\x13keydb-subexpire-key\x01"
                                    "a"
                                    "\xfa\x14keydb-subexpire-when\x01"
                                    "9"
                                    "\xfa\x13keydb-subexpire-key\x01"
                                    "b"
                                    "\xfa\x0bmvcc-tstamp\x01"
                                    "8"
                                    "\x00\x01k\x01v" EOF_9);

    (void)state;
    check_text(&file, in,
               "@0 header n=9\n"
               "@9 selectdb\n"
               "@11 resizedb n=2\n"
               "@14 aux name=mvcc-tstamp bytes=7\n"
               "@14 0/s set:5 value=\\x02\\x01a\\x01b expire=1790000000000\n"
               "@46 aux name=keydb-subexpire-key bytes=a of=s\n"
               "@69 aux name=keydb-subexpire-when bytes=9\n"
               "@93 aux name=keydb-subexpire-key bytes=b\n"
               "@116 aux name=mvcc-tstamp bytes=8\n"
               "@131 0/k string:2 value=\\x01v\n"
               "@136 eof\n");
    /* a Dragonfly never does so */
    fails(&flow,
          T_BYTES(MAGIC "\xfc" ZERO_8 "\xfa\x01"
                        "a\x01"
                        "b"),
          FT_ERR_CORRUPT, "opcode 250 where an entry was begun");
}

static void test_wrong_checksum(void **state)
{
    struct buf b = {0};

    (void)state;
    PUT(&b, "REDIS0011\xfe\x00\x00\x01k\x01v\xff");
    put_checksum(&b);
    free(feed_whole(&file, buf_bytes(&b)));
    b.p[15] ^= 1;
    fails_buf(&file, &b, FT_ERR_CORRUPT, "wrong checksum");
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

    t_ok(rdb_stream_new(&s, &detect, &err), &err);
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
    fails(&any, T_BYTES("REDIS0011\xc8" ZERO_8), FT_ERR_UNSUPPORTED, "unknown opcode or type 200");
    fails(&any, T_BYTES(MAGIC AUX_621 "\xfe\x00\xfb\x01\x00\xe0"), FT_ERR_UNSUPPORTED, "224");
}

static void test_type_20(void **state)
{
    (void)state;
    check_text(&any, T_BYTES(MAGIC AUX_621 "\x14\x01j\x02{}" EOF_9),
               "@0 header n=9\n"
               "@9 aux name=redis-ver bytes=6.2.11\n"
               "@27 0/j json:3 value=\\x02{}\n"
               "@33 eof\n");
    check_text(&any, T_BYTES("REDIS0011\x14\x01s\x02lp" EOF_9),
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
    check_text(&flow,
               T_BYTES(MAGIC DF_139 "\xde\x05"
                                    "idx:v\x07\x02" NODE NODE "\xdf\x01\x03"
                                    "idx\x02\x01k\x05\xc0\x01\x06" EOF_9),
               "@0 header n=9\n"
               "@9 aux name=df-ver bytes=df-v1.39.0\n"
               "@28 index skipped=72\n"
               "@101 index skipped=12\n"
               "@114 eof\n");
    check_text(&flow,
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
    fails(&flow, T_BYTES(MAGIC "\x06\x01k"), FT_ERR_UNSUPPORTED,
          "unknown value type 6 at offset 9");
    fails(&flow, T_BYTES(MAGIC "\xcb"), FT_ERR_UNSUPPORTED, "unknown opcode or type 203");
    fails(&flow, T_BYTES(MAGIC "\x63"), FT_ERR_UNSUPPORTED, "unknown opcode or type 99");
    fails(&file, T_BYTES(MAGIC "\x1e\x01j\x02{}"), FT_ERR_UNSUPPORTED, "unknown value type 30");
    fails(&flow, T_BYTES(MAGIC "\xdc\x04\x00\x00\x00"), FT_ERR_CORRUPT, "mask 0x4");
    fails(&flow, T_BYTES(MAGIC "\xfc" LE64_1 "\xfe\x00"), FT_ERR_CORRUPT,
          "opcode 254 where an entry");
    fails(&flow, T_BYTES(MAGIC "\xfe\xc0"), FT_ERR_CORRUPT, "bad number after opcode 254");
    fails(&flow, T_BYTES(MAGIC "\x00\xc5"), FT_ERR_CORRUPT, "0xc5 does not begin a key");
    fails(&flow,
          T_BYTES(MAGIC "\xfa\x01"
                        "a\xd0"),
          FT_ERR_CORRUPT, "0xd0 does not begin a string");
    fails(&flow, T_BYTES(MAGIC "\xfa\x41\x2c\x01"), FT_ERR_CORRUPT, "ends early");
}

static void test_limit(void **state)
{
    const struct rdb_stream_options small = {.dragonfly = true, .max_item_bytes = 1000};
    const struct feed_adapter a = ADAPTER(small);

    (void)state;
    /* refused when it is announced, not when it has come */
    fails(&a, T_BYTES(MAGIC "\x00\x01k\x43\xe8vvv"), FT_ERR_LIMIT, "needs 1005 bytes, more than");
    fails(&a, T_BYTES(MAGIC "\x00\x43\xe9kkk"), FT_ERR_LIMIT, "limit of 1000");
    fails(&a, T_BYTES(MAGIC "\xd2\x01\x43\xe9j"), FT_ERR_LIMIT, "limit of 1000");
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
    PUT(&b, MAGIC "\xfa\x03lua");
    put_len(&b, LONG);
    put_fill(&b, LONG);
    PUT(&b, "\x02");
    put_len(&b, LONG);
    put_fill(&b, LONG);
    PUT(&b, "\x01\x01m\x02");
    put_len(&b, SHORT);
    put_fill(&b, SHORT);
    PUT(&b, "\x01\x01m\xd2\x01");
    put_len(&b, LONG);
    put_fill(&b, LONG);
    put_len(&half, LONG);
    put_fill(&half, LONG);
    PUT(&b, "\x00\x01k");
    put(&b, buf_bytes(&half));
    buf_clear(&half);
    PUT(&half, "\x02");
    put_len(&half, LONG);
    put_fill(&half, LONG);
    PUT(&half, "\x02\x01m");
    put_tag(&b, 4, buf_bytes(&half));
    put_tag(&b, 4, T_BYTES("\x01n"));
    PUT(&b, EOF_9);
    text = feed_whole(&flow_skip, buf_bytes(&b));
    assert_string_equal(text, "@0 header n=9\n"
                              "@9 aux name=lua skipped=70000\n"
                              "@70019 0/ set:3 skipped=70000\n"
                              "@140028 0/65536:14cbcc8a3059a485 set:3\n"
                              "@205573 journal-blob n=1 skipped=70000\n"
                              "@275580 0/k string:70005\n"
                              "@345597 0/ set:5 skipped=70000\n"
                              "@415617 eof\n");
    free(text);
    feed_check(&flow_skip, buf_bytes(&b));
    free(feed_whole(&flow, buf_bytes(&b)));
    buf_release(&b);
    buf_release(&half);
}

/* The window of a skipping parser never holds more than a key and a few numbers. */
static void test_skipping_window(void **state)
{
    static uint8_t part[1 << 16];
    struct rdb_stream *s = open_stream(&dragonfly_skip);
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
static unsigned count(const char *text, const char *word)
{
    unsigned n = 0;

    for (const char *p = strstr(text, word); p != NULL; p = strstr(p + 1, word))
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
    text = feed_whole(&any, buf_bytes(&b));
    assert_int_equal(count(text, " 0/") + count(text, " 1/"), r->entries);
    assert_int_equal(count(text, " journal-blob n=1 "), r->blobs);
    (void)snprintf(offset, sizeof(offset), " journal-offset n=%" PRIu64 "\n", r->offset);
    assert_int_equal(count(text, offset), r->offset != 0);
    free(text);
    feed_check(&any, buf_bytes(&b));
    feed_check(&flow_skip, buf_bytes(&b));
    buf_release(&b);
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
        cmocka_unit_test(test_tiny_sync),
        cmocka_unit_test(test_tagged),
        cmocka_unit_test(test_tags_interleaved),
        cmocka_unit_test(test_tags_damaged),
        cmocka_unit_test(test_too_many_tags),
        cmocka_unit_test(test_lz4_blobs),
        cmocka_unit_test(test_zstd_blobs),
        cmocka_unit_test(test_blobs_damaged),
        cmocka_unit_test(test_odd_times),
        cmocka_unit_test(test_redis_file),
        cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_keydb),
        cmocka_unit_test(test_wrong_checksum),
        cmocka_unit_test(test_detect),
        cmocka_unit_test(test_type_20),
        cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_skipping_holds_nothing),
        cmocka_unit_test(test_skipping_window),
        cmocka_unit_test(test_recordings),
    };

    return T_RUN("rdb/rdb_stream", tests);
}
