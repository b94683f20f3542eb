#include "capture/flow_session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wake.h"

#define ACK_RECORDS     1024u
#define ACK_INTERVAL_US 1000000u
#define ACK_FIRST_US    10000u /* then twice as long each time, until the stream begins */
/* How long complete items may wait in a block that is not full for more to come. */
#define JOURNAL_LINGER_US  500u
#define SNAPSHOT_LINGER_US 200000u
#define POLL_MAX_US        1000000u
/* A block is handed over when less than this part of it is free: small receives cost too much. */
#define BLOCK_ROOM_PART 8
#define ACK_TEXT        80

struct flow_session {
    /* constant once started */
    const struct capture_master *master;
    uint32_t index;
    uint64_t ask_lsn;
    int event_fd;
    int abort_fd;
    int wake_fd; /* set when told to go or to stop, or the durable LSN has moved */
    pthread_t thread;
    bool joined;

    /* set by the owner before `going` */
    struct flow_go go;

    /* any thread */
    atomic_int phase;
    atomic_bool stable; /* it has been in FLOW_STABLE */
    atomic_bool going;
    atomic_bool stopping;
    _Atomic uint64_t bytes;
    _Atomic uint64_t keys;
    _Atomic uint64_t records;
    _Atomic uint64_t imports;
    _Atomic uint64_t next_lsn;
    _Atomic uint64_t acked_lsn;
    _Atomic uint64_t goal_lsn; /* 0: none */

    /* flow thread only; the owner's after join. `flow` may be read by the owner once answered */
    struct master_flow flow;
    struct framer *framer;
    struct recorder_block *block; /* being filled */
    size_t filled;
    uint64_t block_offset; /* stream offset of its first byte */
    uint64_t block_lsn;    /* next LSN and journal database at its first byte */
    uint32_t block_dbid;
    uint64_t block_since_us; /* when its first byte was received */
    uint64_t last_receive_us;
    uint64_t pinged_lsn; /* PING records up to here were handed over as urgent */
    uint64_t last_ack_us;
    uint64_t ack_wait_us; /* of a Redis: from that one to the next */
    char ack[ACK_TEXT];   /* an acknowledgement that the socket did not take at once */
    size_t ack_len;
    size_t ack_sent;
    enum flow_end end;
    struct ft_err err;
};

static void set_phase(struct flow_session *f, enum flow_phase phase)
{
    if (phase == FLOW_STABLE)
        atomic_store(&f->stable, true);
    atomic_store(&f->phase, (int)phase);
    (void)wake_set(f->event_fd);
}

/* --- blocks --- */

static void describe_block(struct flow_session *f, struct recorder_block *b, size_t n,
                           unsigned flags)
{
    const struct framer_state *s = framer_state(f->framer);
    bool snapshot = b->kind == SEGMENT_SNAPSHOT;

    b->flow = f->index;
    b->block.codec = CODEC_NONE;
    b->block.flags = (uint8_t)flags;
    b->block.raw_bytes = (uint32_t)n;
    b->block.payload = bytes_of(b->data, n);
    b->block.stream_offset = f->block_offset;
    b->block.first_lsn = snapshot ? 0 : f->block_lsn;
    b->block.record_count = snapshot ? 0 : (uint32_t)(s->next_lsn - f->block_lsn);
    b->block.dbid = snapshot ? 0 : f->block_dbid;
    b->block.time_us = f->last_receive_us;
    if (snapshot && (flags & SEGMENT_BLOCK_END) != 0)
        b->block.first_lsn = s->next_lsn;
    b->next_lsn = snapshot && (flags & SEGMENT_BLOCK_END) == 0 ? 0 : s->next_lsn;
    b->urgent = s->ping_lsn > f->pinged_lsn;
}

/* From f->block into `into`; false: it does not shrink, or cannot. */
static bool compress(struct flow_session *f, size_t n, struct recorder_block *into)
{
    struct ft_err ignored = FT_ERR_INIT;
    size_t stored = 0;

    if (f->go.codec.id == CODEC_NONE ||
        codec_block_compress(&f->go.codec, bytes_of(f->block->data, n), into->data,
                             into->data_bytes, &stored, &ignored) != 0 ||
        stored == 0)
        return false;
    into->block.codec = f->go.codec.id;
    into->block.payload = bytes_of(into->data, stored);
    return true;
}

/*
 * Hand over the first n bytes of the block; what lies after them moves to the front of the next.
 * Fails only when the recorder has failed.
 *
 * One more block is taken before the old one goes, since one of the two is needed in any case: as the
 * place for the compressed bytes, or as the next block to receive into. Only the rest after the last
 * boundary is ever copied, which is less than one item. The framer may still look at bytes of that rest,
 * wherever they lie (framer_feed); with no rest it lets go of the block first.
 */
static int submit(struct flow_session *f, size_t n, unsigned flags, struct ft_err *err)
{
    const struct framer_state *s = framer_state(f->framer);
    struct recorder_block *old = f->block;
    struct recorder_block *other = recorder_take(f->go.recorder);
    size_t rest = f->filled - n;

    if (other == NULL)
        return err_set(err, FT_ERR_CANCELLED, "the recorder has failed");
    if (old->kind != SEGMENT_SNAPSHOT && s->next_lsn - f->block_lsn > UINT32_MAX) {
        recorder_give_back(f->go.recorder, other);
        return err_set(err, FT_ERR_LIMIT,
                       "a transaction that begins at LSN %" PRIu64 " has %" PRIu64
                       " bytes; a capture holds at most 4 GiB of one",
                       f->block_lsn, s->next_lsn - f->block_lsn);
    }
    if (rest == 0 && framer_detach(f->framer, err) != 0) {
        recorder_give_back(f->go.recorder, other);
        return -1;
    }
    describe_block(f, old, n, flags);
    f->pinged_lsn = s->ping_lsn;
    f->block_offset += n;
    f->block_lsn = s->next_lsn;
    f->block_dbid = s->dbid;
    f->block_since_us = f->last_receive_us;
    f->filled = rest;
    other->kind = old->kind;
    other->block = old->block;
    other->flow = old->flow;
    other->next_lsn = old->next_lsn;
    other->urgent = old->urgent;
    if (compress(f, n, other)) {
        memmove(old->data, old->data + n, rest);
        recorder_put(f->go.recorder, other);
    } else {
        memcpy(other->data, old->data + n, rest);
        f->block = other;
        recorder_put(f->go.recorder, old);
    }
    f->block->kind = s->kind;
    return 0;
}

/* Bytes of the block that are complete items. */
static size_t complete_bytes(const struct flow_session *f)
{
    return (size_t)(framer_state(f->framer)->boundary - f->block_offset);
}

/* A full block: up to the last boundary, or, inside an item larger than a block, all of it. */
static int submit_full(struct flow_session *f, struct ft_err *err)
{
    size_t n = framer_state(f->framer)->boundary > f->block_offset ? complete_bytes(f) : 0;

    if (n > 0)
        return submit(f, n, 0, err);
    return submit(f, f->filled, SEGMENT_BLOCK_CONTINUED, err);
}

static bool has_complete(const struct flow_session *f)
{
    return f->filled > 0 && framer_state(f->framer)->boundary > f->block_offset;
}

/* --- acknowledgements --- */

static void flush_ack(struct flow_session *f)
{
    ssize_t n;

    if (f->ack_sent == f->ack_len)
        return;
    n = conn_send(&f->flow.client.conn, f->ack + f->ack_sent, f->ack_len - f->ack_sent);
    if (n > 0)
        f->ack_sent += (size_t)n; /* a broken connection is found by receiving */
}

/*
 * Never waits: a source that does not read its acknowledgements must not keep this thread from draining
 * its socket, or the two would stop each other. What did not fit goes first the next time; as long as it
 * is not out, newer LSNs are not queued up but replace each other.
 */
static void send_ack(struct flow_session *f, uint64_t lsn)
{
    char number[24];
    int digits;

    flush_ack(f);
    if (f->ack_sent < f->ack_len)
        return;
    digits =
        snprintf(number, sizeof(number), "%" PRIu64, f->master->redis && lsn != 0 ? lsn - 1 : lsn);
    f->ack_len =
        (size_t)snprintf(f->ack, sizeof(f->ack),
                         "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$%d\r\n%s\r\n", digits, number);
    f->ack_sent = 0;
    f->last_ack_us = clock_mono_us();
    atomic_store(&f->acked_lsn, lsn);
    flush_ack(f);
}

static bool may_ack(const struct flow_session *f)
{
    return atomic_load(&f->phase) == FLOW_STABLE && framer_state(f->framer)->lsn_known;
}

/*
 * A Redis gives up a replica that says nothing for a while, and begins to send commands after some full syncs only
 * when it has heard from it: so it is told where we are, were it nowhere yet. It does not hear what comes before it has
 * noticed that the process has ended which made the full sync, so it is told again soon. Else it asks when somebody waits.
 */
static uint64_t ack_redis_if_due(struct flow_session *f, uint64_t now_us)
{
    const struct framer_state *s = framer_state(f->framer);
    uint64_t acked = atomic_load(&f->acked_lsn);
    uint64_t durable = recorder_durable_lsn(f->go.recorder, f->index);
    bool asked = s->ping_lsn > acked && durable >= s->ping_lsn;

    if (s->next_lsn > s->stable_lsn)
        f->ack_wait_us = ACK_INTERVAL_US;
    if (!asked && f->last_ack_us != 0 && now_us - f->last_ack_us < f->ack_wait_us)
        return f->last_ack_us + f->ack_wait_us - now_us;
    send_ack(f, durable);
    f->ack_wait_us = f->ack_wait_us == 0 ? ACK_FIRST_US : 2 * f->ack_wait_us;
    if (f->ack_wait_us > ACK_INTERVAL_US)
        f->ack_wait_us = ACK_INTERVAL_US;
    return f->ack_wait_us;
}

/*
 * Acknowledge if it is time; else say in how many microseconds it may be. The source waits for an
 * acknowledgement of its PING record when it hands over, so that one is never put off. Others are rare on
 * purpose: each costs the source a wake-up.
 */
static uint64_t ack_if_due(struct flow_session *f, uint64_t now_us)
{
    const struct framer_state *s = framer_state(f->framer);
    uint64_t acked = atomic_load(&f->acked_lsn);
    uint64_t durable;

    if (!may_ack(f))
        return POLL_MAX_US;
    if (f->master->redis)
        return ack_redis_if_due(f, now_us);
    durable = recorder_durable_lsn(f->go.recorder, f->index);
    if (durable <= acked || durable < s->stable_lsn)
        return POLL_MAX_US;
    if (acked == 0 || durable - acked >= ACK_RECORDS ||
        (s->ping_lsn > acked && durable >= s->ping_lsn) ||
        now_us - f->last_ack_us >= ACK_INTERVAL_US) {
        send_ack(f, durable);
        return POLL_MAX_US;
    }
    return f->last_ack_us + ACK_INTERVAL_US - now_us;
}

/* --- receiving --- */

static int stream_ended(struct flow_session *f, struct ft_err *err)
{
    if (submit(f, complete_bytes(f), SEGMENT_BLOCK_END, err) != 0 ||
        framer_feed(f->framer, bytes_of(f->block->data + f->filled, 0), f->filled, err) != 0)
        return -1;
    set_phase(f, FLOW_STABLE);
    return 0;
}

static int frame(struct flow_session *f, struct ft_err *err)
{
    for (;;) {
        switch (framer_run(f->framer, err)) {
        case FRAMER_MORE:
            return 0;
        case FRAMER_FULLSYNC_END:
            set_phase(f, FLOW_SYNCED);
            break;
        case FRAMER_STREAM_END:
            if (stream_ended(f, err) != 0)
                return -1;
            break;
        case FRAMER_FLUSH:
            f->end = FLOW_END_FLUSH;
            return err_set(err, FT_ERR_PROTOCOL, "flow %" PRIu32 ": a flush inside the full sync",
                           f->index);
        case FRAMER_GAP: /* records are missing; the framer has said between which */
            f->end = FLOW_END_GAP;
            return -1;
        default:
            f->end = FLOW_END_FAILED;
            return -1;
        }
    }
}

static void count(struct flow_session *f, size_t n)
{
    const struct framer_state *s = framer_state(f->framer);
    uint64_t goal;
    uint64_t before = atomic_load_explicit(&f->next_lsn, memory_order_relaxed);

    atomic_fetch_add_explicit(&f->bytes, n, memory_order_relaxed);
    atomic_store_explicit(&f->keys, s->keys, memory_order_relaxed);
    atomic_store_explicit(&f->records, s->records, memory_order_relaxed);
    atomic_store_explicit(&f->imports, s->imports, memory_order_relaxed);
    atomic_store(&f->next_lsn, s->next_lsn);
    if (f->go.live != NULL && s->lsn_known && s->next_lsn > before)
        live_flows_received(f->go.live, f->index, s->next_lsn, f->last_receive_us);
    if (f->go.live != NULL && !f->master->redis && s->lsn_known && s->ping_lsn > before)
        live_flows_pinged(f->go.live, f->index, s->ping_lsn);
    goal = atomic_load(&f->goal_lsn); /* only now: set after this, it is compared by its setter */
    if (before < goal && s->next_lsn >= goal)
        (void)wake_set(f->event_fd);
}

/* n bytes have come in after the block's others. */
static int take_in(struct flow_session *f, size_t n, struct ft_err *err)
{
    const struct framer_state *s = framer_state(f->framer);
    struct bytes piece = bytes_of(f->block->data + f->filled, n);
    size_t before = f->filled;
    size_t room;

    f->last_receive_us = clock_wall_us();
    if (f->filled == 0)
        f->block_since_us = f->last_receive_us;
    f->filled += n;
    if (framer_feed(f->framer, piece, before, err) != 0 || frame(f, err) != 0)
        return -1;
    f->block->kind = s->kind;
    /* Resumed, and no RDB stream in front of the journal after all. */
    if (s->kind == SEGMENT_JOURNAL && atomic_load(&f->phase) < FLOW_STABLE)
        set_phase(f, FLOW_STABLE);
    count(f, n);
    room = recorder_block_bytes(f->go.recorder) - f->filled;
    if (room < recorder_block_bytes(f->go.recorder) / BLOCK_ROOM_PART)
        return submit_full(f, err);
    if (s->ping_lsn > f->pinged_lsn)
        return submit(f, complete_bytes(f), 0, err);
    return 0;
}

/* What lies complete in the block goes to disk when it has waited long enough. */
static int submit_if_due(struct flow_session *f, uint64_t *ret_wait_us, struct ft_err *err)
{
    uint64_t linger_us = f->block->kind == SEGMENT_JOURNAL ? JOURNAL_LINGER_US : SNAPSHOT_LINGER_US;
    uint64_t age_us = clock_wall_us() - f->block_since_us;

    *ret_wait_us = POLL_MAX_US;
    if (!has_complete(f))
        return 0;
    if (age_us < linger_us) {
        *ret_wait_us = linger_us - age_us;
        return 0;
    }
    return submit(f, complete_bytes(f), 0, err);
}

static void wait_for_input(struct flow_session *f, uint64_t wait_us)
{
    bool ack_waits = f->ack_sent < f->ack_len;
    struct conn *conn = &f->flow.client.conn;
    struct pollfd fds[2] = {
        {conn->fd, conn_events(conn, (short)(POLLIN | (ack_waits ? POLLOUT : 0))), 0},
        {f->wake_fd, POLLIN, 0}};
    struct timespec wait = {(time_t)(wait_us / 1000000u), (long)(wait_us % 1000000u) * 1000};

    if (ppoll(fds, 2, &wait, NULL) > 0 && fds[1].revents != 0)
        (void)wake_clear(f->wake_fd);
    if (fds[0].revents & POLLOUT)
        flush_ack(f);
}

/* Nothing to receive right now. */
static int idle(struct flow_session *f, struct ft_err *err)
{
    uint64_t block_wait_us;
    uint64_t ack_wait_us;

    if (submit_if_due(f, &block_wait_us, err) != 0)
        return -1;
    ack_wait_us = ack_if_due(f, clock_mono_us());
    wait_for_input(f, block_wait_us < ack_wait_us ? block_wait_us : ack_wait_us);
    return 0;
}

static int lost(struct flow_session *f, int sys_errno, struct ft_err *err)
{
    f->end = FLOW_END_LOST;
    if (sys_errno == 0)
        return err_set(err, FT_ERR_NET, "flow %" PRIu32 ": the source closed the connection",
                       f->index);
    (void)conn_lost(&f->flow.client.conn, sys_errno, err);
    return err_wrap(err, "flow %" PRIu32, f->index);
}

static int receive(struct flow_session *f, struct ft_err *err)
{
    const size_t block_bytes = recorder_block_bytes(f->go.recorder);

    while (!atomic_load(&f->stopping)) {
        ssize_t n =
            conn_recv(&f->flow.client.conn, f->block->data + f->filled, block_bytes - f->filled);

        if (n > 0) {
            if (take_in(f, (size_t)n, err) != 0)
                return -1;
            (void)ack_if_due(f, clock_mono_us());
        } else if (n == 0) {
            return lost(f, 0, err);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (idle(f, err) != 0)
                return -1;
        } else if (errno != EINTR) {
            return lost(f, errno, err);
        }
    }
    return 0;
}

/* What came after the reply to DFLY FLOW belongs to the stream. */
static int take_leftover(struct flow_session *f, struct ft_err *err)
{
    struct bytes left = resp_client_leftover(&f->flow.client);

    while (left.n > 0) {
        size_t room = recorder_block_bytes(f->go.recorder) - f->filled;
        size_t n = left.n < room ? left.n : room;

        memcpy(f->block->data + f->filled, left.p, n);
        left = bytes_of(left.p + n, left.n - n);
        if (take_in(f, n, err) != 0)
            return -1;
    }
    return 0;
}

/* --- the thread --- */

static int connect_flow(struct flow_session *f, struct ft_err *err)
{
    if (capture_master_open_flow(&f->flow, f->master, f->index, f->ask_lsn, f->abort_fd, err) == 0)
        return 0;
    switch (err->kind) {
    case FT_ERR_NET:
    case FT_ERR_TIMEOUT:
        f->end = FLOW_END_LOST;
        break;
    case FT_ERR_PROTOCOL:
        f->end = FLOW_END_REFUSED;
        break;
    case FT_ERR_CANCELLED:
        f->end = FLOW_END_STOPPED;
        break;
    default:
        f->end = FLOW_END_FAILED;
    }
    return err_wrap(err, "flow %" PRIu32, f->index);
}

/* Until told to go. The source is silent until then, unless it closes the connection. */
static bool wait_for_go(struct flow_session *f)
{
    struct pollfd wake = {f->wake_fd, POLLIN, 0};

    while (!atomic_load(&f->going) && !atomic_load(&f->stopping)) {
        if (poll(&wake, 1, -1) > 0)
            (void)wake_clear(f->wake_fd);
    }
    return !atomic_load(&f->stopping);
}

static int run(struct flow_session *f, struct ft_err *err)
{
    f->end = FLOW_END_FAILED; /* unless something better is known */
    if (take_leftover(f, err) != 0 || receive(f, err) != 0)
        return -1;
    f->end = FLOW_END_STOPPED;
    return 0;
}

static void flow_main_connected(struct flow_session *f)
{
    struct ft_err late = FT_ERR_INIT;

    set_phase(f, FLOW_ANSWERED);
    if (!wait_for_go(f)) {
        f->end = FLOW_END_STOPPED;
        return;
    }
    set_phase(f, f->flow.partial && !f->go.increment ? FLOW_SYNCED : FLOW_STREAMING);
    (void)run(f, &f->err);
    if (has_complete(f) && !recorder_failed(f->go.recorder))
        (void)submit(f, complete_bytes(f), 0, &late); /* fails only as the recorder does */
    recorder_give_back(f->go.recorder, f->block);
    f->block = NULL;
}

static void *flow_main(void *arg)
{
    struct flow_session *f = arg;

    if (connect_flow(f, &f->err) == 0)
        flow_main_connected(f);
    set_phase(f, FLOW_ENDED);
    return NULL;
}

int flow_session_start(struct flow_session **ret, const struct capture_master *master,
                       uint32_t index, uint64_t ask_lsn, int event_fd, int abort_fd,
                       struct ft_err *err)
{
    struct flow_session *f = calloc(1, sizeof(*f));
    int rc;

    if (f == NULL)
        return err_nomem(err, "a flow");
    f->master = master;
    f->index = index;
    f->ask_lsn = ask_lsn;
    f->event_fd = event_fd;
    f->abort_fd = abort_fd;
    f->flow.client.conn.fd = -1;
    f->err = (struct ft_err)FT_ERR_INIT;
    if (wake_open(&f->wake_fd, err) != 0) {
        free(f);
        return -1;
    }
    rc = pthread_create(&f->thread, NULL, flow_main, f);
    if (rc != 0) {
        (void)err_errno(err, rc, "could not start a thread");
        f->joined = true;
        flow_session_free(f);
        return -1;
    }
    *ret = f;
    return 0;
}

enum flow_phase flow_session_phase(const struct flow_session *f)
{
    return (enum flow_phase)atomic_load(&f->phase);
}

bool flow_session_partial(const struct flow_session *f)
{
    return f->flow.partial;
}

const struct master_flow *flow_session_answer(const struct flow_session *f)
{
    return &f->flow;
}

int flow_session_go(struct flow_session *f, const struct flow_go *go, struct ft_err *err)
{
    struct framer_options options = {
        .flow = f->index,
        .flow_count = f->master->flow_count,
        .eof_token = f->flow.eof_token,
        .resumed = f->flow.partial,
        .start_lsn = f->master->redis ? f->flow.first_lsn : f->ask_lsn,
        .start_dbid = go->dbid,
        .start_offset = go->start_offset,
        .offset_expected = f->master->protocol > 0,
        .redis = f->master->redis,
        .rdb_bytes = f->flow.rdb_bytes,
    };

    if (framer_new(&f->framer, &options, err) != 0)
        return -1;
    f->go = *go;
    f->block = recorder_take(go->recorder);
    if (f->block == NULL)
        return err_nomem(err, "a block");
    f->block->kind = framer_state(f->framer)->kind;
    f->block_offset = go->start_offset;
    f->block_lsn = framer_state(f->framer)->next_lsn;
    f->block_dbid = framer_state(f->framer)->dbid;
    atomic_store(&f->next_lsn, f->block_lsn);
    recorder_set_wake(go->recorder, f->index, f->wake_fd);
    atomic_store(&f->going, true);
    (void)wake_set(f->wake_fd);
    return 0;
}

void flow_session_begin_stable(struct flow_session *f)
{
    int phase = FLOW_SYNCED;

    if (!f->flow.partial || f->go.increment)
        return;
    atomic_store(&f->stable, true);
    if (atomic_compare_exchange_strong(&f->phase, &phase, (int)FLOW_STABLE))
        (void)wake_set(f->wake_fd);
}

void flow_session_set_goal(struct flow_session *f, uint64_t lsn)
{
    atomic_store(&f->goal_lsn, lsn);
}

void flow_session_counters(const struct flow_session *f, struct flow_counters *ret)
{
    ret->bytes = atomic_load_explicit(&f->bytes, memory_order_relaxed);
    ret->keys = atomic_load_explicit(&f->keys, memory_order_relaxed);
    ret->records = atomic_load_explicit(&f->records, memory_order_relaxed);
    ret->imports = atomic_load_explicit(&f->imports, memory_order_relaxed);
    ret->next_lsn = atomic_load(&f->next_lsn);
    ret->acked_lsn = atomic_load(&f->acked_lsn);
}

void flow_session_stop(struct flow_session *f)
{
    atomic_store(&f->stopping, true);
    (void)wake_set(f->wake_fd);
}

void flow_session_join(struct flow_session *f)
{
    if (f->joined)
        return;
    pthread_join(f->thread, NULL);
    f->joined = true;
}

enum flow_end flow_session_end(const struct flow_session *f, struct ft_err *ret_err)
{
    *ret_err = f->err;
    return f->end;
}

const struct framer_state *flow_session_framer(const struct flow_session *f)
{
    return f->framer != NULL ? framer_state(f->framer) : NULL;
}

void flow_session_ack_last(struct flow_session *f)
{
    uint64_t durable;

    /* before stable sync a source expects none, though the LSN of a resumed flow is known */
    if (f->framer == NULL || !atomic_load(&f->stable) || !framer_state(f->framer)->lsn_known ||
        f->flow.client.conn.fd < 0)
        return;
    durable = recorder_durable_lsn(f->go.recorder, f->index);
    if (durable > atomic_load(&f->acked_lsn))
        send_ack(f, durable);
}

void flow_session_free(struct flow_session *f)
{
    if (f == NULL)
        return;
    flow_session_join(f);
    if (f->block != NULL)
        recorder_give_back(f->go.recorder, f->block);
    resp_client_close(&f->flow.client);
    framer_free(f->framer);
    (void)close(f->wake_fd); /* holds nothing */
    free(f);
}
