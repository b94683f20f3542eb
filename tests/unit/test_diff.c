/* What a comparison is made of: whose keys belong together, logs laid side by side, libraries of functions. */
#include "diff/diff_functions.h"
#include "diff/diff_match.h"
#include "diff/diff_pass.h"
#include "diff/key_pick.h"
#include "lib/test_main.h"
#include "mapping/replay_saved.h"

static const struct filter no_filter;
static const struct replay_map no_map;

static bool a_becomes(const struct diff_rules *r, uint32_t db, const char *name, uint32_t want_db,
                      const char *want)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf scratch = {0};
    struct diff_key key;
    int rc = diff_rules_name(r, db, bytes_str(name), &scratch, &key, &err);
    bool same = rc == 1 && key.db[DIFF_B] == want_db && bytes_eq_str(key.name[DIFF_B], want) &&
                key.db[DIFF_A] == db && bytes_eq_str(key.name[DIFF_A], name);

    assert_true(rc >= 0);
    buf_release(&scratch);
    return same;
}

static int takes_b(const struct diff_rules *r, uint32_t db, const char *name)
{
    struct ft_err err = FT_ERR_INIT;
    struct diff_key key;

    return diff_rules_takes_b(r, db, bytes_str(name), &key, &err);
}

static void names_both_ways(void **state)
{
    struct filter filter = {0};
    struct replay_map map = {0};
    struct diff_rules r = {.filter = &no_filter, .map = &no_map};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    assert_true(a_becomes(&r, 3, "k", 3, "k"));
    assert_false(a_becomes(&r, 0, "flowtape:replay", 0, "flowtape:replay"));
    assert_int_equal(takes_b(&r, 0, "flowtape:replay"), 0);
    assert_int_equal(takes_b(&r, 0, "flowtape:other"), 1);

    t_ok(replay_map_add_rename(&map, "a:*=strip:a:", &err), &err);
    t_ok(replay_map_add_rename(&map, "b:*=prefix:new:", &err), &err);
    t_ok(replay_map_add_dbs(&map, "1:0,2:drop,*:prefix=db%d:", &err), &err);
    t_ok(filter_add_key(&filter, "a:*", &err), &err);
    t_ok(filter_add_key(&filter, "b:1", &err), &err);
    r = (struct diff_rules){.filter = &filter, .map = &map};
    assert_true(a_becomes(&r, 1, "a:x", 0, "x"));
    assert_true(a_becomes(&r, 1, "b:1", 0, "new:b:1"));
    assert_true(a_becomes(&r, 7, "a:x", 0, "db7:x"));
    assert_false(a_becomes(&r, 2, "a:x", 0, "x"));
    assert_false(a_becomes(&r, 1, "c", 0, "c"));
    assert_int_equal(takes_b(&r, 0, "x"), 1);
    assert_int_equal(takes_b(&r, 0, "new:b:1"), 1);
    assert_int_equal(takes_b(&r, 0, "db7:x"), 1);
    assert_int_equal(takes_b(&r, 0, "db7:new:b:1"), 1);
    assert_int_equal(takes_b(&r, 4, "x"), 0); /* nothing goes to database 4 */
    filter_release(&filter);
    replay_map_release(&map);
}

static void times_and_types(void **state)
{
    struct filter hashes = {.classes = 1u << VALUE_HASH};
    struct diff_rules r = {.filter = &hashes, .map = &no_map, .ttl = REPLAY_TTL_DROP};

    (void)state;
    assert_int_equal(diff_rules_expiry(&r, 5), RDB_NO_EXPIRY);
    r.ttl = REPLAY_TTL_SHIFT;
    r.shift_ms = 10;
    assert_int_equal(diff_rules_expiry(&r, 5), 15);
    assert_int_equal(diff_rules_expiry(&r, RDB_NO_EXPIRY), RDB_NO_EXPIRY);
    assert_true(diff_rules_type(&r, VALUE_HASH, VALUE_STRING));
    assert_true(diff_rules_type(&r, -1, VALUE_HASH));
    assert_false(diff_rules_type(&r, VALUE_LIST, -1));
}

static void rules_are_written_and_read(void **state)
{
    struct filter filter = {0};
    struct filter filter_read = {0};
    struct replay_map map = {0};
    struct replay_map map_read = {0};
    struct replay_rules rules = {
        .filter = &filter, .map = &map, .ttl = REPLAY_TTL_SHIFT, .json_as = JSON_AS_STRING};
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};
    struct buf again = {0};
    enum replay_ttl ttl;
    enum json_as json_as;

    (void)state;
    t_ok(replay_map_add_rename(&map, "a\"*=strip:a:", &err), &err);
    t_ok(replay_map_add_rename(&map, "b=prefix:x=y:", &err), &err);
    t_ok(replay_map_add_dbs(&map, "1:0,2:drop,*:prefix=db%d:", &err), &err);
    t_ok(filter_add_key(&filter, "k*", &err), &err);
    t_ok(filter_add_no_key(&filter, "no", &err), &err);
    t_ok(filter_add_db(&filter, "1,3", &err), &err);
    t_ok(filter_add_type(&filter, "hash,list", &err), &err);
    t_ok(replay_saved_put(&text, &rules, &err), &err);
    t_ok(replay_saved_take(buf_bytes(&text), &filter_read, &map_read, &ttl, &json_as, &err), &err);
    assert_int_equal(ttl, REPLAY_TTL_SHIFT);
    assert_int_equal(json_as, JSON_AS_STRING);
    rules.filter = &filter_read;
    rules.map = &map_read;
    t_ok(replay_saved_put(&again, &rules, &err), &err);
    assert_true(bytes_eq(buf_bytes(&text), buf_bytes(&again)));
    assert_int_equal(filter_read.classes, filter.classes);
    t_fails(replay_saved_take(bytes_str("[\"later\",\"x\"]"), &filter_read, &map_read, &ttl,
                              &json_as, &err),
            &err, FT_ERR_UNSUPPORTED, "later");
    t_fails(
        replay_saved_take(bytes_str("[\"ttl\"]"), &filter_read, &map_read, &ttl, &json_as, &err),
        &err, FT_ERR_UNSUPPORTED, "not text");
    buf_release(&text);
    buf_release(&again);
    filter_release(&filter);
    filter_release(&filter_read);
    replay_map_release(&map);
    replay_map_release(&map_read);
}

/* A string with this value under the name "k<n>". */
static struct entry_digest digest(unsigned n, const char *value)
{
    struct entry_digest d = {.expire_ms = RDB_NO_EXPIRY, .class_ = VALUE_STRING};
    char name[20];

    (void)snprintf(name, sizeof(name), "k%u", n);
    key_set_hash(0, bytes_str(name), d.key);
    value_digest_follow(&d.value, 0, bytes_str(value));
    return d;
}

#define KEYS 70000u

/* More keys than blocks hold; of those of B one is missing, one is another, one more and one twice. */
static void logs_side_by_side(void **state)
{
    const struct diff_rules rules = {.filter = &no_filter, .map = &no_map};
    struct parted_log *logs[DIFF_SIDES];
    struct diff_match_counts counts;
    struct ft_err err = FT_ERR_INIT;
    struct diff_table table = {0};
    struct entry_digest d;
    size_t found = 0;

    (void)state;
    for (int of = DIFF_A; of <= DIFF_B; of++) {
        t_ok(diff_match_log(&logs[of], &err), &err);
        for (unsigned i = 0; i < KEYS; i++) {
            if (of == DIFF_B && i == 4711)
                continue;
            d = digest(i, of == DIFF_B && i == 42 ? "x" : "v");
            t_ok(parted_log_add(logs[of], &d, 1, &err), &err);
        }
    }
    d = digest(KEYS, "v");
    t_ok(parted_log_add(logs[DIFF_B], &d, 1, &err), &err);
    d = digest(7, "v");
    t_ok(parted_log_add(logs[DIFF_B], &d, 1, &err), &err);
    d = digest(8, "v");
    d.touched = true;
    t_ok(parted_log_add(logs[DIFF_B], &d, 1, &err), &err);
    t_ok(diff_match_run(logs, &rules, 10, &table, &counts, &err), &err);
    assert_int_equal(counts.keys[DIFF_A], KEYS);
    assert_int_equal(counts.keys[DIFF_B], KEYS);
    assert_int_equal(table.count, 4);
    for (size_t i = 0; i < table.capacity; i++)
        found += table.slots[i].used;
    assert_int_equal(found, 4);
    d = digest(4711, "");
    assert_int_equal(diff_table_find(&table, d.key)->kind, DIFFERENCE_ONLY_A);
    d = digest(KEYS, "");
    assert_int_equal(diff_table_find(&table, d.key)->kind, DIFFERENCE_ONLY_B);
    d = digest(42, "");
    assert_int_equal(diff_table_find(&table, d.key)->kind, DIFFERENCE_VALUE);
    d = digest(8, "");
    assert_true(diff_table_find(&table, d.key)->unstable);
    d = digest(7, "");
    assert_null(diff_table_find(&table, d.key));
    diff_table_release(&table);
    parted_log_free(logs[DIFF_A]);
    parted_log_free(logs[DIFF_B]);
}

/* What both sides come to: keys of a table as it has them, others as the logs do; order does not matter. */
static void sums_of_all_keys(void **state)
{
    const struct diff_rules rules = {.filter = &no_filter, .map = &no_map};
    struct diff_suspect known = {.has = {true, true}};
    struct parted_log *logs[DIFF_SIDES];
    struct ft_err err = FT_ERR_INIT;
    struct diff_table table = {0};
    struct diff_sums sums = {0};
    struct diff_sum side[DIFF_SIDES];
    struct entry_digest d;

    (void)state;
    for (int of = DIFF_A; of <= DIFF_B; of++) {
        t_ok(diff_match_log(&logs[of], &err), &err);
        for (unsigned i = 0; i < 1000; i++) {
            d = digest(of == DIFF_A ? i : 999 - i, of == DIFF_B && i == 999 - 42 ? "old" : "v");
            t_ok(parted_log_add(logs[of], &d, 1, &err), &err);
        }
    }
    for (int of = DIFF_A; of <= DIFF_B; of++)
        known.digest[of] = digest(42, "new");
    t_ok(diff_table_add(&table, &known, &err), &err);
    d = digest(2000, "v");
    d.expire_ms = 5000; /* over */
    t_ok(parted_log_add(logs[DIFF_A], &d, 1, &err), &err);
    d = digest(2001, "v");
    d.loss = LOSS_JSON;
    d.db = 3;
    t_ok(parted_log_add(logs[DIFF_A], &d, 1, &err), &err);
    d.loss = LOSS_NONE; /* what is left of it on B */
    t_ok(parted_log_add(logs[DIFF_B], &d, 1, &err), &err);
    t_ok(diff_match_sum(logs, &rules, &table, 5000, &sums, &err), &err);
    assert_int_equal(sums.count, 2);
    for (int of = DIFF_A; of <= DIFF_B; of++) {
        side[of] = diff_sums_total(&sums, (enum diff_of)of, DIFF_SUMS_ALL);
        assert_int_equal(side[of].keys, 1001);
        assert_int_equal(side[of].apart, 1);
        assert_int_equal(diff_sums_total(&sums, (enum diff_of)of, 3).keys, 1);
        assert_int_equal(diff_sums_total(&sums, (enum diff_of)of, 3).values.low, 0);
    }
    assert_true(value_digest_eq(&side[DIFF_A].values, &side[DIFF_B].values));
    assert_true(value_digest_eq(&side[DIFF_A].times, &side[DIFF_B].times));
    assert_false(value_digest_eq(&side[DIFF_A].values, &side[DIFF_A].times));
    diff_sums_release(&sums);
    diff_table_find(&table, known.digest[DIFF_A].key)->digest[DIFF_B].expire_ms = 9000;
    t_ok(diff_match_sum(logs, &rules, &table, 5000, &sums, &err), &err);
    side[DIFF_B] = diff_sums_total(&sums, DIFF_B, 0);
    assert_true(value_digest_eq(&side[DIFF_A].values, &side[DIFF_B].values));
    assert_false(value_digest_eq(&side[DIFF_A].times, &side[DIFF_B].times));
    diff_sums_release(&sums);
    diff_table_find(&table, known.digest[DIFF_A].key)->digest[DIFF_B] = digest(42, "old");
    t_ok(diff_match_sum(logs, &rules, &table, 5000, &sums, &err), &err);
    side[DIFF_B] = diff_sums_total(&sums, DIFF_B, 0);
    assert_false(value_digest_eq(&side[DIFF_A].values, &side[DIFF_B].values));
    diff_sums_release(&sums);
    diff_table_release(&table);
    parted_log_free(logs[DIFF_A]);
    parted_log_free(logs[DIFF_B]);
}

static void pick(struct key_pick *p, unsigned n, uint64_t rank)
{
    struct ft_err err = FT_ERR_INIT;
    char name[20];

    (void)snprintf(name, sizeof(name), "k%u", n);
    t_ok(key_pick_add(p, 0, bytes_str(name), rank, &err), &err);
}

/* The last ones that were named, each once, however often the others are. */
static void the_highest_ranks_are_picked(void **state)
{
    struct key_pick p = {.max = 3};
    uint64_t rank = 0;

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            pick(&p, i, ++rank);
            pick(&p, 7, ++rank);
        }
    }
    pick(&p, 4711, ++rank);
    pick(&p, 42, ++rank);
    pick(&p, 4711, ++rank);
    pick(&p, 4711, ++rank);
    key_pick_finish(&p);
    assert_int_equal(p.count, 3);
    t_bytes(p.list[0].name, "k4711");
    t_bytes(p.list[1].name, "k42");
    t_bytes(p.list[2].name, "k7");
    key_pick_release(&p);
    key_pick_finish(&p);
    assert_int_equal(p.count, 0);
    assert_int_equal(key_pick_rank(1, bytes_str("a"), 5), key_pick_rank(1, bytes_str("a"), 5));
    assert_int_not_equal(key_pick_rank(1, bytes_str("a"), 5), key_pick_rank(1, bytes_str("a"), 6));
    assert_int_not_equal(key_pick_rank(1, bytes_str("a"), 5), key_pick_rank(1, bytes_str("b"), 5));
}

#define LIB(name, body) "#!lua name=" name "\nredis.register_function('f', function() " body " end)"

static enum difference kind_of(const struct diff_functions *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->libraries[i].name, name) == 0)
            return diff_functions_kind(f, &f->libraries[i]);
    }
    fail_msg("no library %s", name);
    return DIFFERENCE_NONE;
}

static void add(struct diff_functions *f, enum diff_of of, const char *code)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(diff_functions_add(f, of, bytes_str(code), &err), &err);
}

static void libraries_by_name(void **state)
{
    struct diff_functions f;

    (void)state;
    diff_functions_init(&f);
    f.masters[DIFF_B] = 2;
    add(&f, DIFF_A, LIB("same", "return 1"));
    add(&f, DIFF_B, LIB("same", "return 1"));
    add(&f, DIFF_B, LIB("same", "return 1"));
    add(&f, DIFF_A, LIB("other", "return 1"));
    add(&f, DIFF_B, LIB("other", "return 2"));
    add(&f, DIFF_B, LIB("other", "return 2"));
    add(&f, DIFF_A, LIB("half", "return 1")); /* one master has it not */
    add(&f, DIFF_B, LIB("half", "return 1"));
    add(&f, DIFF_A, LIB("torn", "return 1")); /* masters have two of it */
    add(&f, DIFF_B, LIB("torn", "return 2"));
    add(&f, DIFF_B, LIB("torn", "return 1"));
    add(&f, DIFF_A, LIB("only", "return 1"));
    add(&f, DIFF_B, LIB("more", "return 1"));
    assert_int_equal(kind_of(&f, "same"), DIFFERENCE_NONE);
    assert_int_equal(kind_of(&f, "other"), DIFFERENCE_VALUE);
    assert_int_equal(kind_of(&f, "half"), DIFFERENCE_VALUE);
    assert_int_equal(kind_of(&f, "torn"), DIFFERENCE_VALUE);
    assert_int_equal(kind_of(&f, "only"), DIFFERENCE_ONLY_A);
    assert_int_equal(kind_of(&f, "more"), DIFFERENCE_ONLY_B);
    diff_functions_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_both_ways),
        cmocka_unit_test(times_and_types),
        cmocka_unit_test(rules_are_written_and_read),
        cmocka_unit_test(logs_side_by_side),
        cmocka_unit_test(sums_of_all_keys),
        cmocka_unit_test(the_highest_ranks_are_picked),
        cmocka_unit_test(libraries_by_name),
    };

    return T_RUN("diff", tests);
}
