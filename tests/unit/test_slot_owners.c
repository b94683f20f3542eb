/* Whose records of a slot are taken when, where it was written down whose the slots are. */
#include "input/slot_owners.h"

#include <stdlib.h>

#include "input/source.h"
#include "lib/test_main.h"
#include "store/capture_set.h"

#define SLOT_OF_A 15495u /* of the key a */

/* Three nodes; slot of a: with 0 at LSN 100, with 1 at 200, and again with 1 at 300, though 2 had it meanwhile. */
struct moments {
    uint64_t lsn[3][3];
    struct set_slots slots[3][2];
    struct set_moment list[3];
    struct set_generation generation;
    struct source_nodes nodes;
    struct source source;
    struct slot_owners *owners;
    uint64_t passed[3];
};

static void make(struct moments *m)
{
    struct ft_err err = FT_ERR_INIT;

    memset(m, 0, sizeof(*m));
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t n = 0; n < 3; n++)
            m->lsn[i][n] = 100 * (i + 1);
        m->slots[i][0] = (struct set_slots){SLOT_OF_A, SLOT_OF_A, i == 0 ? 0 : 1};
        m->list[i] = (struct set_moment){.lsn = m->lsn[i], .slots = m->slots[i], .slots_count = 1};
    }
    m->generation = (struct set_generation){.moments = m->list, .moment_count = 3};
    m->nodes = (struct source_nodes){.count = 3, .moments = &m->generation};
    m->source.nodes = &m->nodes;
    t_ok(slot_owners_new(&m->owners, &m->source, &err), &err);
    assert_true(slot_owners_has_moments(m->owners));
}

static enum slot_claim claim(struct moments *m, uint32_t node, uint64_t lsn, bool deletes)
{
    const struct translation_key key = {.key = bytes_str("a")};
    struct slot_claimant c = {.node = node, .lsn = lsn, .deletes = deletes, .passed = m->passed};

    m->passed[node] = lsn;
    return slot_owners_claim(m->owners, &c, &key, 1);
}

static void test_before_the_first_moment_its_owner_has_all(void **state)
{
    struct moments m;

    (void)state;
    make(&m);
    assert_int_equal(claim(&m, 1, 50, false), SLOT_DROP);
    assert_int_equal(claim(&m, 0, 50, false), SLOT_TAKE);
    assert_int_equal(claim(&m, 2, 99, true), SLOT_DROP);
    slot_owners_free(m.owners);
}

static void test_the_new_owner_waits_for_the_old_one(void **state)
{
    struct moments m;

    (void)state;
    make(&m);
    assert_int_equal(claim(&m, 1, 150, false), SLOT_WAIT);
    assert_int_equal(claim(&m, 0, 150, false), SLOT_TAKE);
    assert_int_equal(claim(&m, 1, 150, false), SLOT_WAIT);
    assert_int_equal(claim(&m, 0, 199, true), SLOT_TAKE);
    m.passed[0] = 200;
    assert_int_equal(claim(&m, 1, 150, false), SLOT_TAKE);
    assert_int_equal(claim(&m, 1, 250, false), SLOT_TAKE);
    assert_int_equal(claim(&m, 1, 350, false), SLOT_TAKE);
    slot_owners_free(m.owners);
}

/* It comes to it later than the slot had gone on; the order is the same. */
static void test_also_later(void **state)
{
    struct moments m;

    (void)state;
    make(&m);
    assert_int_equal(claim(&m, 1, 250, false), SLOT_WAIT);
    assert_int_equal(claim(&m, 1, 350, false), SLOT_WAIT);
    m.passed[0] = 200;
    assert_int_equal(claim(&m, 1, 350, false), SLOT_TAKE);
    slot_owners_free(m.owners);
}

static void test_who_had_it_only_meanwhile(void **state)
{
    struct moments m;

    (void)state;
    make(&m);
    assert_int_equal(claim(&m, 2, 150, false), SLOT_DROP);
    assert_int_equal(claim(&m, 2, 250, false), SLOT_DROP);
    assert_int_equal(claim(&m, 0, 250, false), SLOT_DROP);
    slot_owners_free(m.owners);
}

static void test_after_the_last_moment(void **state)
{
    struct moments m;

    (void)state;
    make(&m);
    m.passed[0] = 200;
    assert_int_equal(claim(&m, 2, 350, false), SLOT_WAIT);
    assert_int_equal(claim(&m, 2, 350, true), SLOT_DROP);
    assert_int_equal(claim(&m, 1, 350, true), SLOT_TAKE);
    slot_owners_free(m.owners);
}

/* FLUSHALL of a node deletes what of the slots it has at that place. */
static void test_flushes(void **state)
{
    struct moments m;
    struct slot_claimant c = {.node = 1, .lsn = 350, .passed = m.passed};
    struct translation t = {.flush.kind = FLUSH_ALL};

    (void)state;
    make(&m);
    m.passed[1] = 350;
    assert_false(slot_owners_flush(m.owners, &c, 0, &t));
    m.passed[0] = 200;
    t.flush.kind = FLUSH_ALL;
    assert_true(slot_owners_flush(m.owners, &c, 0, &t));
    assert_int_equal(t.flush.range_count, 1);
    assert_int_equal(t.flush.ranges[0].first, SLOT_OF_A);
    slot_owners_free(m.owners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_first_moment_its_owner_has_all),
        cmocka_unit_test(test_the_new_owner_waits_for_the_old_one),
        cmocka_unit_test(test_also_later),
        cmocka_unit_test(test_who_had_it_only_meanwhile),
        cmocka_unit_test(test_after_the_last_moment),
        cmocka_unit_test(test_flushes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
