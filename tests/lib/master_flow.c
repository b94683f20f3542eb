#include "lib/master_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/endian.h"
#include "store/capture.h"

#define CHUNK_BYTES      ((size_t)256 << 10)
#define CHECK_EVERY_MS   20
#define CHECK_ATTEMPTS   5
#define RATE_STEPS_PER_S 50
#define WRITE_STEP_MS    2

/* ---- what a flow is sent ---- */

static void add_piece(struct flow *f, enum gate gate, const uint8_t *p, size_t n, uint64_t offset)
{
    f->pieces[f->piece_count++] = (struct piece){.gate = gate, .p = p, .n = n, .offset = offset};
}

/* A stretch of the recording. */
static void add_stretch(struct flow *f, enum gate gate, uint64_t from, uint64_t to)
{
    add_piece(f, gate, f->tape->bytes.p + from, (size_t)(to - from), from);
}

int put_packed(struct buf *b, uint64_t v, struct ft_err *err)
{
    uint8_t out[9];
    size_t n = 0;

    if (v < 1u << 6) {
        out[n++] = (uint8_t)v;
    } else if (v < 1u << 14) {
        out[n++] = (uint8_t)(0x40 | v >> 8);
        out[n++] = (uint8_t)v;
    } else {
        int bytes = v > UINT32_MAX ? 8 : 4;

        out[n++] = bytes == 8 ? 0x81 : 0x80;
        while (bytes-- > 0)
            out[n++] = (uint8_t)(v >> (8 * bytes));
    }
    return buf_append(b, out, n, err);
}

static int plan_full(struct flow *f, uint64_t end, struct ft_err *err)
{
    /* one record of 17 bytes: SELECT 0, COMMAND with txid 301, one word */
    static const uint8_t flush[] = "\xd2\x01\x11\x06\x00\x0a\x41\x2d\x01\x01\x08\x08"
                                   "FLUSHALL";
    const struct recording_flow *t = f->tape;
    struct session *s = f->session;
    uint64_t from = 0;

    if (s->master->options.flush_in_sync && s->number == 1 &&
        t->fullsync_end != RECORDING_UNKNOWN) {
        if (buf_append(&f->made[0], flush, sizeof(flush) - 1, err) < 0)
            return -1;
        s->flushed = true;
        add_stretch(f, GATE_SYNC, 0, t->fullsync_end);
        add_piece(f, GATE_SYNC, f->made[0].p, f->made[0].n, RECORDING_UNKNOWN);
        from = t->fullsync_end;
    }
    add_stretch(f, GATE_SYNC, from, t->fullsync_bytes);
    add_stretch(f, GATE_STABLE, t->fullsync_bytes, end);
    f->stable_offset = t->stable_start;
    f->stable_lsn = t->first_lsn;
    return 0;
}

static int plan_raw(struct flow *f, uint64_t lsn, uint64_t end, struct ft_err *err)
{
    struct master *m = f->session->master;
    const struct recording_flow *t = f->tape;
    uint64_t from = recording_lsn_offset(t, lsn);

    f->stable_offset = from;
    f->stable_lsn = lsn;
    if (m->options.lsn_gap && !m->gap_done && lsn + 2 <= flow_end_lsn(m, t)) {
        uint64_t second = recording_lsn_offset(t, lsn + 1);
        uint64_t behind = t->ends[lsn + 1 - t->first_lsn];

        if (buf_append(&f->made[0], "\x0f", 1, err) < 0 ||
            put_packed(&f->made[0], lsn + 1, err) < 0)
            return -1;
        add_stretch(f, GATE_STABLE, second, behind);
        add_piece(f, GATE_STABLE, f->made[0].p, f->made[0].n, RECORDING_UNKNOWN);
        from = behind;
        f->gap = true;
        m->gap_done = true;
    }
    add_stretch(f, GATE_STABLE, from, end);
    return 0;
}

static int put_framed_head(struct buf *b, const char *df_version, struct ft_err *err)
{
    if (buf_append_str(b,
                       "REDIS0009\xfa\x09redis-ver\x06"
                       "6.2.11\xfa\x06"
                       "df-ver",
                       err) < 0 ||
        put_packed(b, strlen(df_version), err) < 0 || buf_append_str(b, df_version, err) < 0)
        return -1;
    return buf_append(b, "\xfa\x0aredis-bits\xc0\x40", 14, err);
}

/* The first half of the records as blobs of an RDB stream, the rest behind its token. */
static int plan_framed(struct flow *f, uint64_t lsn, uint64_t end, struct ft_err *err)
{
    static const uint8_t fullsync_end[9] = {0xc8}, eof[9] = {0xff};
    struct master *m = f->session->master;
    const struct recording_flow *t = f->tape;
    uint64_t middle = lsn + (flow_end_lsn(m, t) - lsn + 1) / 2;
    struct buf *head = &f->made[0], *tail = &f->made[1];
    uint8_t next[8];

    if (put_framed_head(head, m->recording->df_version, err) < 0)
        return -1;
    for (uint64_t i = lsn; i < middle; i++) {
        uint64_t start = t->starts[i - t->first_lsn], n = t->ends[i - t->first_lsn] - start;

        if (buf_append(head, "\xd2\x01", 2, err) < 0 || put_packed(head, n, err) < 0 ||
            buf_append(head, t->bytes.p + start, (size_t)n, err) < 0)
            return -1;
    }
    store_le64(next, middle);
    if (buf_append(head, fullsync_end, sizeof(fullsync_end), err) < 0 ||
        buf_append(tail, "\xd3", 1, err) < 0 || buf_append(tail, next, sizeof(next), err) < 0 ||
        buf_append(tail, eof, sizeof(eof), err) < 0 || buf_append(tail, t->token, 40, err) < 0)
        return -1;
    f->stable_offset = recording_lsn_offset(t, middle);
    f->stable_lsn = middle;
    add_piece(f, GATE_SYNC, head->p, head->n, RECORDING_UNKNOWN);
    add_piece(f, GATE_STABLE, tail->p, tail->n, f->stable_offset - tail->n);
    add_stretch(f, GATE_STABLE, f->stable_offset, end);
    return 0;
}

int flow_plan(struct flow *f, bool partial, uint64_t lsn, struct ft_err *err)
{
    struct master *m = f->session->master;
    uint64_t end = flow_end_offset(m, f->tape);

    if (!partial)
        return plan_full(f, end, err);
    return m->options.framed_partial ? plan_framed(f, lsn, end, err) : plan_raw(f, lsn, end, err);
}

void flow_release(struct flow *f)
{
    buf_release(&f->made[0]);
    buf_release(&f->made[1]);
}

/* ---- sending ---- */

struct pace {
    uint64_t random;
    uint64_t began_us; /* of the current piece */
    uint64_t sent;
};

static void sleep_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

static size_t next_chunk(const struct master_options *o, struct pace *p)
{
    size_t n = o->chunk > 0 ? o->chunk : CHUNK_BYTES;

    if (o->chunk_random) {
        p->random = p->random * 6364136223846793005u + 1442695040888963407u;
        n = 1 + (size_t)((p->random >> 40) % ((size_t)1 << (1 + (p->random >> 33) % 17)));
    }
    if (o->rate > 0 && n > o->rate / RATE_STEPS_PER_S + 1)
        n = (size_t)(o->rate / RATE_STEPS_PER_S + 1);
    return n;
}

/* The next event within the next *n bytes; *n is then what lies before it. */
static struct event *event_ahead(struct flow *f, uint64_t offset, size_t *n)
{
    struct master *m = f->session->master;
    struct event *found = NULL;

    for (size_t i = 0; i < m->event_count; i++) {
        struct event *e = &m->events[i];
        uint64_t now = e->absolute ? offset : f->sent_bytes;

        if (e->used || e->what.flow != f->index || (e->absolute && offset == RECORDING_UNKNOWN))
            continue;
        if (e->what.bytes > now && e->what.bytes - now <= *n) {
            *n = (size_t)(e->what.bytes - now);
            found = e;
        }
    }
    if (found != NULL)
        found->used = true;
    return found;
}

bool send_all(struct flow *f, const uint8_t *p, size_t n)
{
    struct master *m = f->session->master;
    uint64_t began_ms = clock_mono_ms(), took_ms;

    while (n > 0) {
        ssize_t k = send(f->fd, p, n, MSG_NOSIGNAL);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    took_ms = clock_mono_ms() - began_ms;
    if (took_ms > 0) {
        pthread_mutex_lock(&m->mu);
        if (took_ms > m->longest_send_ms)
            m->longest_send_ms = took_ms;
        pthread_mutex_unlock(&m->mu);
    }
    return true;
}

static void keep_pace(const struct master_options *o, struct pace *p, size_t n)
{
    uint64_t due_us, now_us = clock_mono_us() - p->began_us;

    p->sent += n;
    if (o->rate == 0)
        return;
    due_us = p->sent * 1000000 / o->rate;
    if (due_us > now_us + 1000)
        sleep_ms((unsigned)((due_us - now_us) / 1000));
}

static bool event_happens(struct flow *f, const struct event *e)
{
    struct session *s = f->session;
    bool dead = false;

    if (e->what.pause_ms == 0) {
        pthread_mutex_lock(&s->master->mu);
        session_kill(s);
        pthread_mutex_unlock(&s->master->mu);
        return false;
    }
    for (unsigned left = e->what.pause_ms; left > 0 && !dead;) {
        unsigned step = left < 10 ? left : 10;

        sleep_ms(step);
        left -= step;
        pthread_mutex_lock(&s->master->mu);
        dead = s->dead;
        pthread_mutex_unlock(&s->master->mu);
    }
    return !dead;
}

/*
 * How much there is to send from this offset on, waiting for some: 0 when the session is over, or
 * when nothing more comes because of a takeover.
 */
static size_t wait_for_some(struct flow *f, const struct piece *piece, size_t at)
{
    struct session *s = f->session;
    struct master *m = s->master;

    if (piece->offset == RECORDING_UNKNOWN || piece->gate != GATE_STABLE)
        return piece->n - at;
    for (;;) {
        uint64_t from = piece->offset + at, end = piece->offset + piece->n;
        bool over;

        pthread_mutex_lock(&m->mu);
        if (end > time_offset(m, f->tape))
            end = time_offset(m, f->tape);
        over = s->dead || (s->takeover && from >= end);
        pthread_mutex_unlock(&m->mu);
        if (over || end > from)
            return over ? 0 : (size_t)(end - from);
        sleep_ms(WRITE_STEP_MS);
    }
}

static bool send_piece(struct flow *f, const struct piece *piece, struct pace *pace)
{
    struct master *m = f->session->master;
    bool known = piece->offset != RECORDING_UNKNOWN;

    for (size_t at = 0; at < piece->n;) {
        size_t n = next_chunk(&m->options, pace);
        size_t some = wait_for_some(f, piece, at);
        struct event *e;
        bool dead;

        if (some == 0)
            return true;
        if (n > some)
            n = some;
        pthread_mutex_lock(&m->mu);
        dead = f->session->dead;
        e = event_ahead(f, known ? piece->offset + at : RECORDING_UNKNOWN, &n);
        if (known)
            f->sent_offset = piece->offset + at + n;
        f->sent_bytes += n;
        pthread_mutex_unlock(&m->mu);
        if (dead || !send_all(f, piece->p + at, n))
            return false;
        at += n;
        if (e != NULL && !event_happens(f, e))
            return false;
        keep_pace(&m->options, pace, n);
    }
    return true;
}

static bool wait_gate(struct flow *f, enum gate gate)
{
    struct session *s = f->session;
    struct master *m = s->master;
    bool open;

    pthread_mutex_lock(&m->mu);
    while (!(open = gate == GATE_SYNC ? s->synced : s->stable) && !s->dead)
        pthread_cond_wait(&m->changed, &m->mu);
    open = open && !s->dead;
    pthread_mutex_unlock(&m->mu);
    return open;
}

/* A takeover ends the flow with a PING record. */
static void wait_takeover(struct flow *f)
{
    struct session *s = f->session;
    struct master *m = s->master;
    bool ping;

    pthread_mutex_lock(&m->mu);
    while (!s->takeover && !s->dead)
        pthread_cond_wait(&m->changed, &m->mu);
    ping = !s->dead;
    f->ping_sent = ping;
    pthread_mutex_unlock(&m->mu);
    if (ping)
        (void)send_all(f, &(const uint8_t){RECORDING_PING}, 1);
}

static void *send_run(void *arg)
{
    struct flow *f = arg;
    struct pace pace = {.random = f->session->master->options.chunk_seed + f->index};

    for (size_t i = 0; i < f->piece_count; i++) {
        if (!wait_gate(f, f->pieces[i].gate))
            return NULL;
        pace.began_us = clock_mono_us();
        pace.sent = 0;
        if (!send_piece(f, &f->pieces[i], &pace))
            return NULL;
    }
    if (f->session->master->options.stamps > 0)
        send_stamps(f);
    wait_takeover(f);
    return NULL;
}

/* ---- acknowledgements ---- */

/* The next LSN that the directory holds for a flow; the newest generation's, or, when the session is
 * not the last one any more, the highest of any. */
static int disk_lsn(const struct flow *f, bool newest_only, uint64_t *ret, struct ft_err *err)
{
    struct capture *c;
    uint64_t lsn = 0;

    if (capture_open_read(&c, f->session->master->options.check_dir, err) < 0)
        return -1;
    for (size_t i = 0; i < c->generation_count; i++) {
        const struct generation *g = &c->generations[i];

        if ((newest_only && i + 1 < c->generation_count) || f->index >= g->flow_count)
            continue;
        if (g->flows[f->index].next_lsn > lsn)
            lsn = g->flows[f->index].next_lsn;
    }
    capture_free(c);
    *ret = lsn;
    return 0;
}

static void check_disk(struct flow *f, uint64_t ack)
{
    struct session *s = f->session;
    struct master *m = s->master;
    struct ft_err err = FT_ERR_INIT;
    uint64_t lsn = 0;
    bool newest, failed = true;

    pthread_mutex_lock(&m->mu);
    newest = s->number == m->session_count;
    pthread_mutex_unlock(&m->mu);
    for (int i = 0; i < CHECK_ATTEMPTS && failed; i++) {
        err_clear(&err);
        failed = disk_lsn(f, newest, &lsn, &err) < 0;
    }
    pthread_mutex_lock(&m->mu);
    if (failed)
        violation(m, "flow %u: %s cannot be read after ACK %llu: %s", f->index,
                  m->options.check_dir, (unsigned long long)ack, err.msg);
    else if (ack > lsn && newest == (s->number == m->session_count))
        violation(m, "flow %u: ACK %llu, but the directory ends before LSN %llu", f->index,
                  (unsigned long long)ack, (unsigned long long)lsn);
    f->ack_checked = ack;
    f->ack_checked_ms = clock_mono_ms();
    pthread_mutex_unlock(&m->mu);
}

static void check_ack(struct flow *f, uint64_t ack)
{
    struct master *m = f->session->master;
    struct ack_totals *totals = &m->acks[f->index];
    uint64_t sent_lsn;

    if (f->sent_offset < f->stable_offset) {
        violation(m, "flow %u: ACK %llu before stable sync", f->index, (unsigned long long)ack);
    } else if (!f->gap) {
        sent_lsn = recording_lsn_at(f->tape, f->sent_offset) + f->ping_sent + f->stamped;
        if (ack < f->stable_lsn || ack > sent_lsn)
            violation(m, "flow %u: ACK %llu, while LSNs %llu to %llu were sent", f->index,
                      (unsigned long long)ack, (unsigned long long)f->stable_lsn,
                      (unsigned long long)sent_lsn);
    }
    if (ack < f->ack)
        violation(m, "flow %u: ACK %llu after ACK %llu", f->index, (unsigned long long)ack,
                  (unsigned long long)f->ack);
    f->ack = ack;
    totals->count++;
    totals->last = ack;
    if (ack > totals->max)
        totals->max = ack;
    pthread_cond_broadcast(&m->changed);
}

static void read_acks(struct flow *f, struct conn *c)
{
    struct master *m = f->session->master;
    struct command a;
    bool check;

    while (conn_command(c, &a)) {
        pthread_mutex_lock(&m->mu);
        if (a.count == 3 && strcasecmp(a.args[0], "REPLCONF") == 0 &&
            strcasecmp(a.args[1], "ACK") == 0)
            check_ack(f, strtoull(a.args[2], NULL, 10));
        else
            violation(m, "flow %u: \"%s\" on a flow", f->index, a.count > 0 ? a.args[0] : "");
        check = m->options.check_dir != NULL && f->ack > 0 && !f->gap &&
                clock_mono_ms() - f->ack_checked_ms >= CHECK_EVERY_MS;
        pthread_mutex_unlock(&m->mu);
        if (check)
            check_disk(f, f->ack);
    }
    if (m->options.check_dir != NULL && f->ack > f->ack_checked && !f->gap)
        check_disk(f, f->ack);
}

void flow_serve(struct flow *f, struct conn *c)
{
    struct session *s = f->session;
    pthread_t sender;

    if (pthread_create(&sender, NULL, send_run, f) != 0)
        abort();
    read_acks(f, c);
    pthread_mutex_lock(&s->master->mu);
    session_kill(s);
    f->connected = false;
    pthread_mutex_unlock(&s->master->mu);
    pthread_join(sender, NULL);
}
