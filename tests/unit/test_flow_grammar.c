/* Who frames a flow as it arrives and who decodes it when it is stored see the same records. */
#include "lib/test_main.h"

#include <stdlib.h>

#include "base/endian.h"
#include "capture/framer.h"
#include "item/flow_decoder.h"
#include "lib/recording.h"

#define TOKEN "0123456789abcdef0123456789abcdef01234567"

/* What one of the two says of a stream. */
struct said {
    bool failed;
    struct ft_err err;
    uint64_t next_lsn;
    uint64_t keys;
    uint64_t records; /* counted ones of the journal */
};

static void frame(struct bytes in, const char *token, size_t piece, struct said *ret)
{
    const struct framer_options options = {.flow_count = 1, .eof_token = token};
    struct ft_err err = FT_ERR_INIT;
    enum framer_event event = FRAMER_MORE;
    struct framer *f;

    memset(ret, 0, sizeof(*ret));
    t_ok(framer_new(&f, &options, &err), &err);
    for (size_t at = 0; at < in.n && event >= FRAMER_MORE; at += piece) {
        size_t n = in.n - at < piece ? in.n - at : piece;

        t_ok(framer_feed(f, bytes_of(in.p + at, n), at, &err), &err);
        do
            event = framer_run(f, &ret->err);
        while (event == FRAMER_FULLSYNC_END || event == FRAMER_STREAM_END);
    }
    ret->failed = event != FRAMER_MORE;
    ret->next_lsn = framer_state(f)->next_lsn;
    ret->keys = framer_state(f)->keys;
    ret->records = framer_state(f)->records;
    framer_free(f);
}

static enum step take_all(struct flow_decoder *d, bool *in_journal, struct said *ret)
{
    struct item item;
    enum step step;

    while ((step = flow_decoder_next(d, &item, &ret->err)) == STEP_ITEM) {
        ret->keys += item.kind == ITEM_ENTRY;
        ret->records += *in_journal && item.is_record && item.record.counted;
        *in_journal = *in_journal || item.kind == ITEM_SNAPSHOT_END;
        if (item.is_record && item.record.counted && *in_journal)
            assert_int_not_equal(item.lsn, 0);
    }
    return step;
}

/* The first `snapshot` bytes are stored as a snapshot, the rest as a journal. */
static void decode(struct bytes in, size_t snapshot, const char *token, struct said *ret)
{
    const struct flow_decoder_options options = {.rdb = {.dragonfly = true}, .token = token};
    struct ft_err err = FT_ERR_INIT;
    struct flow_decoder *d;
    bool in_journal = false;
    enum step step;

    memset(ret, 0, sizeof(*ret));
    t_ok(flow_decoder_new(&d, &options, &err), &err);
    t_ok(flow_decoder_push(d, FLOW_PART_SNAPSHOT, bytes_of(in.p, snapshot), 1, &err), &err);
    step = take_all(d, &in_journal, ret);
    if (step == STEP_MORE && snapshot < in.n) {
        t_ok(flow_decoder_push(d, FLOW_PART_JOURNAL, bytes_of(in.p + snapshot, in.n - snapshot), 2,
                               &err),
             &err);
        step = take_all(d, &in_journal, ret);
    }
    ret->failed = step == STEP_ERROR;
    ret->next_lsn = flow_decoder_next_lsn(d);
    flow_decoder_free(d);
}

static void agree(const struct said *a, const struct said *b)
{
    if (a->failed != b->failed)
        fail_msg("one says \"%s\", the other \"%s\"", a->err.msg, b->err.msg);
    assert_int_equal(a->next_lsn, b->next_lsn);
    assert_int_equal(a->keys, b->keys);
    assert_int_equal(a->records, b->records);
}

static void test_recordings(void **state)
{
    static const char *const names[] = {"live-4", "types-lz4", "types-untagged", "empty"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct recording *r;
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/recordings/%s", getenv("T_FIXTURES"), names[i]);
        t_ok(recording_open(&r, path, NULL, &err), &err);
        for (uint32_t flow = 0; flow < r->flow_count; flow++) {
            const struct recording_flow *f = &r->flows[flow];
            struct bytes in = buf_bytes(&f->bytes);
            struct said framed, decoded;

            decode(in, f->stable_start, f->token, &decoded);
            assert_false(decoded.failed);
            assert_int_equal(decoded.next_lsn, f->final_lsn);
            frame(in, f->token, 1000, &framed);
            agree(&framed, &decoded);
        }
        recording_free(r);
    }
}

/* --- streams made by hand: a key, perhaps a JOURNAL_OFFSET, perhaps a journal --- */

#define NO_OFFSET UINT64_MAX
#define RECORD                         \
    "\x06\x00\x0a\x00\x01\x02\x04\x03" \
    "DEL\x01z"

static size_t make(uint8_t *out, uint64_t offset, struct bytes journal, size_t *ret_snapshot)
{
    size_t n = 0;

#define PUT(text) (memcpy(out + n, text, sizeof(text) - 1), n += sizeof(text) - 1)
    PUT("REDIS0009\xfe\x00\x00\x01k\x01v\xC8\0\0\0\0\0\0\0\0");
    if (offset != NO_OFFSET) {
        PUT("\xD3");
        store_le64(out + n, offset);
        n += 8;
    }
    PUT("\xFF\0\0\0\0\0\0\0\0" TOKEN);
#undef PUT
    *ret_snapshot = n;
    if (journal.n > 0)
        memcpy(out + n, journal.p, journal.n);
    return n + journal.n;
}

static void check(uint64_t offset, struct bytes journal, const char *error, uint64_t next_lsn)
{
    uint8_t in[512];
    size_t snapshot;
    size_t n = make(in, offset, journal, &snapshot);
    struct said framed, decoded;

    decode(bytes_of(in, n), snapshot, TOKEN, &decoded);
    for (size_t piece = 1; piece <= n; piece += 6) {
        frame(bytes_of(in, n), TOKEN, piece, &framed);
        agree(&framed, &decoded);
        if (error != NULL) {
            t_fails(-1, &framed.err, FT_ERR_CORRUPT, error);
        } else {
            assert_false(framed.failed);
            assert_int_equal(framed.next_lsn, next_lsn);
            assert_int_equal(framed.keys, 1);
        }
    }
    if (error != NULL)
        t_fails(-1, &decoded.err, FT_ERR_CORRUPT, error);
}

static void test_offsets(void **state)
{
    static const uint8_t two[] = RECORD RECORD "\x0f\x08";

    (void)state;
    check(7, bytes_of(two, sizeof(two) - 1), NULL, 9);
    check(6, bytes_of(two, sizeof(two) - 1), "LSN mark says 8, counted 7", 0);
    check(0, bytes_of(NULL, 0), "JOURNAL_OFFSET is 0", 0);
}

/* What a source before 1.4 sends can be stored, and what is stored can be read. */
static void test_a_source_without_offset_counts_from_one(void **state)
{
    static const uint8_t two[] = RECORD RECORD;

    (void)state;
    check(NO_OFFSET, bytes_of(NULL, 0), NULL, 1);
    check(NO_OFFSET, bytes_of(two, sizeof(two) - 1), NULL, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recordings),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_a_source_without_offset_counts_from_one),
    };

    return T_RUN("item/flow_grammar", tests);
}
