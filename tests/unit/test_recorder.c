/*
 * The recorder when the disk fails: what could not be synced is never called durable.
 *
 * fdatasync and pthread_mutex_unlock are those of this file. The first sync stalls, so that the other
 * thread comes to wait for the flow, and fails; whoever waits goes on before the one that failed has
 * told anybody.
 */
#include "lib/t_store.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "capture/recorder.h"

#define SYNC_MS     80u
#define STALL_MS    200u
#define BLOCK_BYTES 64u
#define RECORDS     4u
#define STABLE_LSN  18u

static atomic_bool to_fail;
static _Thread_local bool has_failed;

static void nap(unsigned ms)
{
    const struct timespec t = {.tv_nsec = (long)ms * 1000000};

    (void)nanosleep(&t, NULL); /* a shorter nap only shows less */
}

int fdatasync(int fd)
{
    if (!atomic_exchange(&to_fail, false))
        return (int)syscall(SYS_fdatasync, fd);
    nap(STALL_MS);
    has_failed = true;
    errno = EIO;
    return -1;
}

int pthread_mutex_unlock(pthread_mutex_t *mu)
{
    static int (*unlock)(pthread_mutex_t *);
    int rc;

    if (unlock == NULL)
        *(void **)&unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    rc = unlock(mu);
    if (has_failed) {
        has_failed = false;
        nap(STALL_MS);
    }
    return rc;
}

/* A block of the journal of flow 0. */
static void put(struct recorder *r, struct t_flow *f)
{
    struct recorder_block *b = recorder_take(r);
    struct segment_block block;

    assert_non_null(b);
    block = t_block(f, CODEC_NONE, BLOCK_BYTES, RECORDS, 0, b->data);
    b->flow = 0;
    b->kind = SEGMENT_JOURNAL;
    b->urgent = false;
    b->next_lsn = f->lsn;
    b->block = block;
    recorder_put(r, b);
}

/* Each block has a segment of its own: the second seals what the first has written. */
static void fail_first_sync(enum recorder_sync sync)
{
    const struct recorder_options options = {
        .sync = sync,
        .sync_interval_ms = SYNC_MS,
        .segment_bytes = 1,
        .buffer_bytes = 1 << 20,
        .event_fd = -1,
    };
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, UINT64_C(1700000000000000)};
    struct segment_writer *w = t_store_start(c, g, 0, SEGMENT_SNAPSHOT, 0);
    struct ft_err err = FT_ERR_INIT;
    struct recorder *r;
    uint64_t before;

    t_store_put_end(w, &f, STABLE_LSN);
    t_store_finish(g, 0, w);
    t_store_save(c);
    t_ok(recorder_new(&r, c, g, &options, &err), &err);
    before = recorder_durable_lsn(r, 0);
    atomic_store(&to_fail, true);
    put(r, &f);
    if (sync == RECORDER_SYNC_ALWAYS) {
        while (atomic_load(&to_fail))
            nap(1);
    }
    nap(SYNC_MS / 4);
    put(r, &f);
    while (!recorder_failed(r))
        nap(1);
    t_fails(recorder_finish(r, &err), &err, FT_ERR_IO, "could not sync");
    assert_int_equal(before, STABLE_LSN);
    assert_int_equal(recorder_durable_lsn(r, 0), before);
    recorder_free(r);
    capture_free(c);
}

static void test_a_failed_seal_makes_nothing_durable(void **state)
{
    (void)state;
    fail_first_sync(RECORDER_SYNC_INTERVAL);
}

/* The kernel reports lost pages once: the next sync of the file says that all is well. */
static void test_a_seal_after_a_failed_sync_makes_nothing_durable(void **state)
{
    (void)state;
    fail_first_sync(RECORDER_SYNC_ALWAYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_a_failed_seal_makes_nothing_durable),
        T_STORE_TEST(test_a_seal_after_a_failed_sync_makes_nothing_durable),
    };

    return T_RUN("recorder", tests);
}
