/* Which entries of a snapshot a state takes as they are, finds out, or leaves out; no server is asked. */
#include "lib/t_store.h"

#include "lib/t_flows.h"
#include "state/fold_plan.h"

/* Of two flows sharded by key m1, b1 and s3 belong to flow 0; n1, i1 and f1 to flow 1. */

struct planned {
    struct source *source;
    struct cut cut;
    struct fold_plan *plan;
};

static struct key_choice choice;

static struct planned plan_of(const struct t_flow_records *flows, uint32_t flow_count,
                              const char *at)
{
    struct ft_err err = FT_ERR_INIT;
    struct planned p;
    struct fold_plan_options options = {.target = target_default(), .json_as = JSON_AS_DEFAULT};

    t_ok(t_flows_make(t_store_path, flows, flow_count, SHARDING_KEY, &err), &err);
    t_ok(source_open(&p.source, t_store_path, 0, &err), &err);
    t_ok(source_resolve_cut(p.source, at, &p.cut, &err), &err);
    options.cut = &p.cut;
    options.choice = choice;
    t_ok(fold_plan_new(&p.plan, p.source, &p.cut, &err), &err);
    assert_true(fold_plan_is_empty(p.plan));
    t_ok(fold_plan_scan(p.plan, &options, &err), &err);
    return p;
}

static void end(struct planned *p)
{
    fold_plan_free(p->plan);
    cut_release(&p->cut);
    source_free(p->source);
}

static bool takes(const struct planned *p, uint32_t db, const char *key)
{
    return fold_plan_look(p->plan, db, bytes_str(key)) != 0;
}

static bool drops(const struct planned *p, uint32_t db, const char *key)
{
    return fold_plan_drops(p->plan, db, bytes_str(key));
}

static const struct t_flow_records two_flows[] = {
    {
        .in_sync = {{0, 0, 0, "SET s3 x"}, {0, 0, 0, "SET i1 HYLLcopy"}},
        .records = {{1, 0, 0, "RENAME m1 b1"}, {3, 0, 2, "SET s3 y"}},
    },
    {.records = {{2, 0, 0, "INCR n1"}}},
};

static void test_keys_that_records_name_are_taken(void **state)
{
    struct planned p = plan_of(two_flows, 2, "end");

    (void)state;
    assert_true(takes(&p, 0, "m1"));
    assert_true(takes(&p, 0, "b1"));
    assert_true(takes(&p, 0, "s3"));
    assert_true(takes(&p, 2, "s3"));
    assert_true(takes(&p, 0, "n1"));
    assert_false(takes(&p, 2, "m1"));
    assert_false(takes(&p, 0, "f1"));
    assert_false(takes(&p, 0, "i1")); /* a copy on a flow that does not own it */
    assert_false(drops(&p, 0, "f1"));
    end(&p);
}

static bool wants_end(void *context, uint32_t db, struct bytes key)
{
    (void)context;
    return db == 0 && bytes_eq_str(key, "end");
}

static void test_who_wants_a_key_gets_what_it_comes_from(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 0, 0, "SET first x"},
                     {2, 0, 0, "SET other x"},
                     {3, 0, 0, "RENAME first middle"},
                     {4, 0, 0, "RENAME middle end"},
                     {5, 0, 1, "SET end x"}}},
    };
    const struct translation_key middle = {.key = bytes_str("middle")};
    const struct translation_key other = {.key = bytes_str("other")};
    struct translation t = {.keys = &middle, .key_count = 1};
    struct planned p;

    (void)state;
    choice.wants = wants_end;
    p = plan_of(flows, 1, "end");
    choice.wants = NULL;
    assert_true(takes(&p, 0, "end"));
    assert_true(takes(&p, 0, "middle"));
    assert_true(takes(&p, 0, "first"));
    assert_false(takes(&p, 0, "other"));
    assert_false(takes(&p, 1, "end"));
    assert_true(fold_plan_concerns(p.plan, &t));
    t.keys = &other;
    assert_false(fold_plan_concerns(p.plan, &t));
    t.any_key = true; /* a script, which may read what it does not name */
    assert_true(fold_plan_concerns(p.plan, &t));
    end(&p);
}

static void test_only_up_to_the_cut(void **state)
{
    struct planned p = plan_of(two_flows, 2, "snapshot");

    (void)state;
    assert_true(takes(&p, 0, "s3"));
    assert_false(takes(&p, 0, "m1"));
    assert_false(takes(&p, 0, "n1"));
    end(&p);
    p = plan_of(two_flows, 2, "10,10");
    assert_true(takes(&p, 0, "m1"));
    assert_false(takes(&p, 2, "s3"));
    end(&p);
}

static void test_without_records_nothing_is_taken(void **state)
{
    static const struct t_flow_records flows[1];
    struct planned p = plan_of(flows, 1, "end");

    (void)state;
    assert_true(fold_plan_is_empty(p.plan));
    assert_false(takes(&p, 0, "key-of-flow-0"));
    end(&p);
}

static void test_a_flushed_database_loses_what_is_not_touched(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 7, 3, "FLUSHDB"}, {2, 0, 3, "SET m1 x"}}},
        {.records = {{1, 7, 3, "FLUSHDB"}}},
    };
    struct planned p = plan_of(flows, 2, "end");

    (void)state;
    assert_true(drops(&p, 3, "s3"));
    assert_false(drops(&p, 0, "s3"));
    assert_true(takes(&p, 3, "m1"));
    end(&p);
}

static void test_a_flush_that_not_all_flows_have_is_none(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 7, 0, "FLUSHALL"}, {2, 0, 0, "SET m1 x"}}},
        {.records = {{1, 0, 0, "SET n1 x"}}},
    };
    struct planned p = plan_of(flows, 2, "end");

    (void)state;
    assert_false(drops(&p, 0, "s3"));
    assert_false(takes(&p, 0, "m1")); /* follows the flush on its flow */
    assert_true(takes(&p, 0, "n1"));
    end(&p);
}

static void test_flushes_of_all_and_of_slots(void **state)
{
    static const struct t_flow_records flows[1];
    const struct slot_range range = {.first = 12182, .last = 12182}; /* of "foo" */
    const struct translation_flush slots = {
        .kind = FLUSH_SLOTS, .ranges = &range, .range_count = 1};
    const struct translation_flush all = {.kind = FLUSH_ALL};
    const struct translation_flush one = {.kind = FLUSH_DB};
    struct planned p = plan_of(flows, 1, "end");

    (void)state;
    fold_plan_flush(p.plan, 0, &slots);
    assert_true(drops(&p, 0, "foo"));
    assert_true(drops(&p, 0, "{foo}x"));
    assert_false(drops(&p, 0, "bar"));
    assert_false(drops(&p, 1, "foo"));
    fold_plan_flush(p.plan, FOLD_DATABASES, &one); /* no server has it */
    assert_false(drops(&p, 1, "foo"));
    fold_plan_flush(p.plan, 0, &all);
    assert_true(drops(&p, 1, "foo"));
    assert_true(drops(&p, FOLD_DATABASES, "bar"));
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_keys_that_records_name_are_taken),
        T_STORE_TEST(test_who_wants_a_key_gets_what_it_comes_from),
        T_STORE_TEST(test_only_up_to_the_cut),
        T_STORE_TEST(test_without_records_nothing_is_taken),
        T_STORE_TEST(test_a_flushed_database_loses_what_is_not_touched),
        T_STORE_TEST(test_a_flush_that_not_all_flows_have_is_none),
        T_STORE_TEST(test_flushes_of_all_and_of_slots),
    };

    return T_RUN("state/fold_plan", tests);
}
