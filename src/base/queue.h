/*
 * queue.h - a bounded queue between threads, measured in bytes.
 *
 * What it is   First in, first out, of struct queue_node embedded in the caller's objects. A put
 *              waits while the bytes inside would pass the limit (one node larger than the limit is
 *              let in when the queue is empty). Ownership moves with the node.
 * Ending       queue_close: puts fail from then on, gets drain what is inside and then fail.
 * Threads      Any number of putters and getters.
 */
#ifndef FLOWTAPE_BASE_QUEUE_H
#define FLOWTAPE_BASE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct queue_node {
    struct queue_node *next;
    size_t bytes;
};

struct queue {
    size_t limit_bytes; /* constant after init */
    /* guarded by mu */
    pthread_mutex_t mu;
    pthread_cond_t can_put;
    pthread_cond_t can_get;
    struct queue_node *head;
    struct queue_node **tail;
    size_t bytes;
    bool closed;
};

void queue_init(struct queue *q, size_t limit_bytes);
/* queue_put - false: closed, the node stays the caller's. */
bool queue_put(struct queue *q, struct queue_node *node);
/* queue_get_all - everything inside as a chain, waiting for at least one; NULL: closed and empty. */
struct queue_node *queue_get_all(struct queue *q);
void queue_close(struct queue *q);
void queue_release(struct queue *q);

#endif
