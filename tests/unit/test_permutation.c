#include <sodium.h>

#include "fixture/permutation.h"
#include "lib/test_main.h"

#define ROOM 4096u

static void make(struct permutation *p, const char *secret)
{
    uint8_t seed[PERMUTATION_SEED];

    crypto_generichash(seed, sizeof(seed), (const uint8_t *)secret, strlen(secret), NULL, 0);
    permutation_init(p, seed);
}

static uint32_t rank_of(const uint32_t *values, const uint32_t *radices, size_t n)
{
    uint32_t rank = 0;

    for (size_t i = n; i-- > 0;)
        rank = rank * radices[i] + values[i];
    return rank;
}

static void take_apart(uint32_t rank, uint32_t *values, const uint32_t *radices, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = rank % radices[i];
        rank /= radices[i];
    }
}

/* Every row has one other that becomes it; none stays; going on from any row shows all of them. */
static void check_rows(const uint32_t *radices, size_t n)
{
    static uint8_t seen[ROOM];
    uint32_t values[8] = {0}, all = 1, steps = 0;
    struct permutation p;

    make(&p, "rows");
    for (size_t i = 0; i < n; i++)
        all *= radices[i];
    assert_true(all <= ROOM);
    memset(seen, 0, sizeof(seen));
    for (uint32_t rank = 0; rank < all; rank++) {
        uint32_t to;

        take_apart(rank, values, radices, n);
        permutation_next(&p, (struct symbols){values, radices, n});
        to = rank_of(values, radices, n);
        assert_true(to < all && to != rank);
        assert_int_equal(seen[to]++, 0);
    }
    take_apart(0, values, radices, n);
    do {
        permutation_next(&p, (struct symbols){values, radices, n});
        steps++;
    } while (rank_of(values, radices, n) != 0);
    assert_int_equal(steps, all);
}

static void test_rows(void **state)
{
    (void)state;
    check_rows((const uint32_t[]){2}, 1);
    check_rows((const uint32_t[]){26}, 1);
    check_rows((const uint32_t[]){1920}, 1);
    check_rows((const uint32_t[]){2, 2}, 2);
    check_rows((const uint32_t[]){26, 10}, 2);
    check_rows((const uint32_t[]){10, 10, 26}, 3);
    check_rows((const uint32_t[]){3, 2, 10, 9, 4}, 5);
    check_rows((const uint32_t[]){2, 2, 2, 2, 2, 2, 2}, 7);
}

static void test_numbers(void **state)
{
    static const uint64_t counts[] = {2, 3, 9, 28, 90, 1000, 3096};
    static uint8_t seen[ROOM];
    struct permutation p;

    (void)state;
    make(&p, "numbers");
    assert_int_equal(permutation_next_number(&p, 1, 0), 0);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        memset(seen, 0, sizeof(seen));
        for (uint64_t from = 0; from < counts[i]; from++) {
            uint64_t to = permutation_next_number(&p, counts[i], from);

            assert_true(to < counts[i] && to != from);
            assert_int_equal(seen[to]++, 0);
        }
    }
}

/* The largest range, and one just above a power of four. */
static void test_large_numbers(void **state)
{
    static const uint64_t counts[] = {UINT64_C(8223372036854775808), UINT64_MAX,
                                      (UINT64_C(1) << 40) + 1};
    struct permutation p;

    (void)state;
    make(&p, "numbers");
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint64_t a = permutation_next_number(&p, counts[i], 0);
        uint64_t b = permutation_next_number(&p, counts[i], counts[i] - 1);

        assert_true(a > 0 && a < counts[i]);
        assert_true(b < counts[i] - 1 && b != a);
    }
}

/* There and back, at the lengths where the number of rounds and the blocks of the stream change. */
static void test_long_rows(void **state)
{
    static uint32_t values[300], radices[300], before[300];
    struct permutation p, other;

    (void)state;
    make(&p, "long");
    make(&other, "another");
    for (size_t n = 2; n <= 300; n++) {
        size_t same = 0;

        for (size_t i = 0; i < n; i++) {
            radices[i] = i % 7 == 0 ? 1u << 20 : 26;
            before[i] = values[i] = (uint32_t)(i * i) % radices[i];
        }
        permutation_to_order(&p, (struct symbols){values, radices, n});
        for (size_t i = 0; i < n; i++) {
            assert_true(values[i] < radices[i]);
            same += values[i] == before[i];
        }
        assert_true(same <= n / 4 + 3);
        permutation_from_order(&p, (struct symbols){values, radices, n});
        assert_memory_equal(values, before, n * sizeof(values[0]));
        permutation_to_order(&p, (struct symbols){values, radices, n});
        permutation_from_order(&other, (struct symbols){values, radices, n});
        assert_true(n < 4 || memcmp(values, before, n * sizeof(values[0])) != 0);
    }
}

/* One symbol that differs makes all others differ, as far as chance goes. */
static void test_every_symbol_counts(void **state)
{
    uint32_t radices[40], a[40], b[40];
    struct permutation p;

    (void)state;
    make(&p, "diffusion");
    for (size_t changed = 0; changed < 40; changed++) {
        size_t same = 0;

        for (size_t i = 0; i < 40; i++) {
            radices[i] = 1000;
            a[i] = b[i] = 7;
        }
        b[changed]++;
        permutation_next(&p, (struct symbols){a, radices, 40});
        permutation_next(&p, (struct symbols){b, radices, 40});
        for (size_t i = 0; i < 40; i++)
            same += a[i] == b[i];
        assert_true(same <= 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_large_numbers),
        cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_every_symbol_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
