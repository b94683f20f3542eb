/* A log of keys finds what was added more than once, whatever is in memory of it. */
#include "item/key_log.h"
#include "lib/test_main.h"

#include <signal.h>
#include <sys/resource.h>

static void add(struct hash_log *l, struct hash_log_batch *b, uint32_t db, unsigned number)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(key_log_add(l, b, db, bytes_of(&number, sizeof(number)), &err), &err);
}

static size_t repeats(struct hash_log *l, struct hash_log_batch *b, uint64_t *hashes, size_t max)
{
    struct ft_err err = FT_ERR_INIT;
    size_t count;

    t_ok(hash_log_flush(l, b, &err), &err);
    t_ok(hash_log_repeats(l, hashes, max, &count, &err), &err);
    return count;
}

static uint64_t hash_of(uint32_t db, unsigned number)
{
    return key_log_hash(db, bytes_of(&number, sizeof(number)));
}

static void test_a_few_keys(void **state)
{
    struct hash_log_batch b = {0};
    struct ft_err err = FT_ERR_INIT;
    struct hash_log *l;
    uint64_t hashes[4];

    (void)state;
    t_ok(key_log_new(&l, &err), &err);
    assert_int_equal(repeats(l, &b, hashes, 4), 0);
    add(l, &b, 0, 1);
    add(l, &b, 0, 2);
    add(l, &b, 1, 1); /* another database */
    t_ok(key_log_add(l, &b, 0, bytes_of(NULL, 0), &err), &err);
    assert_int_equal(repeats(l, &b, hashes, 4), 0);
    add(l, &b, 0, 2);
    add(l, &b, 0, 2);
    assert_int_equal(repeats(l, &b, hashes, 4), 1);
    assert_true(hashes[0] == hash_of(0, 2));
    hash_log_free(l);
}

/* Of two threads' batches, and far more than the blocks in memory hold. */
static void test_many_keys(void **state)
{
    const unsigned count = 3000000;
    struct hash_log_batch b[2] = {{.count = 0}};
    struct ft_err err = FT_ERR_INIT;
    struct hash_log *l;
    uint64_t hashes[4];

    (void)state;
    t_ok(key_log_new(&l, &err), &err);
    for (unsigned i = 0; i < count; i++)
        add(l, &b[i % 2], 0, i);
    add(l, &b[0], 0, 17);
    add(l, &b[1], 0, count - 1);
    add(l, &b[1], 0, count / 2);
    t_ok(hash_log_flush(l, &b[1], &err), &err);
    assert_int_equal(repeats(l, &b[0], hashes, 2), 2); /* as many as are wanted */
    assert_int_equal(repeats(l, &b[0], hashes, 4), 3);
    assert_true(hashes[0] < hashes[1] && hashes[1] < hashes[2]);
    assert_int_equal((hashes[0] == hash_of(0, 17)) + (hashes[1] == hash_of(0, 17)) +
                         (hashes[2] == hash_of(0, 17)),
                     1);
    hash_log_free(l);
}

/* What is looked up then is one hash, for which no large table is made: its file would be larger than this. */
static void test_the_same_key_again_and_again(void **state)
{
    struct hash_log_batch b = {0};
    struct ft_err err = FT_ERR_INIT;
    struct rlimit usual;
    struct rlimit small;
    struct hash_log *l;
    uint64_t hashes[4];

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    small = (struct rlimit){.rlim_cur = 40u << 20, .rlim_max = usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    t_ok(key_log_new(&l, &err), &err);
    for (unsigned i = 0; i < 4000000; i++)
        add(l, &b, 0, 17);
    add(l, &b, 0, 18);
    assert_int_equal(repeats(l, &b, hashes, 4), 1);
    assert_true(hashes[0] == hash_of(0, 17));
    hash_log_free(l);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
}

/* Far more of one part than of others, all of them different. */
static void test_keys_of_one_part(void **state)
{
    const unsigned count = 20000;
    struct hash_log_batch b = {0};
    struct ft_err err = FT_ERR_INIT;
    struct hash_log *l;
    uint64_t hashes[4];

    (void)state;
    t_ok(hash_log_new(&l, "hashes", &err), &err);
    for (uint64_t i = 1; i <= count; i++)
        t_ok(hash_log_add(l, &b, i * 3, &err), &err);
    t_ok(hash_log_add(l, &b, 3 * 12345, &err), &err);
    assert_int_equal(repeats(l, &b, hashes, 4), 1);
    assert_true(hashes[0] == 3 * 12345);
    hash_log_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_few_keys),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_the_same_key_again_and_again),
        cmocka_unit_test(test_keys_of_one_part),
    };

    return T_RUN("key_log", tests);
}
