/* The state of an input at a cut, into sinks of one's own: lanes, errors, stopping. */
#include "lib/t_store.h"

#include <stdatomic.h>

#include "lib/t_flows.h"
#include "state/state_run.h"

#define FLOWS 3

static const struct t_flow_records flows[FLOWS];

/* What all lanes bring. */
struct collected {
    atomic_uint entries;
    atomic_uint finished;
    atomic_uint freed;
    const char *refused; /* a key; NULL: none */
};

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    struct collected *c = context;

    if (c->refused != NULL && bytes_eq_str(item->rdb.entry.key, c->refused))
        return err_set(err, FT_ERR_IO, "no more room");
    atomic_fetch_add(&c->entries, 1);
    return 0;
}

static int finish(void *context, struct ft_err *err)
{
    struct collected *c = context;

    (void)err;
    atomic_fetch_add(&c->finished, 1);
    return 0;
}

static void count_free(void *context)
{
    struct collected *c = context;

    atomic_fetch_add(&c->freed, 1);
}

static struct source *source;

static int setup(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)t_store_setup(state);
    t_ok(t_flows_make(t_store_path, flows, FLOWS, SHARDING_KEY, &err), &err);
    t_ok(source_open(&source, t_store_path, 0, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    source_free(source);
    return t_store_teardown(state);
}

/* Without a cut nothing is folded, so that no server is needed. */
static int run(struct collected *c, const struct filter *filter, bool stopped,
               struct state_counts *ret, struct ft_err *err)
{
    const struct state_options options = {.source = source,
                                          .target = target_default(),
                                          .filter = filter,
                                          .expired_ms = PUMP_NOTHING_EXPIRED};
    struct item_sink sinks[FLOWS];
    struct state_run *r;
    int rc;

    for (unsigned i = 0; i < FLOWS; i++)
        sinks[i] = (struct item_sink){
            .context = c, .entry = take_entry, .finish = finish, .free = count_free};
    t_ok(state_run_new(&r, &options, err), err);
    assert_int_equal(state_run_lanes(r), FLOWS);
    if (stopped)
        state_run_stop(r);
    t_ok(state_run_start(r, sinks, err), err);
    rc = state_run_join(r, ret, err);
    state_run_free(r);
    return rc;
}

static void test_every_stream_is_a_lane(void **state)
{
    struct collected c = {.refused = NULL};
    struct ft_err err = FT_ERR_INIT;
    struct state_counts counts;

    (void)state;
    t_ok(run(&c, NULL, false, &counts, &err), &err);
    assert_int_equal(atomic_load(&c.entries), FLOWS);
    assert_int_equal(atomic_load(&c.finished), FLOWS);
    assert_int_equal(atomic_load(&c.freed), FLOWS);
    assert_int_equal(counts.folded, 0);
    assert_true(counts.bytes_in > 0);
}

static void test_filters_count_over_all_lanes(void **state)
{
    struct collected c = {.refused = NULL};
    struct ft_err err = FT_ERR_INIT;
    struct state_counts counts;
    struct filter filter = {0};

    (void)state;
    t_ok(filter_add_key(&filter, "*-1", &err), &err);
    t_ok(run(&c, &filter, false, &counts, &err), &err);
    filter_release(&filter);
    assert_int_equal(atomic_load(&c.entries), 1);
    assert_int_equal(counts.filtered, FLOWS - 1);
}

static void test_the_error_of_a_lane_is_that_of_the_run(void **state)
{
    struct collected c = {.refused = "key-of-flow-1"};
    struct ft_err err = FT_ERR_INIT;
    struct state_counts counts;

    (void)state;
    t_fails(run(&c, NULL, false, &counts, &err), &err, FT_ERR_IO,
            "key \"key-of-flow-1\" in database 0: no more room");
    assert_true(atomic_load(&c.finished) < FLOWS);
    assert_int_equal(atomic_load(&c.freed), FLOWS);
}

static void test_a_stopped_run_delivers_nothing(void **state)
{
    struct collected c = {.refused = NULL};
    struct ft_err err = FT_ERR_INIT;
    struct state_counts counts;

    (void)state;
    t_fails(run(&c, NULL, true, &counts, &err), &err, FT_ERR_CANCELLED, "cancelled");
    assert_int_equal(atomic_load(&c.entries), 0);
    assert_int_equal(atomic_load(&c.finished), 0);
    assert_int_equal(atomic_load(&c.freed), FLOWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_stream_is_a_lane, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters_count_over_all_lanes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_error_of_a_lane_is_that_of_the_run, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_stopped_run_delivers_nothing, setup, teardown),
    };

    return T_RUN("state/state_run", tests);
}
