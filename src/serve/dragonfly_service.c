#include "serve/dragonfly_service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "input/source_capture.h"
#include "serve/dragonfly_commands.h"
#include "serve/dragonfly_flow.h"
#include "serve/dragonfly_status.h"
#include "serve/newer_generation.h"
#include "serve/session_pool.h"

#define READ_BYTES 4096u
/* Beside replicas there are clients that ask how things are. */
#define OTHERS_MAX 32u
/* A client may keep its connection as long as it wants, but a stopped master is noticed at once. */
#define IDLE_TIMEOUT_MS (UINT64_C(365) * 86400000u)

struct service {
    struct dragonfly_master master;
    struct session_pool pool;
    const struct source *source;
    struct newer_generation newer;
    bool turned_over;
};

/*
 * A connection
 */

static int send_replies(struct dragonfly_peer *p, struct ft_err *err)
{
    int rc = 0;

    if (p->out.n != 0)
        rc = conn_write_all(&p->conn, p->out.p, p->out.n, DRAGONFLY_TIMEOUT_MS, err);
    buf_clear(&p->out);
    return rc;
}

static int answer_all(struct dragonfly_peer *p, struct ft_err *err)
{
    enum step step = STEP_MORE;

    while (!p->ends && p->flow == NULL &&
           (step = command_reader_next(&p->reader, err)) == STEP_ITEM) {
        if (dragonfly_command_answer(p, err) != 0)
            return -1;
    }
    if (step == STEP_ERROR)
        return -1;
    return send_replies(p, err);
}

static int converse(struct dragonfly_peer *p, struct ft_err *err)
{
    struct tls *tls = p->master->o->listen.tls;

    if (tls != NULL && conn_serve_tls(&p->conn, tls, DRAGONFLY_TIMEOUT_MS, err) != 0)
        return -1;
    while (!p->ends && p->flow == NULL) {
        uint8_t bytes[READ_BYTES];
        size_t n;

        if (conn_read(&p->conn, bytes, sizeof(bytes), &n, IDLE_TIMEOUT_MS, err) != 0)
            return -1;
        if (n == 0)
            return err_set(err, FT_ERR_NET, "%s has closed the connection", p->conn.name);
        if (command_reader_push(&p->reader, bytes_of(bytes, n), err) != 0 ||
            answer_all(p, err) != 0)
            return -1;
    }
    return p->flow != NULL ? dragonfly_flow_run(p, err) : 0;
}

static int run_session(void *context, struct conn *conn, struct ft_err *err)
{
    struct service *v = context;
    struct dragonfly_peer *p = calloc(1, sizeof(*p));
    int rc;

    if (p == NULL) {
        conn_close(conn);
        return err_nomem(err, "a connection");
    }
    p->master = &v->master;
    p->conn = *conn;
    p->authenticated = v->master.o->password == NULL;
    session_pool_host(&p->conn, p->host);
    rc = converse(p, err);
    if (p->session != NULL)
        dragonfly_session_leave(p->session, p->flow);
    if (atomic_load(&v->master.taken_over))
        session_pool_stop(&v->pool, NULL);
    conn_close(&p->conn);
    command_reader_release(&p->reader);
    buf_release(&p->out);
    free(p);
    return rc;
}

static void tell_end(void *context, const char *name, const struct ft_err *why)
{
    struct service *v = context;

    if (why->kind == FT_ERR_PROTOCOL || why->kind == FT_ERR_TIMEOUT)
        serve_note(v->master.o, "%s: %s", name, why->msg);
}

/*
 * The service
 */

static int tick(void *context, struct ft_err *err)
{
    struct service *v = context;
    int newer;

    dragonfly_publish_status(&v->master);
    newer = v->master.o->follow && v->master.o->generation == 0
                ? newer_generation_look(&v->newer, v->source, err)
                : 0;
    if (newer < 0)
        return -1;
    if (newer > 0) {
        v->turned_over = true;
        session_pool_stop(&v->pool, NULL);
    }
    return 0;
}

static void tell_ready(const struct service *v, const struct listener *listener)
{
    const struct serve_options *o = v->master.o;
    const struct serve_place place = {.replication_id = v->master.replication_id,
                                      .address = listener->name,
                                      .port = listener->port};

    serve_note(o, "listening on %s", listener->name);
    if (o->on_ready != NULL)
        o->on_ready(o->ready_context, &place);
}

static int start(struct service *v, struct ft_err *err)
{
    const struct capture *capture = source_capture_directory(v->source);

    if (capture == NULL || !source_can(v->source, SOURCE_OF_DRAGONFLY) || capture->redis)
        return err_set(
            err, FT_ERR_USAGE,
            "\"%s\" is not a capture of a Dragonfly: only what one has sent can be served as a "
            "Dragonfly",
            v->source->path);
    v->master.capture = capture;
    v->master.generation = capture_find(capture, v->source->generation);
    if (session_pool_init(&v->pool, err) != 0)
        return -1;
    v->master.stop_fd = v->pool.stop_fd;
    return dragonfly_master_init(&v->master, err);
}

int dragonfly_service_run(const struct serve_options *options, const struct source *source,
                          const struct listener *listener, struct serve_progress *progress,
                          struct serve_result *result, bool *ret_turned_over, struct ft_err *err)
{
    struct service v = {
        .master = {.o = options,
                   .progress = progress,
                   .release = source->release,
                   .port = listener->port,
                   .stop_fd = -1},
        .pool = {.listener = listener,
                 .cancel_fd = options->cancel_fd,
                 .stop_fd = -1,
                 .sessions_max = options->replicas_max * (source->stream_count + 1) + OTHERS_MAX,
                 .session = run_session,
                 .on_end = tell_end,
                 .on_tick = tick,
                 .context = &v},
        .source = source,
    };
    struct ft_err own = FT_ERR_INIT;
    int rc = start(&v, err);

    if (rc == 0) {
        tell_ready(&v, listener);
        if (session_pool_accept(&v.pool, &own) != 0)
            session_pool_stop(&v.pool, &own);
        rc = session_pool_finish(&v.pool, err);
    }
    (void)snprintf(result->replication_id, sizeof(result->replication_id), "%.40s",
                   v.master.replication_id);
    result->taken_over = atomic_load(&v.master.taken_over);
    dragonfly_master_release(&v.master);
    session_pool_release(&v.pool);
    *ret_turned_over = v.turned_over;
    return rc;
}
