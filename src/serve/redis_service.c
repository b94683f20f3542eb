#include "serve/redis_service.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/array.h"
#include "serve/redis_session.h"
#include "serve/stream_maker.h"

#define TICK_MS 1000
/* Beside replicas there are clients that ask how things are. */
#define OTHERS_MAX 32u

struct session_thread {
    struct redis_service *service;
    pthread_t thread;
    struct conn conn;
    bool started;
    atomic_bool ended;
};

struct redis_service {
    struct redis_master master;
    const struct listener *listener;
    struct stream_maker maker;
    struct suspect_report suspects; /* of the maker */
    pthread_t making;
    bool is_making;
    struct session_thread **sessions;
    size_t session_count;
    pthread_mutex_t mu;
    /* guarded by mu */
    bool failed;       /* for the reason in err */
    struct ft_err err; /* the first that ended the service */
};

/* Everything ends. The first error is the one that counts. */
static void stop(struct redis_service *v, const struct ft_err *why)
{
    pthread_mutex_lock(&v->mu);
    if (!v->failed && why != NULL)
        v->err = *why;
    v->failed |= why != NULL;
    pthread_mutex_unlock(&v->mu);
    if (v->master.stop_fd >= 0)
        (void)eventfd_write(v->master.stop_fd, 1); /* full: it is readable already */
}

static void *making_main(void *context)
{
    struct redis_service *v = context;
    struct ft_err err = FT_ERR_INIT;

    stop(v, stream_maker_run(&v->maker, &err) != 0 ? &err : NULL);
    return NULL;
}

static bool is_of_connection(const struct ft_err *err)
{
    return err->kind == FT_ERR_NET || err->kind == FT_ERR_TIMEOUT || err->kind == FT_ERR_PROTOCOL ||
           err->kind == FT_ERR_CANCELLED;
}

static void tell_end(const struct redis_service *v, const struct ft_err *err, const char *name)
{
    if (err->kind == FT_ERR_CANCELLED)
        return;
    if (strstr(err->msg, name) != NULL)
        serve_note(v->master.o, "%s", err->msg);
    else
        serve_note(v->master.o, "%s: %s", name, err->msg);
}

static void *session_main(void *context)
{
    struct session_thread *t = context;
    struct redis_service *v = t->service;
    char name[URI_ADDRESS_SIZE];
    struct ft_err err = FT_ERR_INIT;
    bool attached;

    memcpy(name, t->conn.name, sizeof(name));
    if (redis_session_run(&v->master, &t->conn, &attached, &err) != 0) {
        if (!is_of_connection(&err))
            stop(v, &err);
        else if (attached || err.kind == FT_ERR_PROTOCOL)
            tell_end(v, &err, name);
    }
    atomic_store(&t->ended, true);
    return NULL;
}

/*
 * Connections
 */

static void join(struct session_thread *t)
{
    if (t->started)
        (void)pthread_join(t->thread, NULL); /* joined only here */
    free(t);
}

/* Those that have ended make room. */
static void reap(struct redis_service *v)
{
    size_t kept = 0;

    for (size_t i = 0; i < v->session_count; i++) {
        if (atomic_load(&v->sessions[i]->ended))
            join(v->sessions[i]);
        else
            v->sessions[kept++] = v->sessions[i];
    }
    v->session_count = kept;
}

static int start_session(struct redis_service *v, struct conn *conn, struct ft_err *err)
{
    struct session_thread *t = calloc(1, sizeof(*t));

    if (t == NULL ||
        ARRAY_ADD_ROOM(&v->sessions, v->session_count, "a list of connections", err) != 0) {
        free(t);
        conn_close(conn);
        return err_nomem(err, "a connection");
    }
    t->service = v;
    t->conn = *conn;
    t->started = pthread_create(&t->thread, NULL, session_main, t) == 0;
    if (!t->started) { /* as if the peer had not been let in: it will come again */
        conn_close(conn);
        atomic_store(&t->ended, true);
    }
    v->sessions[v->session_count++] = t;
    return 0;
}

static int take_connection(struct redis_service *v, struct ft_err *err)
{
    struct conn conn;
    bool some;

    if (conn_accept(&conn, &some, v->listener->fd, v->master.stop_fd, err) != 0)
        return -1;
    if (!some)
        return 0;
    reap(v);
    if (v->session_count < v->master.o->replicas_max + OTHERS_MAX)
        return start_session(v, &conn, err);
    conn_close(&conn);
    return 0;
}

struct slowest {
    uint64_t offset;
};

static void look_at_replica(void *context, const struct replica *r)
{
    struct slowest *s = context;

    if (r->state == REPLICA_ONLINE && r->offset < s->offset)
        s->offset = r->offset;
}

static void tick(struct redis_service *v)
{
    uint64_t end = STREAM_FIRST_OFFSET + stream_log_end(v->master.log);
    struct slowest slowest = {.offset = end};

    reap(v);
    replica_list_keep_alive(&v->master.replicas);
    replica_list_visit(&v->master.replicas, look_at_replica, &slowest);
    atomic_store(&v->master.progress->lag, end - slowest.offset);
}

/* Until everything is to end. */
static int take_connections(struct redis_service *v, struct ft_err *err)
{
    struct pollfd fds[] = {{v->listener->fd, POLLIN, 0},
                           {v->master.o->cancel_fd, POLLIN, 0},
                           {v->master.stop_fd, POLLIN, 0}};

    for (;;) {
        if (poll(fds, 3, TICK_MS) < 0 && errno != EINTR)
            return err_errno(err, errno, "could not wait for replicas");
        if (fds[1].revents != 0)
            return err_set(err, FT_ERR_CANCELLED, "stopped");
        if (fds[2].revents != 0)
            return 0;
        if (fds[0].revents != 0 && take_connection(v, err) != 0)
            return -1;
        tick(v);
    }
}

/*
 * The stream
 */

/* "gen-0001-7.0", with what else decides which commands are in it. */
static char *stream_name(const struct serve_options *o, const struct source *source)
{
    static const char *const json[] = {"", "-json-module", "-json-string"};
    char *name;

    if (asprintf(&name, "gen-%04" PRIu32 "-%s%s", source->generation, o->target->name,
                 json[o->json_as]) < 0)
        return NULL;
    return name;
}

/* A directory of the user's, or one in the capture; of an input without a journal nothing is worth keeping. */
static char *stream_dir(const struct serve_options *o, const struct source *source)
{
    char *dir;

    if (o->dir != NULL)
        return strdup(o->dir);
    return asprintf(&dir, "%s/serve", source->path) < 0 ? NULL : dir;
}

static int open_log(struct redis_service *v, const struct source *source, struct ft_err *err)
{
    bool kept = v->master.flow_count != 0;
    struct stream_log_options options = {.generation = source->generation,
                                         .flow_count = v->master.flow_count};
    char *dir = kept ? stream_dir(v->master.o, source) : NULL;
    char *name = kept ? stream_name(v->master.o, source) : NULL;
    uint64_t *first = NULL;
    int rc = -1;

    if (kept && (dir == NULL || name == NULL)) {
        err_nomem(err, "a name");
        goto out;
    }
    if (kept && (source_identify(source, v->master.o->cancel_fd, options.input, err) != 0 ||
                 source_first_lsns(source, &first, err) != 0))
        goto out;
    options.dir = dir;
    options.name = name;
    options.first_lsn = first;
    rc = stream_log_open(&v->master.log, &options, err);
out:
    free(first);
    free(dir);
    free(name);
    return rc;
}

/* A machine that went down may have taken the end of a capture along, which the stream has. */
static int check_ahead(const struct redis_service *v, const struct source *source,
                       struct ft_err *err)
{
    struct stream_point point = {.lsn = calloc(v->master.flow_count + 1u, sizeof(*point.lsn))};
    int rc;

    if (point.lsn == NULL)
        return err_nomem(err, "the flows");
    rc = stream_log_last(v->master.log, &point, err);
    for (uint32_t i = 0; rc == 0 && i < v->master.flow_count; i++) {
        if (point.lsn[i] > source_lsns(source, i).next)
            rc = err_set(err, FT_ERR_STATE,
                         "replicas were given flow %" PRIu32 " before LSN %" PRIu64
                         ", the capture has it before LSN %" PRIu64
                         "; resume the capture first, so that the source sends the rest again",
                         i, point.lsn[i], source_lsns(source, i).next);
    }
    free(point.lsn);
    return rc;
}

static int start(struct redis_service *v, const struct source *source, struct ft_err *err)
{
    int rc;

    v->master.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (v->master.stop_fd < 0)
        return err_errno(err, errno, "could not make an eventfd");
    if (open_log(v, source, err) != 0 || check_ahead(v, source, err) != 0)
        return -1;
    atomic_store(&v->master.progress->offset, STREAM_FIRST_OFFSET + stream_log_end(v->master.log));
    v->maker.log = v->master.log;
    rc = pthread_create(&v->making, NULL, making_main, v);
    if (rc != 0)
        return err_errno(err, rc, "could not start a thread");
    v->is_making = true;
    serve_note(v->master.o, "listening on %s", v->listener->name);
    return 0;
}

static void finish(struct redis_service *v, struct serve_result *result, struct ft_err *err)
{
    if (v->is_making)
        (void)pthread_join(v->making, NULL); /* joined only here */
    for (size_t i = 0; i < v->session_count; i++)
        join(v->sessions[i]);
    free(v->sessions);
    if (suspect_add_report(&result->suspects, &v->suspects, err) != 0)
        stop(v, err);
    suspect_release(&v->suspects);
    result->journal = v->maker.counts;
    if (v->master.log != NULL) {
        (void)snprintf(result->replication_id, sizeof(result->replication_id), "%s",
                       stream_log_id(v->master.log));
        result->offset = STREAM_FIRST_OFFSET + stream_log_end(v->master.log);
    }
    stream_log_free(v->master.log);
    if (v->master.stop_fd >= 0)
        (void)close(v->master.stop_fd); /* holds nothing */
    replica_list_release(&v->master.replicas);
    pthread_mutex_destroy(&v->master.mu);
    pthread_mutex_destroy(&v->mu);
}

int redis_service_run(const struct serve_options *options, const struct source *source,
                      const struct listener *listener, struct serve_progress *progress,
                      struct serve_result *result, bool *ret_turned_over, struct ft_err *err)
{
    struct redis_service v = {
        .master = {.o = options,
                   .progress = progress,
                   .source = source,
                   .port = listener->port,
                   .stop_fd = -1,
                   .state_losses = &result->state_losses,
                   .suspects = &result->suspects},
        .listener = listener,
        .maker = {.o = options,
                  .source = source,
                  .progress = progress,
                  .losses = &result->losses,
                  .suspects = &v.suspects},
        .err = FT_ERR_INIT,
    };
    struct ft_err own = FT_ERR_INIT;

    v.master.flow_count = source_can(source, SOURCE_HAS_JOURNAL) ? source->stream_count : 0;
    v.maker.flow_count = v.master.flow_count;
    pthread_mutex_init(&v.mu, NULL);
    pthread_mutex_init(&v.master.mu, NULL);
    replica_list_init(&v.master.replicas, options->replicas_max);
    if (start(&v, source, &own) != 0 || take_connections(&v, &own) != 0)
        stop(&v, &own);
    finish(&v, result, &own);
    *ret_turned_over = v.maker.turned_over;
    return v.failed ? err_copy(err, &v.err) : 0;
}
