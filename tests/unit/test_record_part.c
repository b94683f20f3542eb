#include "command/translate.h"
#include "lib/test_store.h"

#include "command/record_part.h"
#include "input/effects.h"
#include "lib/t_flows.h"

#define ARGS_MAX 8

/* A record of a text, and what it becomes. */
struct given {
    struct journal_record record;
    struct bytes args[ARGS_MAX];
    struct translator *translator;
    struct translation t;
};

static void give(struct given *g, const char *text)
{
    const struct translator_options o = {.target = target_default()};
    struct ft_err err = FT_ERR_INIT;

    *g = (struct given){.record.args = g->args};
    while (*text != '\0') {
        size_t n = strcspn(text, " ");

        assert_true(g->record.arg_count < ARGS_MAX);
        g->args[g->record.arg_count++] = bytes_of(text, n);
        text += n + (text[n] == ' ');
    }
    t_ok(translator_new(&g->translator, &o, &err), &err);
    t_ok(translator_run(g->translator, g->args, g->record.arg_count, 0, 0, &g->t, &err), &err);
}

static void see(struct presence *p, const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct given g;

    give(&g, text);
    t_ok(presence_record(p, &g.record, &g.t, &err), &err);
    translator_free(g.translator);
}

/* P, A or U of each key of database 0, in this order. */
static void expect_states(const struct presence *p, const char *keys, const char *want)
{
    for (size_t i = 0; keys[i] != '\0'; i++) {
        enum presence_state state = presence_of(p, 0, bytes_of(keys + i, 1));

        if ("APU"[state] != want[i])
            fail_msg("key %c: %c, wanted %c", keys[i], "APU"[state], want[i]);
    }
}

static void test_presence_follows_records(void **state)
{
    const struct translation_flush db_1 = {.kind = FLUSH_DB}, all = {.kind = FLUSH_ALL};
    struct presence p = {0};

    (void)state;
    expect_states(&p, "a", "A");
    see(&p, "SET a v");
    see(&p, "RPUSH l x");
    see(&p, "LPOP l");
    see(&p, "LPOP n");
    expect_states(&p, "aln", "PUA");
    see(&p, "RPUSH l x");
    see(&p, "RENAME l m");
    expect_states(&p, "lm", "AP");
    see(&p, "SUNIONSTORE s a");
    see(&p, "ZADD z XX 1 m");
    see(&p, "ZADD y 1 m");
    expect_states(&p, "aszy", "PUUP");
    see(&p, "SORT a"); /* may have been a store */
    expect_states(&p, "a", "U");
    see(&p, "DEL a s");
    expect_states(&p, "as", "AA");
    see(&p, "RENAMENX m y"); /* nothing, as y is there */
    expect_states(&p, "my", "PP");
    see(&p, "RENAMENX m b");
    expect_states(&p, "mb", "AP");
    see(&p, "MOVE b 1");
    expect_states(&p, "b", "A");
    assert_int_equal(presence_of(&p, 1, bytes_str("b")), PRESENCE_PRESENT);
    presence_flush(&p, &db_1, 1);
    assert_int_equal(presence_of(&p, 1, bytes_str("b")), PRESENCE_ABSENT);
    expect_states(&p, "y", "P");
    presence_flush(&p, &all, 0);
    expect_states(&p, "y", "A");
    presence_release(&p);
}

static void test_presence_remembers_many(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct presence p = {0};

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        const struct rdb_entry entry = {.db = i % 3, .key = bytes_of(&i, sizeof(i))};

        t_ok(presence_entry(&p, &entry, &err), &err);
    }
    for (uint32_t i = 0; i < 20000; i++) {
        assert_int_equal(presence_of(&p, i % 3, bytes_of(&i, sizeof(i))), PRESENCE_PRESENT);
        assert_int_equal(presence_of(&p, 3, bytes_of(&i, sizeof(i))), PRESENCE_ABSENT);
    }
    presence_release(&p);
}

static void test_effect_of_two_states(void **state)
{
    (void)state;
    assert_int_equal(record_effect_of(PRESENCE_PRESENT, PRESENCE_ABSENT), RECORD_HAD_EFFECT);
    assert_int_equal(record_effect_of(PRESENCE_UNKNOWN, PRESENCE_PRESENT), RECORD_HAD_NONE);
    assert_int_equal(record_effect_of(PRESENCE_ABSENT, PRESENCE_UNKNOWN), RECORD_HAD_NONE);
    assert_int_equal(record_effect_of(PRESENCE_PRESENT, PRESENCE_UNKNOWN), RECORD_EFFECT_UNKNOWN);
    assert_int_equal(record_effect_of(PRESENCE_UNKNOWN, PRESENCE_ABSENT), RECORD_EFFECT_UNKNOWN);
}

/* What is left of a record whose taken keys begin with "in": words, "-", or "?" and the unknown keys. */
static void expect_left(const char *text, enum record_effect effect, const char *want)
{
    struct part_key keys[ARGS_MAX] = {0};
    struct ft_err err = FT_ERR_INIT;
    struct record_part part = {0};
    struct buf got = {0};
    enum record_left left;
    struct given g;

    give(&g, text);
    for (size_t i = 0; i < g.t.key_count; i++) {
        keys[i].name = g.t.keys[i].key;
        keys[i].db = g.t.keys[i].db;
        keys[i].taken = keys[i].db == 0 && strncmp((const char *)keys[i].name.p, "in", 2) == 0;
    }
    left = record_part_make(&part, &g.record, &g.t, effect, keys, &err);
    t_ok(buf_append_str(&got, left == RECORD_LEFT_NOTHING ? "-" : "", &err), &err);
    for (size_t i = 0; left == RECORD_LEFT_ARGS && i < part.count; i++)
        t_ok(buf_printf(&got, &err, "%s%.*s", i == 0 ? "" : " ", (int)part.args[i].n,
                        (const char *)part.args[i].p),
             &err);
    for (size_t i = 0; left == RECORD_LEFT_UNKNOWN && i < g.t.key_count; i++) {
        if (keys[i].unknown)
            t_ok(buf_printf(&got, &err, "?%.*s", (int)keys[i].name.n, (const char *)keys[i].name.p),
                 &err);
    }
    t_ok(buf_append(&got, "", 1, &err), &err);
    assert_string_equal((const char *)got.p, want);
    buf_release(&got);
    record_part_release(&part);
    translator_free(g.translator);
}

static void test_what_is_left(void **state)
{
    (void)state;
    expect_left("RENAME in out", RECORD_HAD_EFFECT, "DEL in");
    expect_left("RENAME out in", RECORD_HAD_EFFECT, "?in");
    expect_left("RENAMENX in out", RECORD_HAD_NONE, "-");
    expect_left("RENAMENX in out", RECORD_HAD_EFFECT, "DEL in");
    expect_left("RENAMENX in out", RECORD_EFFECT_UNKNOWN, "?in");
    expect_left("RENAMENX out in", RECORD_HAD_NONE, "-");
    expect_left("RENAMENX out in", RECORD_HAD_EFFECT, "?in");
    expect_left("MOVE in 1", RECORD_HAD_EFFECT, "DEL in");
    expect_left("MOVE in 1", RECORD_HAD_NONE, "-");
    expect_left("COPY in out", RECORD_HAD_EFFECT, "-");
    expect_left("COPY in out", RECORD_EFFECT_UNKNOWN, "-");
    expect_left("COPY out in", RECORD_HAD_NONE, "-");
    expect_left("COPY out in REPLACE", RECORD_HAD_NONE, "?in");
    expect_left("LMOVE in out RIGHT LEFT", RECORD_HAD_EFFECT, "RPOP in");
    expect_left("RPOPLPUSH in out", RECORD_HAD_EFFECT, "RPOP in");
    expect_left("LMOVE out in LEFT LEFT", RECORD_HAD_EFFECT, "?in");
    expect_left("SMOVE in out m", RECORD_HAD_EFFECT, "SREM in m");
    expect_left("MSET in1 a out b in2 c", RECORD_HAD_EFFECT, "MSET in1 a in2 c");
    expect_left("DEL out in", RECORD_HAD_EFFECT, "DEL in");
    expect_left("SUNIONSTORE in out", RECORD_HAD_EFFECT, "?in");
    expect_left("SUNIONSTORE out in", RECORD_HAD_EFFECT, "-");
}

/* Records in front of the entry of "key-of-flow-0"; `want` is the effect of the last one. */
static void expect_in_sync(const char *const *texts, enum record_effect want)
{
    const struct source_stream_options options = {.snapshot_only = true, .keep_args = true};
    enum record_effect got = RECORD_HAD_EFFECT;
    struct t_dir dir = t_dir_make();
    struct t_flow_records flow = {0};
    struct ft_err err = FT_ERR_INIT;
    struct source_stream *stream;
    struct effects *effects;
    struct source *source;
    struct given g;
    struct item item;
    char path[96];
    size_t count = 0;

    for (; texts[count] != NULL; count++)
        flow.in_sync[count] = (struct t_record){.text = texts[count]};
    give(&g, texts[count - 1]);
    (void)snprintf(path, sizeof(path), "%s/cap", dir.path);
    t_ok(t_flows_make(path, &flow, 1, SHARDING_KEY, &err), &err);
    t_ok(source_open(&source, path, 0, &err), &err);
    t_ok(effects_new(&effects, source, &err), &err);
    t_ok(source_stream_open(&stream, source, 0, &options, &err), &err);
    while (source_stream_next(stream, &item, &err) == STEP_ITEM) {
        if (item.kind == ITEM_COMMAND && --count == 0)
            t_ok(effects_of(effects, &item, &g.t, &got, &err), &err);
    }
    assert_int_equal(count, 0);
    assert_int_equal(got, want);
    source_stream_free(stream);
    effects_free(effects);
    source_free(source);
    translator_free(g.translator);
    t_dir_remove(&dir);
}

static void test_inside_the_full_sync(void **state)
{
    static const char *const stays[] = {"MOVE key-of-flow-0 1", NULL};
    static const char *const there[] = {"RENAMENX x key-of-flow-0", NULL};
    static const char *const named[] = {"SET x v", "RENAMENX x y", NULL};

    (void)state;
    expect_in_sync(stays, RECORD_HAD_NONE);
    expect_in_sync(there, RECORD_EFFECT_UNKNOWN);
    expect_in_sync(named, RECORD_EFFECT_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presence_follows_records),
        cmocka_unit_test(test_presence_remembers_many),
        cmocka_unit_test(test_effect_of_two_states),
        cmocka_unit_test(test_what_is_left),
        cmocka_unit_test(test_inside_the_full_sync),
    };

    return T_RUN("command/record_part", tests);
}
