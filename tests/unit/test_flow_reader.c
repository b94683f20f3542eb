#include "lib/t_store.h"

#include <sys/wait.h>

static enum step next(struct flow_reader *r, struct segment_block *b, enum segment_kind *kind)
{
    struct ft_err err = FT_ERR_INIT;
    enum step step = flow_reader_next(r, b, kind, &err);

    if (step == STEP_ERROR)
        fail_msg("%s", err.msg);
    return step;
}

static struct flow_reader *flow_reader(const struct capture *c, uint32_t flow)
{
    struct ft_err err = FT_ERR_INIT;
    struct flow_reader *r;

    t_ok(flow_reader_new(&r, c, capture_newest(c), flow, &err), &err);
    return r;
}

/* As who opens the capture now sees it. */
static void expect_newest(uint32_t id, uint64_t raw_bytes, enum generation_state state)
{
    struct capture *c = t_store_open_read();
    const struct generation *g = capture_newest(c);

    assert_int_equal(g->id, id);
    assert_int_equal(g->flows[0].raw_bytes, raw_bytes);
    assert_int_equal(g->state, state);
    capture_free(c);
}

static void test_reader_follows(void **state)
{
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct capture *rc = t_store_open_read();
    struct flow_reader *r = flow_reader(rc, 0);
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    enum segment_kind kind;
    struct segment_writer *w;
    struct segment_block b;

    (void)state;
    assert_int_equal(next(r, &b, &kind), STEP_END);
    w = t_store_start(c, g, 0, SEGMENT_SNAPSHOT, 0);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    t_store_put(w, &f, 100, 0, 0);
    assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(kind, SEGMENT_SNAPSHOT);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    expect_newest(1, 100, GENERATION_SNAPSHOT);
    t_store_put_end(w, &f, 18);
    t_store_finish(g, 0, w);
    expect_newest(1, 150, GENERATION_COMPLETE);
    w = t_store_start(c, g, 0, SEGMENT_JOURNAL, 18);
    t_store_put(w, &f, 200, 2, 0);
    assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(b.flags, SEGMENT_BLOCK_END);
    assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(kind, SEGMENT_JOURNAL);
    assert_int_equal(b.first_lsn, 18);
    assert_string_equal(flow_reader_where(r), "gen-0001/flow-000-00001-journal.seg");
    assert_int_equal(next(r, &b, &kind), STEP_END);
    t_store_finish(g, 0, w);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    w = t_store_start(c, g, 0, SEGMENT_INCREMENT, 20);
    t_store_put(w, &f, 200, 1, 0);
    t_store_finish(g, 0, w);
    t_store_save(c);
    assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(kind, SEGMENT_INCREMENT);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    (void)t_store_begin(c, 2);
    expect_newest(2, 0, GENERATION_SNAPSHOT);
    flow_reader_free(r);
    capture_free(rc);
    capture_free(c);
}

static void test_seek_lsn(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct t_flow f = t_store_fill_flow(c, g, 0);
    struct flow_reader *r = flow_reader(c, 0);
    enum segment_kind kind;
    struct segment_writer *w;
    struct segment_block b;

    (void)state;
    /* LSNs 18-20 known to the reader, 21-24 sealed later, 25-26 open */
    w = t_store_start(c, g, 0, SEGMENT_JOURNAL, 21);
    t_store_put(w, &f, 10, 2, 0);
    t_store_put(w, &f, 10, 1, SEGMENT_BLOCK_CONTINUED);
    t_store_put(w, &f, 10, 1, 0);
    t_store_finish(g, 0, w);
    w = t_store_start(c, g, 0, SEGMENT_JOURNAL, 25);
    t_store_put(w, &f, 10, 2, 0);
    for (uint64_t lsn = 18; lsn <= 27; lsn++) {
        uint64_t want = lsn < 21 ? 18 : lsn < 23 ? 21 : lsn < 25 ? 23 : 25;

        t_ok(flow_reader_seek_lsn(r, lsn, &err), &err);
        assert_int_equal(next(r, &b, &kind), STEP_ITEM);
        assert_int_equal(b.first_lsn, want);
        assert_int_equal(kind, SEGMENT_JOURNAL);
    }
    t_ok(flow_reader_seek_lsn(r, 18, &err), &err);
    for (int i = 0; i < 5; i++)
        assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    t_fails(flow_reader_seek_lsn(r, 17, &err), &err, FT_ERR_USAGE, "begins with LSN 18, not 17");
    flow_reader_free(r);
    r = flow_reader(c, 0);
    t_fails(flow_reader_seek_lsn(r, 28, &err), &err, FT_ERR_USAGE, "ends before LSN 27, not 28");
    flow_reader_free(r);
    segment_writer_free(w);
    capture_free(c);
}

static void test_seek_before_journal(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    struct segment_writer *w = t_store_start(c, g, 0, SEGMENT_SNAPSHOT, 0);
    struct flow_reader *r = flow_reader(c, 0);
    enum segment_kind kind;
    struct segment_block b;

    (void)state;
    t_fails(flow_reader_seek_lsn(r, 18, &err), &err, FT_ERR_USAGE, "snapshot is not complete");
    flow_reader_free(r);
    t_store_put_end(w, &f, 18);
    t_store_finish(g, 0, w);
    r = flow_reader(c, 0);
    t_ok(flow_reader_seek_lsn(r, 18, &err), &err);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    w = t_store_start(c, g, 0, SEGMENT_JOURNAL, 18);
    t_store_put(w, &f, 10, 2, 0);
    assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(b.first_lsn, 18);
    segment_writer_free(w);
    flow_reader_free(r);
    capture_free(c);
}

static enum step read_to_end(const struct capture *c, struct ft_err *err)
{
    struct flow_reader *r = flow_reader(c, 0);
    enum segment_kind kind;
    struct segment_block b;
    enum step step;

    while ((step = flow_reader_next(r, &b, &kind, err)) == STEP_ITEM)
        ;
    flow_reader_free(r);
    return step;
}

static void test_wrong_files(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    const char *first = "cap/gen-0001/flow-000-00000-snapshot.seg";
    struct segment_info *s;
    struct buf b;

    (void)state;
    (void)t_store_fill_flow(c, g, 0);
    assert_int_equal(read_to_end(c, &err), STEP_END);
    s = &g->flows[0].segments[0];
    s->digest ^= 1;
    assert_int_equal(read_to_end(c, &err), STEP_ERROR);
    assert_non_null(strstr(err.msg, "is not the one the manifest names"));
    s->digest ^= 1;
    b = t_read(t_store_dir.fd, first);
    (void)unlinkat(t_store_dir.fd, first, 0);
    err_clear(&err);
    assert_int_equal(read_to_end(c, &err), STEP_ERROR);
    assert_non_null(strstr(err.msg, "is missing, the manifest names it"));
    b.p[200] ^= 1;
    t_write(t_store_dir.fd, first, b.p, b.n);
    err_clear(&err);
    assert_int_equal(read_to_end(c, &err), STEP_ERROR);
    assert_int_equal(err.kind, FT_ERR_CORRUPT);
    assert_int_equal(err.offset, 96);
    assert_non_null(strstr(err.msg, "flow-000-00000-snapshot.seg\" at offset 96"));
    buf_release(&b);
    capture_free(c);
}

/*
 * Property: whatever is appended, stopped, reopened and sealed, in any order - a reader gets the
 * bytes up to the last whole item, once, and so does one that has followed all the time.
 */

struct history {
    struct capture *c;
    struct generation *g;
    struct segment_writer *w;
    struct t_flow now;   /* behind the last block */
    struct t_flow whole; /* behind the last whole item */
    uint64_t seed;
};

static void history_append(struct history *h)
{
    static uint8_t room[8 * 100000];
    struct ft_err err = FT_ERR_INIT;
    struct segment_block b[8];
    size_t n = 1 + t_random(&h->seed) % 8;
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t x = t_random(&h->seed);
        uint32_t size = (uint32_t)(x % 10 == 0 ? 100000 : x % 700);
        uint8_t flags = (x >> 20) % 3 == 0 ? SEGMENT_BLOCK_CONTINUED : 0;

        b[i] = t_block(&h->now, (enum codec_id)((x >> 30) % CODEC_COUNT), size,
                       (uint32_t)(x >> 40) % 3, flags, room + used);
        used += size;
        if (flags == 0)
            h->whole = h->now;
    }
    t_ok(segment_writer_append(h->w, b, n, &err), &err);
}

static void history_stop(struct history *h)
{
    char tail[200];
    int fd = segment_writer_fd(h->w);

    /* a torn write behind the last block */
    memset(tail, (int)(h->seed & 0xff), sizeof(tail));
    if (h->seed % 3 == 0)
        assert_true(write(fd, tail, h->seed % sizeof(tail)) >= 0);
    segment_writer_free(h->w);
    capture_free(h->c);
    h->c = t_store_open_write();
    h->g = capture_newest(h->c);
    assert_int_equal(h->g->flows[0].raw_bytes, h->whole.offset);
    assert_int_equal(h->g->flows[0].next_lsn, h->whole.lsn);
    h->now = h->whole;
    h->w = t_store_start(h->c, h->g, 0, SEGMENT_JOURNAL, h->now.lsn);
}

static void history_rotate(struct history *h)
{
    t_store_finish(h->g, 0, h->w);
    h->now = h->whole;
    if (t_random(&h->seed) % 2)
        t_store_save(h->c);
    h->w = t_store_start(h->c, h->g, 0, SEGMENT_JOURNAL, h->now.lsn);
}

/* Take what there is; bytes must go on at *at. */
static void history_read(struct flow_reader *r, const struct history *h, uint64_t *at)
{
    struct segment_block b;
    enum segment_kind kind;

    while (next(r, &b, &kind) == STEP_ITEM) {
        assert_int_equal(b.stream_offset, *at);
        assert_int_equal(b.payload.n, b.raw_bytes);
        if (kind == SEGMENT_JOURNAL)
            t_expect(b.payload, *at);
        *at += b.raw_bytes;
    }
    assert_int_equal(*at, h->whole.offset);
}

static void run_history(uint64_t seed)
{
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    struct history h = {.seed = seed};
    struct flow_reader *follower;
    struct flow_reader *fresh;
    struct capture *rc;
    uint64_t followed = 0;
    uint64_t from_start = 0;

    h.c = t_store_open_write();
    h.g = t_store_begin(h.c, 1);
    rc = t_store_open_read();
    follower = flow_reader(rc, 0);
    capture_free(rc);
    h.w = t_store_start(h.c, h.g, 0, SEGMENT_SNAPSHOT, 0);
    t_store_put_end(h.w, &f, 5);
    t_store_finish(h.g, 0, h.w);
    h.now = h.whole = f;
    h.w = t_store_start(h.c, h.g, 0, SEGMENT_JOURNAL, 5);
    for (int i = 0; i < 60; i++) {
        uint64_t x = t_random(&h.seed) % 12;

        if (x < 7)
            history_append(&h);
        else if (x < 9)
            history_read(follower, &h, &followed);
        else if (x < 11)
            history_rotate(&h);
        else
            history_stop(&h);
    }
    history_read(follower, &h, &followed);
    rc = t_store_open_read();
    fresh = flow_reader(rc, 0);
    history_read(fresh, &h, &from_start);
    flow_reader_free(fresh);
    flow_reader_free(follower);
    capture_free(rc);
    segment_writer_free(h.w);
    capture_free(h.c);
}

static void test_property(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run_history(seed * 1000003);
        t_dir_remove(&t_store_dir);
        (void)t_store_setup(NULL);
    }
}

/* A writer in another process, a reader that never waits for it. */
static void write_concurrently(void)
{
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    struct history h = {.seed = 42};

    h.c = t_store_open_write();
    h.g = capture_newest(h.c);
    h.w = t_store_start(h.c, h.g, 0, SEGMENT_SNAPSHOT, 0);
    t_store_put_end(h.w, &f, 5);
    t_store_finish(h.g, 0, h.w);
    h.now = h.whole = f;
    h.w = t_store_start(h.c, h.g, 0, SEGMENT_JOURNAL, 5);
    for (int i = 1; i <= 600; i++) {
        history_append(&h);
        if (i % 50 == 0)
            history_rotate(&h);
    }
    t_store_put(h.w, &h.now, 1, 0, 0);
    t_store_finish(h.g, 0, h.w);
    t_store_save(h.c);
    capture_free(h.c);
}

static void test_concurrent(void **state)
{
    struct capture *c = t_store_open_write();
    struct flow_reader *r;
    struct segment_block b;
    enum segment_kind kind;
    bool ended = false;
    uint64_t at = 0;
    int status;
    pid_t pid;

    (void)state;
    (void)t_store_begin(c, 1);
    capture_free(c);
    c = t_store_open_read();
    r = flow_reader(c, 0);
    pid = fork();
    if (pid == 0) {
        write_concurrently();
        _exit(0);
    }
    for (;;) {
        enum step step = next(r, &b, &kind);

        if (step == STEP_ITEM) {
            assert_int_equal(b.stream_offset, at);
            if (kind == SEGMENT_JOURNAL)
                t_expect(b.payload, at);
            at += b.raw_bytes;
        } else if (ended) {
            break;
        } else {
            ended = waitpid(pid, &status, WNOHANG) == pid;
        }
    }
    assert_int_equal(status, 0);
    flow_reader_free(r);
    capture_free(c);
    c = t_store_open_read();
    assert_int_equal(at, capture_newest(c)->flows[0].raw_bytes);
    assert_true(at > 600 * 1000);
    capture_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_reader_follows),
        T_STORE_TEST(test_seek_lsn),
        T_STORE_TEST(test_seek_before_journal),
        T_STORE_TEST(test_wrong_files),
        T_STORE_TEST(test_property),
        T_STORE_TEST(test_concurrent),
    };

    return T_RUN("store/flow_reader", tests);
}
