/* One flow of a session against a source that is a socket: what is stored, acknowledged and said. */
#include "lib/t_store.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "capture/flow_session.h"
#include "lib/recording.h"
#include "lib/t_socket.h"

#define TOKEN   "0123456789abcdef0123456789abcdef01234567"
#define FULL    "*2\r\n+FULL\r\n+" TOKEN "\r\n"
#define PARTIAL "*2\r\n+PARTIAL\r\n+" TOKEN "\r\n"
#define PIECE   3000u
#define WAIT_MS 60000u

/* The source's side of the connection. */
struct source {
    struct t_socket socket;
    const char *token; /* of the recording, in the place of TOKEN; NULL: as it is */
    const char *reply;
    struct bytes stream;
    bool hangs_up; /* when the stream is out; else it listens until the other side closes */
    char asked[8192];
    size_t asked_size;
    unsigned greetings;     /* answered with OK before the stream is asked for */
    _Atomic uint64_t acked; /* the last ACK */
    _Atomic unsigned acks;
};

/* The last "*3 REPLCONF ACK n" in what has come in. */
static void note_ack(struct source *s)
{
    const char *last = NULL;
    unsigned n = 0;

    s->asked[s->asked_size] = '\0';
    for (const char *at = s->asked; (at = strstr(at, "ACK\r\n$")) != NULL; at++, n++)
        last = at;
    atomic_store(&s->acks, n);
    if (last != NULL && (last = strchr(last + 6, '\n')) != NULL)
        atomic_store(&s->acked, strtoull(last + 1, NULL, 10));
}

static bool hear(struct source *s, int fd)
{
    ssize_t n = recv(fd, s->asked + s->asked_size, sizeof(s->asked) - 1 - s->asked_size, 0);

    if (n <= 0)
        return false;
    s->asked_size += (size_t)n;
    note_ack(s);
    return true;
}

static void serve(int fd, void *context)
{
    struct source *s = context;
    char reply[128];

    for (unsigned i = 0; i < s->greetings; i++) {
        if (!hear(s, fd) || send(fd, "+OK\r\n", 5, MSG_NOSIGNAL) < 0)
            return;
    }
    if (!hear(s, fd))
        return;
    (void)snprintf(reply, sizeof(reply), "%s", s->reply);
    if (s->token != NULL)
        memcpy(strstr(reply, TOKEN), s->token, strlen(TOKEN));
    if (send(fd, reply, strlen(reply), MSG_NOSIGNAL) < 0)
        return;
    for (struct bytes left = s->stream; left.n > 0;) {
        ssize_t n = send(fd, left.p, left.n < PIECE ? left.n : PIECE, MSG_NOSIGNAL);

        if (n < 0)
            return;
        left = bytes_of(left.p + n, left.n - (size_t)n);
    }
    /* what is left unread at a close would make a reset of it */
    if (s->hangs_up)
        (void)shutdown(fd, SHUT_WR);
    while (hear(s, fd)) {
    }
}

/* One session: the flow, and where its blocks go. */
struct session {
    struct capture_master master;
    struct recorder *recorder;
    struct flow_session *flow;
    struct flow_go go;
    int event_fd;
};

static void begin(struct session *x, struct source *s, struct capture *c, struct generation *g,
                  uint64_t ask_lsn)
{
    struct ft_err err = FT_ERR_INIT;
    struct recorder_options options = {
        .sync = RECORDER_SYNC_INTERVAL,
        .sync_interval_ms = 1,
        .segment_bytes = 40000,
        .buffer_bytes = 1 << 20,
    };

    memset(x, 0, sizeof(*x));
    t_socket_start(&s->socket, serve, s);
    x->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(x->event_fd >= 0);
    options.event_fd = x->event_fd;
    t_ok(recorder_new(&x->recorder, c, g, &options, &err), &err);
    x->master.dfly = (struct dfly_master){.uri = &s->socket.uri,
                                          .timeout_ms = WAIT_MS,
                                          .replication_id = T_STORE_REPLID,
                                          .sync_id = "SYNC1",
                                          .flow_count = 1,
                                          .protocol = 4};
    x->master.flow_count = x->master.dfly.flow_count;
    x->master.protocol = x->master.dfly.protocol;
    x->master.redis = s->greetings != 0;
    x->master.psync = (struct psync_master){
        .uri = &s->socket.uri, .timeout_ms = WAIT_MS, .version = "redis-7.2.6"};
    (void)snprintf(x->master.resume_id, sizeof(x->master.resume_id), T_STORE_REPLID);
    x->go = (struct flow_go){.recorder = x->recorder, .start_offset = g->flows[0].raw_bytes};
    t_ok(flow_session_start(&x->flow, &x->master, 0, ask_lsn, x->event_fd, -1, &err), &err);
}

/* Waits for an event, which may have come before. */
static void await_event(const struct session *x)
{
    struct pollfd p = {x->event_fd, POLLIN, 0};
    uint64_t n;

    if (poll(&p, 1, 10) > 0)
        assert_int_equal(read(x->event_fd, &n, sizeof(n)), sizeof(n));
}

static void await_phase(const struct session *x, enum flow_phase phase)
{
    uint64_t give_up_ms = clock_mono_ms() + WAIT_MS;

    while (flow_session_phase(x->flow) < phase) {
        assert_true(clock_mono_ms() < give_up_ms);
        await_event(x);
    }
}

static struct flow_counters counters(const struct session *x)
{
    struct flow_counters n;

    flow_session_counters(x->flow, &n);
    return n;
}

static void await_lsn(const struct session *x, uint64_t lsn)
{
    uint64_t give_up_ms = clock_mono_ms() + WAIT_MS;

    while (counters(x).next_lsn < lsn) {
        assert_true(clock_mono_ms() < give_up_ms);
        await_event(x);
    }
}

static void await_ack(const struct source *s, uint64_t lsn)
{
    uint64_t give_up_ms = clock_mono_ms() + WAIT_MS;

    while (atomic_load(&s->acked) < lsn) {
        assert_true(clock_mono_ms() < give_up_ms);
        (void)poll(NULL, 0, 1);
    }
}

static void go(struct session *x)
{
    struct ft_err err = FT_ERR_INIT;

    await_phase(x, FLOW_ANSWERED);
    t_ok(flow_session_go(x->flow, &x->go, &err), &err);
}

/* It has ended as `wanted`, and says `part`; what it received is on disk. */
static void end(struct session *x, struct source *s, enum flow_end wanted, const char *part)
{
    struct ft_err err = FT_ERR_INIT;

    flow_session_join(x->flow);
    assert_int_equal(flow_session_phase(x->flow), FLOW_ENDED);
    assert_int_equal(flow_session_end(x->flow, &err), wanted);
    if (part != NULL && strncmp(err.msg, part, strlen(part)) != 0)
        fail_msg("\"%s\" is not how \"%s\" begins", part, err.msg);
    err = (struct ft_err)FT_ERR_INIT;
    t_ok(recorder_finish(x->recorder, &err), &err);
    flow_session_ack_last(x->flow);
    flow_session_free(x->flow);
    t_socket_end(&s->socket);
    recorder_free(x->recorder);
    (void)close(x->event_fd);
}

static void stop(struct session *x, struct source *s)
{
    flow_session_stop(x->flow);
    end(x, s, FLOW_END_STOPPED, NULL);
}

/* The flow's bytes on disk are these, in order. */
static void stored(const struct capture *c, struct bytes wanted)
{
    struct ft_err err = FT_ERR_INIT;
    enum segment_kind kind;
    struct flow_reader *r;
    struct segment_block b;
    size_t at = 0;

    t_ok(flow_reader_new(&r, c, capture_newest(c), 0, &err), &err);
    while (flow_reader_next(r, &b, &kind, &err) == STEP_ITEM) {
        assert_int_equal(b.stream_offset, at);
        assert_true(b.payload.n <= wanted.n - at);
        assert_memory_equal(b.payload.p, wanted.p + at, b.payload.n);
        at += b.payload.n;
    }
    t_ok(err.kind == FT_ERR_NONE ? 0 : -1, &err);
    assert_int_equal(at, wanted.n);
    flow_reader_free(r);
}

static struct recording *live(void)
{
    struct buf path = {0};
    struct ft_err err = FT_ERR_INIT;
    struct recording *r;

    t_ok(buf_printf(&path, &err, "%s/recordings/live-1", getenv("T_FIXTURES")), &err);
    t_ok(buf_append(&path, "", 1, &err), &err);
    t_ok(recording_open(&r, (const char *)path.p, NULL, &err), &err);
    buf_release(&path);
    return r;
}

static void test_a_full_sync_and_its_journal(void **state)
{
    struct recording *r = live();
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    const struct recording_flow *flow = &r->flows[0];
    struct source s = {.reply = FULL, .token = flow->token, .stream = buf_bytes(&flow->bytes)};
    struct session x;

    (void)state;
    begin(&x, &s, c, g, 0);
    go(&x);
    assert_false(flow_session_partial(x.flow));
    await_phase(&x, FLOW_STABLE);
    await_lsn(&x, flow->final_lsn);
    await_ack(&s, flow->first_lsn); /* of the snapshot, at once */
    assert_int_equal(counters(&x).records, flow->final_lsn - flow->first_lsn);
    assert_true(counters(&x).keys > 0);
    assert_int_equal(counters(&x).bytes, flow->bytes.n);
    assert_true(flow_session_framer(x.flow)->lsn_known);
    stop(&x, &s);
    assert_int_equal(atomic_load(&s.acked), flow->final_lsn);
    assert_non_null(strstr(s.asked, T_STORE_REPLID "\r\n$5\r\nSYNC1\r\n$1\r\n0\r\n"));
    stored(c, buf_bytes(&flow->bytes));
    capture_free(c);
    recording_free(r);
}

/* The source hangs up inside a record of the journal; from the last whole one on, the flow is resumed. */
static void test_what_was_lost_is_resumed(void **state)
{
    struct recording *r = live();
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct recording_flow *flow = &r->flows[0];
    uint64_t lsn = flow->first_lsn + (flow->final_lsn - flow->first_lsn) / 2;
    uint64_t cut = recording_lsn_offset(flow, lsn);
    struct source s = {.reply = FULL, .token = flow->token, .hangs_up = true};
    struct source resumed = {.reply = PARTIAL};
    struct session x;

    (void)state;
    assert_true(recording_add_ping(flow));
    s.stream = bytes_of(flow->bytes.p, (size_t)cut + 1);
    resumed.stream = bytes_of(flow->bytes.p + cut, flow->bytes.n - (size_t)cut);
    begin(&x, &s, c, g, 0);
    go(&x);
    end(&x, &s, FLOW_END_LOST, "flow 0: the source closed the connection");
    assert_int_equal(g->flows[0].raw_bytes, cut);
    begin(&x, &resumed, c, g, lsn);
    go(&x);
    assert_true(flow_session_partial(x.flow));
    flow_session_begin_stable(x.flow);
    await_phase(&x, FLOW_STABLE);
    await_ack(&resumed, flow->final_lsn); /* of the source's PING, at once */
    assert_int_equal(counters(&x).acked_lsn, flow->final_lsn);
    stop(&x, &resumed);
    stored(c, buf_bytes(&flow->bytes));
    capture_free(c);
    recording_free(r);
}

/* A session that ends with an error of its own making. */
static void ends(const char *reply, struct bytes stream, uint64_t ask_lsn, enum flow_end wanted,
                 const char *part)
{
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct source s = {.reply = reply, .stream = stream};
    struct session x;

    if (ask_lsn != 0) {
        struct t_flow f = t_store_fill_flow(c, g, 0);

        t_store_save(c);
        assert_int_equal(f.lsn, 21);
    }
    begin(&x, &s, c, g, ask_lsn);
    if (wanted != FLOW_END_REFUSED) {
        go(&x);
        flow_session_begin_stable(x.flow);
    }
    end(&x, &s, wanted, part);
    capture_free(c);
}

#define STREAM(text) bytes_of(text, sizeof(text) - 1)
#define FLUSHALL                                   \
    "\xD2\x01\x10\x06\x00\x0A\x00\x01\x01\x08\x08" \
    "FLUSHALL"

static void test_why_a_flow_ends(void **state)
{
    (void)state;
    ends("-ERR strange\r\n", bytes_of(NULL, 0), 0, FLOW_END_REFUSED, "flow 0: ");
    assert_int_equal(t_store_teardown(state), 0);
    assert_int_equal(t_store_setup(state), 0);
    ends(FULL, STREAM("REDIS0009" FLUSHALL), 0, FLOW_END_FLUSH,
         "flow 0: a flush inside the full sync");
    assert_int_equal(t_store_teardown(state), 0);
    assert_int_equal(t_store_setup(state), 0);
    ends(FULL, STREAM("REDIS0009\xFF\0\0\0\0\0\0\0\0" TOKEN), 0, FLOW_END_FAILED,
         "flow 0: the RDB stream ends without the LSN that follows it");
    assert_int_equal(t_store_teardown(state), 0);
    assert_int_equal(t_store_setup(state), 0);
    /* an LSN mark of 25, where 21 was asked for */
    ends(PARTIAL, STREAM("\x0F\x19"), 21, FLOW_END_GAP,
         "flow 0, LSN 21: LSN mark says 25, counted 20");
}

/* Before it is told to go, a flow can still be given up. */
static void test_a_flow_that_never_goes(void **state)
{
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct source s = {.reply = FULL};
    struct session x;

    (void)state;
    begin(&x, &s, c, g, 0);
    await_phase(&x, FLOW_ANSWERED);
    assert_null(flow_session_framer(x.flow));
    stop(&x, &s);
    assert_int_equal(g->flows[0].raw_bytes, 0);
    capture_free(c);
}

/* It may not have heard the first one. At a steady pace as many would take five seconds. */
static void test_a_redis_is_told_again_soon_before_its_stream_begins(void **state)
{
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct source s = {.greetings = 2, .reply = "+CONTINUE\r\n"};
    uint64_t began_ms;
    struct session x;

    (void)state;
    begin(&x, &s, c, g, 77);
    go(&x);
    await_phase(&x, FLOW_SYNCED);
    flow_session_begin_stable(x.flow);
    await_phase(&x, FLOW_STABLE);
    began_ms = clock_mono_ms();
    while (atomic_load(&s.acks) < 6) {
        assert_true(clock_mono_ms() - began_ms < 4500);
        (void)poll(NULL, 0, 1);
    }
    stop(&x, &s);
    capture_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_a_full_sync_and_its_journal),
        T_STORE_TEST(test_what_was_lost_is_resumed),
        T_STORE_TEST(test_why_a_flow_ends),
        T_STORE_TEST(test_a_flow_that_never_goes),
        T_STORE_TEST(test_a_redis_is_told_again_soon_before_its_stream_begins),
    };

    return T_RUN("capture/flow_session", tests);
}
