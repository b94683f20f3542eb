#include "item/key_set.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/test_main.h"

#define MANY 1100000 /* more than memory should hold: the table is in a file then */

static void hash_number(int n, uint8_t hash[KEY_SET_HASH_SIZE])
{
    char key[16];

    (void)snprintf(key, sizeof(key), "%d", n);
    key_set_hash(0, bytes_str(key), hash);
}

static int add_many(struct key_set *k, int count, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    int rc = 0;

    for (int i = 0; rc == 0 && i < count; i++) {
        hash_number(i, hash);
        rc = key_set_add(k, hash, err);
    }
    return rc;
}

static void test_a_large_set_is_in_a_file(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct key_set k = {0};
    uint8_t hash[KEY_SET_HASH_SIZE];

    (void)state;
    t_ok(add_many(&k, MANY, &err), &err);
    assert_true(k.memory.mapped);
    assert_int_equal(k.count, MANY);
    for (int i = 0; i < MANY; i += 997) {
        hash_number(i, hash);
        assert_true(key_set_has_hash(&k, hash));
        hash_number(i + MANY, hash);
        assert_false(key_set_has_hash(&k, hash));
    }
    key_set_release(&k);
    assert_null(k.memory.p);
}

static void test_no_room_for_the_file(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct key_set k = {0};

    (void)state;
    (void)setenv("TMPDIR", "/nowhere", 1);
    t_fails(add_many(&k, MANY, &err), &err, FT_ERR_NOMEM, "\"/nowhere\" (TMPDIR)");
    assert_false(k.memory.mapped);
    (void)unsetenv("TMPDIR");
    key_set_release(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_large_set_is_in_a_file),
        cmocka_unit_test(test_no_room_for_the_file),
    };

    return T_RUN("item/key_set", tests);
}
