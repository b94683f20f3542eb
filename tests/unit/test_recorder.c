/*
 * The recorder when the disk fails: what could not be synced is never called durable.
 *
 * fdatasync, sync_file_range and pthread_mutex_unlock are those of this file. The first sync stalls, so that the other
 * thread comes to wait for the flow, and fails; whoever waits goes on before the one that failed has
 * told anybody.
 */
#include "lib/t_store.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
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

#define MUCH (9u << 20) /* more than may wait for the next sync */

static atomic_bool to_fail;
static atomic_uint ahead_flags; /* of the last sync_file_range */
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

/* Fails, and nobody may mind. */
int sync_file_range(int fd, __off64_t offset, __off64_t n, unsigned flags)
{
    (void)fd;
    (void)offset;
    (void)n;
    atomic_store(&ahead_flags, flags);
    errno = ENOSYS;
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
static void put_block(struct recorder *r, struct t_flow *f, size_t bytes)
{
    struct recorder_block *b = recorder_take(r);
    struct segment_block block;

    assert_non_null(b);
    block = t_block(f, CODEC_NONE, bytes, RECORDS, 0, b->data);
    b->flow = 0;
    b->kind = SEGMENT_JOURNAL;
    b->urgent = false;
    b->next_lsn = f->lsn;
    b->block = block;
    recorder_put(r, b);
}

static void put(struct recorder *r, struct t_flow *f)
{
    put_block(r, f, BLOCK_BYTES);
}

/* A recorder of flow 0, whose snapshot is complete. */
static struct recorder *start(struct capture **ret_capture, struct t_flow *ret_flow,
                              const struct recorder_options *options)
{
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct segment_writer *w = t_store_start(c, g, 0, SEGMENT_SNAPSHOT, 0);
    struct ft_err err = FT_ERR_INIT;
    struct recorder *r;

    *ret_flow = (struct t_flow){SEGMENT_SNAPSHOT, 0, 0, UINT64_C(1700000000000000)};
    t_store_put_end(w, ret_flow, STABLE_LSN);
    t_store_finish(g, 0, w);
    t_store_save(c);
    t_ok(recorder_new(&r, c, g, options, &err), &err);
    *ret_capture = c;
    return r;
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
    struct ft_err err = FT_ERR_INIT;
    struct capture *c;
    struct t_flow f;
    struct recorder *r = start(&c, &f, &options);
    uint64_t before = recorder_durable_lsn(r, 0);

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

/* Much that is written is given to the disk before anybody syncs it, and is durable only after that. */
static void test_written_ahead_is_not_durable(void **state)
{
    const struct recorder_options options = {
        .sync = RECORDER_SYNC_SEGMENT,
        .segment_bytes = UINT64_C(1) << 40,
        .buffer_bytes = 1 << 20,
        .event_fd = -1,
    };
    struct ft_err err = FT_ERR_INIT;
    struct capture *c;
    struct t_flow f;
    struct recorder *r = start(&c, &f, &options);

    (void)state;
    atomic_store(&ahead_flags, 0);
    for (size_t n = 0; n < MUCH; n += recorder_block_bytes(r))
        put_block(r, &f, recorder_block_bytes(r));
    while (atomic_load(&ahead_flags) == 0)
        nap(1);
    assert_int_equal(atomic_load(&ahead_flags),
                     SYNC_FILE_RANGE_WRITE); /* waiting would use up an error */
    assert_int_equal(recorder_durable_lsn(r, 0), STABLE_LSN);
    assert_false(recorder_failed(r));
    t_ok(recorder_finish(r, &err), &err);
    assert_int_equal(recorder_durable_lsn(r, 0), f.lsn);
    recorder_free(r);
    capture_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_a_failed_seal_makes_nothing_durable),
        T_STORE_TEST(test_a_seal_after_a_failed_sync_makes_nothing_durable),
        T_STORE_TEST(test_written_ahead_is_not_durable),
    };

    return T_RUN("recorder", tests);
}
