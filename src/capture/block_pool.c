#include "capture/block_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_NS 50000000

void block_pool_init(struct block_pool *p, size_t data_bytes, size_t cheap, size_t limit)
{
    pthread_condattr_t attr;

    memset(p, 0, sizeof(*p));
    p->data_bytes = data_bytes;
    p->cheap = cheap;
    p->patience_ns = PATIENCE_NS;
    p->limit = limit;
    pthread_mutex_init(&p->mu, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->returned, &attr);
    pthread_condattr_destroy(&attr);
}

static struct recorder_block *block_new(size_t data_bytes)
{
    struct recorder_block *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return NULL;
    b->data = malloc(data_bytes);
    b->data_bytes = data_bytes;
    if (b->data == NULL) {
        free(b);
        return NULL;
    }
    return b;
}

static void block_free(struct recorder_block *b)
{
    free(b->data);
    free(b);
}

/* Under mu. */
static void wait_patiently(struct block_pool *p)
{
    struct timespec until;
    int rc = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += p->patience_ns;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!p->closed && p->idle == NULL && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&p->returned, &p->mu, &until);
    if (rc == ETIMEDOUT)
        p->patience_ns /= 2;
}

/* The block used last is the one handed out first: it may still be in the cache. */
struct recorder_block *block_pool_take(struct block_pool *p)
{
    struct recorder_block *b = NULL;

    pthread_mutex_lock(&p->mu);
    if (p->idle == NULL && p->made >= p->cheap)
        wait_patiently(p);
    while (!p->closed && p->idle == NULL && p->made == p->limit)
        pthread_cond_wait(&p->returned, &p->mu);
    if (!p->closed && p->idle != NULL) {
        b = (struct recorder_block *)p->idle;
        p->idle = p->idle->next;
    } else if (!p->closed) {
        b = block_new(p->data_bytes);
        p->made += b != NULL;
    }
    pthread_mutex_unlock(&p->mu);
    return b;
}

void block_pool_put(struct block_pool *p, struct recorder_block *b)
{
    pthread_mutex_lock(&p->mu);
    p->patience_ns = PATIENCE_NS;
    if (p->made > p->cheap && p->idle != NULL) {
        p->made--;
    } else {
        b->node.next = p->idle;
        p->idle = &b->node;
        b = NULL;
    }
    pthread_cond_signal(&p->returned);
    pthread_mutex_unlock(&p->mu);
    if (b != NULL)
        block_free(b);
}

void block_pool_close(struct block_pool *p)
{
    pthread_mutex_lock(&p->mu);
    p->closed = true;
    pthread_cond_broadcast(&p->returned);
    pthread_mutex_unlock(&p->mu);
}

void block_pool_release(struct block_pool *p)
{
    while (p->idle != NULL) {
        struct recorder_block *b = (struct recorder_block *)p->idle;

        p->idle = b->node.next;
        block_free(b);
    }
    pthread_cond_destroy(&p->returned);
    pthread_mutex_destroy(&p->mu);
}
