#include "base/queue.h"

void queue_init(struct queue *q, size_t limit_bytes)
{
    *q = (struct queue){.limit_bytes = limit_bytes};
    (void)pthread_mutex_init(&q->mu, NULL); /* default attributes: cannot fail on Linux */
    (void)pthread_cond_init(&q->can_put, NULL);
    (void)pthread_cond_init(&q->can_get, NULL);
    q->tail = &q->head;
}

bool queue_put(struct queue *q, struct queue_node *node)
{
    bool put;

    pthread_mutex_lock(&q->mu);
    while (!q->closed && q->bytes != 0 && q->bytes + node->bytes > q->limit_bytes)
        pthread_cond_wait(&q->can_put, &q->mu);
    put = !q->closed;
    if (put) {
        node->next = NULL;
        *q->tail = node;
        q->tail = &node->next;
        q->bytes += node->bytes;
        pthread_cond_signal(&q->can_get);
    }
    pthread_mutex_unlock(&q->mu);
    return put;
}

struct queue_node *queue_get_all(struct queue *q)
{
    struct queue_node *node;

    pthread_mutex_lock(&q->mu);
    while (q->head == NULL && !q->closed)
        pthread_cond_wait(&q->can_get, &q->mu);
    node = q->head;
    q->head = NULL;
    q->tail = &q->head;
    q->bytes = 0;
    pthread_cond_broadcast(&q->can_put);
    pthread_mutex_unlock(&q->mu);
    return node;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->mu);
    q->closed = true;
    pthread_cond_broadcast(&q->can_put);
    pthread_cond_broadcast(&q->can_get);
    pthread_mutex_unlock(&q->mu);
}

void queue_release(struct queue *q)
{
    (void)pthread_cond_destroy(&q->can_get); /* nobody waits any more */
    (void)pthread_cond_destroy(&q->can_put);
    (void)pthread_mutex_destroy(&q->mu);
}
