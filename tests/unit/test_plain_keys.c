/* Values of touched keys without a server: commands by random beside a plain model of them. */
#include "lib/test_main.h"

#include <stdlib.h>
#include <time.h>

#include "rdb/rdb_string.h"
#include "rdb/rdb_types.h"
#include "state/plain_keys.h"

#define KEYS      40
#define DATABASES 3
#define ROUNDS    100
#define STEPS     200

/* What a key should be. */
struct model {
    bool there;
    int value;
    int64_t expire_ms;
    bool seen;
};

static struct model model[DATABASES][KEYS];
static struct model entries[DATABASES]
                           [KEYS]; /* of the snapshot: there as long as they are not put */
static struct plain_keys *keys;

static struct bytes key_name(unsigned key, char out[16])
{
    return bytes_of(out, (size_t)snprintf(out, 16, "key:%u", key));
}

static struct bytes value_text(int value, char out[16])
{
    return bytes_of(out, (size_t)snprintf(out, 16, "v%d", value));
}

static struct plain_command command_of(struct bytes *args, const char *text)
{
    static struct translation_command c;
    static char line[200];
    const struct translation t = {.commands = &c, .command_count = 1};

    (void)snprintf(line, sizeof(line), "%s", text);
    c = (struct translation_command){.args = args};
    for (char *at = strtok(line, " "); at != NULL; at = strtok(NULL, " "))
        args[c.count++] = bytes_str(at);
    return plain_command_of(&t);
}

static void run(uint32_t db, const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct bytes args[16];
    struct plain_command c = command_of(args, text);

    assert_int_not_equal(c.kind, PLAIN_UNKNOWN);
    for (size_t i = 0; i < c.count; i++)
        t_ok(plain_keys_change(keys, db, &c, i, 5, &err), &err);
}

static void check_value(const struct rdb_entry *entry, const struct model *m)
{
    struct ft_err err = FT_ERR_INIT;
    struct bytes value = entry->value, got;
    struct buf scratch = {0};
    char text[16];

    assert_true(m->there);
    assert_int_equal(entry->expire_ms, m->expire_ms);
    assert_int_equal(entry->type, RDB_TYPE_STRING);
    t_ok(rdb_string_take(&value, &got, &scratch, &err), &err);
    assert_true(bytes_eq(got, value_text(m->value, text)));
    buf_release(&scratch);
}

static struct model *model_of(const struct rdb_entry *entry)
{
    return &model[entry->db][atoi((const char *)entry->key.p + 4)];
}

static int take_left(void *context, const struct rdb_entry *entry, int64_t time_ms,
                     struct ft_err *err)
{
    struct model *m = model_of(entry);

    (void)err;
    assert_int_equal(time_ms, 5);
    assert_false(m->seen);
    m->seen = true;
    check_value(entry, m);
    ++*(unsigned *)context;
    return 0;
}

/* An entry was there before all changes, and may come after any of them. */
static void put_entry(uint32_t db, unsigned key)
{
    struct model *e = &entries[db][key];
    struct ft_err err = FT_ERR_INIT;
    struct buf bytes = {0};
    char name[16], text[16];
    struct rdb_entry entry = {
        .db = db, .type = RDB_TYPE_STRING, .key = key_name(key, name), .expire_ms = e->expire_ms};

    if (!e->there)
        return;
    t_ok(rdb_string_put(&bytes, value_text(e->value, text), &err), &err);
    entry.value = buf_bytes(&bytes);
    t_ok(plain_keys_put(keys, &entry, 5, &err), &err);
    e->there = false;
    buf_release(&bytes);
}

static void set(struct model *m, int value, int64_t expire_ms)
{
    m->there = true;
    m->value = value;
    m->expire_ms = expire_ms;
}

static void step_of_key(uint32_t db, unsigned key, int value)
{
    struct model *m = &model[db][key];
    int64_t expire_ms = 1 + rand() % 1000000;
    char text[100];
    int kind = rand() % 7;

    switch (kind) {
    case 0:
        (void)snprintf(text, sizeof(text), "set key:%u v%d", key, value);
        break;
    case 1:
        (void)snprintf(text, sizeof(text), "SET key:%u v%d PXAT %lld", key, value,
                       (long long)expire_ms);
        break;
    case 2:
        (void)snprintf(text, sizeof(text), "SET key:%u v%d KEEPTTL", key, value);
        break;
    case 3:
        (void)snprintf(text, sizeof(text), "PEXPIREAT key:%u %lld", key, (long long)expire_ms);
        break;
    case 4:
        (void)snprintf(text, sizeof(text), "PERSIST key:%u", key);
        break;
    case 5:
        (void)snprintf(text, sizeof(text), "UNLINK key:%u", key);
        break;
    default:
        put_entry(db, key);
        return;
    }
    run(db, text);
    if (kind <= 2) {
        int64_t kept = kind == 2 && m->there ? m->expire_ms : RDB_NO_EXPIRY;

        set(m, value, kind == 1 ? expire_ms : kept);
    } else if (kind == 5) {
        m->there = false;
    } else if (m->there) {
        m->expire_ms = kind == 3 ? expire_ms : RDB_NO_EXPIRY;
    }
}

static void step_of_keys(uint32_t db, unsigned a, unsigned b, int value)
{
    struct model *of[] = {&model[db][a], &model[db][b]};
    bool sets = rand() % 2 == 0;
    char text[100];

    if (sets)
        (void)snprintf(text, sizeof(text), "MSET key:%u v%d key:%u v%d", a, value, b, value);
    else
        (void)snprintf(text, sizeof(text), "DEL key:%u key:%u", a, b);
    run(db, text);
    for (unsigned i = 0; i < 2; i++) {
        if (sets)
            set(of[i], value, RDB_NO_EXPIRY);
        else
            of[i]->there = false;
    }
}

static bool model_flushed(uint32_t db, uint32_t of, unsigned key,
                          const struct translation_flush *flush)
{
    char name[16];
    uint16_t slot = slot_of(key_name(key, name));

    switch (flush->kind) {
    case FLUSH_ALL:
        return true;
    case FLUSH_DB:
        return of == db;
    case FLUSH_SLOTS:
        break;
    }
    return of == 0 && slot >= flush->ranges[0].first && slot <= flush->ranges[0].last;
}

static void flush(uint32_t db, enum flush_kind kind)
{
    const struct slot_range range = {.first = 4000, .last = 9000};
    const struct translation_flush flush = {.kind = kind, .ranges = &range, .range_count = 1};
    struct ft_err err = FT_ERR_INIT;

    t_ok(plain_keys_flush(keys, db, &flush, &err), &err);
    for (uint32_t of = 0; of < DATABASES; of++) {
        for (unsigned key = 0; key < KEYS; key++) {
            if (model_flushed(db, of, key, &flush))
                model[of][key].there = false;
        }
    }
}

static void step(int value)
{
    uint32_t db = (uint32_t)rand() % DATABASES;
    unsigned key = (unsigned)rand() % KEYS;
    int kind = rand() % 1000;

    if (kind < 3)
        flush(db, (enum flush_kind)kind);
    else if (kind < 200)
        step_of_keys(db, key, (key + 1) % KEYS, value);
    else
        step_of_key(db, key, value);
}

static void begin_round(void)
{
    for (uint32_t db = 0; db < DATABASES; db++) {
        for (unsigned key = 0; key < KEYS; key++)
            entries[db][key] =
                (struct model){.there = rand() % 3 != 0,
                               .value = rand(),
                               .expire_ms = rand() % 2 == 0 ? RDB_NO_EXPIRY : 1 + rand() % 1000000};
    }
    memcpy(model, entries, sizeof(model));
}

static void end_round(void)
{
    struct ft_err err = FT_ERR_INIT;
    unsigned there = 0, read = 0;

    for (uint32_t db = 0; db < DATABASES; db++) {
        for (unsigned key = 0; key < KEYS; key++) {
            put_entry(db, key);
            there += model[db][key].there;
        }
    }
    t_ok(plain_keys_read(keys, take_left, &read, &err), &err);
    assert_int_equal(read, there);
}

static void test_commands_by_random(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < ROUNDS; round++) {
        t_ok(plain_keys_new(&keys, &err), &err);
        begin_round();
        for (int i = 0; i < STEPS; i++)
            step(i);
        if (round % 2 != 0) {
            t_ok(plain_keys_restart(keys, &err), &err);
            begin_round();
            for (int i = 0; i < STEPS; i++)
                step(i);
        }
        end_round();
        plain_keys_free(keys);
    }
}

static int count_entry(void *context, const struct rdb_entry *entry, int64_t time_ms,
                       struct ft_err *err)
{
    (void)time_ms;
    (void)err;
    assert_int_equal(entry->value.n, 3u << 20);
    assert_int_equal(entry->value.p[entry->value.n - 1], (uint8_t)entry->expire_ms);
    assert_true(entry->sticky);
    ++*(unsigned *)context;
    return 0;
}

/* Values that are larger than what is kept in memory, and what comes with them. */
static void test_large_values_of_any_type(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf value = {0};
    unsigned read = 0;
    char name[16];

    (void)state;
    t_ok(plain_keys_new(&keys, &err), &err);
    t_ok(buf_reserve(&value, 3u << 20, &err), &err);
    value.n = 3u << 20;
    for (unsigned i = 1; i <= 20; i++) {
        struct rdb_entry entry = {.type = RDB_TYPE_SET_INTSET,
                                  .key = key_name(i % 10, name),
                                  .value = buf_bytes(&value),
                                  .expire_ms = i,
                                  .sticky = true};

        memset(value.p, (int)i, value.n);
        t_ok(plain_keys_put(keys, &entry, 0, &err), &err);
    }
    t_ok(plain_keys_read(keys, count_entry, &read, &err), &err);
    assert_int_equal(read, 10);
    plain_keys_free(keys);
    buf_release(&value);
}

static void test_commands_that_need_a_server(void **state)
{
    static const char *const unknown[] = {
        "SET k v NX",   "SET k v GET", "SET k v PX 10", "SET k v PXAT x",   "SET k v PXAT 0",
        "SET k",        "APPEND k v",  "MSET k v l",    "PEXPIREAT k 5 NX", "PEXPIREAT k x",
        "EXPIREAT k 5", "INCR k",      "GETDEL k",      "RENAME a b",       "MSETNX k v",
    };
    struct bytes args[16];

    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        assert_int_equal(command_of(args, unknown[i]).kind, PLAIN_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_by_random),
        cmocka_unit_test(test_large_values_of_any_type),
        cmocka_unit_test(test_commands_that_need_a_server),
    };

    return T_RUN("plain_keys", tests);
}
