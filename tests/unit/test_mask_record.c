#include "fixture/mask_record.h"

#include <stdlib.h>

#include "command/command_table.h"
#include "lib/test_main.h"

#define ARGS_MAX 16

static struct masker m;
static struct mask_record r = {.masker = &m};

static int begin(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    return masker_init(&m, bytes_str("a secret for tests of records"), &err);
}

static int end(void **state)
{
    (void)state;
    mask_record_release(&r);
    masker_release(&m);
    return 0;
}

static int run(const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct bytes args[ARGS_MAX];
    static char copy[400];
    size_t count = 0;
    char *left;
    int rc;

    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *w = strtok_r(copy, " ", &left); w != NULL; w = strtok_r(NULL, " ", &left))
        args[count++] = bytes_str(w);
    rc = mask_record_run(&r, args, count, &err);
    if (rc < 0)
        fail_msg("%s: %s", text, err.msg);
    return rc;
}

/* Of each word of the record: = it is what it was, ~ it is another one of the same length, T later by so many
 * milliseconds, t by so many seconds, S by the constant of scores, . another one of another length. */
static void becomes(const char *text, const char *want)
{
    char got[ARGS_MAX + 1] = "", copy[400];
    size_t i = 0;
    char *left;

    assert_int_equal(run(text), 1);
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *w = strtok_r(copy, " ", &left); w != NULL && i < r.count;
         w = strtok_r(NULL, " ", &left)) {
        struct bytes is = r.args[i];
        size_t open = w[0] == '(';
        double was = strtod(w + open, NULL), now = 0;
        char number[64];

        (void)snprintf(number, sizeof(number), "%.*s", (int)is.n, is.p);
        now = strtod(number + open, NULL);
        got[i++] = bytes_eq_str(is, w)                       ? '='
                   : now == was + (double)m.move_ms          ? 'T'
                   : now == was + (double)(m.move_ms / 1000) ? 't'
                   : now == was + m.move_score               ? 'S'
                   : is.n == strlen(w)                       ? '~'
                                                             : '.';
    }
    assert_int_equal(i, r.count);
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s, wanted %s", text, got, want);
}

static void test_forms(void **state)
{
    (void)state;
    becomes("SET key value", "=~~");
    becomes("SET key value PXAT 1800000000000 STICK _MCFLAGS 12345", "=~~=T===");
    becomes("set key value KEEPTTL", "=~~=");
    becomes("SETRANGE key 12345 value", "=~=~");
    becomes("INCRBY key 12345", "=~~");
    becomes("INCRBY key 12", "=~=");
    becomes("MSET one value two other", "=~~~~");
    becomes("DEL one two three", "=~~~");
    becomes("RENAME one two", "=~~");
    becomes("PEXPIREAT key 1800000000000", "=~T");
    becomes("EXPIREAT key 1800000000", "=~t");
    becomes("EXPIRE key 1000 NX", "=~==");
    becomes("RPUSH list one two 1234567", "=~~~~");
    becomes("LINSERT list BEFORE pivot value", "=~=~~");
    becomes("LREM list 1000 value", "=~=~");
    becomes("LMOVE from into LEFT RIGHT", "=~~==");
    becomes("LMPOP 2 one two LEFT COUNT 5", "==~~===");
    becomes("HSET hash field value other thing", "=~~~~~");
    becomes("HSETEX hash 1000 field value", "=~=~~");
    becomes("HSETEX hash KEEPTTL 1000 field value", "=~==~~");
    becomes("HSETEX hash FNX PXAT 1800000000000 FIELDS 1 field value", "=~==T==~~");
    becomes("HEXPIRE hash 1000 NX FIELDS 2 field other", "=~====~~");
    becomes("SADDEX set 1000 member other", "=~=~~");
    becomes("FIELDEXPIRE hash 1000 field", "=~=~");
    becomes("ZADD zset 1.5 member -2 other", "=~S~S~");
    becomes("ZADD zset XX INCR 1.5 member", "=~===~");
    becomes("ZADD zset 5 INCR", "=~S~");
    becomes("ZINCRBY zset 12345.5 member", "=~=~");
    becomes("ZREMRANGEBYSCORE zset -inf (1500", "=~=S");
    becomes("ZREMRANGEBYLEX zset [name +", "=~~=");
    becomes("ZREMRANGEBYRANK zset 1000 -1", "=~==");
    becomes("ZRANGESTORE into from (5 1000 BYSCORE LIMIT 0 5", "=~~SS====");
    becomes("ZRANGESTORE into from 1000 2000 REV", "=~~===");
    becomes("ZUNIONSTORE into 2 one two WEIGHTS 1 2 AGGREGATE SUM", "=~=~~=====");
    becomes("XADD stream NOMKSTREAM MAXLEN ~ 1000 1800000000000-5 field value", "=~====T~~");
    becomes("XADD stream * field value", "=~=~~");
    becomes("XGROUP CREATE stream group 0 MKSTREAM", "==~~==");
    becomes("XGROUP CREATE stream group $", "==~~=");
    becomes("XGROUP CREATECONSUMER stream group consumer", "==~~~");
    becomes(
        "XCLAIM stream group consumer 1000 0-1 0-2 TIME 1800000000000 RETRYCOUNT 1 JUSTID LASTID 0-2",
        "=~~~==="
        "=T===="
        "=");
    becomes("XTRIM stream MINID = 0", "=~===");
    becomes("BITFIELD key SET u32 100 123456 INCRBY i8 #5 3 GET u8 0", "=~===~===="
                                                                       "===");
    becomes("BITOP AND into one", "==~~");
    becomes("SORT list BY pattern_* LIMIT 0 5 ALPHA STORE into", "=~=~=====~");
    becomes("COPY one two DB 3 REPLACE", "=~~===");
    becomes("MOVE key 3", "=~=");
    becomes("JSON.SET key $.name \"value\" NX", "=~~~=");
    becomes("JSON.MERGE key $ {\"a\":\"value\"}", "=~=~");
    becomes("JSON.STRAPPEND key \"value\"", "=~~");
    becomes("TOPK.INCRBY key item 12", "=~~=");
    becomes("FLUSHDB", "=");
    becomes("PING", "=");
}

/* An id moves, and what comes after it stays. */
static void test_ids(void **state)
{
    char want[64];

    (void)state;
    assert_int_equal(run("XDEL stream 1800000000000-5 0-7"), 1);
    (void)snprintf(want, sizeof(want), "%lld-5", 1800000000000 + (long long)m.move_ms);
    assert_true(bytes_eq_str(r.args[2], want));
    t_bytes(r.args[3], "0-7");
}

static void test_geoadd(void **state)
{
    (void)state;
    assert_int_equal(run("GEOADD places NX 13.361389 38.115556 Palermo"), 1);
    assert_int_equal(r.count, 5);
    t_bytes(r.args[0], "ZADD");
    t_bytes(r.args[2], "NX");
    assert_true(strtod((const char *)r.args[3].p, NULL) == 3479099956230698 + m.move_score);
    assert_int_equal(run("GEOADD places 1000 38.115556 Palermo"), 0);
}

/* A part of a command that went to several shards: nothing of it is left. */
static void test_slices(void **state)
{
    (void)state;
    becomes("ZUNIONSTORE into one two", "=~~~");
    becomes("MSET one value two", "=~~~");
    becomes("SORT list other", "=~~");
}

static uint64_t noted(enum mask_reason reason, const char *name)
{
    for (size_t i = 0; i < m.line_count; i++) {
        if (m.lines[i].reason == reason && strcmp(m.lines[i].name, name) == 0)
            return m.lines[i].count;
    }
    return 0;
}

static void test_what_is_left_out(void **state)
{
    static const char *const texts[] = {
        "NOSUCH key value",
        "SCRIPT LOAD body",
        "GEORADIUS a 1 1 5 km STORE b",
        "FT.CREATE index",
        "DELEX key IFDEQ 0123456789abcdef",
        "JSON.DEL key $[?(@.a==1)]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(run(texts[i]), 0);
    assert_int_equal(noted(MASK_DROPPED_COMMAND, "NOSUCH"), 1);
    assert_int_equal(noted(MASK_DROPPED_COMMAND, "DELEX"), 1);
    assert_int_equal(noted(MASK_DROPPED_COMMAND, "JSON.DEL"), 1);
}

/* Every command that a Dragonfly journals is one whose arguments are known, or is left out knowingly: then none of its
 * arguments is left. */
static void test_every_command(void **state)
{
    static const char left_out[] =
        "BF.LOADCHUNK CLUSTER FT.ALTER FT.CREATE FT.DROPINDEX FT.SYNUPDATE "
        "GEOADD GEORADIUS GEORADIUSBYMEMBER SCRIPT EVAL EVALSHA FUNCTION "
        "GEOSEARCHSTORE KEYDB.CRON MSETEX PUBLISH SPUBLISH XREADGROUP";
    size_t count;
    const struct command_row *rows = command_rows(&count);
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const char *name = rows[i].name;
        const struct bytes args[] = {bytes_str(name), bytes_str("alpha:beta"),
                                     bytes_str("gamma:delta"), bytes_str("omega:sigma")};
        int rc;

        if (strcmp(name, "DFLYCLUSTER") == 0)
            continue;
        err_clear(&err);
        rc = mask_record_run(&r, args, 4, &err);
        if (rc < 0) { /* RESTORE, whose payload is none */
            assert_true(strncmp(name, "RESTORE", 7) == 0);
            continue;
        }
        if (rc == 0 && strstr(left_out, name) == NULL)
            fail_msg("%s is left out", name);
        if (rc == 0)
            continue;
        for (size_t j = 1; j < r.count; j++) {
            for (size_t k = 1; k < 4; k++)
                if (bytes_eq(r.args[j], args[k]))
                    fail_msg("%s leaves its argument %zu", name, j);
        }
    }
}

static void test_flushed_slots(void **state)
{
    const struct bytes args[] = {bytes_str("DFLYCLUSTER"), bytes_str("FLUSHSLOTS"), bytes_str("0"),
                                 bytes_str("100")};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_fails(mask_record_run(&r, args, 4, &err), &err, FT_ERR_STATE, "keep-slots");
    m.text.keep_slots = true;
    err_clear(&err);
    assert_int_equal(mask_record_run(&r, args, 4, &err), 1);
    t_bytes(r.args[3], "100");
    m.text.keep_slots = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_geoadd),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_what_is_left_out),
        cmocka_unit_test(test_every_command),
        cmocka_unit_test(test_flushed_slots),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
