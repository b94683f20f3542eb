#include "mapping/replay_map.h"

#include "lib/t_mutate.h"

static void to(const struct replay_map *m, uint32_t db, const char *key, uint32_t want_db,
               const char *want)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf scratch = {0};
    struct bytes name;
    uint32_t got;

    assert_true(replay_map_db(m, db, &got));
    assert_int_equal(got, want_db);
    t_ok(replay_map_key(m, db, bytes_str(key), &scratch, &name, &err), &err);
    assert_int_equal(name.n, strlen(want));
    assert_memory_equal(name.p, want, name.n);
    buf_release(&scratch);
}

static void test_dbs(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_map m = {0};
    uint32_t db;

    (void)state;
    assert_true(replay_map_is_identity(&m));
    to(&m, 7, "k", 7, "k");
    t_ok(replay_map_add_dbs(&m, "1:0,2:drop,*:prefix=db%d:", &err), &err);
    assert_false(replay_map_is_identity(&m));
    to(&m, 1, "k", 0, "k");
    to(&m, 12, "k", 0, "db12:k");
    assert_false(replay_map_db(&m, 2, &db));
    replay_map_release(&m);
}

static void test_names(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_map m = {0};

    (void)state;
    t_ok(replay_map_add_rename(&m, "user:*=prefix:old:", &err), &err);
    t_ok(replay_map_add_rename(&m, "tmp:*=strip:tmp:", &err), &err);
    t_ok(replay_map_add_dbs(&m, "3:prefix=x:", &err), &err);
    to(&m, 0, "user:1", 0, "old:user:1");
    to(&m, 0, "tmp:a", 0, "a");
    to(&m, 0, "other", 0, "other");
    to(&m, 3, "user:1", 0, "x:old:user:1");
    replay_map_release(&m);
}

static void test_refused(void **state)
{
    static const char *const dbs[] = {"", "1", "x:0", "1:", "1:y", "1:prefix=%s", "1:prefix=%d%d"};
    static const char *const names[] = {"", "a", "a=b", "=prefix:x", "a=strip:"};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(dbs) / sizeof(dbs[0]); i++) {
        struct replay_map m = {0};

        t_fails(replay_map_add_dbs(&m, dbs[i], &err), &err, FT_ERR_USAGE, "--db-map");
        replay_map_release(&m);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct replay_map m = {0};

        t_fails(replay_map_add_rename(&m, names[i], &err), &err, FT_ERR_USAGE, "--rename");
        replay_map_release(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dbs),
        cmocka_unit_test(test_names),

        cmocka_unit_test(test_refused),
    };

    return T_RUN("mapping/replay_map", tests);
}
