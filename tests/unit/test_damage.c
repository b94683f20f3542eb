/*
 * Damaged input of every kind: a thousand changed bytes and a thousand truncations each give an error
 * or a result, never a crash, a hang or much memory. What is covered by a checksum must give an
 * error.
 */
#include "lib/test_store.h"

#include <sys/resource.h>

#include "audit/verify.h"
#include "capture/framer.h"
#include "lib/t_capture.h"
#include "output/sink_rdb.h"

#define ROUNDS       1000
#define SMALL_ROUNDS 100
#define SEED         20261121u
/* What the largest of these small inputs may add to the process, sanitizers left aside. */
#define MEMORY_MAX_KIB (96 << 10)

static unsigned rounds(void)
{
    const char *effort = getenv("FLOWTAPE_TEST_EFFORT");

    return effort != NULL && strcmp(effort, "small") == 0 ? SMALL_ROUNDS : ROUNDS;
}

/* Round 2k changes one byte, round 2k+1 cuts the end off. Returns what is left of n. */
static size_t damage(uint8_t *p, size_t n, unsigned round, uint64_t *random)
{
    uint64_t r = t_random(random);

    if (round % 2 != 0)
        return r % n;
    p[r % n] ^= (uint8_t)(1 + (r >> 32) % 255);
    return n;
}

static bool is_honest(const struct ft_err *err)
{
    return err->kind != FT_ERR_BUG && err->kind != FT_ERR_NOMEM && err->msg[0] != '\0';
}

/* What a live capture does with the bytes of a flow. */
static void frame(struct bytes stream, const char *token)
{
    struct framer_options options = {.flow_count = 2, .eof_token = token, .offset_expected = true};
    struct ft_err err = FT_ERR_INIT;
    enum framer_event event;
    struct framer *f;

    t_ok(framer_new(&f, &options, &err), &err);
    t_ok(framer_feed(f, stream, 0, &err), &err);
    do
        event = framer_run(f, &err);
    while (event == FRAMER_FULLSYNC_END || event == FRAMER_STREAM_END);
    if (event == FRAMER_ERROR && !is_honest(&err))
        fail_msg("%s: %s", t_kind(err.kind), err.msg);
    assert_true(framer_state(f)->boundary <= stream.n);
    framer_free(f);
}

static void test_a_damaged_flow_is_framed_or_refused(void **state)
{
    struct buf whole;
    struct buf copy = {0};
    struct ft_err err = FT_ERR_INIT;
    uint64_t random = SEED;
    char path[600];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/flow-0.bin", t_recording("live-4"));
    whole = t_read(AT_FDCWD, path);
    for (unsigned i = 0; i < 2 * rounds(); i++) {
        size_t n;

        buf_clear(&copy);
        t_ok(buf_append(&copy, whole.p, whole.n, &err), &err);
        n = damage(copy.p, copy.n, i, &random);
        frame(bytes_of(copy.p, n), "0000000000000000000000000000000000000000");
    }
    buf_release(&copy);
    buf_release(&whole);
}

/* 0: converted; else the kind of the error. */
static enum ft_err_kind convert(const char *input, const char *output)
{
    struct convert_options options = {.target = target_default()};
    struct ft_err err = FT_ERR_INIT;
    struct convert_result result;
    struct loss_report losses;
    struct conversion c = {
        .output = output, .options = &options, .losses = &losses, .result = &result};
    struct source *source;

    if (source_open(&source, input, 0, &err) == 0) {
        loss_init(&losses);
        c.source = source;
        (void)convert_run(&sink_rdb, &c, &err);
        loss_release(&losses);
        source_free(source);
    }
    if (err.kind != FT_ERR_NONE && !is_honest(&err))
        fail_msg("%s: %s", t_kind(err.kind), err.msg);
    return err.kind;
}

/* Damages `file` of the directory again and again; `must_fail` says that a checksum covers it. */
static void convert_damaged(struct t_dir *d, const char *file, const char *input, bool must_fail)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf whole = t_read(d->fd, file);
    struct buf copy = {0};
    uint64_t random = SEED;
    char output[128];

    (void)snprintf(output, sizeof(output), "%s/out.rdb", d->path);
    for (unsigned i = 0; i < 2 * rounds(); i++) {
        enum ft_err_kind kind;
        size_t n;

        buf_clear(&copy);
        t_ok(buf_append(&copy, whole.p, whole.n, &err), &err);
        n = damage(copy.p, copy.n, i, &random);
        t_write(d->fd, file, copy.p, n);
        (void)unlinkat(d->fd, "out.rdb", 0); /* may not be there */
        kind = convert(input, output);
        if (must_fail && kind == FT_ERR_NONE)
            fail_msg("round %u: damage of \"%s\" was not noticed", i, file);
        assert_int_equal(t_exists(d->fd, "out.rdb"), kind == FT_ERR_NONE);
    }
    t_write(d->fd, file, whole.p, whole.n);
    buf_release(&copy);
    buf_release(&whole);
}

static void test_a_damaged_rdb_is_refused(void **state)
{
    struct t_dir d = t_dir_make();
    char input[128];

    (void)state;
    (void)snprintf(input, sizeof(input), "%s/in.rdb", d.path);
    assert_int_equal(convert(t_recording("files/plain.rdb"), input), FT_ERR_NONE);
    convert_damaged(&d, "in.rdb", input, true);
    assert_int_equal(convert(input, "/dev/null/none"), FT_ERR_IO);
    t_dir_remove(&d);
}

/* Dragonfly's own files have no checksum: a changed byte may be a changed value. */
static void test_a_damaged_dragonfly_file_is_read_or_refused(void **state)
{
    struct t_dir d = t_dir_make();
    struct buf file = t_read(AT_FDCWD, t_recording("files/types.rdb"));
    char input[128];

    (void)state;
    (void)snprintf(input, sizeof(input), "%s/types.rdb", d.path);
    t_write(d.fd, "types.rdb", file.p, file.n);
    buf_release(&file);
    convert_damaged(&d, "types.rdb", input, false);
    t_dir_remove(&d);
}

static uint64_t findings_of(const char *path)
{
    struct ft_err err = FT_ERR_INIT;
    struct verify_report report;
    uint64_t findings;

    t_ok(verify_run(&report, path, NULL, &err), &err);
    findings = report.findings_total;
    for (size_t i = 0; i < report.finding_count; i++)
        assert_true(report.findings[i].text[0] != '\0' && report.findings[i].file[0] != '\0');
    verify_report_release(&report);
    return findings;
}

static void verify_damaged(const char *file)
{
    struct ft_err err = FT_ERR_INIT;
    struct t_dir d = t_dir_make();
    struct buf copy = {0};
    struct buf whole;
    uint64_t random = SEED;
    char capture[96];
    char path[160];

    (void)snprintf(capture, sizeof(capture), "%s/cap", d.path);
    (void)snprintf(path, sizeof(path), "cap/%s", file);
    t_ok(t_capture_make(capture, t_recording("live-4"), &err), &err);
    assert_int_equal(findings_of(capture), 0);
    whole = t_read(d.fd, path);
    for (unsigned i = 0; i < 2 * rounds(); i++) {
        size_t n;

        buf_clear(&copy);
        t_ok(buf_append(&copy, whole.p, whole.n, &err), &err);
        n = damage(copy.p, copy.n, i, &random);
        t_write(d.fd, path, copy.p, n);
        if (findings_of(capture) == 0)
            fail_msg("round %u: damage of \"%s\" was not noticed", i, file);
    }
    t_write(d.fd, path, whole.p, whole.n);
    assert_int_equal(findings_of(capture), 0);
    buf_release(&copy);
    buf_release(&whole);
    t_dir_remove(&d);
}

static void test_a_damaged_snapshot_segment_is_found(void **state)
{
    (void)state;
    verify_damaged("gen-0001/flow-001-00000-snapshot.seg");
}

static void test_a_damaged_journal_segment_is_found(void **state)
{
    (void)state;
    verify_damaged("gen-0001/flow-002-00001-journal.seg");
}

/* Runs last, so that the peak is that of everything above. */
static void test_memory_stayed_small(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)state;
    skip(); /* their shadow memory is counted too */
#else
    struct rusage usage;

    (void)state;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    assert_in_range(usage.ru_maxrss, 0, MEMORY_MAX_KIB);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_damaged_flow_is_framed_or_refused),
        cmocka_unit_test(test_a_damaged_rdb_is_refused),
        cmocka_unit_test(test_a_damaged_dragonfly_file_is_read_or_refused),
        cmocka_unit_test(test_a_damaged_snapshot_segment_is_found),
        cmocka_unit_test(test_a_damaged_journal_segment_is_found),
        cmocka_unit_test(test_memory_stayed_small),
    };

    return T_RUN("input/damage", tests);
}
