#include "base/task_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/processors.h"

struct task_pool {
    /* constant while there are threads */
    uint32_t count;
    task_fn *run;
    void *context;

    atomic_uint next;
    pthread_mutex_t mu;
    uint32_t failed; /* under mu: the first task with an error; count: none */
    struct ft_err err;

    /* of the thread that made the pool */
    pthread_t *threads;
    uint32_t started;
};

static void note_failure(struct task_pool *p, uint32_t index, const struct ft_err *err)
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
    struct task_pool *p = arg;
    uint32_t index;

    pthread_mutex_lock(&p->mu); /* whoever starts the threads has them all */
    pthread_mutex_unlock(&p->mu);
    while ((index = atomic_fetch_add(&p->next, 1)) < p->count) {
        struct ft_err err = FT_ERR_INIT;

        if (p->run(p->context, index, &err) != 0)
            note_failure(p, index, &err);
    }
    return NULL;
}

uint32_t task_pool_threads(uint32_t count, uint32_t max)
{
    unsigned processors = processors_usable();

    if (count > max)
        count = max;
    return count < processors ? count : processors;
}

/* Starts up to `count` threads, fewer where no more can be had; with `all` none runs a task then. Returns -1: err says
 * why; else 0, or the errno of the thread that could not be had. */
static int pool_open(struct task_pool *p, uint32_t count, bool all, struct ft_err *err)
{
    int rc = 0;

    atomic_init(&p->next, 0);
    p->failed = p->count;
    p->err = (struct ft_err)FT_ERR_INIT;
    p->threads = calloc(count + 1u, sizeof(*p->threads));
    if (p->threads == NULL)
        return err_nomem(err, "threads");
    (void)pthread_mutex_init(&p->mu, NULL); /* default attributes: cannot fail on Linux */
    pthread_mutex_lock(&p->mu);
    while (p->started < count &&
           (rc = pthread_create(&p->threads[p->started], NULL, pool_main, p)) == 0)
        p->started++;
    if (all && rc != 0)
        atomic_store(&p->next, p->count);
    pthread_mutex_unlock(&p->mu);
    return rc;
}

static int pool_close(struct task_pool *p, struct ft_err *err)
{
    while (p->started > 0)
        (void)pthread_join(p->threads[--p->started], NULL); /* started, and joined only here */
    (void)pthread_mutex_destroy(&p->mu);                    /* nobody holds it any more */
    free(p->threads);
    if (p->failed == p->count)
        return 0;
    *err = p->err;
    return -1;
}

/* This thread is one of them, and the only one if no other can be had. */
static int run_by(uint32_t threads, uint32_t count, task_fn *run, void *context, struct ft_err *err)
{
    struct task_pool pool = {.count = count, .run = run, .context = context};

    if (pool_open(&pool, threads == 0 ? 0 : threads - 1, false, err) < 0)
        return -1;
    pool_main(&pool);
    return pool_close(&pool, err);
}

int task_pool_run(uint32_t count, uint32_t max, task_fn *run, void *context, struct ft_err *err)
{
    return run_by(task_pool_threads(count, max), count, run, context, err);
}

int task_pool_run_waiting(uint32_t count, uint32_t max, task_fn *run, void *context,
                          struct ft_err *err)
{
    return run_by(count < max ? count : max, count, run, context, err);
}

static int start(struct task_pool **ret, const struct task_pool *what, uint32_t threads, bool all,
                 struct ft_err *err)
{
    struct task_pool *p = calloc(1, sizeof(*p));
    int rc;

    if (p == NULL)
        return err_nomem(err, "threads");
    p->count = what->count;
    p->run = what->run;
    p->context = what->context;
    rc = pool_open(p, threads, all, err);
    if (rc < 0) {
        free(p);
        return -1;
    }
    if (rc != 0 && (all || p->started == 0)) {
        (void)pool_close(p, err); /* nothing was run */
        free(p);
        return err_errno(err, rc, "could not start a thread");
    }
    *ret = p;
    return 0;
}

int task_pool_start(struct task_pool **ret, uint32_t count, task_fn *run, void *context,
                    struct ft_err *err)
{
    const struct task_pool what = {.count = count, .run = run, .context = context};

    return start(ret, &what, task_pool_threads(count, count), false, err);
}

int task_pool_start_each(struct task_pool **ret, uint32_t count, task_fn *run, void *context,
                         struct ft_err *err)
{
    const struct task_pool what = {.count = count, .run = run, .context = context};

    return start(ret, &what, count, true, err);
}

int task_pool_join(struct task_pool *pool, struct ft_err *err)
{
    int rc;

    if (pool == NULL)
        return 0;
    rc = pool_close(pool, err);
    free(pool);
    return rc;
}
