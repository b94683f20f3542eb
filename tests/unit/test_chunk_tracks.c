/* Chunks of several lanes: their order follows from the lanes alone, large items are held one at a time, all ends. */
#include "lib/test_main.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/task_pool.h"
#include "output/chunk_tracks.h"

#define STREAMS  11u           /* more than there are tracks */
#define LANES    (STREAMS + 1) /* and the fold's */
#define CHUNKS   7u
#define HOLD_MOD 3u /* lanes of which every third holds something from chunk 2 to chunk 4 */

struct run {
    struct chunk_tracks *tracks;
    atomic_uint holders;
    atomic_uint holders_max;
    atomic_uint streams_left;
    unsigned slow;      /* this lane lets the others go first */
    unsigned aborts_at; /* the writer gives up after so many chunks */
    unsigned order[LANES * CHUNKS];
    unsigned count;
};

static unsigned chunks_of(unsigned lane)
{
    return lane % CHUNKS; /* some have none */
}

static bool holds_at(unsigned lane, unsigned i)
{
    return lane % HOLD_MOD == 0 && i >= 2 && i < 4;
}

static void hold(struct run *r, unsigned lane, bool holds)
{
    unsigned now;

    if (!holds)
        atomic_fetch_sub(&r->holders, 1);
    chunk_tracks_hold(r->tracks, lane, holds);
    if (!holds)
        return;
    now = atomic_fetch_add(&r->holders, 1) + 1;
    if (now > atomic_load(&r->holders_max))
        atomic_store(&r->holders_max, now);
}

static int run_lane(struct run *r, unsigned lane)
{
    bool held = false;

    for (unsigned i = 0; i < chunks_of(lane); i++) {
        struct chunk *chunk = chunk_tracks_empty(r->tracks, lane);

        if (chunk == NULL)
            return -1;
        if (lane == r->slow) {
            for (unsigned n = 0; n < 100; n++)
                (void)sched_yield();
        }
        if (holds_at(lane, i) != held)
            hold(r, lane, held = !held);
        chunk->keys = (uint64_t)lane * CHUNKS + i;
        if (!chunk_tracks_put(r->tracks, chunk))
            return -1;
    }
    if (held)
        hold(r, lane, false);
    chunk_tracks_end(r->tracks, lane);
    return 0;
}

/* As state_run runs them: a track's lanes one after the other, the fold when all streams are through. */
static int run_track(void *context, uint32_t index, struct ft_err *err)
{
    struct run *r = context;

    (void)err;
    if (index == CHUNK_TRACKS_MAX) {
        while (atomic_load(&r->streams_left) != 0 && !chunk_tracks_aborted(r->tracks))
            (void)sched_yield();
        (void)run_lane(r, STREAMS);
        return 0;
    }
    for (unsigned lane = index; lane < STREAMS; lane += CHUNK_TRACKS_MAX) {
        (void)run_lane(r, lane);
        atomic_fetch_sub(&r->streams_left, 1);
    }
    return 0;
}

static void run_all(struct run *r)
{
    struct ft_err err = FT_ERR_INIT;
    struct task_pool *pool = NULL;
    struct chunk *chunk;

    atomic_init(&r->streams_left, STREAMS);
    t_ok(chunk_tracks_new(&r->tracks, LANES, true, &err), &err);
    t_ok(task_pool_start_each(&pool, CHUNK_TRACKS_MAX + 1, run_track, r, &err), &err);
    while ((chunk = chunk_tracks_next(r->tracks)) != NULL) {
        r->order[r->count++] = (unsigned)chunk->keys;
        assert_int_equal(chunk->buf.n, 0);
        chunk_tracks_written(r->tracks, chunk);
        if (r->count == r->aborts_at)
            chunk_tracks_abort(r->tracks);
    }
    t_ok(task_pool_join(pool, &err), &err);
    chunk_tracks_free(r->tracks);
}

static void test_order_is_that_of_the_lanes(void **state)
{
    struct run *first = calloc(1, sizeof(*first));
    unsigned next[LANES] = {0};
    unsigned total = 0;

    (void)state;
    assert_non_null(first);
    first->slow = LANES;
    run_all(first);
    for (unsigned lane = 0; lane < LANES; lane++)
        total += chunks_of(lane);
    assert_int_equal(first->count, total);
    assert_int_equal(atomic_load(&first->holders_max), 1);
    for (unsigned i = 0; i < first->count; i++) {
        unsigned lane = first->order[i] / CHUNKS;

        assert_int_equal(first->order[i] % CHUNKS, next[lane]); /* each lane's own order */
        next[lane]++;
        if (lane == STREAMS)
            assert_true(i >= total - chunks_of(STREAMS)); /* the fold is last */
        if (lane % HOLD_MOD == 0 &&
            next[lane] == 4) /* nothing between what is held and what follows */
            assert_int_equal(first->order[i - 1], first->order[i] - 1);
    }
    assert_int_equal(first->order[0], 8 * CHUNKS); /* lane 0 has none, lane 8 is in its track */
    assert_int_equal(first->order[1], 1 * CHUNKS);
    for (unsigned slow = 0; slow < LANES; slow++) {
        struct run *r = calloc(1, sizeof(*r));

        assert_non_null(r);
        r->slow = slow;
        run_all(r);
        assert_int_equal(r->count, first->count);
        assert_memory_equal(r->order, first->order, first->count * sizeof(*r->order));
        free(r);
    }
    free(first);
}

static void test_abort_frees_all_that_wait(void **state)
{
    (void)state;
    for (unsigned after = 1; after < 12; after++) {
        struct run *r = calloc(1, sizeof(*r));

        assert_non_null(r);
        r->slow = LANES;
        r->aborts_at = after;
        run_all(r);
        assert_int_equal(r->count, after);
        free(r);
    }
}

/* As a container may have it, or taskset: all threads take turns. */
static void use_one_processor(cpu_set_t *before)
{
    cpu_set_t one;
    int cpu = 0;

    assert_int_equal(sched_getaffinity(0, sizeof(*before), before), 0);
    while (!CPU_ISSET(cpu, before))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void test_order_on_one_processor(void **state)
{
    cpu_set_t before;

    use_one_processor(&before);
    test_order_is_that_of_the_lanes(state);
    test_abort_frees_all_that_wait(state);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

struct loan {
    struct chunk_tracks *tracks;
    sem_t done;
};

static int lend(void *context, uint32_t index, struct ft_err *err)
{
    struct loan *l = context;

    (void)index;
    (void)err;
    for (unsigned i = 0; i < CHUNKS; i++) {
        struct chunk *chunk = chunk_tracks_empty(l->tracks, 0);

        chunk->lent_done = i % 2 == 0 ? &l->done : NULL;
        assert_true(chunk_tracks_put(l->tracks, chunk));
        if (i % 2 == 0)
            (void)sem_wait(&l->done);
    }
    chunk_tracks_end(l->tracks, 0);
    return 0;
}

static void test_what_is_lent_is_written_at_once(void **state)
{
    cpu_set_t before;

    (void)state;
    use_one_processor(&before);
    for (unsigned n = 0; n < 50; n++) {
        struct ft_err err = FT_ERR_INIT;
        struct task_pool *pool = NULL;
        struct chunk *chunk;
        struct loan l;
        unsigned count = 0;

        assert_int_equal(sem_init(&l.done, 0, 0), 0);
        t_ok(chunk_tracks_new(&l.tracks, 1, false, &err), &err);
        t_ok(task_pool_start_each(&pool, 1, lend, &l, &err), &err);
        while ((chunk = chunk_tracks_next(l.tracks)) != NULL) {
            count++;
            if (chunk->lent_done != NULL)
                (void)sem_post(chunk->lent_done);
            chunk_tracks_written(l.tracks, chunk);
        }
        t_ok(task_pool_join(pool, &err), &err);
        chunk_tracks_free(l.tracks);
        assert_int_equal(sem_destroy(&l.done), 0);
        assert_int_equal(count, CHUNKS);
    }
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static void test_one_lane(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct chunk_tracks *t = NULL;
    struct chunk *chunk;

    (void)state;
    t_ok(chunk_tracks_new(&t, 1, false, &err), &err);
    chunk = chunk_tracks_empty(t, 0);
    assert_non_null(chunk);
    assert_true(chunk_tracks_put(t, chunk));
    chunk_tracks_end(t, 0);
    assert_ptr_equal(chunk_tracks_next(t), chunk);
    chunk_tracks_written(t, chunk);
    assert_null(chunk_tracks_next(t));
    assert_false(chunk_tracks_aborted(t));
    chunk_tracks_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_that_of_the_lanes),
        cmocka_unit_test(test_abort_frees_all_that_wait),
        cmocka_unit_test(test_order_on_one_processor),
        cmocka_unit_test(test_what_is_lent_is_written_at_once),
        cmocka_unit_test(test_one_lane),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
