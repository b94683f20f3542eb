#include "serve/redis_service.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "serve/redis_session.h"
#include "serve/redis_status.h"
#include "serve/serve_live.h"
#include "serve/session_pool.h"
#include "serve/stream_maker.h"

/* Between looks at a capture that has to catch up with the stream. */
#define LOOK_MS 20
/* Beside replicas there are clients that ask how things are. */
#define OTHERS_MAX 32u

struct redis_service {
    struct redis_master master;
    struct session_pool pool;
    struct stream_maker maker;
    struct suspect_report suspects; /* of the maker */
    pthread_t making;
    bool is_making;
};

static void *making_main(void *context)
{
    struct redis_service *v = context;
    struct ft_err err = FT_ERR_INIT;

    session_pool_stop(&v->pool, stream_maker_run(&v->maker, &err) != 0 ? &err : NULL);
    return NULL;
}

static void tell_end(void *context, const char *name, const struct ft_err *why)
{
    const struct redis_service *v = context;

    if (why->kind == FT_ERR_CANCELLED)
        return;
    if (strstr(why->msg, name) != NULL)
        serve_note(v->master.o, "%s", why->msg);
    else
        serve_note(v->master.o, "%s: %s", name, why->msg);
}

/* Nobody misses a connection that was lost before it was a replica's. */
static int run_session(void *context, struct conn *conn, struct ft_err *err)
{
    struct redis_service *v = context;
    bool attached;

    if (redis_session_run(&v->master, conn, &attached, err) == 0)
        return 0;
    if (attached || (err->kind != FT_ERR_NET && err->kind != FT_ERR_TIMEOUT))
        return -1;
    err_clear(err);
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

static int tick(void *context, struct ft_err *err)
{
    struct redis_service *v = context;

    replica_list_keep_alive(&v->master.replicas);
    return publish_lag(v, err);
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
                                         .flow_count = v->master.flow_count,
                                         .by_offset = source_can(source, SOURCE_LSN_IS_OFFSET)};
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

    if (session_pool_init(&v->pool, err) != 0)
        return -1;
    v->master.stop_fd = v->pool.stop_fd;
    if (open_log(v, source, err) != 0 || check_ahead(v, source, err) != 0)
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
    serve_note(v->master.o, "listening on %s", v->pool.listener->name);
    if (v->master.o->on_ready != NULL) {
        const struct serve_place place = {.replication_id = stream_log_id(v->master.log),
                                          .address = v->pool.listener->name,
                                          .port = v->pool.listener->port};

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
    session_pool_stop(&v->pool, NULL);
    if (v->is_making)
        (void)pthread_join(v->making, NULL);  /* joined only here */
    (void)session_pool_finish(&v->pool, err); /* asked again at the end */
    if (v->master.o->live != NULL)
        serve_live_detach(v->master.o->live);
    if (suspect_add_report(&result->suspects, &v->suspects, err) != 0)
        session_pool_stop(&v->pool, err);
    suspect_release(&v->suspects);
    result->journal = v->maker.counts;
    if (v->master.log != NULL) {
        (void)snprintf(result->replication_id, sizeof(result->replication_id), "%s",
                       stream_log_id(v->master.log));
        result->offset = STREAM_FIRST_OFFSET + stream_log_end(v->master.log);
    }
    stream_log_free(v->master.log);
    replica_list_release(&v->master.replicas);
    pthread_mutex_destroy(&v->master.mu);
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
                   .losses = &result->losses,
                   .suspects = &result->suspects},
        .pool = {.listener = listener,
                 .cancel_fd = options->cancel_fd,
                 .stop_fd = -1,
                 .sessions_max = options->replicas_max + OTHERS_MAX,
                 .session = run_session,
                 .on_end = tell_end,
                 .on_tick = tick,
                 .context = &v},
        .maker = {.o = options,
                  .source = source,
                  .progress = progress,
                  .losses = &result->losses,
                  .suspects = &v.suspects},
    };
    struct ft_err own = FT_ERR_INIT;
    int rc;

    v.master.flow_count = source_can(source, SOURCE_HAS_JOURNAL) ? source->stream_count : 0;
    v.maker.flow_count = v.master.flow_count;
    pthread_mutex_init(&v.master.mu, NULL);
    replica_list_init(&v.master.replicas, options->replicas_max);
    rc = start(&v, source, &own) != 0 ? -1 : session_pool_accept(&v.pool, &own);
    if (take_replicas(&v, result, &own) != 0 || rc != 0)
        session_pool_stop(&v.pool, &own);
    err_clear(&own);
    finish(&v, result, &own);
    *ret_turned_over = v.maker.turned_over;
    rc = session_pool_finish(&v.pool, err);
    session_pool_release(&v.pool);
    return rc;
}
