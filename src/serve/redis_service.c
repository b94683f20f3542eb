#include "serve/redis_service.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/wake.h"
#include "serve/redis_session.h"
#include "serve/redis_status.h"
#include "serve/serve_live.h"
#include "serve/stream_maker.h"

#define TICK_MS 1000
/* Between looks at a capture that has to catch up with the stream. */
#define LOOK_MS 20
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
    (void)wake_set(v->master.stop_fd);
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

static void take_slowest(void *context, const struct replica *r)
{
    uint64_t *offset = context;

    if (r->state == REPLICA_ONLINE && r->offset < *offset)
        *offset = r->offset;
}

/* By the slowest replica that gets the stream. */
static int publish_lag(struct redis_service *v, struct ft_err *err)
{
    struct serve_progress *progress = v->master.progress;
    uint64_t offset = STREAM_FIRST_OFFSET + stream_log_end(v->master.log);
    struct stream_lag all;
    struct stream_lag lag;

    replica_list_visit(&v->master.replicas, take_slowest, &offset);
    if (stream_log_lag(v->master.log, 0, &all, err) != 0 ||
        redis_status_lag(&v->master, offset, &lag, err) != 0)
        return -1;
    atomic_store(&progress->stream_records, all.records);
    atomic_store(&progress->lag, lag.bytes);
    atomic_store(&progress->lag_records, lag.records);
    atomic_store(&progress->lag_ms, lag.ms);
    return 0;
}

static int tick(struct redis_service *v, struct ft_err *err)
{
    reap(v);
    replica_list_keep_alive(&v->master.replicas);
    return publish_lag(v, err);
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
        if (tick(v, err) != 0)
            return -1;
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

/* A directory of the user's, or one in the capture. NULL, without an error: there is none, as the capture is in one
 * file. */
static int stream_dir(const struct redis_service *v, const struct source *source, char **ret,
                      struct ft_err *err)
{
    const char *named = v->master.o->dir;
    struct stat status;

    *ret = NULL;
    if (named == NULL && (stat(source->path, &status) != 0 || !S_ISDIR(status.st_mode))) {
        serve_note(v->master.o,
                   "the stream is not kept beyond this run, as the capture is not a directory "
                   "(--dir)");
        return 0;
    }
    if (named != NULL)
        *ret = strdup(named);
    else if (asprintf(ret, "%s/serve", source->path) < 0)
        *ret = NULL;
    return *ret == NULL ? err_nomem(err, "a name") : 0;
}

static int open_log(struct redis_service *v, const struct source *source, struct ft_err *err)
{
    bool kept = v->master.flow_count != 0; /* of an input without a journal nothing is worth it */
    struct stream_log_options options = {.generation = source->generation,
                                         .flow_count = v->master.flow_count};
    char *name = NULL;
    char *dir = NULL;
    uint64_t *first = NULL;
    int rc = -1;

    if (kept && stream_dir(v, source, &dir, err) != 0)
        goto out;
    if (kept && (name = stream_name(v->master.o, source)) == NULL) {
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

/* A capture of this process gets from the source again what it has lost, or begins another generation. */
static int await_rest(struct redis_service *v, const struct source *source,
                      const struct stream_point *point, struct ft_err *err)
{
    struct live_flows *flows = v->master.o->live->flows;
    uint32_t i = 0;

    while (i < v->master.flow_count) {
        struct pollfd cancel = {v->master.o->cancel_fd, POLLIN, 0};
        struct live_point written = {0};
        struct live_state state;

        live_flows_state(flows, &state);
        if (state.generation == source->generation)
            (void)live_flows_point(flows, LIVE_WRITTEN, i, &written); /* else it stays 0 */
        if (point->lsn[i] <= source_lsns(source, i).next || point->lsn[i] <= written.next_lsn) {
            i++;
            continue;
        }
        if (state.ended)
            return err_set(err, FT_ERR_STATE,
                           "replicas were given flow %" PRIu32 " before LSN %" PRIu64
                           ", which the capture does not have",
                           i, point->lsn[i]);
        if (state.replayable > source->generation)
            return 0; /* the maker finds that out */
        if (poll(&cancel, 1, LOOK_MS) > 0)
            return err_set(err, FT_ERR_CANCELLED, "stopped");
    }
    return 0;
}

/* A machine that went down may have taken the end of a capture along, which the stream has. */
static int check_ahead(struct redis_service *v, const struct source *source, struct ft_err *err)
{
    struct stream_point point = {.lsn = calloc(v->master.flow_count + 1u, sizeof(*point.lsn))};
    int rc;

    if (point.lsn == NULL)
        return err_nomem(err, "the flows");
    rc = stream_log_last(v->master.log, &point, err);
    if (rc == 0 && v->master.o->live != NULL)
        rc = await_rest(v, source, &point, err);
    for (uint32_t i = 0; rc == 0 && v->master.o->live == NULL && i < v->master.flow_count; i++) {
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

    if (wake_open(&v->master.stop_fd, err) != 0 || open_log(v, source, err) != 0 ||
        check_ahead(v, source, err) != 0)
        return -1;
    atomic_store(&v->master.progress->offset, STREAM_FIRST_OFFSET + stream_log_end(v->master.log));
    v->maker.log = v->master.log;
    v->maker.stop_fd = v->master.stop_fd;
    if (v->master.o->live != NULL)
        serve_live_attach(v->master.o->live, v->master.log, &v->master.replicas, source->generation,
                          v->master.flow_count);
    rc = pthread_create(&v->making, NULL, making_main, v);
    if (rc != 0)
        return err_errno(err, rc, "could not start a thread");
    v->is_making = true;
    serve_note(v->master.o, "listening on %s", v->listener->name);
    if (v->master.o->on_ready != NULL) {
        const struct serve_place place = {.replication_id = stream_log_id(v->master.log),
                                          .address = v->listener->name,
                                          .port = v->listener->port};

        v->master.o->on_ready(v->master.o->ready_context, &place);
    }
    return 0;
}

struct replica_taking {
    struct redis_service *v;
    struct serve_result *result;
    struct ft_err *err;
    int rc;
};

static void take_replica(void *context, const struct replica *r)
{
    struct replica_taking *t = context;
    struct serve_result *result = t->result;
    struct serve_replica *into;

    if (t->rc != 0)
        return;
    t->rc = ARRAY_ADD_ROOM(&result->replicas, result->replica_count, "the replicas", t->err);
    if (t->rc != 0)
        return;
    into = &result->replicas[result->replica_count++];
    *into = (struct serve_replica){.state = replica_state_name(r->state), .offset = r->offset};
    memcpy(into->name, r->name, sizeof(into->name));
    t->rc = redis_status_lag(&t->v->master, r->offset, &into->lag, t->err);
}

/* How far each is, before connections are closed. */
static int take_replicas(struct redis_service *v, struct serve_result *result, struct ft_err *err)
{
    struct replica_taking t = {.v = v, .result = result, .err = err};

    result->replica_count = 0;
    if (v->master.log == NULL)
        return 0;
    replica_list_visit(&v->master.replicas, take_replica, &t);
    return t.rc == 0 ? publish_lag(v, err) : -1;
}

static void finish(struct redis_service *v, struct serve_result *result, struct ft_err *err)
{
    if (v->is_making)
        (void)pthread_join(v->making, NULL); /* joined only here */
    for (size_t i = 0; i < v->session_count; i++)
        join(v->sessions[i]);
    free(v->sessions);
    if (v->master.o->live != NULL)
        serve_live_detach(v->master.o->live);
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
                   .state_keys = &result->state_keys,
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
    int rc;

    v.master.flow_count = source_can(source, SOURCE_HAS_JOURNAL) ? source->stream_count : 0;
    v.maker.flow_count = v.master.flow_count;
    pthread_mutex_init(&v.mu, NULL);
    pthread_mutex_init(&v.master.mu, NULL);
    replica_list_init(&v.master.replicas, options->replicas_max);
    rc = start(&v, source, &own) != 0 ? -1 : take_connections(&v, &own);
    if (take_replicas(&v, result, &own) != 0 || rc != 0)
        stop(&v, &own);
    err_clear(&own);
    finish(&v, result, &own);
    *ret_turned_over = v.maker.turned_over;
    return v.failed ? err_copy(err, &v.err) : 0;
}
