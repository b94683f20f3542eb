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

struct recoded {
    enum recode_result result;
    enum loss_reason loss;
    uint8_t type;
    char text[T_ELEMENTS_MAX]; /* elements, or the bytes */
};

static struct recoded recode(const char *target, enum json_as json_as, unsigned type,
                             struct bytes value, bool elements)
{
    struct rdb_entry entry = entry_of(type, value);
    struct recoded ret = {.loss = LOSS_NONE, .type = 255};
    struct ft_err err = FT_ERR_INIT;
    struct bytes out = {0};
    struct recoder *r;

    t_ok(recoder_new(&r, target_of(target), json_as, &err), &err);
    ret.result = recoder_run(r, &entry, NOW_MS, &ret.type, &out, &ret.loss, &err);
    if (ret.result == RECODE_OK) {
        assert_true(target_reads(target_of(target), ret.type));
        if (elements)
            t_ok(t_elements(ret.type, out, ret.text, &err), &err);
        else
            (void)bytes_escape(out, ret.text, sizeof(ret.text));
    }
    recoder_free(r);
    return ret;
}

/* The value becomes one of this type with these elements. */
static void becomes(const char *target, unsigned type, struct bytes value, unsigned wanted_type,
                    const char *elements, enum loss_reason loss)
{
    struct recoded r = recode(target, JSON_AS_DEFAULT, type, value, true);

    assert_int_equal(r.result, RECODE_OK);
    assert_int_equal(r.type, wanted_type);
    assert_int_equal(r.loss, loss);
    assert_string_equal(r.text, elements);
}

static void json_becomes(const char *target, enum json_as json_as, unsigned type,
                         struct bytes value, unsigned wanted_type, struct bytes bytes,
                         enum loss_reason loss)
{
    struct recoded r = recode(target, json_as, type, value, false);
    char shown[T_ELEMENTS_MAX];

    assert_int_equal(r.result, RECODE_OK);
    assert_int_equal(r.type, wanted_type);
    assert_int_equal(r.loss, loss);
    assert_string_equal(r.text, bytes_escape(bytes, shown, sizeof(shown)));
}

static void becomes_bytes(const char *target, unsigned type, struct bytes value,
                          unsigned wanted_type, struct bytes bytes, enum loss_reason loss)
{
    json_becomes(target, JSON_AS_DEFAULT, type, value, wanted_type, bytes, loss);
}

static void is_empty(const char *target, unsigned type, struct bytes value)
{
    assert_int_equal(recode(target, JSON_AS_DEFAULT, type, value, false).result, RECODE_EMPTY);
}

static void is_lost(const char *target, unsigned type, struct bytes value, enum loss_reason loss)
{
    struct recoded r = recode(target, JSON_AS_DEFAULT, type, value, false);

    assert_int_equal(r.result, RECODE_LOST);
    assert_int_equal(r.loss, loss);
}

static void is_refused(const char *target, unsigned type, struct bytes value)
{
    assert_int_equal(recode(target, JSON_AS_DEFAULT, type, value, false).result, RECODE_ERROR);
}

#define HASH_LISTPACK                          \
    T_BYTES("\x12\x12\x00\x00\x00\x04\x00\x81" \
            "f\x02\x81v\x02\x2a\x01\xdf\xf9\x02\xff")
#define ZSET_LISTPACK                          \
    T_BYTES("\x0f\x0f\x00\x00\x00\x02\x00\x81" \
            "a\x02\x83"                        \
            "2.5\x04\xff")
#define SET_LISTPACK                           \
    T_BYTES("\x0c\x0c\x00\x00\x00\x02\x00\x81" \
            "a\x02\x05\x01\xff")
#define QUICKLIST_2                                    \
    T_BYTES("\x02\x02\x0c\x0c\x00\x00\x00\x02\x00\x81" \
            "a\x02\x05\x01\xff\x01\x05plain")

static void test_read_as_they_are(void **state)
{
    (void)state;
    becomes("5.0", RDB_TYPE_STRING, T_BYTES("\x01v"), RDB_TYPE_STRING, "v", LOSS_NONE);
    becomes("5.0", RDB_TYPE_LIST, T_BYTES("\x01\x01v"), RDB_TYPE_LIST, "v", LOSS_NONE);
    becomes("7.0", RDB_TYPE_HASH_LISTPACK, HASH_LISTPACK, RDB_TYPE_HASH_LISTPACK, "f=v 42=-7",
            LOSS_NONE);
    becomes("7.0", RDB_TYPE_LIST_QUICKLIST_2, QUICKLIST_2, RDB_TYPE_LIST_QUICKLIST_2, "a 5 plain",
            LOSS_NONE);
    becomes("valkey-7.2", RDB_TYPE_SET_LISTPACK, SET_LISTPACK, RDB_TYPE_SET_LISTPACK, "a 5",
            LOSS_NONE);
}

static void test_older_targets(void **state)
{
    (void)state;
    becomes_bytes("6.2", RDB_TYPE_HASH_LISTPACK, HASH_LISTPACK, RDB_TYPE_HASH,
                  T_BYTES("\x02\x01"
                          "f\x01v\xc0\x2a\xc0\xf9"),
                  LOSS_NONE);
    becomes_bytes("5.0", RDB_TYPE_ZSET_LISTPACK, ZSET_LISTPACK, RDB_TYPE_ZSET_2,
                  T_BYTES("\x01\x01"
                          "a\x00\x00\x00\x00\x00\x00\x04\x40"),
                  LOSS_NONE);
    becomes_bytes("7.0", RDB_TYPE_SET_LISTPACK, SET_LISTPACK, RDB_TYPE_SET,
                  T_BYTES("\x02\x01"
                          "a\xc0\x05"),
                  LOSS_NONE);
    becomes_bytes("6.2", RDB_TYPE_LIST_QUICKLIST_2, QUICKLIST_2, RDB_TYPE_LIST,
                  T_BYTES("\x03\x01"
                          "a\xc0\x05\x05plain"),
                  LOSS_NONE);
}

static void test_bare_nodes(void **state)
{
    (void)state;
    becomes("7.0", RDB_TYPE_LIST_QUICKLIST,
            T_BYTES("\x02\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff\x04"
                    "bare"),
            RDB_TYPE_LIST, "2 5 bare", LOSS_NONE);
    becomes("7.0", RDB_TYPE_LIST_QUICKLIST,
            T_BYTES("\x01\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff"),
            RDB_TYPE_LIST_QUICKLIST, "2 5", LOSS_NONE);
}

static void test_nothing_in_them(void **state)
{
    (void)state;
    is_empty("7.0", RDB_TYPE_LIST, T_BYTES("\x00"));
    is_empty("7.0", RDB_TYPE_SET, T_BYTES("\x00"));
    is_empty("7.0", RDB_TYPE_HASH_LISTPACK, T_BYTES("\x07\x07\x00\x00\x00\x00\x00\xff"));
    is_empty("6.2", RDB_TYPE_HASH_ZIPLIST,
             T_BYTES("\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"));
    is_empty("7.0", RDB_TYPE_LIST_QUICKLIST_2, T_BYTES("\x00"));
    is_empty("7.0", RDB_TYPE_LIST_QUICKLIST_2, T_BYTES("\x01\x02\x07\x07\x00\x00\x00\x00\x00\xff"));
    is_empty("7.0", RDB_TYPE_DF_SET_WITH_EXPIRY, T_BYTES("\x00"));
    is_empty("8.0", RDB_TYPE_HASH_METADATA, T_BYTES("\x00\x00\x00\x00\x00\x00\x00\x00\x00"));
}

/* a without a time, b over since 40 s, c for 50 s more. */
#define TIMED_HASH          \
    T_BYTES("\x03\x01"      \
            "a\x01"         \
            "1\xc0\xff\x01" \
            "b\x01"         \
            "2\xc0\x0a\x01" \
            "c\x01"         \
            "3\xc0\x64")
#define TIMED_SET           \
    T_BYTES("\x03\x01"      \
            "a\xc0\xff\x01" \
            "b\xc0\x0a\x01" \
            "c\xc0\x64")

static void test_member_times(void **state)
{
    (void)state;
    becomes("7.0", RDB_TYPE_DF_HASH_WITH_EXPIRY, TIMED_HASH, RDB_TYPE_HASH, "a=1 c=3",
            LOSS_MEMBER_TTL);
    becomes("7.4", RDB_TYPE_DF_HASH_WITH_EXPIRY, TIMED_HASH, RDB_TYPE_HASH_METADATA,
            "a=1 b=2~1675209610000 c=3~1675209700000", LOSS_NONE);
    becomes_bytes("7.4", RDB_TYPE_DF_SET_WITH_EXPIRY, TIMED_SET, RDB_TYPE_SET,
                  T_BYTES("\x02\x01"
                          "a\x01"
                          "c"),
                  LOSS_MEMBER_TTL);
    /* times that nobody set */
    becomes_bytes("7.4", RDB_TYPE_DF_HASH_WITH_EXPIRY,
                  T_BYTES("\x01\x01"
                          "a\x01"
                          "1\xc0\xff"),
                  RDB_TYPE_HASH,
                  T_BYTES("\x01\x01"
                          "a\x01"
                          "1"),
                  LOSS_NONE);
    becomes_bytes("7.0", RDB_TYPE_DF_SET_WITH_EXPIRY,
                  T_BYTES("\x01\x01"
                          "a\xc0\xff"),
                  RDB_TYPE_SET,
                  T_BYTES("\x01\x01"
                          "a"),
                  LOSS_NONE);
    /* all over: no loss, nothing to write */
    is_empty("7.0", RDB_TYPE_DF_SET_WITH_EXPIRY,
             T_BYTES("\x01\x01"
                     "a\xc0\x32"));
    /* Redis's own, for a target that has none */
    becomes("7.2", RDB_TYPE_HASH_METADATA,
            T_BYTES("\xa0\x72\x47\x0a\x86\x01\x00\x00\x02\x00\x01"
                    "a\x01"
                    "1\x01\x01"
                    "b\x01"
                    "2"),
            RDB_TYPE_HASH, "a=1 b=2", LOSS_MEMBER_TTL);
    becomes("7.4", RDB_TYPE_HASH_LISTPACK_EX,
            T_BYTES("\x00\x01\x00\x00\x00\x00\x00\x00\x0f\x0f\x00\x00\x00\x03\x00\x81"
                    "b\x02\x02\x01\xc1"
                    "\x00\x02\xff"),
            RDB_TYPE_HASH_LISTPACK_EX, "b=2~256", LOSS_NONE);
    is_empty("7.2", RDB_TYPE_HASH_LISTPACK_EX,
             T_BYTES("\x00\x01\x00\x00\x00\x00\x00\x00\x0f\x0f\x00\x00\x00\x03\x00\x81"
                     "b\x02\x02\x01\xc1"
                     "\x00\x02\xff"));
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

    (void)state;
    is_lost("7.0", RDB_TYPE_DF_JSON, text, LOSS_JSON);
    is_lost("6.2", RDB_TYPE_MODULE_2, as_module, LOSS_JSON);
    json_becomes("7.0", JSON_AS_STRING, RDB_TYPE_DF_JSON, text, RDB_TYPE_STRING, text, LOSS_NONE);
    json_becomes("6.2", JSON_AS_STRING, RDB_TYPE_MODULE_2, as_module, RDB_TYPE_STRING, text,
                 LOSS_NONE);
    json_becomes("7.0", JSON_AS_MODULE, RDB_TYPE_DF_JSON, text, RDB_TYPE_MODULE_2, as_module,
                 LOSS_NONE);
    json_becomes("6.2", JSON_AS_MODULE, RDB_TYPE_MODULE_2, as_module, RDB_TYPE_MODULE_2, as_module,
                 LOSS_NONE);
    becomes_bytes("8.0", RDB_TYPE_DF_JSON, text, RDB_TYPE_MODULE_2, as_module, LOSS_NONE);
    becomes_bytes("8.0", RDB_TYPE_MODULE_2, as_module, RDB_TYPE_MODULE_2, as_module, LOSS_NONE);
}

static void test_losses(void **state)
{
    (void)state;
    is_lost("8.0", RDB_TYPE_DF_SBF, T_BYTES("\x00"), LOSS_PROBABILISTIC);
    is_lost("8.0", RDB_TYPE_DF_CUCKOO, T_BYTES("\x00"), LOSS_PROBABILISTIC);
    is_lost("8.0", RDB_TYPE_MODULE_PRE_GA, T_BYTES("\x00"), LOSS_MODULE);
    is_lost("8.0", RDB_TYPE_MODULE_2, T_BYTES("\x01\x00"), LOSS_MODULE);
    is_lost("8.0", RDB_TYPE_KEYDB_CRON, T_BYTES("\x00"), LOSS_CRON);
}

static void test_refusals(void **state)
{
    (void)state;
    is_refused("8.0", RDB_TYPE_MODULE_2, T_BYTES(""));
    is_refused("8.0", 26, T_BYTES("\x00"));
    is_refused("8.0", 8, T_BYTES("\x00"));
    is_refused("8.0", 200, T_BYTES("\x00"));
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
    struct bytes v1 = T_BYTES(STREAM_1), v2 = T_BYTES(STREAM_2), v3 = T_BYTES(STREAM_3);

    (void)state;
    becomes_bytes("7.2", RDB_TYPE_STREAM_LISTPACKS_3, v3, RDB_TYPE_STREAM_LISTPACKS_3, v3,
                  LOSS_NONE);
    becomes_bytes("7.0", RDB_TYPE_STREAM_LISTPACKS_3, v3, RDB_TYPE_STREAM_LISTPACKS_2, v2,
                  LOSS_NONE);
    becomes_bytes("6.2", RDB_TYPE_STREAM_LISTPACKS_3, v3, RDB_TYPE_STREAM_LISTPACKS, v1, LOSS_NONE);
    becomes_bytes("5.0", RDB_TYPE_STREAM_LISTPACKS_2, v2, RDB_TYPE_STREAM_LISTPACKS, v1, LOSS_NONE);
    becomes_bytes("8.0", RDB_TYPE_STREAM_LISTPACKS, v1, RDB_TYPE_STREAM_LISTPACKS, v1, LOSS_NONE);
}

/* After the groups what producers added: a duration, a maximum, no producers, two counters. */
#define NO_PRODUCERS "\x40\x64\x40\x64\x00\x00\x00"
#define PRODUCERS               \
    "\x05\x06\x01\x01p\x01\x01" \
    "i\x01\x01\x02\x01"
#define TIME_8       "\x73\x71\x70\xfd\xa1\x01\x00\x00"
#define ID(seq)      "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00" seq
#define PENDING(seq) ID(seq) TIME_8 "\x01"
/* No entries are left; a group has three pending ones, of which bob has one and nobody the others. */
#define EMPTY_2 "\x00\x00\x05\x01\x00\x00\x00\x00\x05"
#define BOB    \
    "\x01\x03" \
    "bob" TIME_8 TIME_8 "\x01" ID("\x02")
#define UNOWNED                                                                             \
    EMPTY_2 "\x01\x01g\x01\x03\x03\x03" PENDING("\x01") PENDING("\x02") PENDING("\x03") BOB \
        "\x02" ID("\x03") ID("\x01") PRODUCERS
#define OWNED EMPTY_2 "\x01\x01g\x01\x03\x03\x01" PENDING("\x02") BOB

static unsigned drops(const char *target, unsigned type, struct bytes value)
{
    struct rdb_entry entry = entry_of(type, value);

    return recode_stream_drops(target_of(target), &entry);
}

static void test_new_streams(void **state)
{
    struct bytes v3 = T_BYTES(STREAM_3), plain = T_BYTES(STREAM_3 NO_PRODUCERS);
    struct bytes unowned = T_BYTES(UNOWNED);
    /* a consumer that was seen, and has never got an entry */
    struct bytes idle = T_BYTES(EMPTY_2 "\x01\x01g\x01\x03\x03\x00\x01\x03"
                                        "bob" TIME_8 "\xff\xff\xff\xff\xff\xff\xff\xff"
                                        "\x00");

    (void)state;
    becomes_bytes("8.6", RDB_TYPE_STREAM_LISTPACKS_4, plain, RDB_TYPE_STREAM_LISTPACKS_4, plain,
                  LOSS_NONE);
    becomes_bytes("8.4", RDB_TYPE_STREAM_LISTPACKS_4, plain, RDB_TYPE_STREAM_LISTPACKS_3, v3,
                  LOSS_NONE);
    becomes_bytes("8.10", RDB_TYPE_STREAM_LISTPACKS_5, unowned, RDB_TYPE_STREAM_LISTPACKS_5,
                  unowned, LOSS_NONE);
    becomes_bytes("8.6", RDB_TYPE_STREAM_LISTPACKS_5, unowned, RDB_TYPE_STREAM_LISTPACKS_4,
                  T_BYTES(OWNED PRODUCERS), LOSS_STREAM_PENDING);
    becomes_bytes("valkey-9.0", RDB_TYPE_STREAM_LISTPACKS_5, unowned, RDB_TYPE_STREAM_LISTPACKS_3,
                  T_BYTES(OWNED), LOSS_STREAM_PENDING);
    assert_int_equal(drops("8.4", RDB_TYPE_STREAM_LISTPACKS_4, plain), 0);
    assert_int_equal(drops("8.4", RDB_TYPE_STREAM_LISTPACKS_4, T_BYTES(STREAM_3 PRODUCERS)),
                     STREAM_DROPS_PRODUCERS);
    assert_int_equal(
        drops("8.4", RDB_TYPE_STREAM_LISTPACKS_4, T_BYTES(STREAM_3 "\x05\x06\x00\x07\x00")),
        STREAM_DROPS_PRODUCERS);
    assert_int_equal(drops("8.6", RDB_TYPE_STREAM_LISTPACKS_4, T_BYTES(STREAM_3 PRODUCERS)), 0);
    assert_int_equal(drops("6.2", RDB_TYPE_STREAM_LISTPACKS_5, unowned),
                     STREAM_DROPS_COUNTERS | STREAM_DROPS_PRODUCERS);
    assert_int_equal(drops("6.2", RDB_TYPE_STREAM_LISTPACKS_3, idle),
                     STREAM_DROPS_COUNTERS | STREAM_DROPS_ACTIVE_TIMES);
    assert_int_equal(drops("7.0", RDB_TYPE_STREAM_LISTPACKS_3, idle), STREAM_DROPS_ACTIVE_TIMES);
    assert_int_equal(drops("7.2", RDB_TYPE_STREAM_LISTPACKS_3, idle), 0);
}

static void test_valkey_hashes(void **state)
{
    struct bytes timed = T_BYTES("\x02\x01"
                                 "a\x01"
                                 "1\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                 "c\x01"
                                 "3\x20\xcf\x8d\x0a\x86\x01\x00\x00");

    (void)state;
    becomes_bytes("valkey-9.1", RDB_TYPE_VALKEY_HASH, timed, RDB_TYPE_VALKEY_HASH, timed,
                  LOSS_NONE);
    becomes("8.0", RDB_TYPE_VALKEY_HASH, timed, RDB_TYPE_HASH_METADATA, "a=1 c=3~1675214311200",
            LOSS_NONE);
    becomes("valkey-8.1", RDB_TYPE_VALKEY_HASH, timed, RDB_TYPE_HASH, "a=1 c=3", LOSS_MEMBER_TTL);
    becomes("valkey-9.0", RDB_TYPE_DF_HASH_WITH_EXPIRY, TIMED_HASH, RDB_TYPE_VALKEY_HASH,
            "a=1 b=2~1675209610000 c=3~1675209700000", LOSS_NONE);
    is_empty("valkey-9.0", RDB_TYPE_VALKEY_HASH, T_BYTES("\x00"));
    is_refused("valkey-9.0", RDB_TYPE_VALKEY_HASH,
               T_BYTES("\x01\x01"
                       "a\x01"
                       "1\xfe\xff\xff\xff\xff\xff\xff\xff"));
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
        {RDB_TYPE_STREAM_LISTPACKS_3, T_BYTES(STREAM_3)},
        {RDB_TYPE_STREAM_LISTPACKS_2, T_BYTES(STREAM_2)},
        {RDB_TYPE_MODULE_2, json_module_value(module)},
        {RDB_TYPE_LIST_QUICKLIST,
         T_BYTES("\x02\x0f\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff\x04"
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
    char title[TARGET_TITLE_SIZE];
    struct ft_err err = FT_ERR_INIT;
    const struct target *t;

    (void)state;
    assert_string_equal(target_default()->name, "7.0");
    assert_int_equal(target_of("6.2")->rdb_version, 9);
    assert_int_equal(target_of("valkey-8.0")->rdb_version, 11);
    assert_int_equal(target_of("8.0")->rdb_version, 12);
    assert_int_equal(target_of("8.0")->modules, TARGET_MODULES);
    assert_int_equal(target_of("7.4")->modules, 0);
    assert_int_equal(target_of_server(800, 0, " vectorset ").modules, TARGET_VECTOR_SET);
    assert_int_equal(target_of_server(704, 0, " search ReJSON ").modules,
                     TARGET_SEARCH | TARGET_JSON);
    assert_string_equal(target_title("8.10", title), "Redis 8.10");
    assert_string_equal(target_title("valkey-9.1", title), "Valkey 9.1");
    assert_int_equal(target_of_server(800, 0, "").version, 800);
    assert_string_equal(target_of_server(400, 0, "").name, "5.0");
    assert_string_equal(target_of_server(702, 901, "").name, "valkey-9.1");
    assert_string_equal(target_of_server(702, 802, "").name, "valkey-8.1");
    assert_string_equal(target_of("7.0.15")->name, "7.0");
    assert_string_equal(target_of("8.10")->name, "8.10");
    assert_string_equal(target_of("8.9.1")->name, "8.8");
    assert_string_equal(target_of("12.0")->name, "8.10");
    assert_string_equal(target_of("valkey-8.2")->name, "valkey-8.1");
    assert_true(target_is_named(target_of("8.10"), "8.10"));
    assert_false(target_is_named(target_of("7.0.15"), "7.0.15"));
    assert_int_equal(target_header(target_of("8.6")).version, 13);
    assert_int_equal(target_header(target_of("valkey-8.1")).family, RDB_FAMILY_REDIS);
    assert_int_equal(target_header(target_of("valkey-9.0")).family, RDB_FAMILY_VALKEY);
    assert_int_equal(target_header(target_of("valkey-9.0")).version, 80);
    assert_true(target_reads(target_of("valkey-9.0"), RDB_TYPE_VALKEY_HASH));
    assert_false(target_reads(target_of("valkey-8.1"), RDB_TYPE_VALKEY_HASH));
    assert_false(target_reads(target_of("8.6"), RDB_TYPE_VALKEY_HASH));
    t_fails(target_parse("7", &t, &err), &err, FT_ERR_USAGE, "unknown target version");
    t_fails(target_parse("7.0x", &t, &err), &err, FT_ERR_USAGE, "unknown target version");
    t_fails(target_parse("valkey-7.0", &t, &err), &err, FT_ERR_USAGE, "valkey-7.2");
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
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_read_as_they_are),
        cmocka_unit_test(test_older_targets),
        cmocka_unit_test(test_bare_nodes),
        cmocka_unit_test(test_nothing_in_them),
        cmocka_unit_test(test_member_times),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_new_streams),
        cmocka_unit_test(test_valkey_hashes),
        cmocka_unit_test(test_mutations),
    };

    return T_RUN("item/recode", tests);
}
