#include "serve/redis_sync.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsutil.h"
#include "base/parse.h"
#include "output/sink_rdb.h"
#include "serve/serve_live.h"

#define MARK_LENGTH 40
#define COPY_BYTES  (256u << 10)

/* One state on its way to a replica. */
struct state_transfer {
    struct redis_peer *s;
    char mark[MARK_LENGTH + 1]; /* "": the length comes first */
    int fd;                     /* where it is collected then; -1 */
    bool begun;
    uint64_t bytes;
};

static int send_text(struct redis_peer *s, const char *text, struct ft_err *err)
{
    return conn_write_all(&s->conn, text, strlen(text), SESSION_TIMEOUT_MS, err);
}

/*
 * Resuming
 */

/* An id that is not a replication id of ours asks for everything. */
static bool can_resume(const struct redis_peer *s, const struct redis_request *request,
                       uint64_t *ret_position)
{
    const struct stream_log *log = s->master->log;
    uint64_t next = STREAM_FIRST_OFFSET + stream_log_end(log) + 1;

    if (request->kind != REQUEST_PSYNC || strcasecmp(request->id, stream_log_id(log)) != 0 ||
        request->offset < (int64_t)STREAM_FIRST_OFFSET + 1 || (uint64_t)request->offset > next)
        return false;
    *ret_position = (uint64_t)request->offset - STREAM_FIRST_OFFSET - 1;
    return true;
}

static int resume(struct redis_peer *s, uint64_t position, struct ft_err *err)
{
    char text[80];

    atomic_fetch_add(&s->master->progress->resumed, 1);
    redis_peer_note(s, "resumes after offset %" PRIu64, STREAM_FIRST_OFFSET + position);
    if (!s->psync2)
        return send_text(s, "+CONTINUE\r\n", err);
    (void)snprintf(text, sizeof(text), "+CONTINUE %s\r\n", stream_log_id(s->master->log));
    return send_text(s, text, err);
}

/*
 * The state
 */

static int begin_marked(struct state_transfer *t, struct ft_err *err)
{
    char text[MARK_LENGTH + 16];

    replica_list_set_state(&t->s->master->replicas, &t->s->replica, REPLICA_LOADING);
    t->s->marked = true;
    t->begun = true;
    (void)snprintf(text, sizeof(text), "$EOF:%s\r\n", t->mark);
    return send_text(t->s, text, err);
}

static int write_state(void *context, struct bytes bytes, struct ft_err *err)
{
    struct state_transfer *t = context;

    t->bytes += bytes.n;
    if (t->fd < 0)
        atomic_fetch_add(&t->s->master->progress->sent, bytes.n);
    if (t->fd >= 0)
        return fs_write_all(t->fd, bytes.p, bytes.n, "a state for a replica", err);
    if (!t->begun && begin_marked(t, err) != 0)
        return -1;
    return conn_write_all(&t->s->conn, bytes.p, bytes.n, SESSION_TIMEOUT_MS, err);
}

static int send_collected(struct state_transfer *t, struct ft_err *err)
{
    uint8_t *piece = malloc(COPY_BYTES);
    uint64_t at = 0;
    char text[32];
    int rc;

    if (piece == NULL)
        return err_nomem(err, "a piece of a state");
    replica_list_set_state(&t->s->master->replicas, &t->s->replica, REPLICA_LOADING);
    (void)snprintf(text, sizeof(text), "$%" PRIu64 "\r\n", t->bytes);
    rc = send_text(t->s, text, err);
    while (rc == 0 && at < t->bytes) {
        size_t n = t->bytes - at < COPY_BYTES ? (size_t)(t->bytes - at) : COPY_BYTES;

        rc = fs_pread_all(t->fd, piece, n, at, "a state for a replica", err);
        if (rc == 0)
            rc = conn_write_all(&t->s->conn, piece, n, SESSION_TIMEOUT_MS, err);
        atomic_fetch_add(&t->s->master->progress->sent, n);
        at += n;
    }
    free(piece);
    return rc;
}

static int begin_transfer(struct state_transfer *t, struct ft_err *err)
{
    uint8_t random[MARK_LENGTH / 2];
    const char *dir;

    if (!t->s->eof) {
        t->fd = fs_open_unnamed(&dir, err);
        return t->fd < 0 ? -1 : 0;
    }
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_errno(err, errno, "could not make a mark");
    bytes_to_hex(bytes_of(random, sizeof(random)), t->mark);
    return 0;
}

static int end_transfer(struct state_transfer *t, struct ft_err *err)
{
    if (t->fd >= 0)
        return send_collected(t, err);
    return send_text(t->s, t->mark, err);
}

/* The losses are those of a whole state, not of all that were sent. */
static int take_result(struct redis_master *m, uint64_t keys, struct loss_report *losses,
                       const struct suspect_report *suspects, struct ft_err *err)
{
    struct loss_report before;
    uint64_t at = 0;
    int rc;

    pthread_mutex_lock(&m->mu);
    before = *m->state_losses;
    *m->state_losses = *losses;
    *losses = before;
    *m->state_keys = keys;
    rc = suspect_add_report(m->suspects, suspects, err);
    if (rc == 0)
        rc = loss_learn(m->losses, m->state_losses, err);
    pthread_mutex_unlock(&m->mu);
    /* a state that is ahead of what was corrected has to be corrected, too */
    if (rc == 0 && m->o->live != NULL)
        rc = serve_suspects_add_from(&m->o->live->suspects, suspects, &at, err);
    return rc;
}

static int convert(struct state_transfer *t, const struct source *source, const struct cut *cut,
                   const struct stream_point *point, struct ft_err *err)
{
    struct redis_peer *s = t->s;
    const struct serve_options *o = s->master->o;
    const struct rdb_out out = {write_state, t, o->keys};
    struct convert_options options = {.target = s->kind.name != NULL ? &s->kind : o->target,
                                      .json_as = o->json_as,
                                      .fail_on_loss = o->fail_on_loss,
                                      .databases = o->databases,
                                      .cut = cut,
                                      .redis_server = o->redis_server};
    struct suspect_report suspects = {0};
    struct convert_result result;
    struct loss_report losses;
    struct conversion c = {.source = source,
                           .options = &options,
                           .out = &out,
                           .stream_db = point->db == RESP_FILE_ANY_DB ? 0 : point->db,
                           .losses = &losses,
                           .suspects = &suspects,
                           .result = &result};
    int rc = 0;

    loss_init(&losses);
    if (s->no_keys)
        rc = filter_add_no_key(&options.filter, "*", err);
    if (rc == 0)
        rc = convert_run(&sink_rdb, &c, err);
    if (rc == 0 && !s->no_keys)
        rc = take_result(s->master, result.keys, &losses, &suspects, err);
    filter_release(&options.filter);
    loss_release(&losses);
    suspect_release(&suspects);
    return rc;
}

/* "LSN,LSN,...": the last records that the point has. */
static int cut_of_point(const struct source *source, const struct stream_point *point,
                        struct cut *ret, struct ft_err *err)
{
    struct buf text = {0};
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < source->stream_count; i++)
        rc = buf_printf(&text, err, "%s%" PRIu64, i == 0 ? "" : ",", point->lsn[i] - 1);
    if (rc == 0)
        rc = buf_append(&text, "", 1, err);
    if (rc == 0)
        rc = source_resolve_base(source, (const char *)text.p, ret, err);
    buf_release(&text);
    return rc;
}

static int send_state_of(struct state_transfer *t, const struct stream_point *point,
                         struct ft_err *err)
{
    struct redis_master *m = t->s->master;
    struct source *source;
    struct cut cut = {0};
    int rc = 0;

    if (source_open(&source, m->o->input, m->source->generation, err) != 0)
        return -1;
    source->cancel_fd = m->stop_fd;
    if (m->flow_count != 0)
        rc = cut_of_point(source, point, &cut, err);
    if (rc == 0)
        rc = begin_transfer(t, err);
    if (rc == 0)
        rc = convert(t, source, m->flow_count == 0 ? NULL : &cut, point, err);
    if (rc == 0)
        rc = end_transfer(t, err);
    if (t->fd >= 0)
        (void)close(t->fd); /* has no name */
    cut_release(&cut);
    source_free(source);
    return rc;
}

/* An input without a journal has one state, whatever the stream says since. */
static int choose_point(const struct redis_peer *s, struct stream_point *ret, struct ft_err *err)
{
    struct redis_master *m = s->master;

    if (m->flow_count != 0 && !m->o->state_at_end) {
        stream_log_first(m->log, ret);
        return 0;
    }
    return stream_log_last(m->log, ret, err);
}

static int send_state(struct redis_peer *s, const struct stream_point *point, struct ft_err *err)
{
    struct state_transfer t = {.s = s, .fd = -1};
    uint64_t began_ms = clock_mono_ms();
    char size[FORMAT_SIZE];
    char span[FORMAT_SIZE];
    char text[96];
    int rc = 0;

    redis_peer_note(s, "gets the whole state, at offset %" PRIu64,
                    STREAM_FIRST_OFFSET + point->position);
    if (!s->old) {
        (void)snprintf(text, sizeof(text), "+FULLRESYNC %s %" PRIu64 "\r\n",
                       stream_log_id(s->master->log), STREAM_FIRST_OFFSET + point->position);
        rc = send_text(s, text, err);
    }
    atomic_fetch_add(&s->master->progress->syncing, 1);
    if (rc == 0)
        replica_list_set_state(&s->master->replicas, &s->replica, REPLICA_WAITING);
    if (rc == 0)
        rc = send_state_of(&t, point, err);
    atomic_fetch_sub(&s->master->progress->syncing, 1);
    if (rc != 0)
        return -1;
    atomic_fetch_add(&s->master->progress->full_syncs, 1);
    redis_peer_note(s, "has got the whole state, %s in %s", format_size(t.bytes, size),
                    format_duration_ms(clock_mono_ms() - began_ms, span));
    return 0;
}

int redis_sync_answer(struct redis_peer *s, const struct redis_request *request,
                      uint64_t *ret_position, struct ft_err *err)
{
    struct stream_point point = {0};
    int rc;

    atomic_fetch_add(&s->master->progress->asked, 1);
    if (can_resume(s, request, ret_position))
        return resume(s, *ret_position, err);
    if (request->kind == REQUEST_PSYNC && request->id[0] != '?')
        atomic_fetch_add(&s->master->progress->refused, 1);
    point.lsn = calloc(s->master->flow_count + 1u, sizeof(*point.lsn));
    if (point.lsn == NULL)
        return err_nomem(err, "a point of the replication stream");
    rc = choose_point(s, &point, err);
    if (rc == 0)
        rc = send_state(s, &point, err);
    *ret_position = point.position;
    free(point.lsn);
    return rc;
}
