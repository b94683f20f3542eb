#include "serve/replica_list.h"

#include <sys/socket.h>

#include "base/clock.h"

void replica_list_init(struct replica_list *l, uint32_t max)
{
    *l = (struct replica_list){.max = max};
    pthread_mutex_init(&l->mu, NULL);
}

void replica_list_release(struct replica_list *l)
{
    pthread_mutex_destroy(&l->mu);
}

bool replica_list_add(struct replica_list *l, struct replica *r)
{
    struct replica **end = &l->first;
    bool room;

    pthread_mutex_lock(&l->mu);
    room = l->count < l->max;
    if (room) {
        while (*end != NULL)
            end = &(*end)->next;
        r->next = NULL;
        r->heard_ms = clock_mono_ms();
        *end = r;
        l->count++;
    }
    pthread_mutex_unlock(&l->mu);
    return room;
}

void replica_list_remove(struct replica_list *l, struct replica *r)
{
    struct replica **at = &l->first;

    pthread_mutex_lock(&l->mu);
    while (*at != NULL && *at != r)
        at = &(*at)->next;
    if (*at != NULL) {
        *at = r->next;
        l->count--;
    }
    pthread_mutex_unlock(&l->mu);
}

void replica_list_set_state(struct replica_list *l, struct replica *r, enum replica_state state)
{
    pthread_mutex_lock(&l->mu);
    r->state = state;
    pthread_mutex_unlock(&l->mu);
}

void replica_list_heard(struct replica_list *l, struct replica *r)
{
    pthread_mutex_lock(&l->mu);
    r->heard_ms = clock_mono_ms();
    pthread_mutex_unlock(&l->mu);
}

void replica_list_acknowledged(struct replica_list *l, struct replica *r, uint64_t offset)
{
    pthread_mutex_lock(&l->mu);
    if (offset > r->offset)
        r->offset = offset;
    pthread_mutex_unlock(&l->mu);
}

void replica_list_visit(struct replica_list *l,
                        void (*visit)(void *context, const struct replica *r), void *context)
{
    pthread_mutex_lock(&l->mu);
    for (const struct replica *r = l->first; r != NULL; r = r->next)
        visit(context, r);
    pthread_mutex_unlock(&l->mu);
}

void replica_list_keep_alive(struct replica_list *l)
{
    pthread_mutex_lock(&l->mu);
    for (const struct replica *r = l->first; r != NULL; r = r->next) {
        if (r->state == REPLICA_WAITING && conn_send(r->conn, "\n", 1) != 1)
            (void)shutdown(r->conn->fd, SHUT_RDWR); /* it takes nothing: its thread finds out */
    }
    pthread_mutex_unlock(&l->mu);
}

const char *replica_state_name(enum replica_state state)
{
    static const char *const names[] = {"send_bulk", "wait_bgsave", "online"};

    return names[state];
}
