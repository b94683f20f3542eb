/*
 * stream_pool.h - something done with every stream of a source, several at a time.
 *
 * Threads, errors   Those of base/task_pool.h, with a stream as the task: a source may have a thousand streams.
 */
#ifndef FLOWTAPE_INPUT_STREAM_POOL_H
#define FLOWTAPE_INPUT_STREAM_POOL_H

#include "input/source.h"

typedef int stream_fn(void *context, const struct source *source, uint32_t index,
                      struct ft_err *err);

/* stream_pool_run - all streams; the calling thread is one of the pool's. */
int stream_pool_run(const struct source *source, stream_fn *run, void *context, struct ft_err *err);
/* stream_pool_run_few - with no more than `max` threads. */
int stream_pool_run_few(const struct source *source, uint32_t max, stream_fn *run, void *context,
                        struct ft_err *err);
/* stream_pool_run_growing - of a source whose streams are still being recorded (source_open_growing), which are waited
 * for: a thread for each, up to `max`. */
int stream_pool_run_growing(const struct source *source, uint32_t max, stream_fn *run,
                            void *context, struct ft_err *err);
/* stream_pool_threads - how many there will be. */
uint32_t stream_pool_threads(const struct source *source, uint32_t max);

/* For a caller that has something else to do meanwhile: it takes what the streams bring. */
struct stream_pool;

/* stream_pool_start - FT_ERR_IO: not one thread could be had, and no stream is run. */
int stream_pool_start(struct stream_pool **ret, const struct source *source, stream_fn *run,
                      void *context, struct ft_err *err);
/* stream_pool_join - waits until all streams were run, and frees the pool. pool: NULL: 0. */
int stream_pool_join(struct stream_pool *pool, struct ft_err *err);

#endif
