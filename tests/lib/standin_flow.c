/* What a flow is sent, in which pieces, and its acknowledgements. */
#include "lib/standin.h"

#include <stdlib.h>

#include "base/clock.h"
#include "rdb/rdb_len.h"

#define CHECK_ATTEMPTS   5
#define RATE_STEPS_PER_S 50

/* Kept to the end: a session may still be ending when the next one has begun. */
static struct standin_flow *own_of(struct standin *m, const struct dragonfly_flow *f)
{
    struct standin_flow *own;

    pthread_mutex_lock(&m->mu);
    own = m->flows[f->index];
    while (own != NULL && own->session != f->session->number)
        own = own->next;
    if (own == NULL) {
        own = calloc(1, sizeof(*own));
        if (own == NULL)
            abort();
        own->session = f->session->number;
        own->random = m->options.chunk_seed + f->index;
        own->next = m->flows[f->index];
        m->flows[f->index] = own;
    }
    pthread_mutex_unlock(&m->mu);
    return own;
}

uint64_t standin_stamps(const struct standin *m, uint32_t flow)
{
    uint64_t most = 0;

    for (const struct standin_flow *own = m->flows[flow]; own != NULL; own = own->next)
        most = own->stamps > most ? own->stamps : most;
    return most;
}

void standin_flows_free(struct standin *m)
{
    for (uint32_t i = 0; m->flows != NULL && i < m->recording->flow_count; i++) {
        while (m->flows[i] != NULL) {
            struct standin_flow *own = m->flows[i];

            m->flows[i] = own->next;
            dragonfly_tape_free(own->tape);
            buf_release(&own->made);
            free(own->records);
            free(own);
        }
    }
    free(m->flows);
}

/*
 * FULL or PARTIAL
 */

bool standin_grants(void *context, const struct dragonfly_flow *f, uint64_t lsn)
{
    struct standin *m = context;
    const struct recording_flow *tape = &m->recording->flows[f->index];
    uint32_t number = f->session->number;
    bool granted = true;

    pthread_mutex_lock(&m->mu);
    if (m->options.mixed && m->mixed_session == 0)
        m->mixed_session = number;
    if (m->first_of_server == number) {
        standin_violation(m, "SYNC%u asked for LSN %llu of another replication id", number,
                          (unsigned long long)lsn);
        granted = false;
    } else if (m->mixed_session == number) {
        granted = f->index == 0;
    } else if (m->mixed_session != 0 && m->mixed_session + 1 == number) {
        standin_violation(m, "SYNC%u asked for an LSN right after mixed answers", number);
    } else if (m->options.partial == STANDIN_PARTIAL_END) {
        granted = lsn == tape->first_final_lsn || lsn == tape->final_lsn;
    }
    if (m->options.partial == STANDIN_PARTIAL_NONE)
        granted = false;
    pthread_mutex_unlock(&m->mu);
    return granted;
}

/*
 * Pieces that are not as recorded
 */

static int put_packed(struct buf *b, uint64_t v, struct ft_err *err)
{
    uint8_t out[RDB_LEN_MAX_SIZE];

    return buf_append(b, out, rdb_len_put(out, v), err);
}

/* FULLSYNC_END may come only after this. */
static int insert_flush(struct standin_flow *own, uint64_t at, struct dragonfly_piece *p,
                        struct ft_err *err)
{
    /* one record of 17 bytes: SELECT 0, COMMAND with txid 301, one word */
    static const uint8_t flush[] = "\xd2\x01\x11\x06\x00\x0a\x41\x2d\x01\x01\x08\x08"
                                   "FLUSHALL";
    size_t before = (size_t)(at - p->offset);

    buf_clear(&own->made);
    if (buf_append(&own->made, p->bytes.p, before, err) != 0 ||
        buf_append(&own->made, flush, sizeof(flush) - 1, err) != 0 ||
        buf_append(&own->made, p->bytes.p + before, p->bytes.n - before, err) != 0)
        return -1;
    p->bytes = buf_bytes(&own->made);
    p->offset = DRAGONFLY_MADE;
    return 0;
}

/* Leaves out the first record, and says so by an LSN mark after the second. */
static int leave_out(struct standin_flow *own, struct dragonfly_piece *p, struct ft_err *err)
{
    struct dragonfly_record second = p->records[1];
    size_t mark;

    buf_clear(&own->made);
    if (buf_append(&own->made, p->bytes.p + second.start, second.end - second.start, err) != 0 ||
        buf_append(&own->made, "\x0f", 1, err) != 0 || put_packed(&own->made, p->lsn + 1, err) != 0)
        return -1;
    mark = own->made.n;
    if (buf_append(&own->made, p->bytes.p + second.end, p->bytes.n - second.end, err) != 0)
        return -1;
    own->records = calloc(p->record_count, sizeof(*own->records));
    if (own->records == NULL)
        return err_nomem(err, "records");
    own->records[0] = (struct dragonfly_record){0, second.end - second.start};
    for (uint32_t i = 2; i < p->record_count; i++)
        own->records[i - 1] =
            (struct dragonfly_record){(uint32_t)(p->records[i].start - second.end + mark),
                                      (uint32_t)(p->records[i].end - second.end + mark)};
    p->bytes = buf_bytes(&own->made);
    p->offset = DRAGONFLY_MADE;
    p->records = own->records;
    p->record_count--;
    p->lsn++;
    return 0;
}

/* Half of the records as blobs, in front of FULLSYNC_END, which is the end of the piece. */
static int fill_increment(struct standin_flow *own, const struct recording_flow *t, uint64_t lsn,
                          uint64_t middle, struct dragonfly_piece *p, struct ft_err *err)
{
    size_t head = p->bytes.n - 9;

    buf_clear(&own->made);
    if (buf_append(&own->made, p->bytes.p, head, err) != 0)
        return -1;
    for (uint64_t i = lsn; i < middle; i++) {
        uint64_t start = t->starts[i - t->first_lsn], n = t->ends[i - t->first_lsn] - start;

        if (buf_append(&own->made, "\xd2\x01", 2, err) != 0 ||
            put_packed(&own->made, n, err) != 0 ||
            buf_append(&own->made, t->bytes.p + start, (size_t)n, err) != 0)
            return -1;
    }
    if (buf_append(&own->made, p->bytes.p + head, 9, err) != 0)
        return -1;
    p->bytes = buf_bytes(&own->made);
    return 0;
}

static enum step next_framed(struct standin *m, struct standin_flow *own,
                             const struct dragonfly_flow *f, struct dragonfly_piece *ret,
                             struct ft_err *err)
{
    const struct dragonfly_master *master = f->session->master;
    const struct recording_flow *t = &m->recording->flows[f->index];
    uint64_t middle = f->asked_lsn + (t->first_final_lsn - f->asked_lsn + 1) / 2;
    bool first = own->tape == NULL;
    enum step step;

    if (first &&
        dragonfly_tape_new(&own->tape, master->capture, master->generation, f->index,
                           DRAGONFLY_PARTIAL_FRAMED, middle, master->tokens[f->index], err) != 0)
        return STEP_ERROR;
    step = dragonfly_tape_next(own->tape, ret, err);
    if (step != STEP_ITEM || !first)
        return step;
    return fill_increment(own, t, f->asked_lsn, middle, ret, err) == 0 ? STEP_ITEM : STEP_ERROR;
}

/* How many sessions of flows were answered how, for the report. */
static void count_answer(struct standin *m, const struct dragonfly_flow *f)
{
    pthread_mutex_lock(&m->mu);
    *(f->partial ? &m->partial : &m->full) += 1;
    pthread_mutex_unlock(&m->mu);
}

static bool takes_gap(struct standin *m, const struct dragonfly_flow *f,
                      const struct dragonfly_piece *p)
{
    bool takes;

    pthread_mutex_lock(&m->mu);
    takes = m->options.lsn_gap && !m->gap_done && f->partial && p->journal && p->record_count > 1;
    m->gap_done |= takes;
    pthread_mutex_unlock(&m->mu);
    return takes;
}

static bool waits_for_pause(struct dragonfly_master *master)
{
    bool waits;

    pthread_mutex_lock(&master->mu);
    waits = dragonfly_clock_is_stopped(&master->clock);
    pthread_mutex_unlock(&master->mu);
    return waits;
}

enum step standin_next(void *context, struct dragonfly_flow *f, struct dragonfly_tape *tape,
                       struct dragonfly_piece *ret, struct ft_err *err)
{
    struct standin *m = context;
    struct standin_flow *own = own_of(m, f);
    const struct recording_flow *t = &m->recording->flows[f->index];
    bool flushes = m->options.flush_in_sync && f->session->number == 1 && !f->partial;
    enum step step;

    if (!own->counted)
        count_answer(m, f);
    own->counted = true;
    if (m->options.framed_partial && f->partial)
        return next_framed(m, own, f, ret, err);
    step = dragonfly_tape_next(tape, ret, err);
    if (step == STEP_END && m->options.stamps > 0 && f->stable && !f->session->takeover &&
        !waits_for_pause(f->session->master))
        return standin_next_stamp(m, own, f, ret, err);
    if (step != STEP_ITEM)
        return step;
    if (flushes && !ret->journal && t->fullsync_end != RECORDING_UNKNOWN &&
        ret->offset <= t->fullsync_end && t->fullsync_end - ret->offset < ret->bytes.n)
        return insert_flush(own, t->fullsync_end, ret, err) == 0 ? STEP_ITEM : STEP_ERROR;
    if (takes_gap(m, f, ret))
        return leave_out(own, ret, err) == 0 ? STEP_ITEM : STEP_ERROR;
    return STEP_ITEM;
}

/*
 * Pace and mishaps
 */

/* The next event within the next bytes, which then end there. */
static void find_event(struct standin *m, const struct dragonfly_flow *f, uint64_t offset,
                       struct dragonfly_send *send)
{
    struct standin_event *found = NULL;

    for (size_t i = 0; i < m->event_count; i++) {
        struct standin_event *e = &m->events[i];
        uint64_t now = e->absolute ? offset : f->sent_bytes;

        if (e->used || e->flow != f->index || (e->absolute && offset == DRAGONFLY_MADE))
            continue;
        if (e->bytes > now && e->bytes - now <= send->n) {
            send->n = (size_t)(e->bytes - now);
            found = e;
        }
    }
    if (found == NULL)
        return;
    found->used = true;
    send->cut = found->pause_ms == 0;
    send->wait_ms += found->pause_ms;
}

static void keep_rate(const struct standin *m, struct standin_flow *own,
                      struct dragonfly_send *send)
{
    uint64_t now_us = clock_mono_us();

    if (m->options.rate == 0)
        return;
    if (own->rate_due_us < now_us)
        own->rate_due_us = now_us;
    own->rate_due_us += send->n * 1000000 / m->options.rate;
    if (own->rate_due_us > now_us + 1000)
        send->wait_ms += (own->rate_due_us - now_us) / 1000;
}

void standin_send(void *context, const struct dragonfly_flow *f, uint64_t offset,
                  struct dragonfly_send *send)
{
    struct standin *m = context;
    const struct standin_options *o = &m->options;
    struct standin_flow *own = own_of(m, f);
    size_t n = send->n;

    if (o->chunk_random) {
        own->random = own->random * 6364136223846793005u + 1442695040888963407u;
        n = 1 + (size_t)((own->random >> 40) % ((size_t)1 << (1 + (own->random >> 33) % 17)));
    }
    if (o->rate > 0 && n > o->rate / RATE_STEPS_PER_S + 1)
        n = (size_t)(o->rate / RATE_STEPS_PER_S + 1);
    if (n < send->n)
        send->n = n;
    pthread_mutex_lock(&m->mu);
    find_event(m, f, offset, send);
    pthread_mutex_unlock(&m->mu);
    keep_rate(m, own, send);
}

void standin_sent(void *context, const struct dragonfly_flow *f, uint64_t took_ms)
{
    struct standin *m = context;

    (void)f;
    if (took_ms == 0)
        return;
    pthread_mutex_lock(&m->mu);
    if (took_ms > m->longest_send_ms)
        m->longest_send_ms = took_ms;
    pthread_mutex_unlock(&m->mu);
}

/* The second recording's records exist once a session that had been sent all of the first has ended. */
void standin_ended(void *context, const struct dragonfly_session *s)
{
    struct standin *m = context;
    struct ft_err err = FT_ERR_INIT;
    bool all = m->options.resume != NULL && !m->second_exists;

    for (uint32_t i = 0; all && i < m->recording->flow_count; i++)
        all = s->flows[i].sent_lsn >= m->recording->flows[i].first_final_lsn;
    if (!all)
        return;
    m->second_exists = true;
    if (t_capture_extend(m->writer, m->recording, &m->form, &err) != 0)
        abort();
}

/*
 * Acknowledgements
 */

/* The next LSN that the directory holds for a flow; the newest generation's, or, when the session is
 * not the last one any more, the highest of any. */
static int disk_lsn(const struct standin *m, uint32_t flow, bool newest_only, uint64_t *ret,
                    struct ft_err *err)
{
    struct capture *c;
    uint64_t lsn = 0;

    if (capture_open_read(&c, m->options.check_dir, err) < 0)
        return -1;
    for (size_t i = 0; i < c->generation_count; i++) {
        const struct generation *g = &c->generations[i];

        if ((newest_only && i + 1 < c->generation_count) || flow >= g->flow_count)
            continue;
        if (g->flows[flow].next_lsn > lsn)
            lsn = g->flows[flow].next_lsn;
    }
    capture_free(c);
    *ret = lsn;
    return 0;
}

static bool is_newest(const struct dragonfly_flow *f)
{
    struct dragonfly_master *master = f->session->master;
    bool newest;

    pthread_mutex_lock(&master->mu);
    newest = f->session->number == master->session_count;
    pthread_mutex_unlock(&master->mu);
    return newest;
}

static void check_disk(struct standin *m, const struct dragonfly_flow *f, uint64_t ack)
{
    struct ft_err err = FT_ERR_INIT;
    bool newest = is_newest(f);
    uint64_t lsn = 0;
    bool failed = true;

    for (int i = 0; i < CHECK_ATTEMPTS && failed; i++) {
        err_clear(&err);
        failed = disk_lsn(m, f->index, newest, &lsn, &err) < 0;
    }
    if (failed)
        standin_violation(m, "flow %u: %s cannot be read after ACK %llu: %s", f->index,
                          m->options.check_dir, (unsigned long long)ack, err.msg);
    else if (ack > lsn && newest == is_newest(f))
        standin_violation(m, "flow %u: ACK %llu, but the directory ends before LSN %llu", f->index,
                          (unsigned long long)ack, (unsigned long long)lsn);
}

void standin_ack(void *context, const struct dragonfly_flow *f, uint64_t lsn)
{
    struct standin *m = context;
    struct ack_totals *totals = &m->acks[f->index];

    pthread_mutex_lock(&m->mu);
    totals->count++;
    totals->last = lsn;
    if (lsn > totals->max)
        totals->max = lsn;
    pthread_mutex_unlock(&m->mu);
    if (m->options.check_dir != NULL)
        check_disk(m, f, lsn);
}
