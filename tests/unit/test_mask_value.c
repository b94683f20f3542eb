#include "fixture/mask_value.h"
#include "item/dump.h"
#include "lib/t_stream_value.h"
#include "lib/test_main.h"
#include "rdb/value_check.h"
#include "rdb/value_stream.h"
#include "rdb/value_walk.h"

#define TEXT(s)                                       \
    {                                                 \
        .p = (const uint8_t *)(s), .n = sizeof(s) - 1 \
    }
#define T_TEXT(s) bytes_of(s, sizeof(s) - 1)

/* Listpacks and ziplists of short texts. */
#define LP(size, count, elements) size "\x00\x00\x00" count "\x00" elements "\xff"

struct made {
    struct masker m;
    struct buf out;
    unsigned type;
};

static void begin(struct made *v)
{
    struct ft_err err = FT_ERR_INIT;

    *v = (struct made){0};
    t_ok(masker_init(&v->m, bytes_str("a secret for tests of values"), &err), &err);
}

static void end(struct made *v)
{
    masker_release(&v->m);
    buf_release(&v->out);
}

static int run(struct made *v, unsigned type, struct bytes value, struct ft_err *err)
{
    buf_clear(&v->out);
    return mask_value_put(&v->m, type, value, &v->out, &v->type, err);
}

static uint64_t count_elements(unsigned type, struct bytes value)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_element e;
    struct value_iter *it;
    uint64_t n = 0;

    t_ok(value_iter_new(&it, type, value, &err), &err);
    while (value_iter_next(it, &e, &err) == STEP_ITEM)
        n++;
    value_iter_free(it);
    assert_int_equal(err.kind, FT_ERR_NONE);
    return n;
}

static const struct {
    unsigned type;
    struct bytes value;
    const char *args; /* separated by blanks; none of them is left */
    bool scores;      /* which are of other lengths */
} values[] = {
    {RDB_TYPE_STRING, TEXT("\x05hello"), "hello", false},
    {RDB_TYPE_STRING, TEXT("\xc1\xe8\x03"), "", false},
    {RDB_TYPE_LIST, TEXT("\x02\x05hello\x05world"), "hello world", false},
    {RDB_TYPE_SET, TEXT("\x02\x05hello\x05world"), "hello world", false},
    {RDB_TYPE_HASH,
     TEXT("\x01\x05"
          "field\x05value"),
     "field value", false},
    {RDB_TYPE_ZSET,
     TEXT("\x02\x05hello\x03"
          "1.5\x05world\xfe"),
     "hello world", true},
    {RDB_TYPE_ZSET_2, TEXT("\x01\x05hello\x00\x00\x00\x00\x00\x00\xf8\x3f"), "hello", false},
    {RDB_TYPE_SET_INTSET,
     TEXT("\x10\x02\x00\x00\x00\x04\x00\x00\x00\xf6\xff\x01\x00\x00\x01\x00\x02"), "", false},
    {RDB_TYPE_LIST_QUICKLIST_2,
     TEXT("\x02\x02\x13" LP("\x13", "\x02",
                            "\x85world\x06\x83"
                            "abc\x04") "\x01\x05hello"),
     "hello world", false},
    {RDB_TYPE_HASH_LISTPACK,
     TEXT("\x15" LP("\x15", "\x02",
                    "\x85"
                    "field\x06\x85value\x06")),
     "field value", false},
    {RDB_TYPE_SET_LISTPACK, TEXT("\x10" LP("\x10", "\x02", "\x85hello\x06\x05\x01")), "hello",
     false},
    {RDB_TYPE_ZSET_LISTPACK,
     TEXT("\x19" LP("\x19", "\x04",
                    "\x85"
                    "aaaaa\x06\x05\x01\x85zzzzz\x06\x05\x01")),
     "aaaaa zzzzz", true},
    {RDB_TYPE_DF_HASH_WITH_EXPIRY,
     TEXT("\x01\x05"
          "field\x05value\xc1\xe8\x03"),
     "field value", true},
    {RDB_TYPE_DF_SET_WITH_EXPIRY, TEXT("\x02\x05hello\xc0\xff\x05world\xc0\x7f"), "hello world",
     true},
    {RDB_TYPE_HASH_METADATA,
     TEXT("\xe8\x03\x00\x00\x00\x00\x00\x00\x02\x00\x05"
          "field\x05value\x02\x05other\x05thing"),
     "field value other thing", false},
    {RDB_TYPE_VALKEY_HASH,
     TEXT("\x01\x05"
          "field\x05value\xff\xff\xff\xff\xff\xff\xff\xff"),
     "field value", false},
    {RDB_TYPE_HASH_ZIPMAP,
     TEXT("\x0f\x01\x05"
          "field\x05\x00value\xff"),
     "field value", true},
};

static void test_values(void **state)
{
    struct value_check check = {0};
    char args[64], *arg, *left;
    struct made v;

    (void)state;
    begin(&v);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct bytes value = values[i].value;

        if (run(&v, values[i].type, value, &err) != 1)
            fail_msg("%s: %s", rdb_type_name(values[i].type), err.msg);
        t_ok(value_check_run(&check, v.type, buf_bytes(&v.out), &err), &err);
        assert_int_equal(count_elements(v.type, buf_bytes(&v.out)),
                         count_elements(values[i].type, value));
        assert_true(values[i].scores || v.out.n == value.n);
        assert_false(bytes_eq(buf_bytes(&v.out), value));
        (void)snprintf(args, sizeof(args), "%s", values[i].args);
        for (arg = strtok_r(args, " ", &left); arg != NULL; arg = strtok_r(NULL, " ", &left))
            assert_null(memmem(v.out.p, v.out.n, arg, strlen(arg)));
    }
    value_check_release(&check);
    end(&v);
}

/* Damaged ones are refused, whatever byte it is, or stay what can be read. */
static void test_damaged_values(void **state)
{
    uint8_t bytes[64];
    struct made v;

    (void)state;
    begin(&v);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct bytes value = values[i].value;

        for (size_t n = 0; n < value.n; n++) {
            struct ft_err err = FT_ERR_INIT;

            assert_int_equal(run(&v, values[i].type, bytes_of(value.p, n), &err), -1);
            assert_int_equal(err.kind, FT_ERR_CORRUPT);
        }
        for (size_t n = 0; n < value.n * 8; n++) {
            struct ft_err err = FT_ERR_INIT;

            memcpy(bytes, value.p, value.n);
            bytes[n / 8] ^= (uint8_t)(1u << n % 8);
            if (run(&v, values[i].type, bytes_of(bytes, value.n), &err) < 0)
                assert_true(err.kind == FT_ERR_CORRUPT || err.kind == FT_ERR_LIMIT);
        }
    }
    end(&v);
}

/* Members of one score are in the order of their names, which are others. */
static void test_order_of_equal_scores(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_element a, b;
    struct value_iter *it;
    struct made v;
    char first[8];

    (void)state;
    begin(&v);
    for (char c = 'a'; c < 'm'; c++) {
        uint8_t value[] = "\x19" LP("\x19", "\x04",
                                    "\x85"
                                    "aaaaa\x06\x05\x01\x85zzzzz\x06\x05\x01");

        memset(value + 8, c, 5);
        assert_int_equal(run(&v, RDB_TYPE_ZSET_LISTPACK, bytes_of(value, sizeof(value) - 1), &err),
                         1);
        t_ok(value_iter_new(&it, RDB_TYPE_ZSET_LISTPACK, buf_bytes(&v.out), &err), &err);
        assert_int_equal(value_iter_next(it, &a, &err), STEP_ITEM);
        memcpy(first, a.value.p, 5);
        assert_int_equal(value_iter_next(it, &b, &err), STEP_ITEM);
        assert_true(memcmp(first, b.value.p, 5) < 0);
        assert_true(b.score == 5 + v.m.move_score);
        value_iter_free(it);
    }
    end(&v);
}

/* Entries, deleted ones too, groups, consumers, times and ids, in each encoding. */
static void test_streams(void **state)
{
    static const struct {
        unsigned type;
        struct bytes value;
    } streams[] = {
        {RDB_TYPE_STREAM_LISTPACKS, TEXT(STREAM_1)},
        {RDB_TYPE_STREAM_LISTPACKS_2, TEXT(STREAM_2)},
        {RDB_TYPE_STREAM_LISTPACKS_3, TEXT(STREAM_3)},
        {RDB_TYPE_STREAM_LISTPACKS_4, TEXT(STREAM_4)},
        {RDB_TYPE_STREAM_LISTPACKS_5, TEXT(STREAM_5)},
        {RDB_TYPE_STREAM_LISTPACKS_2, TEXT(STREAM_EMPTIED)},
    };
    struct value_check check = {0};
    struct made v;

    (void)state;
    begin(&v);
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct stream_iter *was, *is;
        struct stream_group group;
        struct stream_consumer consumer;

        assert_int_equal(run(&v, streams[i].type, streams[i].value, &err), 1);
        t_ok(value_check_run(&check, v.type, buf_bytes(&v.out), &err), &err);
        t_ok(stream_iter_new(&was, v.type, streams[i].value, &err), &err);
        t_ok(stream_iter_new(&is, v.type, buf_bytes(&v.out), &err), &err);
        assert_int_equal(stream_iter_head(is)->length, stream_iter_head(was)->length);
        assert_int_equal(stream_iter_head(is)->last_id.ms,
                         stream_iter_head(was)->last_id.ms + (uint64_t)v.m.move_ms);
        assert_int_equal(stream_iter_head(is)->last_id.seq, stream_iter_head(was)->last_id.seq);
        while (stream_iter_next_group(is, &group, &err) == STEP_ITEM) {
            while (stream_iter_next_consumer(is, &consumer, &err) == STEP_ITEM)
                assert_true(consumer.seen_time_ms == 1795253367155 + v.m.move_ms);
        }
        assert_int_equal(err.kind, FT_ERR_NONE);
        assert_null(memmem(v.out.p, v.out.n, "alice", 5));
        assert_null(memmem(v.out.p, v.out.n, "grp", 3));
        stream_iter_free(was);
        stream_iter_free(is);
    }
    value_check_release(&check);
    end(&v);
}

static void test_entries_of_streams(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct stream_entry was, is;
    struct stream_iter *from, *to;
    struct made v;
    size_t entries = 0;

    (void)state;
    begin(&v);
    assert_int_equal(run(&v, RDB_TYPE_STREAM_LISTPACKS_3, T_TEXT(STREAM_3), &err), 1);
    t_ok(stream_iter_new(&from, v.type, T_TEXT(STREAM_3), &err), &err);
    t_ok(stream_iter_new(&to, v.type, buf_bytes(&v.out), &err), &err);
    while (stream_iter_next_entry(from, &was, &err) == STEP_ITEM) {
        assert_int_equal(stream_iter_next_entry(to, &is, &err), STEP_ITEM);
        assert_int_equal(is.id.ms, was.id.ms + (uint64_t)v.m.move_ms);
        assert_int_equal(is.id.seq, was.id.seq);
        assert_int_equal(is.arg_count, was.arg_count);
        for (size_t i = 0; i < is.arg_count; i++) {
            assert_int_equal(is.args[i].n, was.args[i].n);
            assert_false(bytes_eq(is.args[i], was.args[i]));
        }
        entries++;
    }
    assert_int_equal(entries, 3);
    stream_iter_free(from);
    stream_iter_free(to);
    end(&v);
}

static void test_damaged_streams(void **state)
{
    uint8_t bytes[sizeof(STREAM_5)];
    struct made v;

    (void)state;
    begin(&v);
    for (size_t n = 0; n < (sizeof(STREAM_5) - 1) * 8; n++) {
        struct ft_err err = FT_ERR_INIT;

        memcpy(bytes, STREAM_5, sizeof(STREAM_5));
        bytes[n / 8] ^= (uint8_t)(1u << n % 8);
        if (run(&v, RDB_TYPE_STREAM_LISTPACKS_5, bytes_of(bytes, sizeof(STREAM_5) - 1), &err) < 0)
            assert_true(err.kind == FT_ERR_CORRUPT || err.kind == FT_ERR_UNSUPPORTED);
    }
    end(&v);
}

static void test_what_is_not_masked(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct made v;

    (void)state;
    begin(&v);
    /* "MBbloom--" version 0, and no opcodes */
    assert_int_equal(
        run(&v, RDB_TYPE_MODULE_2, T_TEXT("\x81\x30\x16\xe5\xa2\x89\xbe\xfb\xe0\x00"), &err), 0);
    assert_int_equal(v.m.line_count, 1);
    assert_int_equal(v.m.lines[0].reason, MASK_DROPPED_MODULE);
    assert_int_equal(
        run(&v, RDB_TYPE_DF_CMS, T_TEXT("\x01\x01\x05\x07\x00\x00\x00\x00\x00\x00\x00"), &err), 1);
    assert_int_equal(v.out.n, 11);
    assert_int_equal(v.m.lines[1].reason, MASK_KEPT_HASHES);
    assert_string_equal(v.m.lines[1].name, "cms");
    end(&v);
}

static void test_payloads(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf payload = {0};
    struct dump dump;
    struct made v;

    (void)state;
    begin(&v);
    t_ok(dump_append(&payload, RDB_TYPE_HASH,
                     T_TEXT("\x01\x05"
                            "field\x05value"),
                     9, &err),
         &err);
    assert_int_equal(mask_value_put_dump(&v.m, buf_bytes(&payload), &v.out, &err), 1);
    t_ok(dump_parse(buf_bytes(&v.out), &dump, &err), &err);
    assert_int_equal(dump.type, RDB_TYPE_HASH);
    assert_int_equal(dump.rdb_version, 9);
    assert_null(memmem(v.out.p, v.out.n, "field", 5));
    payload.p[3] ^= 1;
    t_fails(mask_value_put_dump(&v.m, buf_bytes(&payload), &v.out, &err), &err, FT_ERR_CORRUPT,
            "checksum");
    buf_release(&payload);
    end(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_damaged_values),
        cmocka_unit_test(test_order_of_equal_scores),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_entries_of_streams),
        cmocka_unit_test(test_damaged_streams),
        cmocka_unit_test(test_what_is_not_masked),
        cmocka_unit_test(test_payloads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
