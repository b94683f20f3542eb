/*
 * replica_list.h - who is attached, and how far each is.
 *
 * Threads  Everything from any thread. A struct replica is in the list from replica_list_add to replica_list_remove,
 *          both of its own thread, which alone changes it: through the functions here.
 */
#ifndef FLOWTAPE_SERVE_REPLICA_LIST_H
#define FLOWTAPE_SERVE_REPLICA_LIST_H

#include <pthread.h>
#include <stdbool.h>

#include "wire/conn.h"

enum replica_state {
    REPLICA_LOADING, /* gets its state, or has not acknowledged it yet; or is about to resume */
    REPLICA_WAITING, /* its state is being made; nothing of it was sent */
    REPLICA_ONLINE,  /* gets the stream */
};

struct replica {
    struct replica *next;
    char name[URI_ADDRESS_SIZE]; /* of its connection */
    char host[URI_HOST_SIZE];
    uint16_t port;     /* where it listens itself; 0: it did not say */
    struct conn *conn; /* its own thread does not use it while it is REPLICA_WAITING */
    bool counts;       /* it stays, and acknowledges: it came by PSYNC for more than a state */
    enum replica_state state;
    uint64_t offset;   /* acknowledged; 0: nothing yet */
    uint64_t heard_ms; /* when anything came from it, by clock_mono_ms */
};

struct replica_list {
    pthread_mutex_t mu;
    struct replica *first;
    uint32_t count;
    uint32_t max;
};

void replica_list_init(struct replica_list *l, uint32_t max);
void replica_list_release(struct replica_list *l);
/* replica_list_add - false: there are as many as there may be. */
bool replica_list_add(struct replica_list *l, struct replica *r);
void replica_list_remove(struct replica_list *l, struct replica *r);
void replica_list_set_state(struct replica_list *l, struct replica *r, enum replica_state state);
void replica_list_heard(struct replica_list *l, struct replica *r);
void replica_list_acknowledged(struct replica_list *l, struct replica *r, uint64_t offset);
/* replica_list_visit - in the order in which they came, under the lock. */
void replica_list_visit(struct replica_list *l,
                        void (*visit)(void *context, const struct replica *r), void *context);
/* replica_list_keep_alive - a newline to those that wait, which tells them that the connection is alive. */
void replica_list_keep_alive(struct replica_list *l);

const char *replica_state_name(enum replica_state state);

#endif
