#include <stdio.h>
#include <stdlib.h>

#include "lib/t_rdb.h"

/* What Redis, Valkey and KeyDB write. */

/* As Redis reads them: -1 is none, and what is below that is a time that is over. */
static void test_odd_times(void **state)
{
    struct buf b = {0};

    (void)state;
    T_PUT(&b, "REDIS0010"
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
    t_put_checksum(&b);
    t_rdb_buf(&t_rdb_file, &b,
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
    T_PUT(&b, "REDIS0012"
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
    t_put_checksum(&b);
    T_PUT(&b, "padding");
    t_rdb_buf(&t_rdb_file, &b,
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
    t_rdb_text(&t_rdb_file,
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
    t_rdb_fails(
        &t_rdb_file, T_BYTES("REDIS0016"), FT_ERR_UNSUPPORTED,
        "unsupported: version 16 of the RDB format \"REDIS\" is newer than all that are known");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0016"), FT_ERR_UNSUPPORTED,
                "whatever comes after Redis 8.10 may write it");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0000"), FT_ERR_UNSUPPORTED, "no version 0");
    t_rdb_fails(&t_rdb_file, T_BYTES("VALKEY081"), FT_ERR_UNSUPPORTED,
                "version 81 of the RDB format \"VALKEY\", which Valkey 9.2 writes");
    t_rdb_fails(&t_rdb_file, T_BYTES("VALKEY082"), FT_ERR_UNSUPPORTED, "after Valkey 9.2 may");
    t_rdb_fails(&t_rdb_file, T_BYTES("VALKEY011"), FT_ERR_UNSUPPORTED, "\"VALKEY\"");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS00x9"), FT_ERR_CORRUPT, "not a number");
    t_rdb_fails(&t_rdb_file, T_BYTES("RED"), FT_ERR_CORRUPT, "ends early");
    t_rdb_fails(&t_rdb_file, T_BYTES("VAL"), FT_ERR_CORRUPT, "ends early");
    t_rdb_fails(&t_rdb_file, T_BYTES("REX"), FT_ERR_CORRUPT, "not an RDB stream");
}

/* What is known by its number only is refused by the name of whose it is. */
static void test_unread(void **state)
{
    (void)state;
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0012\x1a\x01k"), FT_ERR_UNSUPPORTED,
                "26 is a stream of Redis 8.6");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0009\x06\x01k"), FT_ERR_UNSUPPORTED,
                "6 is a module's value as release candidates of Redis 4.0");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0012\xf3\x01"), FT_ERR_UNSUPPORTED,
                "243 is metadata of a key");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0012\x1d\x01k"), FT_ERR_UNSUPPORTED,
                "unsupported: unknown value type 29: nothing up to Redis 8.10 writes it");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0014\x1c\x01k"), FT_ERR_UNSUPPORTED,
                "28 is an array of Redis 8.8");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0015\xf2\x01"), FT_ERR_UNSUPPORTED,
                "242 is a template of hashes");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0015\x1e\x01k"), FT_ERR_UNSUPPORTED,
                "30 is a hash made from a");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0011\x26\x01k"), FT_ERR_UNSUPPORTED, "unknown");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0011\x27\x01k"), FT_ERR_UNSUPPORTED, "unknown");
    /* also where an entry has begun: what comes next may be a prefix of somebody later */
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0011\xf8\x05\x80\x01k"), FT_ERR_UNSUPPORTED,
                "unknown opcode or type 128");
    t_rdb_fails(&t_rdb_file, T_BYTES("REDIS0011\xf8\x05\xfe\x01k"), FT_ERR_CORRUPT,
                "opcode 254 where an entry was begun");
    t_rdb_fails(&t_rdb_file, T_BYTES("VALKEY080\x17\x01k"), FT_ERR_UNSUPPORTED,
                "23 is a hash of Valkey 9.2");
    t_rdb_fails(&t_rdb_file, T_BYTES("VALKEY080\x19\x01k"), FT_ERR_UNSUPPORTED,
                "25 is a hash of Redis 7.4");
}

/* How a stream ends, whose items are of no interest. */
static enum step end_of(const struct feed_adapter *a, struct bytes in, struct ft_err *err)
{
    void *decoder = a->open(a->arg);
    struct window w;
    struct buf out = {0};
    enum step step;

    window_init(&w, 0, 0);
    t_ok(window_push(&w, in, err), err);
    w.closed = true;
    do
        step = a->next(decoder, &w, &out, err);
    while (step == STEP_ITEM);
    a->close(decoder);
    window_release(&w);
    buf_release(&out);
    return step;
}

static bool is_unsupported(const char *header, unsigned byte)
{
    const uint8_t rest[] = {(uint8_t)byte, 1, 'k', 1, 'v', 0xff, 0, 0, 0, 0, 0, 0, 0, 0};
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    bool unsupported;

    t_put(&b, bytes_str(header));
    t_put(&b, bytes_of(rest, sizeof(rest)));
    unsupported =
        end_of(&t_rdb_file, buf_bytes(&b), &err) == STEP_ERROR && err.kind == FT_ERR_UNSUPPORTED;
    if (unsupported) {
        assert_non_null(strstr(err.msg, "unsupported: "));
        assert_non_null(strstr(err.msg, "at offset"));
        assert_true(strstr(err.msg, "nothing up to") != NULL || strstr(err.msg, " is a") != NULL ||
                    strstr(err.msg, " is meta") != NULL || strstr(err.msg, " is data") != NULL);
    }
    buf_release(&b);
    return unsupported;
}

/* Each byte where a type or an opcode may be: what is known is never called unknown, and the reverse. What is known and
 * breaks off later is no matter of this test, so none of those that follow reads "v" as a type. */
static void test_each_byte(void **state)
{
    static const struct {
        const char *header;
        const char *known; /* as ranges */
    } families[] = {
        {"REDIS0009", "0-5 7 9-25 64 252-253 244-249 255"},
        {"REDIS0012", "0-5 7 9-25 64 252-253 244-249 255"},
        {"REDIS0013", "0-5 7 9-26 64 243-249 252-253 255"},
        {"REDIS0015", "0-5 7 9-27 64 243-249 252-253 255"},
        {"VALKEY080", "0-5 7 9-22 243-249 252-253 255"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const char *p = families[i].known;
        bool known[256] = {false};
        unsigned from, to;
        int n;

        while (sscanf(p, "%u%n", &from, &n) == 1) {
            p += n;
            to = from;
            n = 0;
            if (*p == '-')
                assert_int_equal(sscanf(p, "-%u%n", &to, &n), 1);
            p += n;
            for (unsigned byte = from; byte <= to; byte++)
                known[byte] = true;
        }
        for (unsigned byte = 0; byte < 256; byte++) {
            /* a string, a number or two, and then "v" */
            if (byte == 107 || byte == 121 || byte == RDB_OP_AUX || byte == RDB_OP_RESIZEDB ||
                byte == RDB_OP_SELECTDB || byte == RDB_OP_IDLE || byte == RDB_OP_FREQ)
                continue;
            if (is_unsupported(families[i].header, byte) == known[byte])
                fail_msg("%s, byte %u", families[i].header, byte);
        }
    }
}

/* Each version of each family: read, or refused by the name of who could have written it. */
static void test_each_version(void **state)
{
    static const char rest[] = "\xfe\x00\x00\x01k\x01v" EOF_9;
    char text[64];

    (void)state;
    for (unsigned i = 0; i < 2 * 1000; i++) {
        bool valkey = i >= 1000;
        unsigned version = i % 1000;
        bool read = valkey ? version == 80 : version >= 5 && version <= 15;
        struct ft_err err = FT_ERR_INIT;
        struct buf b = {0};
        enum step step;

        if (!valkey && version >= 1 && version < 5) /* without a checksum */
            continue;
        snprintf(text, sizeof(text), valkey ? "VALKEY%03u" : "REDIS%04u", version);
        t_put(&b, bytes_str(text));
        t_put(&b, bytes_of((const uint8_t *)rest, sizeof(rest) - 1));
        step = end_of(&t_rdb_file, buf_bytes(&b), &err);
        assert_int_equal(step, read ? STEP_END : STEP_ERROR);
        if (!read) {
            assert_int_equal(err.kind, FT_ERR_UNSUPPORTED);
            assert_non_null(strstr(err.msg, "unsupported: "));
            assert_non_null(strstr(err.msg, "at offset 0"));
        }
        buf_release(&b);
    }
}

/* One number, two meanings: the magic decides. */
static void test_families(void **state)
{
    (void)state;
    t_rdb_text(
        &t_rdb_file,
        T_BYTES("VALKEY080\xf3\x02jb\x01\x05\x06\xf4\x01\x01\x00"
                "\x16\x01h\x01\x01"
                "f\x01v\xff\xff\xff\xff\xff\xff\xff\xff" EOF_9),
        "@0 header n=80\n"
        "@9 slot-import skipped=6\n"
        "@20 0/h valkey_hash_2:13 value=\\x01\\x01f\\x01v\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\n"
        "@36 eof\n");
    /* metadata of two modules between the time and the type; what Redis Enterprise adds */
    t_rdb_text(&t_rdb_file,
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
    t_rdb_text(&t_rdb_file, in,
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
    /* a job: its script, when it began and how often it runs, keys, arguments */
    t_rdb_text(&t_rdb_file,
               T_BYTES("REDIS0009\x40\x01j\x01s" LE64_1 LE64_1 "\x01\x01k\x02\x01"
                       "a\x01"
                       "b" EOF_9),
               "@0 header n=9\n"
               "@9 0/j keydb_cron:26 value=\\x01s\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01"
               "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01\\x01k\\x02\\x01a\\x01b\n"
               "@38 eof\n");
    /* a Dragonfly never does so */
    t_rdb_fails(&t_rdb_flow,
                T_BYTES(MAGIC "\xfc" ZERO_8 "\xfa\x01"
                              "a\x01"
                              "b"),
                FT_ERR_CORRUPT, "opcode 250 where an entry was begun");
}

static void test_wrong_checksum(void **state)
{
    struct buf b = {0};

    (void)state;
    T_PUT(&b, "REDIS0011\xfe\x00\x00\x01k\x01v\xff");
    t_put_checksum(&b);
    free(feed_whole(&t_rdb_file, buf_bytes(&b)));
    b.p[15] ^= 1;
    t_rdb_buf_fails(&t_rdb_file, &b, FT_ERR_CORRUPT, "wrong checksum");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_times),   cmocka_unit_test(test_redis_file),
        cmocka_unit_test(test_old_version), cmocka_unit_test(test_versions),
        cmocka_unit_test(test_unread),      cmocka_unit_test(test_families),
        cmocka_unit_test(test_each_byte),   cmocka_unit_test(test_each_version),
        cmocka_unit_test(test_keydb),       cmocka_unit_test(test_wrong_checksum),
    };

    return T_RUN("rdb/rdb_stream, files", tests);
}
