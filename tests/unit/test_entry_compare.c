/* Copies of a key: whether they are equal, in what they differ, and what is said about it. */
#include "audit/entry_compare.h"
#include "lib/t_mutate.h"
#include "lib/t_stream_value.h"

#define NO_TTL RDB_NO_EXPIRY
#define SLACK  1000

struct side {
    unsigned type;
    struct bytes value;
    int64_t expire_ms;
};

#define SIDE(type_, value_, expire_)                                        \
    {                                                                       \
        (type_), {(const uint8_t *)(value_), sizeof(value_) - 1}, (expire_) \
    }

static const struct {
    struct side a;
    struct side b;
    enum difference kind;
    const char *place;
    const char *text_a;
    const char *text_b;
} cases[] = {
    {SIDE(RDB_TYPE_STRING, "\xc0\x2a", 5000),
     SIDE(RDB_TYPE_STRING,
          "\x02"
          "42",
          5999),
     DIFFERENCE_NONE, "", "", ""},
    {SIDE(RDB_TYPE_STRING, "\xc0\x2a", 5000),
     SIDE(RDB_TYPE_STRING,
          "\x02"
          "42",
          6001),
     DIFFERENCE_TIME, "time to live", "1970-01-01T00:00:05.000Z", "1970-01-01T00:00:06.001Z"},
    {SIDE(RDB_TYPE_STRING, "\xc0\x2a", NO_TTL),
     SIDE(RDB_TYPE_STRING,
          "\x02"
          "42",
          6001),
     DIFFERENCE_TIME, "time to live", "none", "1970-01-01T00:00:06.001Z"},
    {SIDE(RDB_TYPE_STRING,
          "\x0c"
          "0123456789ab",
          NO_TTL),
     SIDE(RDB_TYPE_STRING,
          "\x0c"
          "0123456789\x00"
          "b",
          NO_TTL),
     DIFFERENCE_VALUE, "byte 11 of 12", "\"23456789ab\"", "\"23456789\\x00b\""},
    {SIDE(RDB_TYPE_STRING,
          "\x01"
          "1",
          NO_TTL),
     SIDE(RDB_TYPE_LIST,
          "\x01\x01"
          "1",
          NO_TTL),
     DIFFERENCE_TYPE, "type", "string", "list"},
    {SIDE(RDB_TYPE_LIST, "\x02\xc0\x02\xc0\x05", NO_TTL),
     SIDE(RDB_TYPE_LIST, "\x02\xc0\x02\xc0\x06", NO_TTL), DIFFERENCE_VALUE, "element 2 of 2",
     "\"5\"", "\"6\""},
    {SIDE(RDB_TYPE_LIST, "\x02\xc0\x02\xc0\x05", NO_TTL),
     SIDE(RDB_TYPE_LIST, "\x01\xc0\x02", NO_TTL), DIFFERENCE_VALUE, "element 2 of 2", "\"5\"",
     "missing"},
    {SIDE(RDB_TYPE_SET, "\x02\xc0\x02\xc0\x05", NO_TTL),
     SIDE(RDB_TYPE_SET, "\x02\xc0\x05\xc0\x02", NO_TTL), DIFFERENCE_NONE, "", "", ""},
    {SIDE(RDB_TYPE_SET, "\x02\xc0\x02\xc0\x05", NO_TTL), SIDE(RDB_TYPE_SET, "\x01\xc0\x05", NO_TTL),
     DIFFERENCE_VALUE, "member \"2\"", "there", "missing"},
    {SIDE(RDB_TYPE_SET, "\x01\xc0\x02", NO_TTL), SIDE(RDB_TYPE_SET, "\x02\xc0\x05\xc0\x02", NO_TTL),
     DIFFERENCE_VALUE, "member \"5\"", "missing", "there"},
    {SIDE(RDB_TYPE_HASH,
          "\x02\x01"
          "a\x01"
          "x\x01"
          "b\x01"
          "y",
          NO_TTL),
     SIDE(RDB_TYPE_HASH,
          "\x02\x01"
          "b\x01"
          "z\x01"
          "a\x01"
          "x",
          NO_TTL),
     DIFFERENCE_VALUE, "field \"b\"", "\"y\"", "\"z\""},
    {SIDE(RDB_TYPE_HASH,
          "\x01\x01"
          "a\x01"
          "x",
          NO_TTL),
     SIDE(RDB_TYPE_HASH,
          "\x01\x01"
          "b\x01"
          "x",
          NO_TTL),
     DIFFERENCE_VALUE, "field \"a\"", "\"x\"", "missing"},
    {SIDE(RDB_TYPE_ZSET,
          "\x01\x01"
          "a\x01"
          "0",
          NO_TTL),
     SIDE(RDB_TYPE_ZSET,
          "\x01\x01"
          "a\x02-0",
          NO_TTL),
     DIFFERENCE_NONE, "", "", ""},
    {SIDE(RDB_TYPE_ZSET_2,
          "\x01\x01"
          "a\x00\x00\x00\x00\x00\x00\xf8\x3f",
          NO_TTL),
     SIDE(RDB_TYPE_ZSET_2,
          "\x01\x01"
          "a\x01\x00\x00\x00\x00\x00\xf8\x3f",
          NO_TTL),
     DIFFERENCE_VALUE, "score of member \"a\"", "1.5", "1.5000000000000002"},
    /* one second, and two, between the times of a field */
    {SIDE(RDB_TYPE_DF_HASH_WITH_EXPIRY,
          "\x01\x01"
          "a\x01"
          "x\x02"
          "10",
          NO_TTL),
     SIDE(RDB_TYPE_DF_HASH_WITH_EXPIRY,
          "\x01\x01"
          "a\x01"
          "x\x02"
          "11",
          NO_TTL),
     DIFFERENCE_NONE, "", "", ""},
    {SIDE(RDB_TYPE_DF_HASH_WITH_EXPIRY,
          "\x01\x01"
          "a\x01"
          "x\x02"
          "10",
          NO_TTL),
     SIDE(RDB_TYPE_DF_HASH_WITH_EXPIRY,
          "\x01\x01"
          "a\x01"
          "x\x02"
          "12",
          NO_TTL),
     DIFFERENCE_TIME, "time of field \"a\"", "2023-02-01T00:00:10.000Z",
     "2023-02-01T00:00:12.000Z"},
    {SIDE(RDB_TYPE_DF_HASH_WITH_EXPIRY,
          "\x01\x01"
          "a\x01"
          "x\x02"
          "10",
          NO_TTL),
     SIDE(RDB_TYPE_HASH,
          "\x01\x01"
          "a\x01"
          "x",
          NO_TTL),
     DIFFERENCE_TIME, "time of field \"a\"", "2023-02-01T00:00:10.000Z", "none"},
    /* a difference of the value counts before one of times */
    {SIDE(RDB_TYPE_DF_HASH_WITH_EXPIRY,
          "\x02\x01"
          "a\x01"
          "x\x02"
          "10\x01"
          "b\x01"
          "y\x02-1",
          NO_TTL),
     SIDE(RDB_TYPE_HASH,
          "\x02\x01"
          "a\x01"
          "x\x01"
          "b\x01"
          "z",
          NO_TTL),
     DIFFERENCE_VALUE, "field \"b\"", "\"y\"", "\"z\""},
    {SIDE(RDB_TYPE_DF_JSON, "\x0b{\"a\":[1,2]}", NO_TTL),
     SIDE(RDB_TYPE_DF_JSON, "\x0b{\"a\":[1,3]}", NO_TTL), DIFFERENCE_VALUE, "JSON at $.a[1]", "2",
     "3"},
    {SIDE(RDB_TYPE_DF_JSON, "\x07{\"a\":1}", NO_TTL),
     SIDE(RDB_TYPE_DF_JSON, "\x07{\"b\":1}", NO_TTL), DIFFERENCE_VALUE, "JSON at $.a", "1",
     "missing"},
    /* streams */
    {SIDE(RDB_TYPE_STREAM_LISTPACKS_2, STREAM_2, NO_TTL),
     SIDE(RDB_TYPE_STREAM_LISTPACKS_3, STREAM_3, NO_TTL), DIFFERENCE_NONE, "", "", ""},
    {SIDE(RDB_TYPE_STREAM_LISTPACKS, STREAM_1, NO_TTL),
     SIDE(RDB_TYPE_STREAM_LISTPACKS_3, STREAM_3, NO_TTL), DIFFERENCE_NONE, "", "", ""},
#define STREAM_HEAD(last, added) LISTPACKS "\x03" last "\x00\x01\x01\x01\x02" added
#define GROUPS_2                                                 \
    "\x02" GROUP_7 NOT_KNOWN "\x00\x00" GROUP_GRP "\x04" PENDING \
    "\x02" ALICE ALICES_IDS BOB BOBS_IDS
    {SIDE(RDB_TYPE_STREAM_LISTPACKS_2, STREAM_2, NO_TTL),
     SIDE(RDB_TYPE_STREAM_LISTPACKS_2, STREAM_HEAD("\x05", "\x04") GROUPS_2, NO_TTL),
     DIFFERENCE_STREAM, "last id", "4-0", "5-0"},
    {SIDE(RDB_TYPE_STREAM_LISTPACKS_2, STREAM_2, NO_TTL),
     SIDE(RDB_TYPE_STREAM_LISTPACKS_2, STREAM_HEAD("\x04", "\x05") GROUPS_2, NO_TTL),
     DIFFERENCE_STREAM, "entries added", "4", "5"},
    {SIDE(RDB_TYPE_STREAM_LISTPACKS_2, STREAM_2, NO_TTL),
     SIDE(RDB_TYPE_STREAM_LISTPACKS_2,
          STREAM_HEAD("\x04", "\x04") "\x01" GROUP_GRP "\x04" PENDING
                                      "\x02" ALICE ALICES_IDS BOB BOBS_IDS,
          NO_TTL),
     DIFFERENCE_STREAM, "group \"7\"", "there", "missing"},
    {SIDE(RDB_TYPE_STREAM_LISTPACKS_2, STREAM_2, NO_TTL),
     SIDE(RDB_TYPE_STREAM_LISTPACKS_2,
          STREAM_HEAD("\x04", "\x04") "\x02" GROUP_7 NOT_KNOWN "\x00\x00"
                                      "\x03grp\x03\x00"
                                      "\x04" PENDING "\x02" ALICE ALICES_IDS BOB BOBS_IDS,
          NO_TTL),
     DIFFERENCE_STREAM, "group \"grp\": last id", "4-0", "3-0"},
    /* another owner of the entry; the groups in another order; an idle consumer */
    {SIDE(RDB_TYPE_STREAM_LISTPACKS_2, STREAM_2, NO_TTL),
     SIDE(RDB_TYPE_STREAM_LISTPACKS_2,
          STREAM_HEAD("\x04", "\x04") "\x02" GROUP_GRP "\x04" PENDING "\x02" ALICE
                                      "\x01" ID("\x01", "\x01") BOB "\x02" ID("\x03", "\x00")
                                          ID("\x04", "\x00") GROUP_7 NOT_KNOWN "\x00\x00",
          NO_TTL),
     DIFFERENCE_STREAM, "group \"grp\", consumer \"alice\": pending entry 3-0", "there", "missing"},
    {SIDE(RDB_TYPE_STREAM_LISTPACKS_2, STREAM_2, NO_TTL),
     SIDE(RDB_TYPE_STREAM_LISTPACKS_2,
          STREAM_HEAD("\x04", "\x04") "\x02" GROUP_7 NOT_KNOWN "\x00\x00" GROUP_GRP "\x04" PENDING
                                      "\x03" ALICE ALICES_IDS BOB BOBS_IDS "\x03"
                                      "eve" TIME "\x00",
          NO_TTL),
     DIFFERENCE_STREAM, "group \"grp\": consumer \"eve\"", "missing", "there"},
};

static struct rdb_entry entry_of(const struct side *s)
{
    struct rdb_entry e = {.type = (uint8_t)s->type,
                          .key = bytes_str("k"),
                          .value = s->value,
                          .value_bytes = s->value.n,
                          .expire_ms = s->expire_ms};

    return e;
}

static void places_are_named(void **state)
{
    const struct compare_rules rules = {.slack_ms = SLACK, .now_ms = VALUE_DIGEST_ALL};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rdb_entry a = entry_of(&cases[i].a);
        struct rdb_entry b = entry_of(&cases[i].b);
        struct ft_err err = FT_ERR_INIT;
        struct comparison c;

        t_ok(entry_compare(&a, &b, &rules, &c, &err), &err);
        if (c.kind != cases[i].kind || strcmp(c.place, cases[i].place) != 0 ||
            strcmp(c.a, cases[i].text_a) != 0 || strcmp(c.b, cases[i].text_b) != 0)
            fail_msg("case %zu: %s, %s: %s | %s", i, difference_name(c.kind), c.place, c.a, c.b);
        t_ok(entry_compare(&b, &a, &rules, &c, &err), &err);
        assert_int_equal(c.kind, cases[i].kind);
        t_ok(entry_compare(&a, &a, &rules, &c, &err), &err);
        assert_int_equal(c.kind, DIFFERENCE_NONE);
    }
}

/* What the digests say is the same, or they say that they cannot tell. */
static void digests_agree(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct entry_digester *d;

    (void)state;
    t_ok(entry_digester_new(&d, &err), &err);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rdb_entry a = entry_of(&cases[i].a);
        struct rdb_entry b = entry_of(&cases[i].b);
        struct entry_digest da;
        struct entry_digest db;

        t_ok(entry_digester_run(d, &a, VALUE_DIGEST_ALL, &da, &err), &err);
        t_ok(entry_digester_run(d, &b, VALUE_DIGEST_ALL, &db, &err), &err);
        assert_memory_equal(da.key, db.key, sizeof(da.key));
        if (entry_digest_is_unsure(&da, &db))
            assert_true(cases[i].kind == DIFFERENCE_NONE || cases[i].kind == DIFFERENCE_TIME ||
                        cases[i].kind == DIFFERENCE_STREAM);
        else
            assert_int_equal(entry_digest_compare(&da, &db, SLACK), cases[i].kind);
    }
    entry_digester_free(d);
}

static void what_has_ended_is_not_there(void **state)
{
    const struct side ended = SIDE(RDB_TYPE_STRING,
                                   "\x01"
                                   "x",
                                   5000);
    const struct side emptied = SIDE(RDB_TYPE_DF_SET_WITH_EXPIRY,
                                     "\x01\x01"
                                     "a\x02"
                                     "10",
                                     NO_TTL);
    struct rdb_entry a = entry_of(&ended);
    struct rdb_entry b = entry_of(&emptied);
    struct ft_err err = FT_ERR_INIT;
    struct entry_digester *d;
    struct entry_digest da;
    struct entry_digest db;

    (void)state;
    t_ok(entry_digester_new(&d, &err), &err);
    t_ok(entry_digester_run(d, &a, 4999, &da, &err), &err);
    t_ok(entry_digester_run(d, &b, 4999, &db, &err), &err);
    assert_false(da.gone);
    assert_false(db.gone);
    t_ok(entry_digester_run(d, &a, 5000, &da, &err), &err);
    assert_true(da.gone);
    assert_int_equal(entry_digest_compare(&da, &db, SLACK), DIFFERENCE_ONLY_B);
    assert_int_equal(entry_digest_compare(&db, &da, SLACK), DIFFERENCE_ONLY_A);
    t_ok(entry_digester_run(d, &b, (int64_t)(RDB_DF_MEMBER_EPOCH_S + 10) * 1000, &db, &err), &err);
    assert_true(db.gone);
    assert_int_equal(entry_digest_compare(&da, &db, SLACK), DIFFERENCE_NONE);
    entry_digester_free(d);
}

/* For a target without times of fields: the loss is named, and what is left is compared. */
static void losses_are_taken_off(void **state)
{
    const struct side timed = SIDE(RDB_TYPE_DF_SET_WITH_EXPIRY,
                                   "\x02\x01"
                                   "a\x02"
                                   "10\x01"
                                   "b\x02-1",
                                   NO_TTL);
    const struct side plain = SIDE(RDB_TYPE_SET,
                                   "\x02\x01"
                                   "b\x01"
                                   "a",
                                   NO_TTL);
    const struct side bloom = SIDE(RDB_TYPE_DF_CMS, "\x00", NO_TTL);
    struct rdb_entry a = entry_of(&timed);
    struct rdb_entry b = entry_of(&plain);
    struct rdb_entry lost = entry_of(&bloom);
    struct ft_err err = FT_ERR_INIT;
    struct entry_digester *d;
    struct entry_digest da;
    struct entry_digest db;
    enum loss_reason loss;
    bool gone;
    struct recoder *r;

    (void)state;
    t_ok(entry_digester_new(&d, &err), &err);
    t_ok(recoder_new(&r, target_default(), JSON_AS_DEFAULT, &err), &err);
    t_ok(entry_for_target(r, target_default(), &a, 0, &loss, &gone, &err), &err);
    assert_int_equal(loss, LOSS_MEMBER_TTL);
    assert_false(gone);
    t_ok(entry_digester_run(d, &a, 0, &da, &err), &err);
    t_ok(entry_for_target(r, target_default(), &b, 0, &loss, &gone, &err), &err);
    assert_int_equal(loss, LOSS_NONE);
    t_ok(entry_digester_run(d, &b, 0, &db, &err), &err);
    assert_int_equal(entry_digest_compare(&da, &db, 0), DIFFERENCE_NONE);
    t_ok(entry_for_target(r, target_default(), &lost, 0, &loss, &gone, &err), &err);
    assert_int_equal(loss, LOSS_PROBABILISTIC);
    assert_true(gone);
    recoder_free(r);
    entry_digester_free(d);
}

static void times_near_or_not(void **state)
{
    (void)state;
    assert_true(times_are_near(RDB_NO_EXPIRY, RDB_NO_EXPIRY, 0));
    assert_false(times_are_near(RDB_NO_EXPIRY, 0, UINT64_MAX));
    assert_true(times_are_near(INT64_MAX, INT64_MAX - 5, 5));
    assert_false(times_are_near(INT64_MAX - 6, INT64_MAX, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_named),
        cmocka_unit_test(digests_agree),
        cmocka_unit_test(what_has_ended_is_not_there),
        cmocka_unit_test(losses_are_taken_off),
        cmocka_unit_test(times_near_or_not),
    };

    return T_RUN("audit/entry_compare", tests);
}
