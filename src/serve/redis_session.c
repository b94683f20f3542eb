#include "serve/redis_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "serve/redis_commands.h"
#include "serve/redis_feed.h"
#include "serve/redis_sync.h"
#include "serve/session_pool.h"

#define REFUSED_MS 1000u
/* A client may keep its connection as long as it wants, but a stopped master is noticed at once. */
#define IDLE_TIMEOUT_MS (UINT64_C(365) * 86400000u)

static int send_replies(struct redis_peer *s, struct ft_err *err)
{
    int rc = 0;

    if (s->out.n != 0)
        rc = conn_write_all(&s->conn, s->out.p, s->out.n, SESSION_TIMEOUT_MS, err);
    buf_clear(&s->out);
    return rc;
}

/* Who is refused comes again at once: the connection is closed only after a while. */
static int refuse(struct redis_peer *s, const char *why, struct ft_err *err)
{
    char text[120];

    redis_peer_note(s, "refused: %s", why);
    s->ends = true;
    (void)snprintf(text, sizeof(text), "-ERR %s\r\n", why); /* fits */
    if (conn_write_all(&s->conn, text, strlen(text), SESSION_TIMEOUT_MS, err) != 0)
        return -1;
    return conn_sleep(&s->conn, REFUSED_MS, err);
}

/* From here on it gets no replies any more. */
static int become_replica(struct redis_peer *s, const struct redis_request *request,
                          struct ft_err *err)
{
    uint64_t position;
    int rc;

    if (s->unfit)
        return refuse(s, "its version cannot load what is served here (--redis)", err);
    s->replica.counts = request->kind == REQUEST_PSYNC && !s->state_only;
    if (!replica_list_add(&s->master->replicas, &s->replica))
        return refuse(s, "there are as many replicas as --max-replicas allows", err);
    s->attached = true;
    rc = redis_sync_answer(s, request, &position, err);
    if (rc == 0 && !s->state_only)
        rc = redis_feed_run(s, position, err);
    replica_list_remove(&s->master->replicas, &s->replica);
    s->ends = true;
    return rc;
}

static int answer_all(struct redis_peer *s, struct ft_err *err)
{
    enum step step;

    while (!s->ends && (step = command_reader_next(&s->reader, err)) == STEP_ITEM) {
        struct redis_request request = {.kind = REQUEST_NONE};

        if (redis_command_answer(s, &request, err) != 0)
            return -1;
        if (request.kind == REQUEST_NONE)
            continue;
        if (send_replies(s, err) != 0)
            return -1;
        return become_replica(s, &request, err);
    }
    if (!s->ends && step == STEP_ERROR)
        return -1;
    return send_replies(s, err);
}

static int converse(struct redis_peer *s, struct ft_err *err)
{
    struct tls *tls = s->master->o->listen.tls;

    if (tls != NULL && conn_serve_tls(&s->conn, tls, SESSION_TIMEOUT_MS, err) != 0)
        return -1;
    while (!s->ends) {
        if (redis_peer_read(s, IDLE_TIMEOUT_MS, err) != 0 || answer_all(s, err) != 0)
            return -1;
    }
    return 0;
}

int redis_session_run(struct redis_master *master, struct conn *conn, bool *ret_attached,
                      struct ft_err *err)
{
    struct redis_peer *s = calloc(1, sizeof(*s));
    int rc;

    *ret_attached = false;
    if (s == NULL) {
        conn_close(conn);
        return err_nomem(err, "a connection");
    }
    s->master = master;
    s->conn = *conn;
    s->authenticated = master->o->password == NULL;
    s->replica.conn = &s->conn;
    (void)snprintf(s->replica.name, sizeof(s->replica.name), "%s", s->conn.name);
    session_pool_host(&s->conn, s->replica.host);
    rc = converse(s, err);
    *ret_attached = s->attached;
    conn_close(&s->conn);
    command_reader_release(&s->reader);
    buf_release(&s->out);
    free(s);
    return rc;
}
