/* Hashes of names: the same for the same name, and not to be guessed. */
#include "base/hash.h"
#include "lib/test_main.h"

#include <stdlib.h>

#include "base/endian.h"

#define NAMES      1000u
#define NAME_BYTES 16u

static void test_a_name_has_a_hash(void **state)
{
    const struct bytes name = bytes_str("name");

    (void)state;
    assert_true(hash_bytes(name, 0) == hash_bytes(bytes_str("name"), 0));
    assert_true(hash_bytes(name, 0) != hash_bytes(bytes_str("nam"), 0));
    assert_true(hash_bytes(name, 0) != hash_bytes(name, 1));
    assert_true(hash_bytes(bytes_of(NULL, 0), 7) == hash_bytes(bytes_str(""), 7));
    assert_true(hash_bytes(bytes_of(NULL, 0), 7) != 0);
}

static void test_a_large_name_has_one(void **state)
{
    const size_t n = 2 * MEMORY_STRIDE + 5;
    uint8_t *p = calloc(1, n);

    (void)state;
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i ^ i >> 8);
    assert_true(hash_bytes(bytes_of(p, n), 3) == hash_bytes(bytes_of(p, n), 3));
    assert_true(hash_large(bytes_of(p, n), 3) == XXH3_64bits_withSeed(p, n, 3));
    assert_true(hash_bytes(bytes_of(p, n), 3) != hash_bytes(bytes_of(p, n - 1), 3));
    free(p);
}

/* XXH3 without a seed is the same for all of them: one factor of its product is 1, and the bytes of the other add up. */
static void make_name(uint32_t number, uint8_t ret[NAME_BYTES])
{
    uint64_t low = XXH_readLE64(XXH3_kSecret + 24) ^ XXH_readLE64(XXH3_kSecret + 32);
    const uint64_t high = 1 ^ XXH_readLE64(XXH3_kSecret + 40) ^ XXH_readLE64(XXH3_kSecret + 48);

    for (unsigned i = 0; i < 4; i++) {
        const uint64_t byte = number >> (8 * i) & 0xff;

        low ^= byte << (8 * i) ^ (0xff - byte) << (8 * (7 - i));
    }
    store_le64(ret, low);
    store_le64(ret + 8, high);
}

static void test_names_made_to_share_a_hash_do_not(void **state)
{
    uint8_t name[NAME_BYTES];
    uint64_t before = 0;
    uint64_t shared;

    (void)state;
    make_name(0, name);
    shared = XXH3_64bits(name, NAME_BYTES);
    for (uint32_t i = 0; i < NAMES; i++) {
        const struct bytes b = bytes_of(name, NAME_BYTES);

        make_name(i, name);
        assert_true(XXH3_64bits(name, NAME_BYTES) == shared);
        assert_true(hash_bytes(b, 0) != before);
        before = hash_bytes(b, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_has_a_hash),
        cmocka_unit_test(test_a_large_name_has_one),
        cmocka_unit_test(test_names_made_to_share_a_hash_do_not),
    };

    return T_RUN("hash", tests);
}
