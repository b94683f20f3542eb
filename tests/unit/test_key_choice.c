/* What is left of records for some of the keys, and which keys those depend on. */
#include "lib/test_main.h"

#include "fixture/key_choice.h"
#include "input/source.h"

#define ARGS_MAX 12

struct record {
    struct item item;
    struct bytes args[ARGS_MAX];
    char text[200];
};

static struct item *record_of(struct record *r, const char *text)
{
    size_t n = 0;

    *r = (struct record){.item = {.kind = ITEM_COMMAND, .is_record = true, .lsn = 1}};
    (void)snprintf(r->text, sizeof(r->text), "%s", text);
    for (char *arg = strtok(r->text, " "); arg != NULL; arg = strtok(NULL, " "))
        r->args[n++] = bytes_str(arg);
    r->item.record.op = JOURNAL_OP_COMMAND;
    r->item.record.args = r->args;
    r->item.record.arg_count = n;
    return &r->item;
}

static void choose(struct key_choice *c, uint32_t db, const char *key)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    struct ft_err err = FT_ERR_INIT;

    key_set_hash(db, bytes_str(key), hash);
    t_ok(key_set_add(&c->keys, hash, &err), &err);
}

/* Of a choice of "a" and "b" in database 0. */
static void begin(struct key_choice *c)
{
    const struct source source = {.stream_count = 1};
    struct ft_err err = FT_ERR_INIT;

    *c = (struct key_choice){0};
    t_ok(key_choice_begin(c, &source, &err), &err);
    choose(c, 0, "a");
    choose(c, 0, "b");
}

/* left: the words joined by blanks; NULL: nothing is. */
static void expect_left(const char *record, const char *left)
{
    struct ft_err err = FT_ERR_INIT;
    struct key_choice c;
    struct record r;
    char text[200] = "";
    int rc;

    begin(&c);
    rc = key_choice_leave(&c, record_of(&r, record), &err);
    if (rc < 0)
        fail_msg("%s: %s", record, err.msg);
    for (size_t i = 0; rc == 1 && i < r.item.record.arg_count; i++) {
        struct bytes arg = r.item.record.args[i];

        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s",
                       i == 0 ? "" : " ", (int)arg.n, (const char *)arg.p);
    }
    if (rc != (left != NULL) || (left != NULL && strcmp(text, left) != 0))
        fail_msg("%s: wanted \"%s\", got \"%s\"", record, left == NULL ? "nothing" : left,
                 rc == 1 ? text : "nothing");
    key_choice_release(&c);
}

static void test_records(void **state)
{
    (void)state;
    expect_left("SET a 1", "SET a 1");
    expect_left("SET x 1", NULL);
    expect_left("DEL a x b y", "DEL a b");
    expect_left("DEL x y", NULL);
    expect_left("MSET x 1 a 2 y 3", "MSET a 2");
    expect_left("FLUSHALL", "FLUSHALL");
    expect_left("FLUSHDB", "FLUSHDB");
    expect_left("RENAME a b", "RENAME a b");
    expect_left("RENAME a x", "DEL a");
    expect_left("LMOVE a x LEFT RIGHT", "LPOP a");
    expect_left("SMOVE a x m", "SREM a m");
    expect_left("SUNIONSTORE x a b", NULL);
    expect_left("SUNIONSTORE a b a", "SUNIONSTORE a b a");
    expect_left("NOSUCHCOMMAND a x", "NOSUCHCOMMAND a x");
    expect_left("NOSUCHCOMMAND x a", NULL);
}

/* The words of `added`, if any, and "a" and "b" are the keys afterwards. */
static void expect_tie(const char *record, const char *added, uint32_t db)
{
    struct ft_err err = FT_ERR_INIT;
    struct key_choice c;
    struct record r;
    char copy[64];
    size_t count = 2;

    begin(&c);
    t_ok(key_choice_tie(&c, record_of(&r, record), &err), &err);
    (void)snprintf(copy, sizeof(copy), "%s", added);
    for (char *key = strtok(copy, " "); key != NULL; key = strtok(NULL, " ")) {
        if (!key_set_has(&c.keys, db, bytes_str(key)))
            fail_msg("%s: \"%s\" is not tied", record, key);
        count++;
    }
    if (c.keys.count != count)
        fail_msg("%s: wanted %zu keys, got %zu", record, count, c.keys.count);
    key_choice_release(&c);
}

static void test_ties(void **state)
{
    (void)state;
    expect_tie("SET a 1", "", 0);
    expect_tie("DEL a x b y", "", 0);
    expect_tie("MSET x 1 a 2", "", 0);
    expect_tie("RENAME a x", "", 0);
    expect_tie("RENAME x a", "x", 0);
    expect_tie("RENAMENX a x", "x", 0);
    expect_tie("COPY x a", "x", 0);
    expect_tie("COPY a x REPLACE", "", 0);
    expect_tie("SUNIONSTORE x a b", "", 0);
    expect_tie("SUNIONSTORE a x y b", "x y", 0);
    expect_tie("LMOVE a x LEFT RIGHT", "", 0);
    expect_tie("LMOVE x a LEFT RIGHT", "x", 0);
    expect_tie("SMOVE x b m", "x", 0);
    expect_tie("ZUNIONSTORE x 2 y z", "", 0);
    expect_tie("BITOP AND a x y", "x y", 0);
    expect_tie("MOVE a 3", "a", 3);
    expect_tie("FLUSHALL", "", 0);
}

static void test_entries(void **state)
{
    struct item entry = {.kind = ITEM_ENTRY, .rdb.entry = {.key = bytes_str("a")}};
    struct item aux = {.kind = ITEM_AUX};
    struct ft_err err = FT_ERR_INIT;
    struct key_choice c;

    (void)state;
    begin(&c);
    assert_int_equal(key_choice_leave(&c, &entry, &err), 1);
    entry.rdb.entry.db = 1;
    assert_int_equal(key_choice_leave(&c, &entry, &err), 0);
    assert_int_equal(key_choice_leave(&c, &aux, &err), 1);
    key_choice_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_entries),
    };

    return T_RUN("key_choice", tests);
}
