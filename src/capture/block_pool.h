/*
 * block_pool.h - a bounded number of block buffers, made when they are needed.
 *
 * Growth       Up to `cheap` blocks are made at once. Beyond, a take first waits for one to come
 *              back, shorter each time it has waited in vain, and blocks that come back are freed
 *              again: few blocks in turn stay in the processor's cache, and the many that the limit
 *              allows are for a disk that has stopped taking data.
 * Threads      Any.
 */
#ifndef FLOWTAPE_CAPTURE_BLOCK_POOL_H
#define FLOWTAPE_CAPTURE_BLOCK_POOL_H

#include "capture/recorder_block.h"

struct block_pool {
    size_t data_bytes; /* constant */
    size_t cheap;      /* constant: blocks */
    size_t limit;      /* constant: blocks */
    /* guarded by mu */
    pthread_mutex_t mu;
    pthread_cond_t returned;
    struct queue_node *idle;
    size_t made;      /* and not freed */
    long patience_ns; /* how long the next take waits before it makes a block */
    bool closed;
};

void block_pool_init(struct block_pool *p, size_t data_bytes, size_t cheap, size_t limit);
/* block_pool_take - waits for a block; NULL once closed, or when memory is short. */
struct recorder_block *block_pool_take(struct block_pool *p);
void block_pool_put(struct block_pool *p, struct recorder_block *b);
/* block_pool_close - takes fail from now on. */
void block_pool_close(struct block_pool *p);
/* block_pool_release - frees the blocks that were given back. */
void block_pool_release(struct block_pool *p);

#endif
