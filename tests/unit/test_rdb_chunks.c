#include <stdlib.h>

#include "lib/t_rdb.h"

/* How Dragonfly packs entries: tagged chunks and compressed blobs. */

/* Two open entries, prefixes within the payload, an id used again, a value in one chunk. */
static void test_tags_interleaved(void **state)
{
    struct buf b = {0};

    (void)state;
    T_PUT(&b, MAGIC);
    t_put_tag(&b, 1,
              T_BYTES("\xfc" LE64_1 "\xdc\x03\x00\x00\x00\x07\x00\x00\x00"
                      "\x04\xc0\x07\x02\x01"
                      "f\x01v"));
    t_put_tag(&b, 2,
              T_BYTES("\x12\x01l\x02\x01"
                      "\x01p"));
    t_put_tag(&b, 1, T_BYTES("\x01g\x01w"));
    T_PUT(&b, "\xfe\x03");
    t_put_tag(&b, 2, T_BYTES("\x02\x02lp"));
    t_put_tag(&b, 1, T_BYTES("\x00\x01k\x02ok"));
    T_PUT(&b, EOF_9);
    t_rdb_buf(&t_rdb_flow, &b,
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
    T_PUT(&b, MAGIC);
    t_put_tag(&b, 1,
              T_BYTES("\x02\x03"
                      "ab"));
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "ends before its entry's value at offset 18");
    T_PUT(&b, MAGIC);
    t_put_tag(&b, 1, T_BYTES("\x00\x01k\x01vx"));
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "bytes follow the value");
    T_PUT(&b, MAGIC);
    t_put_tag(&b, 1, T_BYTES("\x00\x01k\x40"));
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "ends within a number");
    T_PUT(&b, MAGIC);
    t_put_tag(&b, 1, T_BYTES("\xfe\x00"));
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "opcode 254 within a tagged chunk");
    T_PUT(&b, MAGIC);
    t_put_tag(&b, 0, T_BYTES("\x00\x01k\x01v"));
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "id 0 and 5 bytes");
    T_PUT(&b, MAGIC);
    t_put_tag(&b, 1, T_BYTES("\x02\x01s\x02\x01m"));
    T_PUT(&b, EOF_9);
    t_rdb_fails(&t_rdb_flow_skip, buf_bytes(&b), FT_ERR_CORRUPT, "1 tagged entries are incomplete");
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "1 tagged entries are incomplete");
}

static void test_too_many_tags(void **state)
{
    struct buf b = {0};

    (void)state;
    T_PUT(&b, MAGIC);
    for (uint32_t id = 1; id <= 1025; id++)
        t_put_tag(&b, id, T_BYTES("\x02\x01s\x02\x01m"));
    t_rdb_buf_fails(&t_rdb_flow_skip, &b, FT_ERR_LIMIT, "more than 1024 entries are open");
}

/* ---- compressed blobs ---- */

/* The selected database and open tags go through the walls of blobs; 300 kB need several pieces. */
static void check_blobs(bool zstd)
{
    struct buf content = {0};
    struct buf b = {0};

    T_PUT(&b, MAGIC);
    T_PUT(&content, "\xfe\x02\x00\x01"
                    "a\x01x\x00\x03"
                    "big");
    t_put_len(&content, 300000);
    t_put_fill(&content, 300000);
    t_put_tag(&content, 9,
              T_BYTES("\x02\x01s\x02\x01"
                      "m"));
    t_put_blob(&b, zstd, buf_bytes(&content));
    buf_clear(&content);
    T_PUT(&b, "\x00\x01"
              "b\x01y");
    t_put_tag(&content, 9, T_BYTES("\x01n"));
    T_PUT(&content, "\xc8" ZERO_8 "\xd3" LE64_1);
    t_put_blob(&b, zstd, buf_bytes(&content));
    buf_release(&content);
    T_PUT(&b, EOF_9);
    for (unsigned skip = 0; skip < 2; skip++) {
        const struct feed_adapter *a = skip ? &t_rdb_flow_skip : &t_rdb_flow;
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
    T_PUT(&b, MAGIC);
    t_put_blob(&b, false, T_BYTES("\x00\x01k\x05v"));
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT,
                    "compressed blob at offset 9: it ends in the middle of an item");
    T_PUT(&b, MAGIC);
    t_put_blob(&b, true, T_BYTES("\xfc" LE64_1));
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "in the middle of an item");
    T_PUT(&b, MAGIC);
    t_put_blob(&b, false, T_BYTES(EOF_9));
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "end of the stream within a compressed blob");
    T_PUT(&b, MAGIC);
    t_put_blob(&content, true, T_BYTES("\xfe\x00"));
    t_put_blob(&b, false, buf_bytes(&content));
    buf_release(&content);
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "compressed blob within a compressed blob");
    T_PUT(&b, MAGIC "\xca\x04\x04\x22\x4d\x18");
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "its frame does not end");
    T_PUT(&b, MAGIC "\xc9\x04"
                    "abcd");
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "bad zstd frame");
    T_PUT(&b, MAGIC "\xca\x00");
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "length of a compressed blob");
    T_PUT(&b, MAGIC);
    t_put_tag(&b, 3, T_BYTES("\xca\x01\x00"));
    t_rdb_buf_fails(&t_rdb_flow, &b, FT_ERR_CORRUPT, "opcode 202 within a tagged chunk");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags_interleaved), cmocka_unit_test(test_tags_damaged),
        cmocka_unit_test(test_too_many_tags),    cmocka_unit_test(test_lz4_blobs),
        cmocka_unit_test(test_zstd_blobs),       cmocka_unit_test(test_blobs_damaged),
    };

    return T_RUN("rdb/rdb_stream, chunks and blobs", tests);
}
