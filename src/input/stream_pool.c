#include "input/stream_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct stream_pool {
    /* constant while there are threads */
    const struct source *source;
    stream_fn *run;
    void *context;

    atomic_uint next; /* stream */
    pthread_mutex_t mu;
    uint32_t failed; /* under mu: the first stream with an error; stream_count: none */
    struct ft_err err;

    /* of the thread that made the pool */
    pthread_t *threads;
    uint32_t started;
};

static void note_failure(struct stream_pool *p, uint32_t index, const struct ft_err *err)
{
    pthread_mutex_lock(&p->mu);
    if (index < p->failed) {
        p->failed = index;
        p->err = *err;
    }
    pthread_mutex_unlock(&p->mu);
}

static void *pool_main(void *arg)
{
    struct stream_pool *p = arg;
    uint32_t index;

    while ((index = atomic_fetch_add(&p->next, 1)) < p->source->stream_count) {
        struct ft_err err = FT_ERR_INIT;

        if (p->run(p->context, p->source, index, &err) != 0)
            note_failure(p, index, &err);
    }
    return NULL;
}

uint32_t stream_pool_threads(const struct source *source, uint32_t max)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t count = source->stream_count < max ? source->stream_count : max;

    return processors < 1 || count < (unsigned long)processors ? count : (uint32_t)processors;
}

/* Starts up to `count` threads, fewer where no more can be had. Returns -1: err says why; else 0, or the errno
 * of the thread that could not be had. */
static int pool_open(struct stream_pool *p, uint32_t count, struct ft_err *err)
{
    int rc = 0;

    atomic_init(&p->next, 0);
    p->failed = p->source->stream_count;
    p->err = (struct ft_err)FT_ERR_INIT;
    p->threads = calloc(count + 1u, sizeof(*p->threads));
    if (p->threads == NULL)
        return err_nomem(err, "threads");
    (void)pthread_mutex_init(&p->mu, NULL); /* default attributes: cannot fail on Linux */
    while (p->started < count &&
           (rc = pthread_create(&p->threads[p->started], NULL, pool_main, p)) == 0)
        p->started++;
    return rc;
}

static int pool_close(struct stream_pool *p, struct ft_err *err)
{
    while (p->started > 0)
        (void)pthread_join(p->threads[--p->started], NULL); /* started, and joined only here */
    (void)pthread_mutex_destroy(&p->mu);                    /* nobody holds it any more */
    free(p->threads);
    if (p->failed == p->source->stream_count)
        return 0;
    *err = p->err;
    return -1;
}

int stream_pool_run_few(const struct source *source, uint32_t max, stream_fn *run, void *context,
                        struct ft_err *err)
{
    struct stream_pool pool = {.source = source, .run = run, .context = context};
    uint32_t count = stream_pool_threads(source, max);

    /* This thread is one of them, and the only one if no other can be had. */
    if (pool_open(&pool, count == 0 ? 0 : count - 1, err) < 0)
        return -1;
    pool_main(&pool);
    return pool_close(&pool, err);
}

int stream_pool_run(const struct source *source, stream_fn *run, void *context, struct ft_err *err)
{
    return stream_pool_run_few(source, source->stream_count, run, context, err);
}

int stream_pool_start(struct stream_pool **ret, const struct source *source, stream_fn *run,
                      void *context, struct ft_err *err)
{
    struct stream_pool *p = calloc(1, sizeof(*p));
    int rc;

    if (p == NULL)
        return err_nomem(err, "threads");
    p->source = source;
    p->run = run;
    p->context = context;
    rc = pool_open(p, stream_pool_threads(source, source->stream_count), err);
    if (rc < 0) {
        free(p);
        return -1;
    }
    if (p->started == 0 && source->stream_count != 0) {
        (void)pool_close(p, err); /* nothing was run */
        free(p);
        return err_errno(err, rc, "could not start a thread");
    }
    *ret = p;
    return 0;
}

int stream_pool_join(struct stream_pool *pool, struct ft_err *err)
{
    int rc;

    if (pool == NULL)
        return 0;
    rc = pool_close(pool, err);
    free(pool);
    return rc;
}
