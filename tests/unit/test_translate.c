#include <ctype.h>
#include <stdlib.h>

#include "command/command_table.h"
#include "command/translate.h"
#include "item/slot.h"
#include "lib/test_main.h"

/* When the records of the table are said to have been received. */
#define RECEIVED_MS 1700000000000

/* The columns of the table. */
enum {
    R62,
    R70,
    R74,
    R80,
    TARGET_COUNT,
};

static const char *const target_names_shown[TARGET_COUNT] = {"6.2", "7.0", "7.4", "8.0"};

struct translate_case {
    const char *record; /* words separated by blanks; \xNN, \n, \r, \t and \\ stand for bytes */
    const char *standalone[TARGET_COUNT];
    const char *cluster[TARGET_COUNT];
};

/*
 * What is expected, by target. NULL: as the column before; a cluster's first NULL: as standalone.
 *
 *   =                    as it is
 *   > A; B               becomes the commands A and B; <script> stands for the text of a script
 *   plan RENAME a b      done by the client; "absent": only if b is not there; "db 1": into it
 *   flush FLUSHALL       flush slots 0-5
 *   -                    nothing
 *   loss                 lost; commands as above
 *   !reason(class)       a loss or note beside it
 *   ?key                 the key is suspect
 */
#include "translate_cases.h"

#define CASE_COUNT (sizeof(translate_cases) / sizeof(translate_cases[0]))
#define ARGS_MAX   32

/* The record's words, from its text. */
struct record {
    char text[1024];
    struct bytes args[ARGS_MAX];
    size_t count;
};

static char unescape(const char **s)
{
    static const char plain[] = "nrt\\", means[] = "\n\r\t\\";
    const char *found;
    char hex[3] = {0};

    if (**s != '\\')
        return *(*s)++;
    (*s)++;
    found = strchr(plain, **s);
    if (found != NULL && **s != '\0') {
        (*s)++;
        return means[found - plain];
    }
    assert_int_equal(**s, 'x');
    hex[0] = (*s)[1];
    hex[1] = (*s)[2];
    *s += 3;
    return (char)strtol(hex, NULL, 16);
}

static void record_parse(struct record *r, const char *s)
{
    size_t n = 0;

    r->count = 0;
    while (*s != '\0') {
        size_t first = n;

        while (*s != '\0' && *s != ' ')
            r->text[n++] = unescape(&s);
        s += *s == ' ' ? 1 : 0;
        assert_true(r->count < ARGS_MAX && n < sizeof(r->text));
        r->args[r->count++] = bytes_of(r->text + first, n - first);
    }
}

static void put_arg(struct buf *out, const char *before, struct bytes w, const char *after)
{
    struct ft_err err = FT_ERR_INIT;
    char text[600];

    t_ok(buf_printf(out, &err, "%s%s%s", before, bytes_escape(w, text, sizeof(text)), after), &err);
}

static void put_text(struct buf *out, const char *text)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_append_str(out, text, &err), &err);
}

static void render_commands(struct buf *out, const struct translation *t)
{
    for (size_t i = 0; i < t->command_count; i++) {
        const struct translation_command *c = &t->commands[i];
        bool script = bytes_eq_str(c->args[0], "EVAL");

        put_text(out, i == 0 ? "" : ";");
        for (size_t k = 0; k < c->count; k++) {
            if (script && k == 1)
                put_text(out, " <script>");
            else
                put_arg(out, " ", c->args[k], "");
        }
    }
}

static void render_plan(struct buf *out, const struct translation *t, uint32_t db)
{
    put_text(out, plan_kind_name(t->plan.kind));
    put_arg(out, " ", t->plan.src, "");
    put_arg(out, " ", t->plan.dst, "");
    put_text(out, t->plan.only_if_absent ? " absent" : "");
    put_text(out, t->plan.dst_db != db ? " db 1" : "");
}

static void render_flush(struct buf *out, const struct translation *t)
{
    struct ft_err err = FT_ERR_INIT;

    if (t->flush.kind == FLUSH_SLOTS)
        put_text(out, " slots");
    for (size_t i = 0; i < t->flush.range_count; i++)
        t_ok(buf_printf(out, &err, " %u-%u", t->flush.ranges[i].first, t->flush.ranges[i].last),
             &err);
}

/* The compact form of the table; the caller frees it. */
static char *render(const struct translation *t)
{
    static const char *const signs[] = {"=", ">", ">", "-", "flush", "loss"};
    struct ft_err err = FT_ERR_INIT;
    struct buf out = {0};

    put_text(&out, t->plan.kind != PLAN_NONE ? "plan " : signs[t->class_]);
    if (t->plan.kind != PLAN_NONE)
        render_plan(&out, t, 0);
    if (t->class_ == TRANSLATION_FLUSH)
        render_flush(&out, t);
    if (t->class_ != TRANSLATION_AS_IS)
        render_commands(&out, t);
    for (size_t i = 0; i < t->loss_count; i++)
        t_ok(buf_printf(&out, &err, " !%s(%s)", loss_reason_name(t->losses[i].reason),
                        t->losses[i].class_name),
             &err);
    for (size_t i = 0; i < t->key_count; i++) {
        if (t->keys[i].suspect)
            put_arg(&out, " ?", t->keys[i].key, "");
    }
    t_ok(buf_append(&out, "", 1, &err), &err);
    return (char *)out.p;
}

static struct translator *translator_for(size_t target, bool cluster, enum json_as json_as)
{
    struct translator_options o = {.cluster = cluster, .json_as = json_as};
    struct ft_err err = FT_ERR_INIT;
    struct translator *t;

    t_ok(target_parse(target_names_shown[target], &o.target, &err), &err);
    t_ok(translator_new(&t, &o, &err), &err);
    return t;
}

static char *translate(struct translator *t, const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct translation result;
    struct record r;

    record_parse(&r, text);
    t_ok(translator_run(t, r.args, r.count, 0, RECEIVED_MS, &result, &err), &err);
    return render(&result);
}

static const char *expected_of(const struct translate_case *c, size_t target, bool cluster)
{
    const char *want = NULL;

    for (size_t i = 0; cluster && i <= target; i++)
        want = c->cluster[i] != NULL ? c->cluster[i] : want;
    for (size_t i = 0; (!cluster || c->cluster[0] == NULL) && i <= target; i++)
        want = c->standalone[i] != NULL ? c->standalone[i] : want;
    return want;
}

static void check_column(size_t target, bool cluster)
{
    struct translator *t = translator_for(target, cluster, JSON_AS_DEFAULT);
    size_t failures = 0;

    for (size_t i = 0; i < CASE_COUNT; i++) {
        const char *want = expected_of(&translate_cases[i], target, cluster);
        char *got = translate(t, translate_cases[i].record);

        if (strcmp(got, want) != 0) {
            print_error("%s%s: %s\n  wanted %s\n  got    %s\n", target_names_shown[target],
                        cluster ? " cluster" : "", translate_cases[i].record, want, got);
            failures++;
        }
        free(got);
    }
    translator_free(t);
    assert_int_equal(failures, 0);
}

static void test_table_standalone(void **state)
{
    (void)state;
    for (size_t i = 0; i < TARGET_COUNT; i++)
        check_column(i, false);
}

static void test_table_cluster(void **state)
{
    (void)state;
    for (size_t i = 0; i < TARGET_COUNT; i++)
        check_column(i, true);
}

/* Each row of the command table is in the table of cases. */
static void test_table_is_complete(void **state)
{
    size_t count;
    const struct command_row *rows = command_rows(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(rows[i].name);
        bool found = false;

        for (size_t k = 0; k < CASE_COUNT && !found; k++)
            found = strncmp(translate_cases[k].record, rows[i].name, n) == 0 &&
                    (translate_cases[k].record[n] == ' ' || translate_cases[k].record[n] == '\0');
        if (!found)
            fail_msg("no case for %s", rows[i].name);
    }
}

static void test_rows_are_sorted_and_found(void **state)
{
    size_t count;
    const struct command_row *rows = command_rows(&count);
    char lower[32];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(rows[i].name);

        if (i > 0 && strcasecmp(rows[i - 1].name, rows[i].name) >= 0)
            fail_msg("%s comes after %s", rows[i].name, rows[i - 1].name);
        for (size_t k = 0; k <= n; k++)
            lower[k] = (char)tolower(rows[i].name[k]);
        assert_ptr_equal(command_find(bytes_str(rows[i].name)), &rows[i]);
        assert_ptr_equal(command_find(bytes_str(lower)), &rows[i]);
        assert_ptr_equal(command_find(bytes_of(lower, n - 1)),
                         command_find(bytes_of(rows[i].name, n - 1)));
    }
    assert_null(command_find(bytes_str("")));
    assert_null(command_find(bytes_str("SETS")));
}

/* What a Redis propagates has taken effect, and no cap of a Dragonfly's holds for it. */
static void test_of_redis(void **state)
{
    static const struct {
        const char *record;
        const char *becomes;
    } cases[] = {
        {"PEXPIREAT k 1800000000000", "="},
        {"PEXPIREAT k 1800000000000 GT", "> PEXPIREAT k 1800000000000"},
        {"EXPIREAT k 1800000000 NX", "> PEXPIREAT k 1800000000000"},
        {"EXPIRE k 9999999999", "> PEXPIREAT k 11699999999000"},
        {"EXPIRE k soon", "loss !command(EXPIRE) ?k"},
        {"SETEX k 9999999999 v", "> SET k v; PEXPIREAT k 11699999999000"},
        {"SET k v IFEQ w KEEPTTL", "> EVAL <script> 1 k v"},
        {"INCRBYFLOAT k 1.5", "="},
        {"HINCRBYFLOAT h f 1.5", "="},
        {"PFCOUNT h", "="},
        {"RENAME a b", "="},
        {"SCRIPT FLUSH", "-"},
        {"SCRIPT LOAD code", "="},
        {"XCLAIM x g c 0 1-0 TIME 1 RETRYCOUNT 1 FORCE JUSTID LASTID 1-0", "="},
        {"XCLAIM x g c 0 1-0", "="},
        {"XREADGROUP GROUP g c COUNT 1 STREAMS x 0", "> XREADGROUP GROUP g c COUNT 1 STREAMS x 0"},
        {"XSETID x 5-0 ENTRIESADDED 7 MAXDELETEDID 4-0", "> XSETID x 5-0 !stream-counters(stream)"},
        {"BF.ADD b v", "loss !module(BF.ADD)"},
        {"SORT k BY w_* STORE d", "="},
        {"SWAPDB 0 1", "="},
    };
    struct translator_options o = {.source_release = SOURCE_RELEASE_REDIS};
    struct ft_err err = FT_ERR_INIT;
    struct translator *t;

    (void)state;
    t_ok(target_parse("5.0", &o.target, &err), &err);
    t_ok(translator_new(&t, &o, &err), &err);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *got = translate(t, cases[i].record);

        assert_string_equal(got, cases[i].becomes);
        free(got);
    }
    translator_free(t);
    o.keeps_others = true;
    t_ok(translator_new(&t, &o, &err), &err);
    for (size_t i = 0; i < 2; i++) {
        char *got = translate(t, i == 0 ? "SWAPDB 0 1" : "EVALSHA abc 1 k");

        assert_string_equal(got, i == 0 ? "loss !command(SWAPDB)" : "loss !command(EVALSHA) ?k");
        free(got);
    }
    translator_free(t);
}

/* What may reach keys that it does not name. */
static void test_any_key(void **state)
{
    static const struct {
        const char *record;
        bool any;
    } cases[] = {
        {"EVAL return(1) 1 k", true},        {"SWAPDB 0 1", true}, {"SORT k BY w_* STORE d", true},
        {"SORT k BY nosort STORE d", false}, {"SET k v", false},
    };
    struct translator_options o = {.source_release = SOURCE_RELEASE_REDIS};
    struct ft_err err = FT_ERR_INIT;
    struct translation result;
    struct translator *t;
    struct record r;

    (void)state;
    t_ok(target_parse("7.0", &o.target, &err), &err);
    t_ok(translator_new(&t, &o, &err), &err);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        record_parse(&r, cases[i].record);
        t_ok(translator_run(t, r.args, r.count, 0, RECEIVED_MS, &result, &err), &err);
        assert_int_equal(result.any_key, cases[i].any);
        assert_true(result.was_effective);
    }
    record_parse(&r, "FUNCTION DELETE lib");
    t_ok(translator_run(t, r.args, r.count, 0, RECEIVED_MS, &result, &err), &err);
    assert_true(result.functions && result.every_node);
    translator_free(t);
}

/* Members that ended before the moment that is wanted, where the target has no times of members. */
static void test_ended_members(void **state)
{
    static const struct {
        const char *record;
        const char *becomes;
    } cases[] = {
        {"SADDEX s 1 a b", "> SREM s a b"},
        {"SADDEX s 2 a", "> SADD s a !member-ttl(set)"},
        {"SADDEX s KEEPTTL 1 a", "> SADD s a !member-ttl(set)"},
        {"HSETEX h 1 f v g w", "> HDEL h f g"},
        {"HSETEX h NX 1 f v", "-"},
        {"HSETEX h 2 f v", "> HSET h f v !member-ttl(hash)"},
        {"HEXPIRE h 1 FIELDS 2 f g", "> HDEL h f g"},
        {"HEXPIRE h 1 NX FIELDS 1 f", "- !member-ttl(hash)"},
        {"HGETEX h PX 1500 FIELDS 1 f", "> HDEL h f"},
        {"FIELDEXPIRE h 1 f g", "> EVAL <script> 1 h f g"},
        {"FIELDEXPIRE h 2 f", "- !member-ttl(member)"},
    };
    struct translator_options o = {.moment_ms = RECEIVED_MS + 1500};
    struct ft_err err = FT_ERR_INIT;
    struct translator *t;

    (void)state;
    t_ok(target_parse("7.0", &o.target, &err), &err);
    t_ok(translator_new(&t, &o, &err), &err);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *got = translate(t, cases[i].record);

        assert_string_equal(got, cases[i].becomes);
        free(got);
    }
    translator_free(t);
}

/* The same record gives the same words, whenever and however often it is translated. */
static void test_results_repeat(void **state)
{
    struct translator *t = translator_for(R74, false, JSON_AS_DEFAULT);

    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        char *one = translate(t, translate_cases[i].record);
        char *two = translate(t, translate_cases[i].record);

        assert_string_equal(one, two);
        free(one);
        free(two);
    }
    translator_free(t);
}

static void expect(struct translator *t, const char *record, const char *want)
{
    char *got = translate(t, record);

    assert_string_equal(got, want);
    free(got);
}

static void test_json_as_string(void **state)
{
    struct translator *t = translator_for(R70, false, JSON_AS_STRING);

    (void)state;
    expect(t, "JSON.SET j $ {\"a\":1}", "> SET j {\\\"a\\\":1}");
    expect(t, "JSON.SET j . 1 NX", "> SET j 1 NX");
    expect(t, "JSON.SET j $.a 1", "loss !json(json) ?j");
    expect(t, "JSON.MSET a $ 1 b . 2", "> SET a 1; SET b 2");
    expect(t, "JSON.MSET a $ 1 b .x 2", "loss SET a 1 !json(json) ?a ?b");
    expect(t, "JSON.DEL j", "> DEL j");
    expect(t, "JSON.NUMINCRBY j $.a 1", "loss !json(json) ?j");
    translator_free(t);
}

static void test_json_as_module(void **state)
{
    struct translator *t = translator_for(R70, false, JSON_AS_MODULE);

    (void)state;
    expect(t, "JSON.SET j $ 1", "> DEL j; JSON.SET j $ 1");
    expect(t, "JSON.ARRPOP j", "=");
    translator_free(t);
}

/* Claims make consumers only when they get something. */
static void test_old_source(void **state)
{
    struct translator_options o = {.target = target_default(),
                                   .source_release = SOURCE_RELEASE_OLD};
    struct ft_err err = FT_ERR_INIT;
    struct translator *t;

    (void)state;
    t_ok(translator_new(&t, &o, &err), &err);
    expect(t, "XCLAIM x2 g1 c3 0 8-1", "> XCLAIM x2 g1 c3 0 8-1 TIME 1700000000000 ?x2");
    expect(t, "XAUTOCLAIM x2 g1 c4 0 0", "= ?x2");
    translator_free(t);
    t_ok(target_parse("7.2", &o.target, &err), &err);
    t_ok(translator_new(&t, &o, &err), &err);
    expect(t, "XAUTOCLAIM x2 g1 c4 0 0", "> EVAL <script> 1 x2 g1 c4 0 0 100 1700000000000 ?x2");
    translator_free(t);
}

/* Redis 5 lacks LMOVE, XAUTOCLAIM, ZRANGESTORE, ZDIFFSTORE, ZADD GT, and XADD's NOMKSTREAM and MINID. */
static void test_old_target(void **state)
{
    struct translator_options o = {0};
    struct ft_err err = FT_ERR_INIT;
    struct translator *t;

    (void)state;
    t_ok(target_parse("5.0", &o.target, &err), &err);
    t_ok(translator_new(&t, &o, &err), &err);
    expect(t, "LMOVE a b RIGHT LEFT", "> RPOPLPUSH a b");
    expect(t, "LMOVE a b LEFT RIGHT", "> EVAL <script> 2 a b 0 RPUSH LPOP");
    expect(t, "LMOVE a b right right", "> EVAL <script> 2 a b -1 RPUSH RPOP");
    expect(t, "ZADD z CH 1 a", "=");
    expect(t, "ZADD z GT CH 1 a 2 b", "> EVAL <script> 1 z GT ZADD - 1 a 2 b");
    expect(t, "ZADD z XX lt INCR 1 a", "> EVAL <script> 1 z LT ZINCRBY XX 1 a");
    expect(t, "ZADD z GT 1 a 2", "loss !command(ZADD) ?z");
    expect(t, "ZDIFFSTORE d 2 a b", "> EVAL <script> 3 d a b");
    expect(t, "ZRANGESTORE d s 0 -1", "> EVAL <script> 2 d s ZRANGE 0 -1");
    expect(t, "ZRANGESTORE d s (1 +inf BYSCORE LIMIT 1 2",
           "> EVAL <script> 2 d s ZRANGEBYSCORE (1 +inf LIMIT 1 2");
    expect(t, "ZRANGESTORE d s + - rev LIMIT 0 9 bylex",
           "> EVAL <script> 2 d s ZREVRANGEBYLEX + - LIMIT 0 9");
    expect(t, "ZRANGESTORE d s 0 1 LIMIT 0", "loss !command(ZRANGESTORE) ?d ?s");
    expect(t, "XADD x NOMKSTREAM * f v", "> EVAL <script> 1 x 1700000000000 1 1 * f v ?x");
    expect(t, "XADD x NOMKSTREAM MAXLEN 5 * f v",
           "> EVAL <script> 1 x 1700000000000 1 3 MAXLEN 5 * f v ?x");
    expect(t, "XADD x MINID 9 * f v",
           "> EVAL <script> 1 x 1700000000000 0 1 * f v; EVAL <script> 1 x 9 ?x");
    expect(t, "XAUTOCLAIM x g c 0 -",
           "> XREADGROUP GROUP g c COUNT 1 STREAMS x 0; "
           "EVAL <script> 1 x g c 0 - 100 1700000000000");
    expect(t, "XAUTOCLAIM x g c 5 1-1 JUSTID COUNT 7",
           "> XREADGROUP GROUP g c COUNT 1 STREAMS x 0; "
           "EVAL <script> 1 x g c 5 1-1 7 1700000000000 JUSTID ?x");
    expect(t, "XAUTOCLAIM x g c 0 - COUNT", "loss !command(XAUTOCLAIM) ?x");
    translator_free(t);
    o.cluster = true;
    t_ok(translator_new(&t, &o, &err), &err);
    expect(t, "LMOVE a b LEFT RIGHT", "plan LMOVE a b");
    expect(t, "ZDIFFSTORE d 2 a b", "loss !command(ZDIFFSTORE) ?d ?a ?b");
    translator_free(t);
}

/* What is not in the journal of older releases, and what they do otherwise. */
static void test_older_releases(void **state)
{
    struct translator_options o = {.source_release = 137};
    struct ft_err err = FT_ERR_INIT;
    struct translator *t;

    (void)state;
    t_ok(target_parse("7.4", &o.target, &err), &err);
    t_ok(translator_new(&t, &o, &err), &err);
    expect(t, "RENAME a b", "> EVAL <script> 2 a b PEXPIRETIME PEXPIREAT");
    expect(t, "RENAMENX a b", "=");
    expect(t, "XGROUP CREATE x g 0", "=");
    expect(t, "HINCRBY h f 1", "=");
    translator_free(t);
    o.cluster = true;
    t_ok(translator_new(&t, &o, &err), &err);
    expect(t, "RENAME a b", "plan RENAME a b");
    expect(t, "RENAME {a}1 {a}2", "> EVAL <script> 2 {a}1 {a}2 PEXPIRETIME PEXPIREAT");
    translator_free(t);
    o.cluster = false;
    o.source_release = 136;
    t_ok(translator_new(&t, &o, &err), &err);
    expect(t, "XGROUP CREATE x g 0", "= ?x");
    translator_free(t);
    o.source_release = 135;
    t_ok(translator_new(&t, &o, &err), &err);
    expect(t, "HINCRBY h f 1", "> HINCRBY h f 1; HPERSIST h FIELDS 1 f");
    expect(t, "HINCRBYFLOAT h f 1", "> EVAL <script> 1 h f 1 0");
    expect(t, "FT.DROPINDEX i DD", "loss !command(FT.DROPINDEX)");
    translator_free(t);
    o.source_release = 134;
    t_ok(translator_new(&t, &o, &err), &err);
    expect(t, "FT.DROPINDEX i DD", "loss !search-index(FT.DROPINDEX)");
    translator_free(t);
}

/* Names, options and their case: a client's bytes come verbatim. */
static void test_letter_case_is_ignored(void **state)
{
    struct translator *t = translator_for(R74, false, JSON_AS_DEFAULT);

    (void)state;
    expect(t, "set k v stick", "> SET k v !sticky(string)");
    expect(t, "hsetex h nx 10 f v", "> EVAL <script> 1 h NX 0 1700000010000 f v");
    expect(t, "sort l store d", "=");
    expect(t,
           "restore s 0 \\x00\\x05hello\\x09\\x00\\xb3\\x80\\x8e\\xba1\\xb2C\\xbb replace absttl",
           "=");
    translator_free(t);
}

static void test_ttl_is_clamped(void **state)
{
    struct translator *t = translator_for(R74, false, JSON_AS_DEFAULT);

    (void)state;
    expect(t, "HEXPIRE h 268435455 FIELDS 1 f", "> HPEXPIREAT h 1968435455000 FIELDS 1 f");
    expect(t, "HEXPIRE h 9223372036854775807 FIELDS 1 f",
           "> HPEXPIREAT h 1968435455000 FIELDS 1 f");
    expect(t, "HEXPIRE h -5 FIELDS 1 f", "> HPEXPIREAT h 1700000000000 FIELDS 1 f");
    expect(t, "HEXPIRE h ten FIELDS 1 f", "loss !command(HEXPIRE) ?h");
    translator_free(t);
}

/* All keys of a record are reported, in whatever class it falls. */
static void test_keys(void **state)
{
    static const struct {
        const char *record, *keys;
    } cases[] = {
        {"MSET a 1 b 2", "a/0 b/0"},
        {"MOVE k 3", "k/0 k/3"},
        {"COPY a b DB 2", "a/0 b/2"},
        {"XGROUP CREATE s g $", "s/0"},
        {"ZUNIONSTORE d 2 a b WEIGHTS 1 2", "d/0 a/0 b/0"},
        {"SORT l BY w GET x STORE d", "l/0 d/0"},
        {"LMPOP 2 a b LEFT", "a/0 b/0"},
        {"GEORADIUS g 1 2 3 km STORE d", "g/0 d/0"},
        {"BITOP AND d a b", "d/0 a/0 b/0"},
        {"JSON.MSET a $ 1 b $ 2", "a/0 b/0"},
        {"FLUSHALL", ""},
        {"NOSUCH a b", "a/0"},
    };
    struct translator *t = translator_for(R70, false, JSON_AS_DEFAULT);
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct translation_key *keys;
        char got[200] = "";
        struct record r;
        size_t count;

        record_parse(&r, cases[i].record);
        t_ok(translator_find_keys(t, r.args, r.count, 0, &keys, &count, &err), &err);
        for (size_t k = 0; k < count; k++) {
            assert_true(bytes_eq(keys[k].key, r.args[keys[k].arg]));
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s/%u", k == 0 ? "" : " ",
                     (int)keys[k].key.n, (const char *)keys[k].key.p, keys[k].db);
        }
        assert_string_equal(got, cases[i].keys);
    }
    translator_free(t);
}

static void test_split_keeps_order_within_a_slot(void **state)
{
    enum {
        KEYS = 3000,
    };
    struct translator *t = translator_for(R70, true, JSON_AS_DEFAULT);
    struct bytes *args = calloc(2 * KEYS + 1, sizeof(args[0]));
    char(*texts)[16] = calloc(KEYS, sizeof(texts[0]));
    struct ft_err err = FT_ERR_INIT;
    struct translation result;
    size_t seen = 0;

    (void)state;
    assert_non_null(args);
    assert_non_null(texts);
    args[0] = bytes_str("MSET");
    for (size_t i = 0; i < KEYS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "k%zu", i % 1000);
        args[2 * i + 1] = bytes_str(texts[i]);
        args[2 * i + 2] = bytes_of(&texts[i], i % 7);
    }
    t_ok(translator_run(t, args, 2 * KEYS + 1, 0, RECEIVED_MS, &result, &err), &err);
    for (size_t i = 0; i < result.command_count; i++) {
        const struct translation_command *c = &result.commands[i];

        for (size_t k = 1; k < c->count; k += 2) {
            assert_int_equal(slot_of(c->args[k]), slot_of(c->args[1]));
            if (k > 1 && bytes_eq(c->args[k], c->args[k - 2]))
                assert_true(c->args[k].p > c->args[k - 2].p);
            seen++;
        }
    }
    assert_int_equal(seen, KEYS);
    free(args);
    free(texts);
    translator_free(t);
}

static void test_damaged_restore_is_an_error(void **state)
{
    struct translator *t = translator_for(R70, false, JSON_AS_DEFAULT);
    struct ft_err err = FT_ERR_INIT;
    struct translation result;
    struct record r;

    (void)state;
    record_parse(&r, "RESTORE s 0 \\x00\\x05hellO\\x09\\x00\\xb3\\x80\\x8e\\xba1\\xb2C\\xbb");
    t_fails(translator_run(t, r.args, r.count, 0, RECEIVED_MS, &result, &err), &err, FT_ERR_CORRUPT,
            "RESTORE of \"s\"");
    t_fails(translator_run(t, r.args, 0, 0, RECEIVED_MS, &result, &err), &err, FT_ERR_CORRUPT,
            "without a command");
    translator_free(t);
}

/* Any number of any words: a class, never more than that. */
static void test_any_args_are_survived(void **state)
{
    static const char *const odd[] = {
        "",      "1", "-1",    "FIELDS", "STORE", "KEEPTTL", "99999999999999999999",
        "LIMIT", "~", "MINID", "*",      "EX"};
    size_t count;
    const struct command_row *rows = command_rows(&count);

    (void)state;
    for (size_t target = 0; target < TARGET_COUNT; target++) {
        struct translator *t = translator_for(target, true, JSON_AS_DEFAULT);
        unsigned seed = 1;

        for (size_t i = 0; i < count * 60; i++) {
            struct ft_err err = FT_ERR_INIT;
            struct bytes args[9];
            struct translation result;
            size_t n = 1 + i / count % 9;

            args[0] = bytes_str(rows[i % count].name);
            for (size_t k = 1; k < n; k++) {
                seed = seed * 1103515245u + 12345u;
                args[k] = bytes_str(odd[(seed >> 16) % (sizeof(odd) / sizeof(odd[0]))]);
            }
            if (translator_run(t, args, n, 0, RECEIVED_MS, &result, &err) != 0)
                assert_int_equal(err.kind, FT_ERR_CORRUPT);
        }
        translator_free(t);
    }
}

static void test_expected_errors(void **state)
{
    const struct command_row *xsetid = command_find(bytes_str("XSETID"));

    (void)state;
    assert_true(command_error_expected(xsetid, "ERR no such key"));
    assert_true(command_error_expected(
        xsetid, "-ERR The ID specified in XSETID is smaller than the target stream top item"));
    assert_false(command_error_expected(xsetid, "WRONGTYPE Operation against a key"));
    assert_false(command_error_expected(command_find(bytes_str("LPUSH")), "WRONGTYPE"));
    assert_true(command_error_expected(command_find(bytes_str("FIELDEXPIRE")), "WRONGTYPE x"));
    assert_false(command_error_expected(NULL, "ERR unknown command"));
}

static void test_digest(void **state)
{
    char text[TRANSLATION_DIGEST_SIZE];

    (void)state;
    translation_digest(bytes_str(""), text);
    assert_string_equal(text, "2d06800538d394c2"); /* xxHash's own check value */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_standalone),
        cmocka_unit_test(test_table_cluster),
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test(test_rows_are_sorted_and_found),
        cmocka_unit_test(test_of_redis),
        cmocka_unit_test(test_any_key),
        cmocka_unit_test(test_ended_members),
        cmocka_unit_test(test_results_repeat),
        cmocka_unit_test(test_json_as_string),
        cmocka_unit_test(test_json_as_module),
        cmocka_unit_test(test_old_source),
        cmocka_unit_test(test_old_target),
        cmocka_unit_test(test_older_releases),
        cmocka_unit_test(test_letter_case_is_ignored),
        cmocka_unit_test(test_ttl_is_clamped),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_split_keeps_order_within_a_slot),
        cmocka_unit_test(test_damaged_restore_is_an_error),
        cmocka_unit_test(test_any_args_are_survived),
        cmocka_unit_test(test_expected_errors),
        cmocka_unit_test(test_digest),
    };

    return T_RUN("command/translate", tests);
}
