#include "input/each_stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct crew {
    const struct source *source;
    each_stream_fn *run;
    void *context;
    atomic_uint next;
    pthread_mutex_t mu;
    uint32_t failed; /* the first stream with an error; stream_count: none */
    struct ft_err err;
};

static void note_failure(struct crew *c, uint32_t index, const struct ft_err *err)
{
    pthread_mutex_lock(&c->mu);
    if (index < c->failed) {
        c->failed = index;
        c->err = *err;
    }
    pthread_mutex_unlock(&c->mu);
}

static void *crew_main(void *arg)
{
    struct crew *c = arg;
    uint32_t index;

    while ((index = atomic_fetch_add(&c->next, 1)) < c->source->stream_count) {
        struct ft_err err = FT_ERR_INIT;

        if (c->run(c->context, c->source, index, &err) != 0)
            note_failure(c, index, &err);
    }
    return NULL;
}

uint32_t each_stream_threads(const struct source *source, uint32_t most)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t count = source->stream_count < most ? source->stream_count : most;

    return processors < 1 || count < (unsigned long)processors ? count : (uint32_t)processors;
}

int each_stream(const struct source *source, each_stream_fn *run, void *context, struct ft_err *err)
{
    return each_stream_few(source, source->stream_count, run, context, err);
}

int each_stream_few(const struct source *source, uint32_t most, each_stream_fn *run, void *context,
                    struct ft_err *err)
{
    struct crew crew = {.source = source,
                        .run = run,
                        .context = context,
                        .failed = source->stream_count,
                        .err = FT_ERR_INIT};
    uint32_t count = each_stream_threads(source, most);
    pthread_t *threads = calloc(count, sizeof(*threads));
    uint32_t started = 0;

    if (threads == NULL)
        return err_nomem(err, "threads");
    (void)pthread_mutex_init(&crew.mu, NULL); /* default attributes: cannot fail on Linux */
    while (started + 1 < count && pthread_create(&threads[started], NULL, crew_main, &crew) == 0)
        started++;
    crew_main(&crew); /* this thread is one of them, and the only one if no other can be had */
    while (started > 0)
        (void)pthread_join(threads[--started], NULL); /* started, and joined only here */
    (void)pthread_mutex_destroy(&crew.mu);            /* nobody holds it any more */
    free(threads);
    if (crew.failed == source->stream_count)
        return 0;
    *err = crew.err;
    return -1;
}
