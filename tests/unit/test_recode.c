#include "item/recode.h"
#include "lib/t_elements.h"
#include "rdb/value_iter.h"

#define NOW_MS INT64_C(1675209650000) /* 50 s after the epoch of members' times */

static struct rdb_entry entry_of(unsigned type, struct bytes value)
{
    struct rdb_entry e = {
        .type = (uint8_t)type,
        .key = T_BYTES("k"),
        .value = value,
        .value_bytes = value.n,
        .expire_ms = RDB_NO_EXPIRY,
    };

    return e;
}

static const struct target *target_of(const char *name)
{
    struct ft_err err = FT_ERR_INIT;
    const struct target *t = NULL;

    t_ok(target_parse(name, &t, &err), &err);
    return t;
}

/* What a case wants: the type, and the elements where it has some, or the bytes. */
struct wanted {
    const char *target;
    enum json_as json_as;
    unsigned type;
    struct bytes value;
    enum recode_result result;
    unsigned ret_type;
    enum loss_reason loss;
    const char *elements; /* NULL: compare bytes */
    struct bytes bytes;
};

#define LITERAL(text)                             \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

static void check(const struct wanted *w)
{
    struct rdb_entry entry = entry_of(w->type, w->value);
    struct ft_err err = FT_ERR_INIT;
    enum recode_result result;
    enum loss_reason loss = LOSS_NONE;
    struct bytes value = {0};
    char text[T_ELEMENTS_MAX];
    struct recoder *r;
    uint8_t type = 255;

    t_ok(recoder_new(&r, target_of(w->target), w->json_as, &err), &err);
    result = recoder_run(r, &entry, NOW_MS, &type, &value, &loss, &err);
    if (result != w->result || (result != RECODE_EMPTY && loss != w->loss))
        fail_msg("type %u to %s: result %d, loss %d: %s", w->type, w->target, result, loss,
                 err.msg);
    if (result == RECODE_OK) {
        if (type != w->ret_type)
            fail_msg("type %u to %s: became %u", w->type, w->target, type);
        assert_true(target_reads(target_of(w->target), type));
        if (w->elements != NULL) {
            t_ok(t_elements(type, value, text, &err), &err);
            assert_string_equal(text, w->elements);
        } else if (!bytes_eq(value, w->bytes)) {
            fail_msg("type %u to %s: got \"%s\"", w->type, w->target,
                     bytes_escape(value, text, sizeof(text)));
        }
    }
    recoder_free(r);
}

#define HASH_LISTPACK                          \
    LITERAL("\x12\x12\x00\x00\x00\x04\x00\x81" \
            "f\x02\x81v\x02\x2a\x01\xdf\xf9\x02\xff")
#define ZSET_LISTPACK                          \
    LITERAL("\x0f\x0f\x00\x00\x00\x02\x00\x81" \
            "a\x02\x83"                        \
            "2.5\x04\xff")
#define SET_LISTPACK                           \
    LITERAL("\x0c\x0c\x00\x00\x00\x02\x00\x81" \
            "a\x02\x05\x01\xff")
#define QUICKLIST_2                                    \
    LITERAL("\x02\x02\x0c\x0c\x00\x00\x00\x02\x00\x81" \
            "a\x02\x05\x01\xff\x01\x05plain")

static void test_members(void **state)
{
    static const struct wanted cases[] = {
        /* read as they are */
        {"5.0", 0, RDB_TYPE_STRING, LITERAL("\x01v"), RECODE_OK, RDB_TYPE_STRING, 0, "v", {0}},
        {"5.0", 0, RDB_TYPE_LIST, LITERAL("\x01\x01v"), RECODE_OK, RDB_TYPE_LIST, 0, "v", {0}},
        {"7.0",
         0,
         RDB_TYPE_HASH_LISTPACK,
         HASH_LISTPACK,
         RECODE_OK,
         RDB_TYPE_HASH_LISTPACK,
         0,
         "f=v 42=-7",
         {0}},
        {"7.0",
         0,
         RDB_TYPE_LIST_QUICKLIST_2,
         QUICKLIST_2,
         RECODE_OK,
         RDB_TYPE_LIST_QUICKLIST_2,
         0,
         "a 5 plain",
         {0}},
        {"valkey-7.2",
         0,
         RDB_TYPE_SET_LISTPACK,
         SET_LISTPACK,
         RECODE_OK,
         RDB_TYPE_SET_LISTPACK,
         0,
         "a 5",
         {0}},
        /* older targets */
        {"6.2", 0, RDB_TYPE_HASH_LISTPACK, HASH_LISTPACK, RECODE_OK, RDB_TYPE_HASH, 0, NULL,
         LITERAL("\x02\x01"
                 "f\x01v\xc0\x2a\xc0\xf9")},
        {"5.0", 0, RDB_TYPE_ZSET_LISTPACK, ZSET_LISTPACK, RECODE_OK, RDB_TYPE_ZSET_2, 0, NULL,
         LITERAL("\x01\x01"
                 "a\x00\x00\x00\x00\x00\x00\x04\x40")},
        {"7.0", 0, RDB_TYPE_SET_LISTPACK, SET_LISTPACK, RECODE_OK, RDB_TYPE_SET, 0, NULL,
         LITERAL("\x02\x01"
                 "a\xc0\x05")},
        {"6.2", 0, RDB_TYPE_LIST_QUICKLIST_2, QUICKLIST_2, RECODE_OK, RDB_TYPE_LIST, 0, NULL,
         LITERAL("\x03\x01"
                 "a\xc0\x05\x05plain")},
        /* bare nodes */
        {"7.0",
         0,
         RDB_TYPE_LIST_QUICKLIST,
         LITERAL("\x02\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff\x04"
                 "bare"),
         RECODE_OK,
         RDB_TYPE_LIST,
         0,
         "2 5 bare",
         {0}},
        {"7.0",
         0,
         RDB_TYPE_LIST_QUICKLIST,
         LITERAL("\x01\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff"),
         RECODE_OK,
         RDB_TYPE_LIST_QUICKLIST,
         0,
         "2 5",
         {0}},
        /* nothing in them */
        {"7.0", 0, RDB_TYPE_LIST, LITERAL("\x00"), RECODE_EMPTY, 0, 0, NULL, {0}},
        {"7.0", 0, RDB_TYPE_SET, LITERAL("\x00"), RECODE_EMPTY, 0, 0, NULL, {0}},
        {"7.0",
         0,
         RDB_TYPE_HASH_LISTPACK,
         LITERAL("\x07\x07\x00\x00\x00\x00\x00\xff"),
         RECODE_EMPTY,
         0,
         0,
         NULL,
         {0}},
        {"6.2",
         0,
         RDB_TYPE_HASH_ZIPLIST,
         LITERAL("\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"),
         RECODE_EMPTY,
         0,
         0,
         NULL,
         {0}},
        {"7.0", 0, RDB_TYPE_LIST_QUICKLIST_2, LITERAL("\x00"), RECODE_EMPTY, 0, 0, NULL, {0}},
        {"7.0",
         0,
         RDB_TYPE_LIST_QUICKLIST_2,
         LITERAL("\x01\x02\x07\x07\x00\x00\x00\x00\x00\xff"),
         RECODE_EMPTY,
         0,
         0,
         NULL,
         {0}},
        {"7.0", 0, RDB_TYPE_DF_SET_WITH_EXPIRY, LITERAL("\x00"), RECODE_EMPTY, 0, 0, NULL, {0}},
        {"8.0",
         0,
         RDB_TYPE_HASH_METADATA,
         LITERAL("\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
         RECODE_EMPTY,
         0,
         0,
         NULL,
         {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
}

/* a without a time, b over since 40 s, c for 50 s more. */
#define TIMED_HASH          \
    LITERAL("\x03\x01"      \
            "a\x01"         \
            "1\xc0\xff\x01" \
            "b\x01"         \
            "2\xc0\x0a\x01" \
            "c\x01"         \
            "3\xc0\x64")
#define TIMED_SET           \
    LITERAL("\x03\x01"      \
            "a\xc0\xff\x01" \
            "b\xc0\x0a\x01" \
            "c\xc0\x64")

static void test_member_times(void **state)
{
    static const struct wanted cases[] = {
        {"7.0",
         0,
         RDB_TYPE_DF_HASH_WITH_EXPIRY,
         TIMED_HASH,
         RECODE_OK,
         RDB_TYPE_HASH,
         LOSS_MEMBER_TTL,
         "a=1 c=3",
         {0}},
        {"7.4",
         0,
         RDB_TYPE_DF_HASH_WITH_EXPIRY,
         TIMED_HASH,
         RECODE_OK,
         RDB_TYPE_HASH_METADATA,
         0,
         "a=1 b=2~1675209610000 c=3~1675209700000",
         {0}},
        {"7.4", 0, RDB_TYPE_DF_SET_WITH_EXPIRY, TIMED_SET, RECODE_OK, RDB_TYPE_SET, LOSS_MEMBER_TTL,
         NULL,
         LITERAL("\x02\x01"
                 "a\x01"
                 "c")},
        /* times that nobody set */
        {"7.4", 0, RDB_TYPE_DF_HASH_WITH_EXPIRY,
         LITERAL("\x01\x01"
                 "a\x01"
                 "1\xc0\xff"),
         RECODE_OK, RDB_TYPE_HASH, 0, NULL,
         LITERAL("\x01\x01"
                 "a\x01"
                 "1")},
        {"7.0", 0, RDB_TYPE_DF_SET_WITH_EXPIRY,
         LITERAL("\x01\x01"
                 "a\xc0\xff"),
         RECODE_OK, RDB_TYPE_SET, 0, NULL,
         LITERAL("\x01\x01"
                 "a")},
        /* all over: no loss, nothing to write */
        {"7.0",
         0,
         RDB_TYPE_DF_SET_WITH_EXPIRY,
         LITERAL("\x01\x01"
                 "a\xc0\x32"),
         RECODE_EMPTY,
         0,
         0,
         NULL,
         {0}},
        /* Redis's own, for a target that has none */
        {"7.2",
         0,
         RDB_TYPE_HASH_METADATA,
         LITERAL("\xa0\x72\x47\x0a\x86\x01\x00\x00\x02\x00\x01"
                 "a\x01"
                 "1\x01\x01"
                 "b\x01"
                 "2"),
         RECODE_OK,
         RDB_TYPE_HASH,
         LOSS_MEMBER_TTL,
         "a=1 b=2",
         {0}},
        {"7.4",
         0,
         RDB_TYPE_HASH_LISTPACK_EX,
         LITERAL("\x00\x01\x00\x00\x00\x00\x00\x00\x0f\x0f\x00\x00\x00\x03\x00\x81"
                 "b\x02\x02\x01\xc1"
                 "\x00\x02\xff"),
         RECODE_OK,
         RDB_TYPE_HASH_LISTPACK_EX,
         0,
         "b=2~256",
         {0}},
        {"7.2",
         0,
         RDB_TYPE_HASH_LISTPACK_EX,
         LITERAL("\x00\x01\x00\x00\x00\x00\x00\x00\x0f\x0f\x00\x00\x00\x03\x00\x81"
                 "b\x02\x02\x01\xc1"
                 "\x00\x02\xff"),
         RECODE_EMPTY,
         0,
         0,
         NULL,
         {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
}

/* The id was computed by hand: R e J S O N - R L are 17 30 9 18 14 13 62 17 11. */
static uint64_t json_module_id(void)
{
    static const uint8_t letters[9] = {17, 30, 9, 18, 14, 13, 62, 17, 11};
    uint64_t id = 0;

    for (int i = 0; i < 9; i++)
        id = id << 6 | letters[i];
    return id << 10 | 3;
}

static struct bytes json_module_value(char *out)
{
    uint64_t id = json_module_id();

    out[0] = (char)0x81;
    for (int i = 0; i < 8; i++)
        out[1 + i] = (char)(id >> (56 - 8 * i));
    memcpy(out + 9, "\x05\x02{}\x00", 5);
    return bytes_of(out, 14);
}

static void test_json(void **state)
{
    char module[14];
    struct bytes as_module = json_module_value(module);
    struct bytes text = T_BYTES("\x02{}");
    const struct wanted cases[] = {
        {"7.0", JSON_AS_DEFAULT, RDB_TYPE_DF_JSON, text, RECODE_LOST, 0, LOSS_JSON, NULL, {0}},
        {"7.0", JSON_AS_STRING, RDB_TYPE_DF_JSON, text, RECODE_OK, RDB_TYPE_STRING, 0, NULL, text},
        {"7.0", JSON_AS_MODULE, RDB_TYPE_DF_JSON, text, RECODE_OK, RDB_TYPE_MODULE_2, 0, NULL,
         as_module},
        {"8.0", JSON_AS_DEFAULT, RDB_TYPE_DF_JSON, text, RECODE_OK, RDB_TYPE_MODULE_2, 0, NULL,
         as_module},
        {"8.0", JSON_AS_DEFAULT, RDB_TYPE_MODULE_2, as_module, RECODE_OK, RDB_TYPE_MODULE_2, 0,
         NULL, as_module},
        {"6.2", JSON_AS_MODULE, RDB_TYPE_MODULE_2, as_module, RECODE_OK, RDB_TYPE_MODULE_2, 0, NULL,
         as_module},
        {"6.2", JSON_AS_STRING, RDB_TYPE_MODULE_2, as_module, RECODE_OK, RDB_TYPE_STRING, 0, NULL,
         text},
        {"6.2",
         JSON_AS_DEFAULT,
         RDB_TYPE_MODULE_2,
         as_module,
         RECODE_LOST,
         0,
         LOSS_JSON,
         NULL,
         {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
}

static void test_losses(void **state)
{
    static const struct wanted cases[] = {
        {"8.0", 0, RDB_TYPE_DF_SBF, LITERAL("\x00"), RECODE_LOST, 0, LOSS_PROBABILISTIC, NULL, {0}},
        {"8.0",
         0,
         RDB_TYPE_DF_CUCKOO,
         LITERAL("\x00"),
         RECODE_LOST,
         0,
         LOSS_PROBABILISTIC,
         NULL,
         {0}},
        {"8.0", 0, RDB_TYPE_MODULE_PRE_GA, LITERAL("\x00"), RECODE_LOST, 0, LOSS_MODULE, NULL, {0}},
        {"8.0", 0, RDB_TYPE_MODULE_2, LITERAL("\x01\x00"), RECODE_LOST, 0, LOSS_MODULE, NULL, {0}},
        {"8.0", 0, RDB_TYPE_MODULE_2, LITERAL(""), RECODE_ERROR, 0, 0, NULL, {0}},
        {"8.0", 0, 26, LITERAL("\x00"), RECODE_ERROR, 0, 0, NULL, {0}},
        {"8.0", 0, 8, LITERAL("\x00"), RECODE_ERROR, 0, 0, NULL, {0}},
        {"8.0", 0, 200, LITERAL("\x00"), RECODE_ERROR, 0, 0, NULL, {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
}

/* One entry; a group with a pending entry and its consumer. */
#define ID_1 "\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x01"
#define LISTPACKS                                                              \
    "\x01\x10" ID_1 "\x1c\x1c\x00\x00\x00\x0a\x00\x01\x01\x00\x01\x01\x01\x81" \
    "a\x02\x00\x01\x02"                                                        \
    "\x01\x00\x01\x00\x01\x01\x01\x04\x01\xff"
#define TIME_1    "\x01\x00\x00\x00\x00\x00\x00\x00"
#define TIME_2    "\x02\x00\x00\x00\x00\x00\x00\x00"
#define PENDING_1 "\x01" ID_1 TIME_1 "\x01"
#define STREAM_1                                                   \
    LISTPACKS "\x01\x05\x01\x01\x01g\x05\x01" PENDING_1 "\x01\x01" \
              "c" TIME_1 "\x01" ID_1
#define STREAM_2                                                                           \
    LISTPACKS "\x01\x05\x01\x05\x01\x00\x00\x01\x01\x01g\x05\x01\x01" PENDING_1 "\x01\x01" \
              "c" TIME_1 "\x01" ID_1
#define STREAM_3                                                                           \
    LISTPACKS "\x01\x05\x01\x05\x01\x00\x00\x01\x01\x01g\x05\x01\x01" PENDING_1 "\x01\x01" \
              "c" TIME_1 TIME_2 "\x01" ID_1

static void test_streams(void **state)
{
    static const struct wanted cases[] = {
        {"7.2", 0, RDB_TYPE_STREAM_LISTPACKS_3, LITERAL(STREAM_3), RECODE_OK,
         RDB_TYPE_STREAM_LISTPACKS_3, 0, NULL, LITERAL(STREAM_3)},
        {"7.0", 0, RDB_TYPE_STREAM_LISTPACKS_3, LITERAL(STREAM_3), RECODE_OK,
         RDB_TYPE_STREAM_LISTPACKS_2, 0, NULL, LITERAL(STREAM_2)},
        {"6.2", 0, RDB_TYPE_STREAM_LISTPACKS_3, LITERAL(STREAM_3), RECODE_OK,
         RDB_TYPE_STREAM_LISTPACKS, 0, NULL, LITERAL(STREAM_1)},
        {"5.0", 0, RDB_TYPE_STREAM_LISTPACKS_2, LITERAL(STREAM_2), RECODE_OK,
         RDB_TYPE_STREAM_LISTPACKS, 0, NULL, LITERAL(STREAM_1)},
        {"8.0", 0, RDB_TYPE_STREAM_LISTPACKS, LITERAL(STREAM_1), RECODE_OK,
         RDB_TYPE_STREAM_LISTPACKS, 0, NULL, LITERAL(STREAM_1)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
}

struct mutation {
    struct recoder *r;
    unsigned type;
};

static void use(struct bytes damaged, const void *arg)
{
    const struct mutation *m = arg;
    struct rdb_entry entry = entry_of(m->type, damaged);
    struct ft_err err = FT_ERR_INIT;
    enum loss_reason loss;
    struct bytes value;
    uint8_t type;

    if (recoder_run(m->r, &entry, NOW_MS, &type, &value, &loss, &err) == RECODE_ERROR)
        assert_int_equal(err.kind, FT_ERR_CORRUPT);
}

static void test_mutations(void **state)
{
    static const char *const targets[] = {"6.2", "7.4"};
    char module[14];
    const struct {
        unsigned type;
        struct bytes value;
    } samples[] = {
        {RDB_TYPE_HASH_LISTPACK, HASH_LISTPACK},
        {RDB_TYPE_ZSET_LISTPACK, ZSET_LISTPACK},
        {RDB_TYPE_SET_LISTPACK, SET_LISTPACK},
        {RDB_TYPE_LIST_QUICKLIST_2, QUICKLIST_2},
        {RDB_TYPE_DF_HASH_WITH_EXPIRY, TIMED_HASH},
        {RDB_TYPE_DF_SET_WITH_EXPIRY, TIMED_SET},
        {RDB_TYPE_STREAM_LISTPACKS_3, LITERAL(STREAM_3)},
        {RDB_TYPE_STREAM_LISTPACKS_2, LITERAL(STREAM_2)},
        {RDB_TYPE_MODULE_2, json_module_value(module)},
        {RDB_TYPE_LIST_QUICKLIST,
         LITERAL("\x02\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff\x04"
                 "bare")},
    };

    (void)state;
    for (size_t t = 0; t < sizeof(targets) / sizeof(targets[0]); t++) {
        for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
            struct ft_err err = FT_ERR_INIT;
            struct mutation m = {.type = samples[i].type};

            t_ok(recoder_new(&m.r, target_of(targets[t]), JSON_AS_STRING, &err), &err);
            t_mutate(samples[i].value, use, &m);
            recoder_free(m.r);
        }
    }
}

static void test_targets(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    const struct target *t;

    (void)state;
    assert_string_equal(target_default()->name, "7.0");
    assert_int_equal(target_of("6.2")->rdb_version, 9);
    assert_int_equal(target_of("valkey-8.0")->rdb_version, 11);
    assert_int_equal(target_of("8.0")->rdb_version, 12);
    assert_true(target_of("8.0")->json);
    assert_false(target_reads(target_of("6.2"), RDB_TYPE_HASH_LISTPACK));
    assert_true(target_reads(target_of("7.0"), RDB_TYPE_STREAM_LISTPACKS_2));
    assert_false(target_reads(target_of("7.0"), RDB_TYPE_SET_LISTPACK));
    assert_false(target_reads(target_of("8.0"), RDB_TYPE_DF_JSON));
    assert_false(target_reads(target_of("8.0"), RDB_TYPE_MODULE_PRE_GA));
    t_fails(target_parse("4.0", &t, &err), &err, FT_ERR_USAGE, "valkey-8.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),      cmocka_unit_test(test_members),
        cmocka_unit_test(test_member_times), cmocka_unit_test(test_json),
        cmocka_unit_test(test_losses),       cmocka_unit_test(test_streams),
        cmocka_unit_test(test_mutations),
    };

    return T_RUN("item/recode", tests);
}
