#include "input/stream_pool.h"

#include <stdlib.h>

#include "base/task_pool.h"

/* What each stream is a task of. */
struct streams {
    const struct source *source;
    stream_fn *run;
    void *context;
};

struct stream_pool {
    struct streams streams;
    struct task_pool *tasks;
};

static int run_stream(void *context, uint32_t index, struct ft_err *err)
{
    const struct streams *s = context;

    return s->run(s->context, s->source, index, err);
}

uint32_t stream_pool_threads(const struct source *source, uint32_t max)
{
    if (source->growing)
        return source->stream_count < max ? source->stream_count : max;
    return task_pool_threads(source->stream_count, max);
}

int stream_pool_run_few(const struct source *source, uint32_t max, stream_fn *run, void *context,
                        struct ft_err *err)
{
    struct streams streams = {source, run, context};

    return task_pool_run(source->stream_count, max, run_stream, &streams, err);
}

int stream_pool_run_growing(const struct source *source, uint32_t max, stream_fn *run,
                            void *context, struct ft_err *err)
{
    struct streams streams = {source, run, context};

    return task_pool_run_waiting(source->stream_count, max, run_stream, &streams, err);
}

int stream_pool_run(const struct source *source, stream_fn *run, void *context, struct ft_err *err)
{
    return stream_pool_run_few(source, source->stream_count, run, context, err);
}

int stream_pool_start(struct stream_pool **ret, const struct source *source, stream_fn *run,
                      void *context, struct ft_err *err)
{
    struct stream_pool *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_nomem(err, "threads");
    p->streams = (struct streams){source, run, context};
    if (task_pool_start(&p->tasks, source->stream_count, run_stream, &p->streams, err) != 0) {
        free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

int stream_pool_join(struct stream_pool *pool, struct ft_err *err)
{
    int rc;

    if (pool == NULL)
        return 0;
    rc = task_pool_join(pool->tasks, err);
    free(pool);
    return rc;
}
