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
    while (!q->closed && !q->aborted && q->bytes != 0 && q->bytes + node->bytes > q->limit_bytes)
        pthread_cond_wait(&q->can_put, &q->mu);
    put = !q->closed && !q->aborted;
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

/* With mu held. Takes the first node, or everything. */
static struct queue_node *take(struct queue *q, bool all)
{
    struct queue_node *node = q->head;

    if (q->aborted || node == NULL)
        return NULL;
    if (all || node->next == NULL) {
        q->head = NULL;
        q->tail = &q->head;
    } else {
        q->head = node->next;
        node->next = NULL;
    }
    q->bytes = all ? 0 : q->bytes - node->bytes;
    pthread_cond_broadcast(&q->can_put);
    return node;
}

static struct queue_node *get(struct queue *q, bool wait, bool all)
{
    struct queue_node *node;

    pthread_mutex_lock(&q->mu);
    while (wait && q->head == NULL && !q->closed && !q->aborted)
        pthread_cond_wait(&q->can_get, &q->mu);
    node = take(q, all);
    pthread_mutex_unlock(&q->mu);
    return node;
}

struct queue_node *queue_get(struct queue *q)
{
    return get(q, true, false);
}

struct queue_node *queue_get_all(struct queue *q)
{
    return get(q, true, true);
}

static void end(struct queue *q, bool *flag)
{
    pthread_mutex_lock(&q->mu);
    *flag = true;
    pthread_cond_broadcast(&q->can_put);
    pthread_cond_broadcast(&q->can_get);
    pthread_mutex_unlock(&q->mu);
}

void queue_close(struct queue *q)
{
    end(q, &q->closed);
}

void queue_abort(struct queue *q)
{
    end(q, &q->aborted);
}

bool queue_is_aborted(struct queue *q)
{
    bool aborted;

    pthread_mutex_lock(&q->mu);
    aborted = q->aborted;
    pthread_mutex_unlock(&q->mu);
    return aborted;
}

struct queue_node *queue_drain(struct queue *q)
{
    struct queue_node *node = q->head;

    q->head = NULL;
    q->tail = &q->head;
    q->bytes = 0;
    return node;
}

void queue_release(struct queue *q)
{
    (void)pthread_cond_destroy(&q->can_get); /* nobody waits any more */
    (void)pthread_cond_destroy(&q->can_put);
    (void)pthread_mutex_destroy(&q->mu);
}
