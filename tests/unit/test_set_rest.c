#include "capture/set_rest.h"

#include "lib/test_main.h"

/* Three nodes with a third of the slots each; a test moves slots and offsets. */
struct world {
    struct set_rest *rest;
    struct cluster_look look;
    uint64_t lsn[3], epoch[3];
    unsigned moves[3];
};

static void world_init(struct world *w)
{
    struct ft_err err = FT_ERR_INIT;

    memset(w, 0, sizeof(*w));
    w->look.number = 1;
    w->look.lsn = w->lsn;
    w->look.epoch = w->epoch;
    w->look.moves = w->moves;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        w->look.owner[slot] = (uint16_t)(slot * 3 / SLOT_COUNT);
    for (unsigned i = 0; i < 3; i++) {
        w->lsn[i] = 100;
        w->epoch[i] = i + 1;
    }
    t_ok(set_rest_new(&w->rest, 3, &err), &err);
}

static void look(struct world *w, bool imported)
{
    struct ft_err err = FT_ERR_INIT;

    w->look.number++;
    for (int i = 0; i < 3; i++)
        w->lsn[i] += w->lsn[i] == 0 ? 0 : 10;
    t_ok(set_rest_look(w->rest, &w->look, imported, &err), &err);
}

static enum set_rest_step next(struct world *w, uint64_t durable, const struct set_moment **ret)
{
    const uint64_t lsns[] = {durable, durable, durable};
    struct ft_err err = FT_ERR_INIT;

    return set_rest_next(w->rest, lsns, w->moves, ret, &err);
}

/* What comes of another look, when all is durable. */
static const struct set_moment *look_says(struct world *w, enum set_rest_step step)
{
    const struct set_moment *moment = NULL;

    look(w, false);
    assert_int_equal(next(w, 1000, &moment), step);
    return moment;
}

/* A generation that has begun, and is calm. */
static void begin(struct world *w)
{
    const struct set_moment *moment;

    world_init(w);
    set_rest_see(w->rest, &w->look, false);
    set_rest_begin(w->rest, w->look.number);
    look(w, false);
    assert_int_equal(next(w, 1000, &moment), SET_REST_BEGUN);
    look(w, false);
    assert_int_equal(set_rest_calm(w->rest).calm, w->look.number);
}

static void test_a_generation_begins_when_it_is_durable(void **state)
{
    const struct set_moment *moment;
    struct world w;
    size_t count;

    (void)state;
    world_init(&w);
    set_rest_see(w.rest, &w.look, false);
    set_rest_begin(w.rest, w.look.number);
    look(&w, false);
    assert_int_equal(next(&w, 109, &moment), SET_REST_NOTHING);
    assert_int_equal(next(&w, 110, &moment), SET_REST_BEGUN);
    moment = set_rest_list(w.rest, &count);
    assert_int_equal(count, 1);
    assert_int_equal(moment->slots_count, 3);
    assert_int_equal(moment->lsn[2], 110);
    assert_null(moment->from); /* nothing has moved since before the full syncs */
    assert_int_equal(set_rest_owners(w.rest)[SLOT_COUNT - 1], 2);
    set_rest_free(w.rest);
}

/* Each slot has to have been at rest once, not all of them at the same time. */
static void test_a_beginning_in_two_looks(void **state)
{
    const struct set_moment *moment;
    struct world w;
    size_t count;

    (void)state;
    world_init(&w);
    w.look.owner[7] = SLOT_OWNER_NONE;
    look_says(&w, SET_REST_NOTHING);
    w.look.owner[7] = 1;
    w.look.owner[8] = SLOT_OWNER_NONE;
    look_says(&w, SET_REST_BEGUN);
    moment = set_rest_list(w.rest, &count);
    assert_int_equal(count, 2);
    assert_int_equal(moment[1].slots_count, 1);
    assert_int_equal(moment[1].slots[0].first, 7);
    assert_int_equal(moment[1].slots[0].node, 1);
    assert_non_null(moment[1].from);
    set_rest_free(w.rest);
}

static void test_a_slot_that_moves(void **state)
{
    const struct set_moment *moment;
    struct world w;
    uint64_t calm_lsn;

    (void)state;
    begin(&w);
    calm_lsn = w.lsn[0];
    w.look.owner[7] = SLOT_OWNER_NONE;
    look(&w, true);
    assert_int_equal(next(&w, 1000, &moment), SET_REST_NOTHING);
    w.look.owner[7] = 2;
    look(&w, false);
    assert_int_equal(next(&w, w.lsn[0] - 1, &moment), SET_REST_NOTHING);
    assert_int_equal(next(&w, 1000, &moment), SET_REST_WRITE);
    assert_int_equal(moment->slots_count, 1);
    assert_int_equal(moment->slots[0].first, 7);
    assert_int_equal(moment->slots[0].last, 7);
    assert_int_equal(moment->slots[0].node, 2);
    assert_int_equal(moment->lsn[0], w.lsn[0]);
    assert_int_equal(moment->from[0], calm_lsn);
    /* what was imported may have been more than that */
    moment = look_says(&w, SET_REST_WRITE);
    assert_int_equal(moment->slots[moment->slots_count - 1].last, SLOT_COUNT - 1);
    look(&w, false);
    assert_int_equal(set_rest_calm(w.rest).calm, w.look.number);
    set_rest_free(w.rest);
}

/* A slot that went and came back between two looks leaves another epoch. */
static void test_what_no_look_has_shown(void **state)
{
    const struct set_moment *moment;
    struct world w;

    (void)state;
    begin(&w);
    w.epoch[0] = 9;
    moment = look_says(&w, SET_REST_WRITE);
    assert_int_equal(moment->slots[0].first, 0);
    /* but so does a replica that takes over, which moves no slot */
    look(&w, false);
    w.epoch[1] = 10;
    w.moves[1]++;
    look_says(&w, SET_REST_NOTHING);
    assert_int_equal(set_rest_calm(w.rest).calm, w.look.number);
    set_rest_free(w.rest);
}

/* What a master has said that is not there any more may never come. */
static void test_a_master_that_is_replaced(void **state)
{
    const struct set_moment *moment;
    struct world w;

    (void)state;
    begin(&w);
    w.look.owner[7] = 1;
    look(&w, false);
    w.moves[0]++;
    assert_int_equal(next(&w, 1000, &moment), SET_REST_NOTHING);
    assert_int_equal(next(&w, 1000, &moment), SET_REST_NOTHING);
    moment = look_says(&w, SET_REST_WRITE);
    assert_int_equal(moment->lsn[0], w.lsn[0]);
    set_rest_free(w.rest);
}

static void test_slots_that_cross(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.look.owner[0] = 1;
    w.look.owner[SLOT_COUNT / 2] = 2;
    look_says(&w, SET_REST_WRITE);
    w.look.owner[SLOT_COUNT - 1] = 0; /* closes the circle, with no calm look between */
    look_says(&w, SET_REST_AGAIN);
    look_says(&w, SET_REST_BEGUN);
    look(&w, false);
    /* one after the other they do not cross */
    w.look.owner[0] = 0;
    look_says(&w, SET_REST_WRITE);
    look(&w, false);
    w.look.owner[0] = 1;
    look_says(&w, SET_REST_WRITE);
    set_rest_free(w.rest);
}

/* A node without slots that has become a replica: what it had not sent is not to be had. */
static void test_a_node_that_becomes_idle(void **state)
{
    const struct set_moment *moment;
    struct world w;
    size_t count;

    (void)state;
    begin(&w);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        w.look.owner[slot] = w.look.owner[slot] == 0 ? 1 : w.look.owner[slot];
    w.lsn[0] = 0;
    look_says(&w, SET_REST_AGAIN);
    look_says(&w, SET_REST_BEGUN);
    moment = set_rest_list(w.rest, &count);
    assert_true(moment->lsn[0] == INT64_MAX);
    look(&w, false);
    assert_int_equal(set_rest_calm(w.rest).calm, w.look.number);
    set_rest_free(w.rest);
}

/* One that had none is missed by nobody; but what it says when it is back is after all that is settled. */
static void test_a_node_without_slots_leaves_and_comes_back(void **state)
{
    const struct set_moment *moment;
    struct world w;

    (void)state;
    begin(&w);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        w.look.owner[slot] = w.look.owner[slot] == 0 ? 1 : w.look.owner[slot];
    look_says(&w, SET_REST_WRITE);
    look_says(&w, SET_REST_NOTHING);
    w.lsn[0] = 0;
    w.look.owner[7] = 2;
    moment = look_says(&w, SET_REST_WRITE);
    assert_true(moment->lsn[0] == INT64_MAX);
    look(&w, false);
    assert_int_equal(set_rest_last_calm(w.rest)[1], w.lsn[1]);
    w.lsn[0] = 500;
    w.look.owner[7] = 0;
    look_says(&w, SET_REST_AGAIN);
    assert_null(set_rest_last_calm(w.rest));
    look_says(&w, SET_REST_BEGUN);
    set_rest_free(w.rest);
}

static void resume(struct world *w, struct set_slots *slots, size_t count, uint64_t first_lsn)
{
    uint64_t lsn[] = {first_lsn, 500, 500};
    uint64_t epoch[] = {1, 2, 3};
    struct set_moment last = {.lsn = lsn, .epoch = epoch, .slots = slots, .slots_count = count};
    const struct set_generation g = {.moments = &last, .moment_count = 1};
    struct ft_err err = FT_ERR_INIT;

    t_ok(set_rest_resume(w->rest, &g, &err), &err);
}

/* It was idle in the run before. */
static void test_resumed_with_a_node_that_is_back(void **state)
{
    struct set_slots slots[] = {{0, 10922, 1}, {10923, 16383, 2}};
    struct world w;

    (void)state;
    world_init(&w);
    resume(&w, slots, 2, INT64_MAX);
    look_says(&w, SET_REST_AGAIN);
    set_rest_free(w.rest);
}

static void test_resumed(void **state)
{
    struct set_slots slots[] = {{0, 5461, 0}, {5462, 10922, 1}, {10923, 16383, 2}};
    const struct set_moment *moment;
    struct world w;

    (void)state;
    world_init(&w);
    resume(&w, slots, 3, 500);
    moment = look_says(&w, SET_REST_WRITE);
    assert_null(moment->from); /* all is as it was */
    resume(&w, slots, 3, 500);
    w.look.owner[7] = 1;
    moment = look_says(&w, SET_REST_WRITE);
    assert_int_equal(moment->from[1], 500);
    set_rest_free(w.rest);
}

/* As no program writes them: the owners of some slots are nowhere. */
static void test_resumed_with_slots_missing(void **state)
{
    struct set_slots slots[] = {{0, 5461, 0}, {10923, 16383, 2}};
    const struct set_moment *moment;
    struct world w;

    (void)state;
    world_init(&w);
    resume(&w, slots, 2, 500);
    moment = look_says(&w, SET_REST_WRITE);
    assert_int_equal(moment->from[1], 500);
    assert_int_equal(set_rest_owners(w.rest)[7000], 1);
    set_rest_free(w.rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_generation_begins_when_it_is_durable),
        cmocka_unit_test(test_a_beginning_in_two_looks),
        cmocka_unit_test(test_a_slot_that_moves),
        cmocka_unit_test(test_what_no_look_has_shown),
        cmocka_unit_test(test_a_master_that_is_replaced),
        cmocka_unit_test(test_slots_that_cross),
        cmocka_unit_test(test_a_node_that_becomes_idle),
        cmocka_unit_test(test_a_node_without_slots_leaves_and_comes_back),
        cmocka_unit_test(test_resumed_with_a_node_that_is_back),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_resumed_with_slots_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
