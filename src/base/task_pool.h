/*
 * task_pool.h - a number of tasks of the same kind, several at a time.
 *
 * Threads  As many as there are processors, but no more than tasks or than the caller wants. Each takes the
 *          next task when it is through with one, in the order of their numbers. `run` is called once per task, in
 *          any thread; what it shares with other tasks it must guard itself, and it must not wait for another task,
 *          which may come after it in its own thread (task_pool_start_each: it may).
 * Errors   All tasks are run in any case; the error is that of the first one, by number, that has one.
 */
#ifndef FLOWTAPE_BASE_TASK_POOL_H
#define FLOWTAPE_BASE_TASK_POOL_H

#include <stdint.h>

#include "base/err.h"

typedef int task_fn(void *context, uint32_t index, struct ft_err *err);

/* task_pool_run - all tasks, by no more than max threads; the calling one is one of them. */
int task_pool_run(uint32_t count, uint32_t max, task_fn *run, void *context, struct ft_err *err);
/* task_pool_run_waiting - likewise, of tasks that spend their time waiting for something outside: a thread for each,
 * up to max, however few processors there are. */
int task_pool_run_waiting(uint32_t count, uint32_t max, task_fn *run, void *context,
                          struct ft_err *err);
/* task_pool_threads - how many task_pool_run will have. */
uint32_t task_pool_threads(uint32_t count, uint32_t max);

/* For a caller that has something else to do meanwhile. */
struct task_pool;

/* task_pool_start - FT_ERR_IO: not one thread could be had, and no task is run. */
int task_pool_start(struct task_pool **ret, uint32_t count, task_fn *run, void *context,
                    struct ft_err *err);
/* task_pool_start_each - the same with a thread for each task, so that tasks may wait for each other. FT_ERR_IO: not as
 * many threads could be had, and no task is run. */
int task_pool_start_each(struct task_pool **ret, uint32_t count, task_fn *run, void *context,
                         struct ft_err *err);
/* task_pool_join - waits until all tasks were run, and frees the pool. pool: NULL: 0. */
int task_pool_join(struct task_pool *pool, struct ft_err *err);

#endif
