#include "lib/t_store.h"

#include <poll.h>
#include <sys/wait.h>

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
    struct capture *c = t_store_open_write();
    uint8_t id[CAPTURE_ID_SIZE];
    int fd;

    (void)state;
    assert_null(capture_newest(c));
    assert_null(capture_find(c, 0));
    memcpy(id, c->id, sizeof(id));
    assert_true(capture_is_dir(t_store_path));
    assert_false(capture_is_dir(t_store_dir.path));
    capture_free(c);
    fd = openat(t_store_dir.fd, "cap/capture.json.tmp", O_WRONLY | O_CREAT, 0666);
    (void)close(fd);
    c = t_store_open_write();
    assert_memory_equal(c->id, id, sizeof(id));
    assert_false(t_exists(t_store_dir.fd, "cap/capture.json.tmp"));
    capture_free(c);
}

static void expect_locked(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct ft_err err = FT_ERR_INIT;
        struct capture_recovery recovery;
        struct capture *other;
        int rc = capture_open_write(&other, t_store_path, T_STORE_SOURCE, &recovery, &err);

        _exit(rc == -1 && err.kind == FT_ERR_STATE && strstr(err.msg, "another process") ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* What a killed process was starting has its locks for a moment. */
static void test_lock_that_a_child_has_left(void **state)
{
    struct capture *c = t_store_open_write();
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        (void)poll(NULL, 0, 20);
        _exit(0);
    }
    capture_free(c);
    capture_free(t_store_open_write());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* Also when somebody takes the file of the lock for a leftover. */
static void test_lock(void **state)
{
    struct capture *c = t_store_open_write();

    (void)state;
    expect_locked();
    assert_int_equal(unlinkat(c->dirfd, CAPTURE_LOCK, 0), 0);
    expect_locked();
    capture_free(c);
    capture_free(t_store_open_write());
}

static void test_foreign_directories(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c;

    (void)state;
    t_fails(capture_open_read(&c, t_store_path, &err), &err, FT_ERR_IO, "could not open");
    assert_int_equal(mkdirat(t_store_dir.fd, "cap", 0777), 0);
    t_fails(capture_open_read(&c, t_store_path, &err), &err, FT_ERR_STATE, "is not a capture");
    t_write(t_store_dir.fd, "cap/thesis.txt", "x", 1);
    t_fails(capture_open_write(&c, t_store_path, T_STORE_SOURCE, &recovery, &err), &err,
            FT_ERR_STATE, "neither a capture nor empty: it holds \"thesis.txt\"");
    assert_false(t_exists(t_store_dir.fd, "cap/capture.lock"));
    t_write(t_store_dir.fd, "cap/capture.json", "{\"format\": \"video\"}", 19);
    t_fails(capture_open_write(&c, t_store_path, T_STORE_SOURCE, &recovery, &err), &err,
            FT_ERR_STATE, "not the manifest of a flowtape capture");
    t_fails(capture_open_write(&c, "/tmp/flowtape-no-such/dir", T_STORE_SOURCE, &recovery, &err),
            &err, FT_ERR_IO, "could not create directory");
}

static void test_source(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c = t_store_open_write();

    (void)state;
    capture_free(c);
    /* nothing was captured: another address is fine */
    t_ok(capture_open_write(&c, t_store_path, "b:1", &recovery, &err), &err);
    assert_string_equal(c->source_address, "b:1");
    (void)t_store_begin(c, 2);
    t_ok(capture_check_source(c, "b:1", "other", &err), &err);
    t_ok(capture_check_source(c, "c:2", T_STORE_REPLID, &err), &err);
    t_fails(capture_check_source(c, "c:2", "other", &err), &err, FT_ERR_STATE,
            "is of the source b:1, not of c:2");
    capture_free(c);
}

static void test_round_trip(void **state)
{
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 2);
    struct capture *r;

    (void)state;
    (void)snprintf(g->source_version, sizeof(g->source_version), "df-v1.40.0");
    g->sharding = SHARDING_TAG;
    g->resumptions = 3;
    (void)t_store_fill_flow(c, g, 0);
    assert_int_equal(g->state, GENERATION_SNAPSHOT);
    (void)t_store_fill_flow(c, g, 1);
    assert_int_equal(g->state, GENERATION_COMPLETE);
    assert_int_equal(g->flows[1].stable_lsn, 18);
    assert_int_equal(g->flows[1].next_lsn, 21);
    memcpy(g->flows[0].eof_token, T_STORE_TOKEN, sizeof(T_STORE_TOKEN));
    t_store_save(c);
    r = t_store_open_read();
    expect_same(c, r);
    assert_ptr_equal(capture_find(r, 0), capture_newest(r));
    assert_null(capture_find(r, 2));
    assert_string_equal(r->generations[0].flows[0].segments[1].name,
                        "gen-0001/flow-000-00001-snapshot.seg");
    capture_free(r);
    capture_free(c);
    r = t_store_open_write();
    assert_int_equal(r->generations[0].flows[0].segment_count, 3);
    capture_free(r);
}

/* Nothing was saved after begin: all comes out of the segments, sealed or not. */
static void test_recover(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 3);
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    struct segment_writer *w;
    const struct capture_flow *flow;
    struct capture *r;

    (void)state;
    f = t_store_fill_flow(c, g, 0);
    w = t_store_start(c, g, 0, SEGMENT_JOURNAL, 21);
    t_store_put(w, &f, 100, 4, 0);
    t_store_put(w, &f, 100, 5, SEGMENT_BLOCK_CONTINUED);
    segment_writer_free(w);
    f = (struct t_flow){SEGMENT_SNAPSHOT, 0, 0, 1000};
    w = t_store_start(c, g, 1, SEGMENT_SNAPSHOT, 0);
    t_store_put(w, &f, 100, 0, 0);
    t_store_put_end(w, &f, 7);
    segment_writer_free(w);
    segment_writer_free(t_store_start(c, g, 2, SEGMENT_SNAPSHOT, 0));
    r = t_store_open_read(); /* readers see it without a manifest too */
    assert_int_equal(r->generations[0].flows[0].next_lsn, 25);
    assert_int_equal(r->generations[0].flows[0].segment_count, 4);
    assert_false(r->generations[0].flows[0].segments[3].sealed);
    assert_true(r->generations[0].flows[1].snapshot_complete);
    assert_int_equal(r->generations[0].flows[2].segment_count, 0);
    capture_free(r);
    capture_free(c);

    t_ok(capture_open_write(&c, t_store_path, T_STORE_SOURCE, &recovery, &err), &err);
    assert_int_equal(recovery.sealed, 2);
    assert_int_equal(recovery.removed, 1);
    assert_int_equal(recovery.cut_bytes, 164);
    flow = capture_newest(c)->flows;
    assert_int_equal(flow[0].segment_count, 4);
    assert_int_equal(flow[0].raw_bytes, 1000 + 550 + 300 + 100);
    assert_int_equal(flow[0].next_lsn, 25);
    assert_string_equal(flow[0].eof_token, T_STORE_TOKEN);
    assert_true(flow[1].snapshot_complete);
    assert_int_equal(flow[1].stable_lsn, 7);
    assert_int_equal(flow[1].next_lsn, 7);
    assert_string_equal(flow[1].eof_token, T_STORE_TOKEN);
    assert_int_equal(flow[2].segment_count, 0);
    assert_int_equal(capture_newest(c)->state, GENERATION_SNAPSHOT);
    r = t_store_open_read(); /* and it is in the manifest now */
    expect_same(c, r);
    capture_free(r);
    capture_free(c);
    t_ok(capture_open_write(&c, t_store_path, T_STORE_SOURCE, &recovery, &err), &err);
    assert_int_equal(recovery.sealed + recovery.removed + recovery.cut_bytes, 0);
    capture_free(c);
}

static void test_generations(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, 1000};
    struct segment_writer *w;
    struct flow_reader *r;

    (void)state;
    (void)t_store_fill_flow(c, g, 0);
    t_store_save(c);
    g = t_store_begin(c, 2); /* 2: will not be completed */
    assert_int_equal(g->id, 2);
    assert_string_equal(c->generations[0].ended_by, "full-sync");
    assert_int_equal(c->generations[0].state, GENERATION_COMPLETE);
    w = t_store_start(c, g, 1, SEGMENT_SNAPSHOT, 0);
    t_store_put(w, &f, 100, 0, 0);
    t_store_finish(g, 1, w);
    segment_writer_free(t_store_start(c, g, 0, SEGMENT_SNAPSHOT, 0));
    t_store_save(c);
    assert_true(t_exists(t_store_dir.fd, "cap/gen-0002/flow-001-00000-snapshot.seg"));
    g = t_store_begin(c, 3);
    assert_int_equal(g->id, 3);
    assert_int_equal(c->generations[1].state, GENERATION_ABANDONED);
    assert_int_equal(c->generations[1].flows[1].segment_count, 0);
    assert_false(t_exists(t_store_dir.fd, "cap/gen-0002"));
    assert_true(t_exists(t_store_dir.fd, "cap/gen-0001/flow-000-00000-snapshot.seg"));
    assert_int_equal(capture_find(c, 0)->id, 1);
    capture_free(c);
    /* a crash before the files were removed */
    assert_int_equal(mkdirat(t_store_dir.fd, "cap/gen-0002", 0777), 0);
    t_write(t_store_dir.fd, "cap/gen-0002/flow-001-00000-snapshot.seg.partial", "x", 1);
    c = t_store_open_write();
    assert_false(t_exists(t_store_dir.fd, "cap/gen-0002"));
    assert_int_equal(capture_newest(c)->id, 3);
    t_fails(flow_reader_new(&r, c, capture_newest(c), 3, &err), &err, FT_ERR_USAGE,
            "there is no flow 3");
    capture_free(c);
}

static void test_stray_segment(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_recovery recovery;
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);

    (void)state;
    (void)t_store_fill_flow(c, g, 0);
    t_store_save(c);
    capture_free(c);
    t_write(t_store_dir.fd, "cap/gen-0001/flow-000-00007-journal.seg", "x", 1);
    t_fails(capture_open_write(&c, t_store_path, T_STORE_SOURCE, &recovery, &err), &err,
            FT_ERR_CORRUPT, "does not follow the others");
    (void)unlinkat(t_store_dir.fd, "cap/gen-0001/flow-000-00007-journal.seg", 0);
    t_write(t_store_dir.fd, "cap/gen-0001/notes.txt", "x", 1);
    capture_free(t_store_open_write());
    (void)unlinkat(t_store_dir.fd, "cap/gen-0001/flow-000-00001-snapshot.seg", 0);
    t_fails(capture_open_write(&c, t_store_path, T_STORE_SOURCE, &recovery, &err), &err,
            FT_ERR_CORRUPT, "flow-000-00001-snapshot.seg\" is missing");
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
        {"\"major\": 1", "\"major\": 3", FT_ERR_UNSUPPORTED, "format 3 is newer"},
        {"\"major\": 1", "\"major\": 2", FT_ERR_CORRUPT, "kind"},
        {"\"major\": 1", "\"major\": 0", FT_ERR_CORRUPT, "major"},
        {"\"major\": 1", "\"major\": \"1\"", FT_ERR_CORRUPT, "major"},
        {"flowtape-capture", "flowtape", FT_ERR_STATE, "not the manifest"},
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
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct capture *r;

    (void)state;
    (void)t_store_fill_flow(c, g, 0);
    t_store_save(c);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct buf b;

        t_store_save(c);
        b = t_read(t_store_dir.fd, "cap/capture.json");
        replace(&b, cases[i].from, cases[i].to);
        t_write(t_store_dir.fd, "cap/capture.json", b.p, b.n);
        t_fails(capture_open_read(&r, t_store_path, &err), &err, cases[i].kind, cases[i].part);
        buf_release(&b);
    }
    capture_free(c);
}

static void test_newer_minor(void **state)
{
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct capture *r;
    struct buf b;

    (void)state;
    (void)t_store_fill_flow(c, g, 0);
    t_store_save(c);
    b = t_read(t_store_dir.fd, "cap/capture.json");
    replace(&b, "\"minor\": 0", "\"minor\": 9, \"colour\": [1, {\"a\": null}]");
    replace(&b, "\"state\": ", "\"mood\": 1.5, \"state\": ");
    replace(&b, "\"flow\": 0", "\"depth\": true, \"flow\": 0");
    replace(&b, "\"file\": ", "\"cloud\": \"s3\", \"file\": ");
    replace(&b, "\"sharding\": \"unknown\"", "\"sharding\": \"moon\"");
    t_write(t_store_dir.fd, "cap/capture.json", b.p, b.n);
    buf_release(&b);
    r = t_store_open_read();
    expect_same(c, r);
    capture_free(r);
    capture_free(c);
}

static void test_truncated_manifest(void **state)
{
    struct capture *c = t_store_open_write();
    struct capture *r;
    struct buf b;

    (void)state;
    (void)t_store_fill_flow(c, t_store_begin(c, 1), 0);
    t_store_save(c);
    b = t_read(t_store_dir.fd, "cap/capture.json");
    for (size_t n = 0; n < b.n - 1; n++) {
        struct ft_err err = FT_ERR_INIT;

        t_write(t_store_dir.fd, "cap/capture.json", b.p, n);
        assert_int_equal(capture_open_read(&r, t_store_path, &err), -1);
        assert_int_equal(err.kind, FT_ERR_CORRUPT);
    }
    buf_release(&b);
    capture_free(c);
}

/* Programs for version 1 refuse it, and what it holds stays of one kind. */
static void test_a_capture_of_a_redis(void **state)
{
    struct capture_recovery recovery;
    struct ft_err err = FT_ERR_INIT;
    struct generation *g;
    struct capture *c;
    char path[256];
    char text[256] = "";
    FILE *f;

    (void)state;
    t_ok(capture_open_write(&c, t_store_path, T_STORE_SOURCE, &recovery, &err), &err);
    assert_false(c->redis);
    t_ok(capture_set_redis(c, true, &err), &err);
    t_ok(capture_begin_generation(c, T_STORE_REPLID, 0, 1, &g, &err), &err);
    t_fails(capture_set_redis(c, false, &err), &err, FT_ERR_STATE, "a capture of a Redis");
    t_ok(capture_set_redis(c, true, &err), &err);
    capture_free(c);
    t_ok(capture_open_read(&c, t_store_path, &err), &err);
    assert_true(c->redis);
    capture_free(c);
    (void)snprintf(path, sizeof(path), "%s/" CAPTURE_MANIFEST, t_store_path);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
    (void)fclose(f);
    assert_non_null(strstr(text, "\"major\": 2,"));
    assert_non_null(strstr(text, "\"kind\": \"redis\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_create_and_reopen),
        T_STORE_TEST(test_lock),
        T_STORE_TEST(test_lock_that_a_child_has_left),
        T_STORE_TEST(test_foreign_directories),
        T_STORE_TEST(test_source),
        T_STORE_TEST(test_round_trip),
        T_STORE_TEST(test_recover),
        T_STORE_TEST(test_generations),
        T_STORE_TEST(test_stray_segment),
        T_STORE_TEST(test_hostile_manifests),
        T_STORE_TEST(test_newer_minor),
        T_STORE_TEST(test_truncated_manifest),
        T_STORE_TEST(test_a_capture_of_a_redis),
    };

    return T_RUN("store/capture", tests);
}
