/* Streams of a source, several at a time: each once, no more threads than processors, which error. */
#include "lib/t_store.h"

#include <stdatomic.h>

#include "base/processors.h"
#include "input/stream_pool.h"
#include "lib/t_flows.h"

#define STREAMS 40

static struct source *source;

static int setup(void **state)
{
    static struct t_flow_records flows[STREAMS];
    struct ft_err err = FT_ERR_INIT;

    (void)t_store_setup(state);
    t_ok(t_flows_make(t_store_path, flows, STREAMS, SHARDING_KEY, &err), &err);
    t_ok(source_open(&source, t_store_path, 0, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    source_free(source);
    return t_store_teardown(state);
}

struct tally {
    atomic_uint runs[STREAMS];
    atomic_uint running;
    atomic_uint running_max;
    atomic_uint keys;
    unsigned fail_from; /* these streams end with an error; STREAMS: none */
};

static int read_stream(struct tally *t, uint32_t index, struct ft_err *err)
{
    const struct source_stream_options options = {.snapshot_only = true};
    struct source_stream *stream;
    struct item item;
    enum step step;

    if (source_stream_open(&stream, source, index, &options, err) != 0)
        return -1;
    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM)
        atomic_fetch_add(&t->keys, item.kind == ITEM_ENTRY);
    source_stream_free(stream);
    return step == STEP_END ? 0 : -1;
}

static int run(void *context, const struct source *s, uint32_t index, struct ft_err *err)
{
    struct tally *t = context;
    unsigned running = atomic_fetch_add(&t->running, 1) + 1;
    unsigned max = atomic_load(&t->running_max);
    int rc;

    while (running > max && !atomic_compare_exchange_weak(&t->running_max, &max, running))
        ;
    assert_ptr_equal(s, source);
    atomic_fetch_add(&t->runs[index], 1);
    rc = index >= t->fail_from ? err_set(err, FT_ERR_STATE, "stream %u", index)
                               : read_stream(t, index, err);
    atomic_fetch_sub(&t->running, 1);
    return rc;
}

static void expect_all(struct tally *t, unsigned threads_max)
{
    for (unsigned i = 0; i < STREAMS; i++)
        assert_int_equal(atomic_load(&t->runs[i]), 1);
    assert_int_equal(atomic_load(&t->running), 0);
    assert_in_range(atomic_load(&t->running_max), 1, threads_max);
}

static void test_each_stream_is_run_once(void **state)
{
    struct tally t = {.fail_from = STREAMS};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_ok(stream_pool_run(source, run, &t, &err), &err);
    expect_all(&t, processors_usable());
    assert_int_equal(atomic_load(&t.keys), STREAMS);
}

static void test_no_more_threads_than_wanted(void **state)
{
    struct tally t = {.fail_from = STREAMS};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    assert_int_equal(stream_pool_threads(source, 1), 1);
    assert_in_range(stream_pool_threads(source, STREAMS), 1, processors_usable());
    t_ok(stream_pool_run_few(source, 1, run, &t, &err), &err);
    expect_all(&t, 1);
}

static void test_the_error_is_that_of_the_first_stream(void **state)
{
    struct tally t = {.fail_from = 7};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_fails(stream_pool_run(source, run, &t, &err), &err, FT_ERR_STATE, "stream 7");
    expect_all(&t, processors_usable());
}

static void test_a_pool_beside_its_caller(void **state)
{
    struct tally t = {.fail_from = STREAMS};
    struct tally failing = {.fail_from = 3};
    struct ft_err err = FT_ERR_INIT;
    struct stream_pool *pool;

    (void)state;
    t_ok(stream_pool_start(&pool, source, run, &t, &err), &err);
    t_ok(stream_pool_join(pool, &err), &err);
    expect_all(&t, processors_usable());
    t_ok(stream_pool_start(&pool, source, run, &failing, &err), &err);
    t_fails(stream_pool_join(pool, &err), &err, FT_ERR_STATE, "stream 3");
    expect_all(&failing, processors_usable());
    t_ok(stream_pool_join(NULL, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_stream_is_run_once),
        cmocka_unit_test(test_no_more_threads_than_wanted),
        cmocka_unit_test(test_the_error_is_that_of_the_first_stream),
        cmocka_unit_test(test_a_pool_beside_its_caller),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
