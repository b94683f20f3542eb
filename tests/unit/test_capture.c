#include "lib/test_store.h"

#include <sys/wait.h>

#include "store/capture.h"

#define SOURCE "10.0.0.1:6379"
#define REPLID "bd4c8f1f8a3d4e0fb2d4a3f5c1e6d7a8b9c0d1e2"
#define TOKEN  "0123456789abcdef0123456789abcdef01234567"

static struct t_dir dir;
static char path[96];
static uint8_t room[1 << 20];

static int setup(void **state)
{
    (void)state;
    dir = t_dir_make();
    (void)snprintf(path, sizeof(path), "%s/cap", dir.path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    t_dir_remove(&dir);
    return 0;
}

static struct capture *open_write(void)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c;

    t_ok(capture_open_write(&c, path, SOURCE, &recovery, &err), &err);
    return c;
}

static struct capture *open_read(void)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c;

    t_ok(capture_open_read(&c, path, &err), &err);
    return c;
}

static struct generation *begin(struct capture *c, uint32_t flows)
{
    struct ft_err err = FT_ERR_INIT;
    struct generation *g;

    t_ok(capture_begin_generation(c, REPLID, 4, flows, &g, &err), &err);
    return g;
}

static struct segment_writer *start(const struct capture *c, const struct generation *g,
                                    uint32_t flow, enum segment_kind kind, uint64_t lsn)
{
    struct ft_err err = FT_ERR_INIT;
    char name[SEGMENT_NAME_MAX];
    struct segment_id id;
    struct segment_writer *w;

    capture_segment_id(c, g, flow, kind, lsn, &id, name);
    t_ok(segment_writer_create(&w, c->dirfd, name, &id, &err), &err);
    return w;
}

static void put(struct segment_writer *w, struct t_flow *f, uint32_t n, uint32_t records,
                uint8_t flags)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_block b = t_block(f, CODEC_NONE, n, records, flags, room);

    t_ok(segment_writer_append(w, &b, 1, &err), &err);
}

/* The END block: token at the end, stable_lsn behind it. */
static void put_end(struct segment_writer *w, struct t_flow *f, uint64_t stable_lsn)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_block b = t_block(f, CODEC_NONE, 50, 0, SEGMENT_BLOCK_END, room);

    memcpy(room + 10, TOKEN, 40);
    b.first_lsn = stable_lsn;
    t_ok(segment_writer_append(w, &b, 1, &err), &err);
    f->kind = SEGMENT_JOURNAL;
    f->lsn = stable_lsn;
}

static void finish(struct generation *g, uint32_t flow, struct segment_writer *w)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_info info;

    t_ok(segment_writer_seal(w, &info, &err), &err);
    segment_writer_free(w);
    t_ok(capture_add_segment(g, flow, &info, &err), &err);
}

static void save(struct capture *c)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(capture_save(c, &err), &err);
}

/* A flow with a snapshot of two segments and a journal of one; LSNs 18 to 20. */
static struct t_flow fill_flow(struct capture *c, struct generation *g, uint32_t flow)
{
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, UINT64_C(1700000000000000)};
    struct segment_writer *w = start(c, g, flow, SEGMENT_SNAPSHOT, 0);

    put(w, &f, 1000, 0, 0);
    finish(g, flow, w);
    w = start(c, g, flow, SEGMENT_SNAPSHOT, 0);
    put(w, &f, 500, 0, 0);
    put_end(w, &f, 18);
    finish(g, flow, w);
    w = start(c, g, flow, SEGMENT_JOURNAL, 18);
    put(w, &f, 300, 3, 0);
    finish(g, flow, w);
    return f;
}

static void expect_same(const struct capture *a, const struct capture *b)
{
    assert_memory_equal(a->id, b->id, sizeof(a->id));
    assert_string_equal(a->source_address, b->source_address);
    assert_int_equal(a->created_us / 1000, b->created_us / 1000);
    assert_int_equal(a->generation_count, b->generation_count);
    for (size_t i = 0; i < a->generation_count; i++) {
        const struct generation *x = &a->generations[i];
        const struct generation *y = &b->generations[i];

        assert_int_equal(x->id, y->id);
        assert_int_equal(x->state, y->state);
        assert_string_equal(x->replication_id, y->replication_id);
        assert_string_equal(x->source_version, y->source_version);
        assert_string_equal(x->ended_by, y->ended_by);
        assert_int_equal(x->protocol, y->protocol);
        assert_int_equal(x->sharding, y->sharding);
        assert_int_equal(x->resumptions, y->resumptions);
        assert_int_equal(x->began_us / 1000, y->began_us / 1000);
        assert_int_equal(x->flow_count, y->flow_count);
        for (uint32_t k = 0; k < x->flow_count; k++) {
            const struct capture_flow *p = &x->flows[k];
            const struct capture_flow *q = &y->flows[k];

            assert_int_equal(p->segment_count, q->segment_count);
            assert_int_equal(p->raw_bytes, q->raw_bytes);
            assert_int_equal(p->snapshot_complete, q->snapshot_complete);
            assert_int_equal(p->stable_lsn, q->stable_lsn);
            assert_int_equal(p->next_lsn, q->next_lsn);
            assert_string_equal(p->eof_token, q->eof_token);
            for (size_t s = 0; s < p->segment_count; s++) {
                struct segment_info m = p->segments[s];
                struct segment_info n = q->segments[s];

                m.first_time_us = n.first_time_us = 0;
                m.last_time_us = n.last_time_us = 0;
                assert_memory_equal(&m, &n, sizeof(m));
            }
        }
    }
}

static void test_create_and_reopen(void **state)
{
    struct capture *c = open_write();
    uint8_t id[CAPTURE_ID_SIZE];
    int fd;

    (void)state;
    assert_null(capture_newest(c));
    assert_null(capture_find(c, 0));
    memcpy(id, c->id, sizeof(id));
    assert_true(capture_is_dir(path));
    assert_false(capture_is_dir(dir.path));
    capture_free(c);
    fd = openat(dir.fd, "cap/capture.json.tmp", O_WRONLY | O_CREAT, 0666);
    (void)close(fd);
    c = open_write();
    assert_memory_equal(c->id, id, sizeof(id));
    assert_false(t_exists(dir.fd, "cap/capture.json.tmp"));
    capture_free(c);
}

static void test_lock(void **state)
{
    struct capture *c = open_write();
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        struct ft_err err = FT_ERR_INIT;
        struct capture_recovery recovery;
        struct capture *other;
        int rc = capture_open_write(&other, path, SOURCE, &recovery, &err);

        _exit(rc == -1 && err.kind == FT_ERR_USAGE && strstr(err.msg, "another process") ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    capture_free(c);
    capture_free(open_write());
}

static void test_foreign_directories(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c;

    (void)state;
    t_fails(capture_open_read(&c, path, &err), &err, FT_ERR_IO, "could not open");
    assert_int_equal(mkdirat(dir.fd, "cap", 0777), 0);
    t_fails(capture_open_read(&c, path, &err), &err, FT_ERR_USAGE, "is not a capture");
    t_write(dir.fd, "cap/thesis.txt", "x", 1);
    t_fails(capture_open_write(&c, path, SOURCE, &recovery, &err), &err, FT_ERR_USAGE,
            "neither a capture nor empty: it holds \"thesis.txt\"");
    assert_false(t_exists(dir.fd, "cap/capture.lock"));
    t_write(dir.fd, "cap/capture.json", "{\"format\": \"video\"}", 19);
    t_fails(capture_open_write(&c, path, SOURCE, &recovery, &err), &err, FT_ERR_USAGE,
            "not the manifest of a flowtape capture");
    t_fails(capture_open_write(&c, "/tmp/flowtape-no-such/dir", SOURCE, &recovery, &err), &err,
            FT_ERR_IO, "could not create directory");
}

static void test_source(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c = open_write();

    (void)state;
    capture_free(c);
    /* nothing was captured: another address is fine */
    t_ok(capture_open_write(&c, path, "b:1", &recovery, &err), &err);
    assert_string_equal(c->source_address, "b:1");
    (void)begin(c, 2);
    t_ok(capture_check_source(c, "b:1", "other", &err), &err);
    t_ok(capture_check_source(c, "c:2", REPLID, &err), &err);
    t_fails(capture_check_source(c, "c:2", "other", &err), &err, FT_ERR_USAGE,
            "is of the source b:1, not of c:2");
    capture_free(c);
}

static void test_round_trip(void **state)
{
    struct capture *c = open_write();
    struct generation *g = begin(c, 2);
    struct capture *r;

    (void)state;
    (void)snprintf(g->source_version, sizeof(g->source_version), "df-v1.40.0");
    g->sharding = SHARDING_TAG;
    g->resumptions = 3;
    (void)fill_flow(c, g, 0);
    assert_int_equal(g->state, GENERATION_SNAPSHOT);
    (void)fill_flow(c, g, 1);
    assert_int_equal(g->state, GENERATION_COMPLETE);
    assert_int_equal(g->flows[1].stable_lsn, 18);
    assert_int_equal(g->flows[1].next_lsn, 21);
    memcpy(g->flows[0].eof_token, TOKEN, sizeof(TOKEN));
    save(c);
    r = open_read();
    expect_same(c, r);
    assert_ptr_equal(capture_find(r, 0), capture_newest(r));
    assert_null(capture_find(r, 2));
    assert_string_equal(r->generations[0].flows[0].segments[1].name,
                        "gen-0001/flow-000-00001-snapshot.seg");
    capture_free(r);
    capture_free(c);
    r = open_write();
    assert_int_equal(r->generations[0].flows[0].segment_count, 3);
    capture_free(r);
}

/* Nothing was saved after begin: all comes out of the segments, sealed or not. */
static void test_recover(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c = open_write();
    struct generation *g = begin(c, 3);
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    struct segment_writer *w;
    const struct capture_flow *flow;
    struct capture *r;

    (void)state;
    f = fill_flow(c, g, 0);
    w = start(c, g, 0, SEGMENT_JOURNAL, 21);
    put(w, &f, 100, 4, 0);
    put(w, &f, 100, 5, SEGMENT_BLOCK_CONTINUED);
    segment_writer_free(w);
    f = (struct t_flow){SEGMENT_SNAPSHOT, 0, 0, 1000};
    w = start(c, g, 1, SEGMENT_SNAPSHOT, 0);
    put(w, &f, 100, 0, 0);
    put_end(w, &f, 7);
    segment_writer_free(w);
    segment_writer_free(start(c, g, 2, SEGMENT_SNAPSHOT, 0));
    r = open_read(); /* readers see it without a manifest too */
    assert_int_equal(r->generations[0].flows[0].next_lsn, 25);
    assert_int_equal(r->generations[0].flows[0].segment_count, 4);
    assert_false(r->generations[0].flows[0].segments[3].sealed);
    assert_true(r->generations[0].flows[1].snapshot_complete);
    assert_int_equal(r->generations[0].flows[2].segment_count, 0);
    capture_free(r);
    capture_free(c);

    t_ok(capture_open_write(&c, path, SOURCE, &recovery, &err), &err);
    assert_int_equal(recovery.sealed, 2);
    assert_int_equal(recovery.removed, 1);
    assert_int_equal(recovery.cut_bytes, 164);
    flow = capture_newest(c)->flows;
    assert_int_equal(flow[0].segment_count, 4);
    assert_int_equal(flow[0].raw_bytes, 1000 + 550 + 300 + 100);
    assert_int_equal(flow[0].next_lsn, 25);
    assert_string_equal(flow[0].eof_token, TOKEN);
    assert_true(flow[1].snapshot_complete);
    assert_int_equal(flow[1].stable_lsn, 7);
    assert_int_equal(flow[1].next_lsn, 7);
    assert_string_equal(flow[1].eof_token, TOKEN);
    assert_int_equal(flow[2].segment_count, 0);
    assert_int_equal(capture_newest(c)->state, GENERATION_SNAPSHOT);
    r = open_read(); /* and it is in the manifest now */
    expect_same(c, r);
    capture_free(r);
    capture_free(c);
    t_ok(capture_open_write(&c, path, SOURCE, &recovery, &err), &err);
    assert_int_equal(recovery.sealed + recovery.removed + recovery.cut_bytes, 0);
    capture_free(c);
}

static void test_generations(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = open_write();
    struct generation *g = begin(c, 1);
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    struct segment_writer *w;
    struct flow_reader *r;

    (void)state;
    (void)fill_flow(c, g, 0);
    save(c);
    g = begin(c, 2); /* 2: will not be completed */
    assert_int_equal(g->id, 2);
    assert_string_equal(c->generations[0].ended_by, "full-sync");
    assert_int_equal(c->generations[0].state, GENERATION_COMPLETE);
    w = start(c, g, 1, SEGMENT_SNAPSHOT, 0);
    put(w, &f, 100, 0, 0);
    finish(g, 1, w);
    segment_writer_free(start(c, g, 0, SEGMENT_SNAPSHOT, 0));
    save(c);
    assert_true(t_exists(dir.fd, "cap/gen-0002/flow-001-00000-snapshot.seg"));
    g = begin(c, 3);
    assert_int_equal(g->id, 3);
    assert_int_equal(c->generations[1].state, GENERATION_ABANDONED);
    assert_int_equal(c->generations[1].flows[1].segment_count, 0);
    assert_false(t_exists(dir.fd, "cap/gen-0002"));
    assert_true(t_exists(dir.fd, "cap/gen-0001/flow-000-00000-snapshot.seg"));
    assert_int_equal(capture_find(c, 0)->id, 1);
    capture_free(c);
    /* a crash before the files were removed */
    assert_int_equal(mkdirat(dir.fd, "cap/gen-0002", 0777), 0);
    t_write(dir.fd, "cap/gen-0002/flow-001-00000-snapshot.seg.partial", "x", 1);
    c = open_write();
    assert_false(t_exists(dir.fd, "cap/gen-0002"));
    assert_int_equal(capture_newest(c)->id, 3);
    t_fails(flow_reader_new(&r, c, capture_newest(c), 3, &err), &err, FT_ERR_USAGE,
            "there is no flow 3");
    capture_free(c);
}

static void test_stray_segment(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c = open_write();
    struct generation *g = begin(c, 1);

    (void)state;
    (void)fill_flow(c, g, 0);
    save(c);
    capture_free(c);
    t_write(dir.fd, "cap/gen-0001/flow-000-00007-journal.seg", "x", 1);
    t_fails(capture_open_write(&c, path, SOURCE, &recovery, &err), &err, FT_ERR_CORRUPT,
            "does not follow the others");
    (void)unlinkat(dir.fd, "cap/gen-0001/flow-000-00007-journal.seg", 0);
    t_write(dir.fd, "cap/gen-0001/notes.txt", "x", 1);
    capture_free(open_write());
    (void)unlinkat(dir.fd, "cap/gen-0001/flow-000-00001-snapshot.seg", 0);
    t_fails(capture_open_write(&c, path, SOURCE, &recovery, &err), &err, FT_ERR_CORRUPT,
            "flow-000-00001-snapshot.seg\" is missing");
}

/*
 * Manifests
 */

static void replace(struct buf *b, const char *from, const char *to)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf out = {0};
    const char *at;

    t_ok(buf_append(b, "", 1, &err), &err);
    at = strstr((const char *)b->p, from);
    assert_non_null(at);
    t_ok(buf_append(&out, b->p, (size_t)(at - (const char *)b->p), &err), &err);
    t_ok(buf_append_str(&out, to, &err), &err);
    t_ok(buf_append_str(&out, at + strlen(from), &err), &err);
    buf_release(b);
    *b = out;
}

static void test_hostile_manifests(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        enum ft_err_kind kind;
        const char *part;
    } cases[] = {
        {"\"major\": 1", "\"major\": 2", FT_ERR_UNSUPPORTED, "format 2 is newer"},
        {"\"major\": 1", "\"major\": 0", FT_ERR_CORRUPT, "major"},
        {"\"major\": 1", "\"major\": \"1\"", FT_ERR_CORRUPT, "major"},
        {"flowtape-capture", "flowtape", FT_ERR_USAGE, "not the manifest"},
        {"\"capture_id\": \"", "\"capture_id\": \"g", FT_ERR_CORRUPT, "32 hexadecimal digits"},
        {"\"source\": {", "\"source\": 5, \"x\": {", FT_ERR_CORRUPT, "address"},
        {"10.0.0.1", "10.0.0.1\\u0000", FT_ERR_CORRUPT, "not JSON"},
        {"\"id\": 1", "\"id\": 0", FT_ERR_CORRUPT, "generations[0]: \"id\""},
        {"\"id\": 1", "\"id\": 4294967296", FT_ERR_CORRUPT, "up to 4294967295"},
        {"\"id\": 1", "\"id\": 2", FT_ERR_CORRUPT, "is not number 0 of flow 0"},
        {"\"state\": \"complete\"", "\"state\": \"snapshot\"", FT_ERR_CORRUPT, "state"},
        {"\"state\": \"complete\"", "\"state\": \"great\"", FT_ERR_CORRUPT, "state"},
        {"\"flow\": 0", "\"flow\": 1", FT_ERR_CORRUPT, "flow 0: \"flow\""},
        {"\"flows\": [", "\"flows\": [], \"x\": [", FT_ERR_CORRUPT, "1 to 1024 flows"},
        {"\"stable_lsn\": 18", "\"stable_lsn\": 19", FT_ERR_CORRUPT, "stable LSN 19"},
        {"\"next_lsn\": 21", "\"next_lsn\": -1", FT_ERR_CORRUPT, "next_lsn"},
        {"\"next_lsn\": 21", "\"next_lsn\": 99999999999999999999", FT_ERR_CORRUPT, "not JSON"},
        {"gen-0001/flow-000-00000-", "../../etc/flow-000-00000-", FT_ERR_CORRUPT, "is not number"},
        {"gen-0001/flow-000-00000-", "gen-0001/flow-000-00001-", FT_ERR_CORRUPT, "is not number"},
        {"gen-0001/flow-000-00000-",
         "gen-0001/"
         "flow-000-0000000000000000000000000000000000000000000000000000000000000000000000000000",
         FT_ERR_CORRUPT, "longer than 95"},
        {"\"ordinal\": 1", "\"ordinal\": 2", FT_ERR_CORRUPT, "is not number 1"},
        {"\"bytes\": 1000", "\"bytes\": 1001", FT_ERR_CORRUPT, "stream offset 1000, wanted 1001"},
        {"\"bytes\": 1000", "\"bytes\": 9223372036854775807", FT_ERR_CORRUPT, "stream offset"},
        {"\"bytes\": 1000", "\"bytes\": 1000.5", FT_ERR_CORRUPT, "bytes"},
        {"\"kind\": \"snapshot\"", "\"kind\": \"journal\"", FT_ERR_CORRUPT, "is not number"},
        {"\"kind\": \"snapshot\"", "\"kind\": \"movie\"", FT_ERR_CORRUPT, "kind"},
        {"\"ended\": false", "\"ended\": true", FT_ERR_CORRUPT, "after the snapshot's end"},
        {"\"ended\": true", "\"ended\": false", FT_ERR_CORRUPT, "before the snapshot's end"},
        {"\"digest\": \"xxh3:", "\"digest\": \"md5:", FT_ERR_CORRUPT, "digest"},
        {"\"first_time\": \"20", "\"first_time\": \"x20", FT_ERR_CORRUPT, "first_time"},
        {"\"segments\": [", "\"segments\": [7, ", FT_ERR_CORRUPT, "segment 0"},
        {"\"generations\": [", "\"generations\": {}, \"x\": [", FT_ERR_CORRUPT, "generations"},
        {"{", "{{", FT_ERR_CORRUPT, "not JSON"},
        {"\"minor\": 0", "\"minor\": 0, \"minor\": 1", FT_ERR_CORRUPT, "not JSON"},
    };
    struct capture *c = open_write();
    struct generation *g = begin(c, 1);
    struct capture *r;

    (void)state;
    (void)fill_flow(c, g, 0);
    save(c);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct buf b;

        save(c);
        b = t_read(dir.fd, "cap/capture.json");
        replace(&b, cases[i].from, cases[i].to);
        t_write(dir.fd, "cap/capture.json", b.p, b.n);
        t_fails(capture_open_read(&r, path, &err), &err, cases[i].kind, cases[i].part);
        buf_release(&b);
    }
    capture_free(c);
}

static void test_newer_minor(void **state)
{
    struct capture *c = open_write();
    struct generation *g = begin(c, 1);
    struct capture *r;
    struct buf b;

    (void)state;
    (void)fill_flow(c, g, 0);
    save(c);
    b = t_read(dir.fd, "cap/capture.json");
    replace(&b, "\"minor\": 0", "\"minor\": 9, \"colour\": [1, {\"a\": null}]");
    replace(&b, "\"state\": ", "\"mood\": 1.5, \"state\": ");
    replace(&b, "\"flow\": 0", "\"depth\": true, \"flow\": 0");
    replace(&b, "\"file\": ", "\"cloud\": \"s3\", \"file\": ");
    replace(&b, "\"sharding\": \"unknown\"", "\"sharding\": \"moon\"");
    t_write(dir.fd, "cap/capture.json", b.p, b.n);
    buf_release(&b);
    r = open_read();
    expect_same(c, r);
    capture_free(r);
    capture_free(c);
}

static void test_truncated_manifest(void **state)
{
    struct capture *c = open_write();
    struct capture *r;
    struct buf b;

    (void)state;
    (void)fill_flow(c, begin(c, 1), 0);
    save(c);
    b = t_read(dir.fd, "cap/capture.json");
    for (size_t n = 0; n < b.n - 1; n++) {
        struct ft_err err = FT_ERR_INIT;

        t_write(dir.fd, "cap/capture.json", b.p, n);
        assert_int_equal(capture_open_read(&r, path, &err), -1);
        assert_int_equal(err.kind, FT_ERR_CORRUPT);
    }
    buf_release(&b);
    capture_free(c);
}

/*
 * Reading a flow
 */

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

static void test_reader_follows(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = open_write();
    struct generation *g = begin(c, 1);
    struct capture *rc = open_read();
    struct flow_reader *r = flow_reader(rc, 0);
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    enum segment_kind kind;
    struct segment_writer *w;
    struct segment_block b;

    (void)state;
    assert_int_equal(next(r, &b, &kind), STEP_END);
    w = start(c, g, 0, SEGMENT_SNAPSHOT, 0);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    put(w, &f, 100, 0, 0);
    assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(kind, SEGMENT_SNAPSHOT);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    t_ok(capture_refresh(rc, &err), &err); /* the reader does not mind */
    assert_int_equal(capture_newest(rc)->flows[0].raw_bytes, 100);
    put_end(w, &f, 18);
    finish(g, 0, w);
    t_ok(capture_refresh(rc, &err), &err);
    assert_int_equal(capture_newest(rc)->state, GENERATION_COMPLETE);
    w = start(c, g, 0, SEGMENT_JOURNAL, 18);
    put(w, &f, 200, 2, 0);
    assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(b.flags, SEGMENT_BLOCK_END);
    assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(kind, SEGMENT_JOURNAL);
    assert_int_equal(b.first_lsn, 18);
    assert_string_equal(flow_reader_where(r), "gen-0001/flow-000-00001-journal.seg");
    assert_int_equal(next(r, &b, &kind), STEP_END);
    finish(g, 0, w);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    w = start(c, g, 0, SEGMENT_INCREMENT, 20);
    put(w, &f, 200, 1, 0);
    finish(g, 0, w);
    save(c);
    assert_int_equal(next(r, &b, &kind), STEP_ITEM);
    assert_int_equal(kind, SEGMENT_INCREMENT);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    (void)begin(c, 2);
    t_ok(capture_refresh(rc, &err), &err);
    assert_int_equal(capture_newest(rc)->id, 2);
    flow_reader_free(r);
    capture_free(rc);
    capture_free(c);
}

static void test_seek_lsn(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = open_write();
    struct generation *g = begin(c, 1);
    struct t_flow f = fill_flow(c, g, 0);
    struct flow_reader *r = flow_reader(c, 0);
    enum segment_kind kind;
    struct segment_writer *w;
    struct segment_block b;

    (void)state;
    /* LSNs 18-20 known to the reader, 21-24 sealed later, 25-26 open */
    w = start(c, g, 0, SEGMENT_JOURNAL, 21);
    put(w, &f, 10, 2, 0);
    put(w, &f, 10, 1, SEGMENT_BLOCK_CONTINUED);
    put(w, &f, 10, 1, 0);
    finish(g, 0, w);
    w = start(c, g, 0, SEGMENT_JOURNAL, 25);
    put(w, &f, 10, 2, 0);
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
    struct capture *c = open_write();
    struct generation *g = begin(c, 1);
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    struct segment_writer *w = start(c, g, 0, SEGMENT_SNAPSHOT, 0);
    struct flow_reader *r = flow_reader(c, 0);
    enum segment_kind kind;
    struct segment_block b;

    (void)state;
    t_fails(flow_reader_seek_lsn(r, 18, &err), &err, FT_ERR_USAGE, "snapshot is not complete");
    flow_reader_free(r);
    put_end(w, &f, 18);
    finish(g, 0, w);
    r = flow_reader(c, 0);
    t_ok(flow_reader_seek_lsn(r, 18, &err), &err);
    assert_int_equal(next(r, &b, &kind), STEP_END);
    w = start(c, g, 0, SEGMENT_JOURNAL, 18);
    put(w, &f, 10, 2, 0);
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
    struct capture *c = open_write();
    struct generation *g = begin(c, 1);
    const char *first = "cap/gen-0001/flow-000-00000-snapshot.seg";
    struct segment_info *s;
    struct buf b;

    (void)state;
    (void)fill_flow(c, g, 0);
    assert_int_equal(read_to_end(c, &err), STEP_END);
    s = &g->flows[0].segments[0];
    s->digest ^= 1;
    assert_int_equal(read_to_end(c, &err), STEP_ERROR);
    assert_non_null(strstr(err.msg, "is not the one the manifest names"));
    s->digest ^= 1;
    b = t_read(dir.fd, first);
    (void)unlinkat(dir.fd, first, 0);
    err_clear(&err);
    assert_int_equal(read_to_end(c, &err), STEP_ERROR);
    assert_non_null(strstr(err.msg, "is missing, the manifest names it"));
    b.p[200] ^= 1;
    t_write(dir.fd, first, b.p, b.n);
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
    h->c = open_write();
    h->g = capture_newest(h->c);
    assert_int_equal(h->g->flows[0].raw_bytes, h->whole.offset);
    assert_int_equal(h->g->flows[0].next_lsn, h->whole.lsn);
    h->now = h->whole;
    h->w = start(h->c, h->g, 0, SEGMENT_JOURNAL, h->now.lsn);
}

static void history_rotate(struct history *h)
{
    finish(h->g, 0, h->w);
    h->now = h->whole;
    if (t_random(&h->seed) % 2)
        save(h->c);
    h->w = start(h->c, h->g, 0, SEGMENT_JOURNAL, h->now.lsn);
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

    h.c = open_write();
    h.g = begin(h.c, 1);
    rc = open_read();
    follower = flow_reader(rc, 0);
    capture_free(rc);
    h.w = start(h.c, h.g, 0, SEGMENT_SNAPSHOT, 0);
    put_end(h.w, &f, 5);
    finish(h.g, 0, h.w);
    h.now = h.whole = f;
    h.w = start(h.c, h.g, 0, SEGMENT_JOURNAL, 5);
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
    rc = open_read();
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
        t_dir_remove(&dir);
        (void)setup(NULL);
    }
}

/* A writer in another process, a reader that never waits for it. */
static void write_concurrently(void)
{
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    struct history h = {.seed = 42};

    h.c = open_write();
    h.g = capture_newest(h.c);
    h.w = start(h.c, h.g, 0, SEGMENT_SNAPSHOT, 0);
    put_end(h.w, &f, 5);
    finish(h.g, 0, h.w);
    h.now = h.whole = f;
    h.w = start(h.c, h.g, 0, SEGMENT_JOURNAL, 5);
    for (int i = 1; i <= 600; i++) {
        history_append(&h);
        if (i % 50 == 0)
            history_rotate(&h);
    }
    put(h.w, &h.now, 1, 0, 0);
    finish(h.g, 0, h.w);
    save(h.c);
    capture_free(h.c);
}

static void test_concurrent(void **state)
{
    struct capture *c = open_write();
    struct flow_reader *r;
    struct segment_block b;
    enum segment_kind kind;
    bool ended = false;
    uint64_t at = 0;
    int status;
    pid_t pid;

    (void)state;
    (void)begin(c, 1);
    capture_free(c);
    c = open_read();
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
    c = open_read();
    assert_int_equal(at, capture_newest(c)->flows[0].raw_bytes);
    assert_true(at > 600 * 1000);
    capture_free(c);
}

int main(void)
{
#define T_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T_CASE(test_create_and_reopen),
        T_CASE(test_lock),
        T_CASE(test_foreign_directories),
        T_CASE(test_source),
        T_CASE(test_round_trip),
        T_CASE(test_recover),
        T_CASE(test_generations),
        T_CASE(test_stray_segment),
        T_CASE(test_hostile_manifests),
        T_CASE(test_newer_minor),
        T_CASE(test_truncated_manifest),
        T_CASE(test_reader_follows),
        T_CASE(test_seek_lsn),
        T_CASE(test_seek_before_journal),
        T_CASE(test_wrong_files),
        T_CASE(test_property),
        T_CASE(test_concurrent),
    };

    return T_RUN("store/capture", tests);
}
