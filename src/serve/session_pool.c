#include "serve/session_pool.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/wake.h"

#define TICK_MS 1000

struct session_thread {
    struct session_pool *pool;
    pthread_t thread;
    struct conn conn;
    bool started;
    atomic_bool ended;
};

int session_pool_init(struct session_pool *p, struct ft_err *err)
{
    p->err = (struct ft_err)FT_ERR_INIT;
    pthread_mutex_init(&p->mu, NULL);
    return wake_open(&p->stop_fd, err);
}

/* The first error is the one that counts. */
void session_pool_stop(struct session_pool *p, const struct ft_err *why)
{
    pthread_mutex_lock(&p->mu);
    if (!p->failed && why != NULL)
        p->err = *why;
    p->failed |= why != NULL;
    pthread_mutex_unlock(&p->mu);
    (void)wake_set(p->stop_fd);
}

static bool is_of_connection(const struct ft_err *err)
{
    return err->kind == FT_ERR_NET || err->kind == FT_ERR_TIMEOUT || err->kind == FT_ERR_PROTOCOL ||
           err->kind == FT_ERR_CANCELLED;
}

static void *session_main(void *context)
{
    struct session_thread *t = context;
    struct session_pool *p = t->pool;
    char name[URI_ADDRESS_SIZE];
    struct ft_err err = FT_ERR_INIT;

    memcpy(name, t->conn.name, sizeof(name));
    if (p->session(p->context, &t->conn, &err) != 0) {
        if (!is_of_connection(&err))
            session_pool_stop(p, &err);
        else if (p->on_end != NULL)
            p->on_end(p->context, name, &err);
    }
    atomic_store(&t->ended, true);
    return NULL;
}

static void join(struct session_thread *t)
{
    if (t->started)
        (void)pthread_join(t->thread, NULL); /* joined only here */
    free(t);
}

/* Those that have ended make room. */
static void reap(struct session_pool *p)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->thread_count; i++) {
        if (atomic_load(&p->threads[i]->ended))
            join(p->threads[i]);
        else
            p->threads[kept++] = p->threads[i];
    }
    p->thread_count = kept;
}

static int start_session(struct session_pool *p, struct conn *conn, struct ft_err *err)
{
    struct session_thread *t = calloc(1, sizeof(*t));

    if (t == NULL ||
        ARRAY_ADD_ROOM(&p->threads, p->thread_count, "a list of connections", err) != 0) {
        free(t);
        conn_close(conn);
        return err_nomem(err, "a connection");
    }
    t->pool = p;
    t->conn = *conn;
    t->started = pthread_create(&t->thread, NULL, session_main, t) == 0;
    if (!t->started) { /* as if the peer had not been let in: it will come again */
        conn_close(conn);
        atomic_store(&t->ended, true);
    }
    p->threads[p->thread_count++] = t;
    return 0;
}

static int take_connection(struct session_pool *p, struct ft_err *err)
{
    struct conn conn;
    bool some;

    if (conn_accept(&conn, &some, p->listener->fd, p->stop_fd, err) != 0)
        return -1;
    if (!some)
        return 0;
    reap(p);
    if (p->thread_count < p->sessions_max)
        return start_session(p, &conn, err);
    conn_close(&conn);
    return 0;
}

int session_pool_accept(struct session_pool *p, struct ft_err *err)
{
    struct pollfd fds[] = {
        {p->listener->fd, POLLIN, 0}, {p->cancel_fd, POLLIN, 0}, {p->stop_fd, POLLIN, 0}};

    for (;;) {
        if (poll(fds, 3, TICK_MS) < 0 && errno != EINTR)
            return err_errno(err, errno, "could not wait for replicas");
        if (fds[1].revents != 0)
            return err_set(err, FT_ERR_CANCELLED, "stopped");
        if (fds[2].revents != 0)
            return 0;
        if (fds[0].revents != 0 && take_connection(p, err) != 0)
            return -1;
        reap(p);
        if (p->on_tick != NULL && p->on_tick(p->context, err) != 0)
            return -1;
    }
}

int session_pool_finish(struct session_pool *p, struct ft_err *err)
{
    session_pool_stop(p, NULL);
    for (size_t i = 0; i < p->thread_count; i++)
        join(p->threads[i]);
    p->thread_count = 0;
    return p->failed ? err_copy(err, &p->err) : 0;
}

void session_pool_release(struct session_pool *p)
{
    free(p->threads);
    if (p->stop_fd >= 0)
        (void)close(p->stop_fd); /* holds nothing */
    pthread_mutex_destroy(&p->mu);
}

void session_pool_host(const struct conn *conn, char host[URI_HOST_SIZE])
{
    const char *name = conn->name;
    const char *from = name + (name[0] == '[');
    const char *end = name[0] == '[' ? strchr(name, ']') : strrchr(name, ':');
    size_t n = end == NULL ? strlen(from) : (size_t)(end - from);

    (void)snprintf(host, URI_HOST_SIZE, "%.*s", (int)(n < URI_HOST_SIZE ? n : URI_HOST_SIZE - 1),
                   from);
}
