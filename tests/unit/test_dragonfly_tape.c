/* The flows of a served capture: the bytes of the recording again, from the beginning and from each LSN. */
#include "serve/dragonfly_tape.h"

#include "lib/t_capture.h"
#include "lib/test_store.h"
#include "serve/dragonfly_clock.h"

static const char token[] = "0123456789012345678901234567890123456789";

struct served {
    struct t_dir dir;
    struct recording *recording;
    struct capture *capture;
    const struct generation *generation;
};

static struct served served_open(const char *name)
{
    struct served s = {.dir = t_dir_make()};
    struct ft_err err = FT_ERR_INIT;
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/cap", s.dir.path);
    t_ok(recording_open(&s.recording, t_recording(name), NULL, &err), &err);
    t_ok(t_capture_make(path, t_recording(name), &err), &err);
    t_ok(capture_open_read(&s.capture, path, &err), &err);
    s.generation = capture_find(s.capture, 0);
    assert_non_null(s.generation);
    return s;
}

static void served_close(struct served *s)
{
    capture_free(s->capture);
    recording_free(s->recording);
    t_dir_remove(&s->dir);
}

static struct dragonfly_tape *tape_open(const struct served *s, uint32_t flow,
                                        enum dragonfly_begin begin, uint64_t lsn)
{
    struct ft_err err = FT_ERR_INIT;
    struct dragonfly_tape *t;

    t_ok(dragonfly_tape_new(&t, s->capture, s->generation, flow, begin, lsn, token, &err), &err);
    return t;
}

/* What a tape gives to its end, and where the first byte lies that waits for STARTSTABLE. */
struct sent {
    struct buf bytes;
    uint64_t gate;
    uint64_t first_lsn, next_lsn; /* of the journal */
    size_t ends;                  /* pieces that end the RDB stream */
};

/* Records follow each other, each within its piece, and only LSN marks lie between them. */
static void check_records(const struct recording_flow *f, const struct dragonfly_piece *p)
{
    for (uint32_t i = 0; i < p->record_count; i++) {
        uint64_t at = p->lsn + i - f->first_lsn;

        assert_int_equal(p->offset + p->records[i].end, f->ends[at]);
        assert_true(p->records[i].start < p->records[i].end && p->records[i].end <= p->bytes.n);
    }
}

static struct sent send_all(struct dragonfly_tape *t, const struct recording_flow *f)
{
    struct ft_err err = FT_ERR_INIT;
    struct sent s = {.gate = UINT64_MAX};
    struct dragonfly_piece p;
    enum step step;

    while ((step = dragonfly_tape_next(t, &p, &err)) == STEP_ITEM) {
        if (p.stable && s.gate == UINT64_MAX)
            s.gate = s.bytes.n;
        s.ends += p.ends_stream;
        if (p.journal) {
            if (s.first_lsn == 0)
                s.first_lsn = p.lsn;
            else
                assert_int_equal(p.lsn, s.next_lsn);
            s.next_lsn = p.lsn + p.record_count;
            if (p.offset != DRAGONFLY_MADE)
                check_records(f, &p);
        }
        t_ok(buf_append(&s.bytes, p.bytes.p, p.bytes.n, &err), &err);
    }
    if (step == STEP_ERROR)
        fail_msg("%s", err.msg);
    dragonfly_tape_free(t);
    return s;
}

static void test_a_full_sync_is_the_stored_bytes(void **state)
{
    static const char *const names[] = {"live-4", "types-untagged", "empty", "older/1.19.2/types"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct served s = served_open(names[i]);

        for (uint32_t flow = 0; flow < s.recording->flow_count; flow++) {
            const struct recording_flow *f = &s.recording->flows[flow];
            struct sent sent = send_all(tape_open(&s, flow, DRAGONFLY_FULL, 0), f);

            assert_true(bytes_eq(buf_bytes(&sent.bytes), buf_bytes(&f->bytes)));
            assert_int_equal(sent.ends, 1);
            /* FULLSYNC_END comes before STARTSTABLE, EOF and token after it */
            assert_true(sent.gate > f->fullsync_end && sent.gate <= f->stable_start - 49);
            if (f->final_lsn > f->first_lsn)
                assert_true(sent.first_lsn == f->first_lsn && sent.next_lsn == f->final_lsn);
            buf_release(&sent.bytes);
        }
        served_close(&s);
    }
}

static void test_any_lsn_begins_with_its_record(void **state)
{
    struct served s = served_open("live-4");

    (void)state;
    for (uint32_t flow = 0; flow < s.recording->flow_count; flow++) {
        const struct recording_flow *f = &s.recording->flows[flow];

        for (uint64_t lsn = f->first_lsn; lsn < f->final_lsn; lsn += 7) {
            struct sent sent = send_all(tape_open(&s, flow, DRAGONFLY_PARTIAL, lsn), f);
            uint64_t from = f->starts[lsn - f->first_lsn];

            assert_int_equal(sent.first_lsn, lsn);
            assert_int_equal(sent.next_lsn, f->final_lsn);
            assert_true(
                bytes_eq(buf_bytes(&sent.bytes), bytes_of(f->bytes.p + from, f->bytes.n - from)));
            assert_int_equal(sent.gate, 0);
            buf_release(&sent.bytes);
        }
    }
    served_close(&s);
}

static void test_a_framed_one_has_a_stream_without_records(void **state)
{
    struct served s = served_open("live-4");
    const struct recording_flow *f = &s.recording->flows[1];
    uint64_t lsn = f->first_lsn + 3;
    uint64_t from = f->starts[3];
    struct sent sent = send_all(tape_open(&s, 1, DRAGONFLY_PARTIAL_FRAMED, lsn), f);
    size_t head = sent.bytes.n - (f->bytes.n - from);

    (void)state;
    assert_memory_equal(sent.bytes.p, "REDIS0009", 9);
    assert_memory_equal(sent.bytes.p + head - 40, token, 40);
    assert_int_equal(sent.bytes.p[sent.gate - 9], 0xc8);
    assert_int_equal(sent.bytes.p[sent.gate], 0xd3);
    assert_int_equal(sent.bytes.p[sent.gate + 1], lsn); /* little-endian, below 256 */
    assert_memory_equal(sent.bytes.p + head, f->bytes.p + from, f->bytes.n - from);
    assert_int_equal(sent.first_lsn, lsn);
    buf_release(&sent.bytes);
    served_close(&s);
}

static void test_an_lsn_that_is_not_there(void **state)
{
    struct served s = served_open("live-4");
    uint64_t end = s.recording->flows[0].final_lsn;
    struct ft_err err = FT_ERR_INIT;
    struct dragonfly_tape *t;
    struct sent sent = send_all(tape_open(&s, 0, DRAGONFLY_PARTIAL, end), NULL);

    (void)state;
    assert_int_equal(sent.bytes.n, 0);
    t_fails(
        dragonfly_tape_new(&t, s.capture, s.generation, 0, DRAGONFLY_PARTIAL, end + 1, token, &err),
        &err, FT_ERR_USAGE, "ends before LSN");
    served_close(&s);
}

/* Nothing exists before time begins; while it is stopped exists what was there, or was sent. */
static void test_time(void **state)
{
    const struct dragonfly_options paced = {.pace = DRAGONFLY_PACE_RECORDED, .speed = 0.001};
    const struct dragonfly_options max = {.pace = DRAGONFLY_PACE_MAX};
    struct served s = served_open("live-4");
    const struct recording_flow *f = s.recording->flows;
    const uint64_t sent[4] = {0, f[1].first_lsn + 5};
    struct ft_err err = FT_ERR_INIT;
    struct dragonfly_clock c;
    uint64_t lsn;

    (void)state;
    t_ok(dragonfly_clock_init(&c, &paced, s.capture, s.generation, false, &err), &err);
    t_ok(dragonfly_clock_exists(&c, 1, &lsn, &err), &err);
    assert_int_equal(lsn, f[1].first_lsn);
    dragonfly_clock_begin(&c); /* when the first block of this flow, of 50 records, was received */
    t_ok(dragonfly_clock_limit(&c, 1, &lsn, &err), &err);
    assert_int_equal(lsn, f[1].first_lsn + 50);
    dragonfly_clock_release(&c);

    t_ok(dragonfly_clock_init(&c, &paced, s.capture, s.generation, false, &err), &err);
    t_ok(dragonfly_clock_stop(&c, 3600000, sent, &err), &err);
    t_ok(dragonfly_clock_limit(&c, 1, &lsn, &err), &err);
    assert_int_equal(lsn, sent[1]);
    dragonfly_clock_begin(&c);
    t_ok(dragonfly_clock_exists(&c, 1, &lsn, &err), &err);
    assert_int_equal(lsn, sent[1]);
    dragonfly_clock_resume(&c);
    t_ok(dragonfly_clock_exists(&c, 1, &lsn, &err), &err);
    assert_int_equal(lsn, f[1].first_lsn + 50);
    dragonfly_clock_release(&c);

    t_ok(dragonfly_clock_init(&c, &max, s.capture, s.generation, false, &err), &err);
    t_ok(dragonfly_clock_limit(&c, 1, &lsn, &err), &err);
    assert_true(lsn == UINT64_MAX);
    t_ok(dragonfly_clock_exists(&c, 3, &lsn, &err), &err);
    assert_int_equal(lsn, f[3].final_lsn);
    dragonfly_clock_release(&c);
    served_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_sync_is_the_stored_bytes),
        cmocka_unit_test(test_any_lsn_begins_with_its_record),
        cmocka_unit_test(test_a_framed_one_has_a_stream_without_records),
        cmocka_unit_test(test_an_lsn_that_is_not_there),
        cmocka_unit_test(test_time),
    };

    return T_RUN("dragonfly_tape", tests);
}
