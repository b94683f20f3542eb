#include "serve/dragonfly_flow.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wake.h"
#include "journal/journal_reader.h"
#include "serve/dragonfly_hooks.h"
#include "serve/dragonfly_tape.h"

#define READ_BYTES     4096u
#define SEND_BYTES     ((size_t)256 << 10)
#define GROWTH_MS      20    /* how often a growing capture is asked for more */
#define PACE_MS        2     /* likewise, whether it is time for more */
#define LINGER_MS      5000u /* for the peer to take what was sent before a cut */
#define LINGER_POLL_MS 100

/* The state of sending, of the thread alone. */
struct sending {
    struct dragonfly_peer *peer;
    struct dragonfly_master *m;
    struct dragonfly_flow *f;
    struct dragonfly_tape *tape;
    bool stalled; /* --stall has had its time in this session */
    bool over;    /* the session has ended, or everything does */
};

/*
 * Acknowledgements
 */

/* With mu held. What is wrong with it is said, but it counts nevertheless. */
static void take_ack(struct sending *s, uint64_t lsn)
{
    struct dragonfly_flow *f = s->f;

    if (!f->stable)
        dragonfly_violation(s->m, "%s: flow %" PRIu32 ": ACK %" PRIu64 " before stable sync",
                            s->peer->conn.name, f->index, lsn);
    else if (lsn < f->first_lsn || lsn > f->sent_lsn)
        dragonfly_violation(s->m,
                            "%s: flow %" PRIu32 ": ACK %" PRIu64 ", while the next LSN is %" PRIu64
                            " to %" PRIu64,
                            s->peer->conn.name, f->index, lsn, f->first_lsn, f->sent_lsn);
    else if (lsn < f->ack)
        dragonfly_violation(s->m, "%s: flow %" PRIu32 ": ACK %" PRIu64 " after ACK %" PRIu64,
                            s->peer->conn.name, f->index, lsn, f->ack);
    f->ack = lsn;
    pthread_cond_broadcast(&s->m->changed);
}

static void take_command(struct sending *s)
{
    const struct command_reader *r = &s->peer->reader;
    const struct dragonfly_hooks *hooks = s->m->o->dragonfly.hooks;
    char name[64];
    uint64_t lsn;
    bool is_ack = r->count == 3 && bytes_is_word(r->args[0], "REPLCONF") &&
                  bytes_is_word(r->args[1], "ACK") && bytes_to_u64(r->args[2], &lsn);

    if (r->count == 0)
        return;
    pthread_mutex_lock(&s->m->mu);
    if (is_ack)
        take_ack(s, lsn);
    else
        dragonfly_violation(
            s->m, "%s: flow %" PRIu32 ": \"%s\" on a flow, which takes REPLCONF ACK",
            s->peer->conn.name, s->f->index, bytes_escape(r->args[0], name, sizeof(name)));
    pthread_mutex_unlock(&s->m->mu);
    if (is_ack && hooks != NULL && hooks->ack != NULL)
        hooks->ack(hooks->context, s->f, lsn);
}

/* Whatever has come; a peer that has gone ends the session. */
static int read_acks(struct sending *s, struct ft_err *err)
{
    uint8_t bytes[READ_BYTES];
    ssize_t n = conn_recv(&s->peer->conn, bytes, sizeof(bytes));
    enum step step;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        return conn_lost(&s->peer->conn, n == 0 ? 0 : errno, err);
    if (command_reader_push(&s->peer->reader, bytes_of(bytes, (size_t)n), err) != 0)
        return -1;
    while ((step = command_reader_next(&s->peer->reader, err)) == STEP_ITEM)
        take_command(s);
    return step == STEP_ERROR ? -1 : 0;
}

/*
 * Waiting
 */

static void look_at_session(struct sending *s)
{
    pthread_mutex_lock(&s->m->mu);
    s->over = s->over || s->f->session->dead;
    pthread_mutex_unlock(&s->m->mu);
}

/* Until something has happened, there is room to send, or timeout_ms have passed. */
static int wait_some(struct sending *s, bool to_send, int timeout_ms, struct ft_err *err)
{
    struct conn *conn = &s->peer->conn;
    bool more = conn_has_more(conn);
    struct pollfd fds[] = {
        {conn->fd, conn_events(conn, (short)(POLLIN | (to_send ? POLLOUT : 0))), 0},
        {s->f->wake_fd, POLLIN, 0},
        {s->m->stop_fd, POLLIN, 0}};

    if (poll(fds, 3, more ? 0 : timeout_ms) < 0 && errno != EINTR)
        return err_errno(err, errno, "could not wait for a replica");
    if (fds[2].revents != 0)
        s->over = true;
    if (fds[1].revents != 0 && wake_clear(s->f->wake_fd))
        look_at_session(s);
    if (more || (fds[0].revents & ~POLLOUT) != 0)
        return read_acks(s, err);
    return 0;
}

static int wait_ms(struct sending *s, uint64_t ms, struct ft_err *err)
{
    uint64_t until_ms = clock_mono_ms() + ms;
    uint64_t now_ms;

    while (!s->over && (now_ms = clock_mono_ms()) < until_ms) {
        uint64_t left = until_ms - now_ms;

        if (wait_some(s, false, left > 1000 ? 1000 : (int)left, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * When a piece is sent, and how much of it
 */

/* How many bytes of a journal's piece may go now: whole records of those that exist. */
static size_t existing_bytes(const struct dragonfly_piece *p, uint64_t limit_lsn)
{
    uint64_t after = p->lsn + p->record_count;

    if (limit_lsn > after || (limit_lsn == after && !p->open))
        return p->bytes.n;
    return limit_lsn <= p->lsn ? 0 : p->records[limit_lsn - p->lsn - 1].end;
}

/* With mu held: of this piece from its beginning; *ret_wait_ms: when to ask again, if nobody wakes. */
static int allowed_bytes(struct sending *s, const struct dragonfly_piece *p, size_t *ret,
                         int *ret_wait_ms, struct ft_err *err)
{
    const struct dragonfly_options *o = &s->m->o->dragonfly;
    const struct dragonfly_session *session = s->f->session;
    uint64_t limit_lsn;

    *ret = 0;
    *ret_wait_ms = -1;
    if (!(p->stable ? session->stable : session->synced || session->stable))
        return 0;
    *ret_wait_ms = PACE_MS;
    if (p->time_us == 0) { /* has no other time than now */
        *ret = p->bytes.n;
    } else if (p->journal) {
        if (dragonfly_clock_limit(&s->m->clock, s->f->index, &limit_lsn, err) != 0)
            return -1;
        *ret = existing_bytes(p, limit_lsn);
    } else if (o->pace == DRAGONFLY_PACE_RECORDED && !p->stable &&
               (double)(clock_mono_us() - session->synced_us) * o->speed <
                   (double)(p->time_us - s->m->stream_time_us)) {
        *ret = 0;
    } else {
        *ret = p->bytes.n;
    }
    return 0;
}

/* How many records of a piece end within its first n bytes. */
static uint32_t records_within(const struct dragonfly_piece *p, size_t n)
{
    uint32_t low = 0;
    uint32_t high = p->record_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (p->records[middle].end <= n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* No cut comes between a record and the LSN mark after it: who resumes gets the journal from a record on. */
static size_t after_marks(const struct dragonfly_piece *p, size_t n)
{
    uint32_t next = records_within(p, n);

    if (!p->journal)
        return n;
    if (next < p->record_count)
        return p->records[next].start > n ? p->records[next].start : n;
    return p->open ? n : p->bytes.n;
}

/* The options' say in how the next bytes are sent. */
static void choose_send(struct sending *s, const struct dragonfly_piece *p, size_t at, size_t some,
                        struct dragonfly_send *ret)
{
    const struct dragonfly_options *o = &s->m->o->dragonfly;
    const struct dragonfly_hooks *hooks = o->hooks;
    uint64_t sent = s->f->sent_bytes;
    bool drops =
        o->drop_bytes != 0 && (o->drop_times == 0 || s->f->session->number <= o->drop_times);

    *ret = (struct dragonfly_send){.n = some < SEND_BYTES ? some : SEND_BYTES};
    if (o->chunk_bytes != 0 && ret->n > o->chunk_bytes)
        ret->n = (size_t)o->chunk_bytes;
    if (!s->stalled && o->stall_ms != 0 && sent < o->stall_bytes &&
        sent + ret->n >= o->stall_bytes) {
        ret->n = (size_t)(o->stall_bytes - sent);
        ret->wait_ms = o->stall_ms;
        s->stalled = true;
    }
    if (drops && sent < o->drop_bytes && sent + ret->n >= o->drop_bytes) {
        ret->n = (size_t)(o->drop_bytes - sent);
        ret->cut = true;
    }
    if (ret->cut)
        ret->n = after_marks(p, at + ret->n) - at;
    if (hooks != NULL && hooks->send != NULL)
        hooks->send(hooks->context, s->f,
                    p->offset == DRAGONFLY_MADE ? DRAGONFLY_MADE : p->offset + at, ret);
}

/*
 * Sending
 */

/* Before the bytes go, as an ACK of them may be there at once. */
static void note_sent(struct sending *s, const struct dragonfly_piece *p, size_t from, size_t to)
{
    struct dragonfly_flow *f = s->f;
    uint32_t done = records_within(p, to);

    pthread_mutex_lock(&s->m->mu);
    f->sent_bytes += to - from;
    if (p->journal) {
        f->sent_lsn = p->lsn + done;
        f->begun_lsn =
            f->sent_lsn + (done < p->record_count ? p->records[done].start < to : p->open);
    } else if (p->ends_stream && to == p->bytes.n) {
        f->stable = true;
        f->first_lsn = f->sent_lsn = f->begun_lsn = p->lsn;
    }
    pthread_mutex_unlock(&s->m->mu);
    atomic_fetch_add(&s->m->progress->sent, to - from);
}

static int send_bytes(struct sending *s, const uint8_t *p, size_t n, struct ft_err *err)
{
    uint64_t give_up_ms = clock_mono_ms() + DRAGONFLY_TIMEOUT_MS;

    while (n > 0 && !s->over) {
        ssize_t put = conn_send(&s->peer->conn, p, n);

        if (put > 0) {
            p += put;
            n -= (size_t)put;
            give_up_ms = clock_mono_ms() + DRAGONFLY_TIMEOUT_MS;
            continue;
        }
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return conn_lost(&s->peer->conn, errno, err);
        if (clock_mono_ms() >= give_up_ms)
            return err_set(err, FT_ERR_TIMEOUT, "%s takes nothing for %u ms", s->peer->conn.name,
                           DRAGONFLY_TIMEOUT_MS);
        if (wait_some(s, true, 1000, err) != 0)
            return -1;
    }
    return 0;
}

/* One that always has room is listened to nevertheless. */
static int send_measured(struct sending *s, const uint8_t *p, size_t n, struct ft_err *err)
{
    const struct dragonfly_hooks *hooks = s->m->o->dragonfly.hooks;
    uint64_t began_ms = clock_mono_ms();

    if (send_bytes(s, p, n, err) != 0)
        return -1;
    if (hooks != NULL && hooks->sent != NULL)
        hooks->sent(hooks->context, s->f, clock_mono_ms() - began_ms);
    return wait_some(s, false, 0, err);
}

/* A peer gets all that was sent before a cut, as it would from a network that fails. */
static void linger(struct sending *s)
{
    struct ft_err echo = FT_ERR_INIT;
    uint64_t until_ms = clock_mono_ms() + LINGER_MS;
    struct pollfd fds[] = {{s->peer->conn.fd, POLLIN, 0}, {s->m->stop_fd, POLLIN, 0}};

    (void)shutdown(s->peer->conn.fd, SHUT_WR);
    while (clock_mono_ms() < until_ms && poll(fds, 2, LINGER_POLL_MS) >= 0 && fds[1].revents == 0) {
        if (fds[0].revents != 0 && read_acks(s, &echo) != 0)
            return;
    }
}

/*
 * A PING record ends the flow in a takeover; those of takeovers that have failed follow a capture that has ended. Else
 * nothing happens until something changes, or for timeout_ms.
 */
static int idle(struct sending *s, bool at_end, int timeout_ms, struct ft_err *err)
{
    struct dragonfly_flow *f = s->f;
    bool ping;

    pthread_mutex_lock(&s->m->mu);
    ping = f->stable && f->session->takeover && !f->pinged;
    if (ping)
        f->pinged = true;
    else if (at_end && !s->m->o->follow && f->stable && !f->session->takeover &&
             f->tail < s->m->pings[f->index]) {
        ping = true;
        f->tail++;
    }
    f->sent_lsn += ping;
    f->begun_lsn += ping;
    pthread_mutex_unlock(&s->m->mu);
    if (ping)
        return send_bytes(s, &(const uint8_t){JOURNAL_OP_PING}, 1, err);
    return wait_some(s, false, timeout_ms, err);
}

static int send_piece(struct sending *s, const struct dragonfly_piece *p, struct ft_err *err)
{
    size_t at = 0;

    while (at < p->bytes.n && !s->over) {
        struct dragonfly_send send;
        size_t allowed;
        int wait;
        int rc;

        pthread_mutex_lock(&s->m->mu);
        rc = allowed_bytes(s, p, &allowed, &wait, err);
        pthread_mutex_unlock(&s->m->mu);
        if (rc != 0)
            return -1;
        if (allowed <= at) {
            if (idle(s, false, wait, err) != 0)
                return -1;
            continue;
        }
        choose_send(s, p, at, allowed - at, &send);
        note_sent(s, p, at, at + send.n);
        if (send_measured(s, p->bytes.p + at, send.n, err) != 0)
            return -1;
        at += send.n;
        if (send.cut) {
            serve_note(s->m->o, "%s: cut after %" PRIu64 " bytes of flow %" PRIu32,
                       s->f->session->id, s->f->sent_bytes, s->f->index);
            dragonfly_session_kill(s->f->session);
            s->over = true;
        } else if (send.wait_ms != 0 && wait_ms(s, send.wait_ms, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static enum step next_piece(struct sending *s, struct dragonfly_piece *ret, struct ft_err *err)
{
    const struct dragonfly_hooks *hooks = s->m->o->dragonfly.hooks;

    if (hooks != NULL && hooks->next != NULL)
        return hooks->next(hooks->context, s->f, s->tape, ret, err);
    return dragonfly_tape_next(s->tape, ret, err);
}

static int send_all(struct sending *s, struct ft_err *err)
{
    while (!s->over) {
        struct dragonfly_piece piece;

        switch (next_piece(s, &piece, err)) {
        case STEP_ITEM:
            if (send_piece(s, &piece, err) != 0)
                return -1;
            break;
        case STEP_END:
            if (idle(s, true, s->m->o->follow ? GROWTH_MS : -1, err) != 0)
                return -1;
            break;
        default:
            return -1;
        }
    }
    return 0;
}

/* How the flow begins. What lies after the end are PING records, see dragonfly_master.h. */
static int open_tape(struct sending *s, struct ft_err *err)
{
    const struct dragonfly_flow *f = s->f;
    enum dragonfly_begin begin = DRAGONFLY_FULL;

    if (f->partial)
        begin =
            s->m->resume == DFLY_RESUME_INCREMENT ? DRAGONFLY_PARTIAL_FRAMED : DRAGONFLY_PARTIAL;
    return dragonfly_tape_new(&s->tape, s->m->capture, s->m->generation, f->index, begin,
                              f->asked_lsn - f->tail, s->m->tokens[f->index], err);
}

int dragonfly_flow_run(struct dragonfly_peer *peer, struct ft_err *err)
{
    struct sending s = {.peer = peer, .m = peer->master, .f = peer->flow};
    int rc;

    look_at_session(&s);
    rc = open_tape(&s, err);
    if (rc == 0)
        rc = send_all(&s, err);
    if (rc == 0)
        linger(&s);
    dragonfly_tape_free(s.tape);
    return rc;
}
