#include "lib/test_main.h"

#include <stdlib.h>

#include "base/endian.h"
#include "capture/framer.h"
#include "lib/recording.h"

#define TOKEN "0123456789abcdef0123456789abcdef01234567"

static struct recording *open_recording(const char *name)
{
    const char *root = getenv("T_FIXTURES");
    struct ft_err err = FT_ERR_INIT;
    struct recording *r;
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/recordings/%s", root != NULL ? root : "fixtures", name);
    t_ok(recording_open(&r, path, NULL, &err), &err);
    return r;
}

/* What a run over some bytes saw. */
struct seen {
    enum framer_event last;
    unsigned fullsync_ends;
    uint64_t stream_end; /* offset; 0: none */
    uint64_t stable_lsn;
    struct framer_state state;
    struct ft_err err;
};

static struct framer *make(const struct framer_options *options)
{
    struct ft_err err = FT_ERR_INIT;
    struct framer *f;

    t_ok(framer_new(&f, options, &err), &err);
    return f;
}

/* Run until the events end or one says that there is no going on. */
static bool run(struct framer *f, struct seen *seen)
{
    for (;;) {
        seen->last = framer_run(f, &seen->err);
        switch (seen->last) {
        case FRAMER_MORE:
            return true;
        case FRAMER_FULLSYNC_END:
            seen->fullsync_ends++;
            break;
        case FRAMER_STREAM_END:
            seen->stream_end = framer_state(f)->boundary;
            seen->stable_lsn = framer_state(f)->next_lsn;
            break;
        default:
            return false;
        }
    }
}

/*
 * Feed in pieces as a flow does: behind each other in a block, whose unfinished tail moves to a new
 * block when it is full. Old blocks are freed, so that the address sanitizer sees a late look.
 */
static void feed_blocks(const struct framer_options *options, struct bytes in, size_t piece,
                        size_t block_bytes, struct seen *seen)
{
    struct framer *f = make(options);
    uint64_t block_offset = options->start_offset;
    uint8_t *block = malloc(block_bytes);
    size_t filled = 0;

    memset(seen, 0, sizeof(*seen));
    for (size_t at = 0; at < in.n;) {
        size_t n = in.n - at < piece ? in.n - at : piece;

        if (n > block_bytes - filled)
            n = block_bytes - filled;
        memcpy(block + filled, in.p + at, n);
        t_ok(framer_feed(f, bytes_of(block + filled, n), filled, &seen->err), &seen->err);
        filled += n;
        at += n;
        if (!run(f, seen))
            break;
        if (filled == block_bytes) {
            uint64_t boundary = framer_state(f)->boundary;
            size_t keep = boundary > block_offset ? (size_t)(boundary - block_offset) : filled;
            uint8_t *next = malloc(block_bytes);

            if (keep == filled)
                t_ok(framer_detach(f, &seen->err), &seen->err);
            memcpy(next, block + keep, filled - keep);
            free(block);
            block = next;
            block_offset += keep;
            filled -= keep;
        }
    }
    seen->state = *framer_state(f);
    framer_free(f);
    free(block);
}

static struct framer_options full_options(const struct recording *r, uint32_t flow)
{
    return (struct framer_options){
        .flow = flow,
        .flow_count = r->flow_count,
        .eof_token = r->flows[flow].token,
        .offset_expected = true,
    };
}

static void check_recording(const char *name)
{
    static const size_t pieces[] = {1, 7, 1000, 1u << 20};
    static const size_t blocks[] = {64, 4096, 1u << 18};
    struct recording *r = open_recording(name);

    for (uint32_t i = 0; i < r->flow_count; i++) {
        const struct recording_flow *flow = &r->flows[i];
        struct framer_options options = full_options(r, i);

        for (size_t k = 0; k < 12; k++) {
            struct seen seen;

            feed_blocks(&options, buf_bytes(&flow->bytes), pieces[k % 4], blocks[k / 4], &seen);
            if (seen.last != FRAMER_MORE)
                fail_msg("%s, flow %u: %s", name, i, seen.err.msg);
            assert_int_equal(seen.fullsync_ends, 1);
            assert_int_equal(seen.stream_end, flow->stable_start);
            assert_int_equal(seen.stable_lsn, flow->first_lsn);
            assert_int_equal(seen.state.next_lsn, flow->final_lsn);
            assert_int_equal(seen.state.records, flow->final_lsn - flow->first_lsn);
            assert_int_equal(seen.state.boundary, flow->bytes.n);
            assert_int_equal(seen.state.sharding.mismatches[SHARDING_KEY], 0);
        }
    }
    recording_free(r);
}

static void test_phases_and_lsns_of_recordings(void **state)
{
    (void)state;
    check_recording("live-4");
    check_recording("types-lz4");
    check_recording("types-untagged");
    check_recording("empty");
}

static void test_the_sharding_rule_shows(void **state)
{
    struct recording *r = open_recording("live-4");
    struct sharding_tally sum = {0};

    (void)state;
    for (uint32_t i = 0; i < r->flow_count; i++) {
        struct framer_options options = full_options(r, i);
        struct seen seen;

        feed_blocks(&options, buf_bytes(&r->flows[i].bytes), 5000, 1u << 16, &seen);
        sharding_tally_add(&sum, &seen.state.sharding);
    }
    assert_true(sum.keys > 100);
    assert_true(sum.mismatches[SHARDING_SLOT] > 10);
    assert_int_equal(sharding_tally_rule(&sum, 0), SHARDING_KEY_OR_TAG);
    sum.mismatches[SHARDING_KEY] = 1;
    sum.mismatches[SHARDING_TAG] = 1;
    assert_int_equal(sharding_tally_rule(&sum, 0), SHARDING_UNKNOWN);
    sum.mismatches[SHARDING_SLOT] = 0;
    assert_int_equal(sharding_tally_rule(&sum, 0), SHARDING_SLOT);
    recording_free(r);
}

/* A Dragonfly's keys are looked at until there are enough of them, and all are counted. */
static void test_keys_after_those_that_are_tallied(void **state)
{
    static const char entry[] = {0x00, 0x02, 'a', 'b', 0x01, 'v'};
    struct framer_options options = {.flow_count = 1, .eof_token = TOKEN};
    const size_t keys = 65600;
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    struct seen seen;

    (void)state;
    t_ok(buf_append_str(&b, "REDIS0009", &err), &err);
    for (size_t i = 0; i < keys; i++)
        t_ok(buf_append(&b, entry, sizeof(entry), &err), &err);
    t_ok(buf_append(&b, "\xFF\0\0\0\0\0\0\0\0" TOKEN, 9 + strlen(TOKEN), &err), &err);
    for (size_t piece = 1000; piece <= b.n; piece *= 31) {
        feed_blocks(&options, buf_bytes(&b), piece, 4096, &seen);
        assert_int_equal(seen.last, FRAMER_MORE);
        assert_int_equal(seen.stream_end, b.n);
        assert_int_equal(seen.state.keys, keys);
        assert_int_equal(seen.state.sharding.keys, 65536);
        assert_int_equal(seen.state.boundary, b.n);
    }
    buf_release(&b);
}

static void test_journal_boundaries_are_record_ends(void **state)
{
    struct recording *r = open_recording("live-4");
    const struct recording_flow *flow = &r->flows[0];
    struct framer_options options = full_options(r, 0);
    uint64_t lsn = flow->first_lsn + 10;
    uint64_t at = recording_lsn_offset(flow, lsn);
    struct ft_err err = FT_ERR_INIT;
    struct seen seen = {0};
    struct framer *f;

    (void)state;
    options.resumed = true;
    options.start_lsn = lsn;
    options.start_offset = at;
    f = make(&options);
    for (; at < flow->bytes.n; at++) {
        t_ok(framer_feed(f, bytes_of(flow->bytes.p + at, 1), (size_t)at, &err), &err);
        assert_true(run(f, &seen));
        assert_int_equal(framer_state(f)->next_lsn, recording_lsn_at(flow, at + 1));
        assert_true(framer_state(f)->boundary <= at + 1);
        if (framer_state(f)->boundary < at + 1)
            assert_int_equal(recording_lsn_at(flow, framer_state(f)->boundary),
                             framer_state(f)->next_lsn);
    }
    assert_int_equal(framer_state(f)->next_lsn, flow->final_lsn);
    framer_free(f);
    recording_free(r);
}

static void test_a_mark_that_does_not_fit_is_a_gap(void **state)
{
    struct recording *r = open_recording("live-4");
    const struct recording_flow *flow = &r->flows[1];
    struct framer_options options = full_options(r, 1);
    struct seen seen;

    (void)state;
    options.resumed = true;
    options.start_lsn = flow->first_lsn + 1;
    feed_blocks(&options,
                bytes_of(flow->bytes.p + flow->stable_start, flow->bytes.n - flow->stable_start),
                100, 4096, &seen);
    assert_int_equal(seen.last, FRAMER_GAP);
    assert_true(seen.state.boundary >= flow->ends[0] - flow->stable_start);
    assert_true(seen.state.boundary <= flow->starts[1] - flow->stable_start);
    recording_free(r);
}

static void test_a_wrong_token_is_corrupt(void **state)
{
    struct recording *r = open_recording("empty");
    struct framer_options options = full_options(r, 0);
    struct seen seen;

    (void)state;
    options.eof_token = TOKEN;
    feed_blocks(&options, buf_bytes(&r->flows[0].bytes), 10, 1000, &seen);
    assert_int_equal(seen.last, FRAMER_ERROR);
    t_fails(-1, &seen.err, FT_ERR_CORRUPT, "token");
    recording_free(r);
}

/* --- streams made by hand --- */

static void put(struct buf *b, const void *p, size_t n)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_append(b, p, n, &err), &err);
}

#define PUT(b, text) put(b, text, sizeof(text) - 1)

/* A journal blob with one record of one or more words; all lengths below 64. */
static void put_blob(struct buf *b, const char *const *args)
{
    struct ft_err err = FT_ERR_INIT;
    uint8_t record[60];
    size_t n = 7;
    uint8_t count = 0;
    uint8_t total = 0;

    for (; args[count] != NULL; count++) {
        record[n++] = (uint8_t)strlen(args[count]);
        memcpy(record + n, args[count], strlen(args[count]));
        n += strlen(args[count]);
        total = (uint8_t)(total + strlen(args[count]));
    }
    memcpy(record, "\x06\x00\x0a\x00\x01", 5);
    record[5] = count;
    record[6] = total;
    t_ok(buf_reserve(b, n + 3, &err), &err);
    buf_push(b, 0xD2);
    buf_push(b, 1);
    buf_push(b, (uint8_t)n);
    put(b, record, n);
}

static void put_end(struct buf *b, uint64_t lsn)
{
    uint8_t number[8];

    store_le64(number, lsn);
    PUT(b, "\xC8\0\0\0\0\0\0\0\0\xD3");
    put(b, number, 8);
    PUT(b, "\xFF\0\0\0\0\0\0\0\0" TOKEN);
}

static void test_a_flush_inside_the_full_sync(void **state)
{
    static const char *const names[] = {"FLUSHALL", "FLUSHDB", "DFLYCLUSTER"};
    struct framer_options options = {.flow_count = 1, .eof_token = TOKEN};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct buf b = {0};
        struct seen seen;

        PUT(&b, "REDIS0009");
        put_blob(&b, (const char *const[]){"SET", "flushall", "FLUSHALL", NULL});
        put_blob(&b, (const char *const[]){names[i], NULL});
        feed_blocks(&options, buf_bytes(&b), 3, 16, &seen);
        assert_int_equal(seen.last, FRAMER_FLUSH);
        assert_int_equal(seen.state.boundary, b.n);
        buf_release(&b);
    }
}

/* PARTIAL of 1.11-1.20 and 1.31-1.34: an RDB stream of journal blobs; flushes belong to it. */
static void put_increment(struct buf *b, uint64_t lsn)
{
    PUT(b, "REDIS0009");
    put_blob(b, (const char *const[]){"SET", "a", "1", NULL});
    put_blob(b, (const char *const[]){"FLUSHALL", NULL});
    put_end(b, lsn);
    PUT(b, "\x06\x00\x0a\x00\x01\x02\x04\x03"
           "DEL\x01"
           "a\x0f\x2a\x0d");
}

/* The node that gives slots up says so once on each flow. */
static void test_slots_that_are_given_up_are_counted(void **state)
{
    static const char *const names[] = {"cluster-migrate/node-1", "cluster-migrate/node-2"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct recording *r = open_recording(names[i]);

        for (uint32_t flow = 0; flow < r->flow_count; flow++) {
            struct framer_options options = full_options(r, flow);
            struct seen seen;

            feed_blocks(&options, buf_bytes(&r->flows[flow].bytes), 1000, 4096, &seen);
            assert_int_equal(seen.last, FRAMER_MORE);
            assert_int_equal(seen.state.imports, i == 0 ? 1 : 0);
        }
        recording_free(r);
    }
}

static void test_an_increment_goes_on_with_the_lsns(void **state)
{
    struct framer_options options = {
        .flow_count = 1, .eof_token = TOKEN, .resumed = true, .start_lsn = 40};
    struct buf b = {0};
    struct seen seen;

    (void)state;
    put_increment(&b, 42);
    for (size_t piece = 1; piece < b.n; piece += 5) {
        feed_blocks(&options, buf_bytes(&b), piece, 64, &seen);
        assert_int_equal(seen.last, FRAMER_MORE);
        assert_int_equal(seen.stable_lsn, 42);
        assert_int_equal(seen.state.kind, SEGMENT_JOURNAL);
        assert_int_equal(seen.state.next_lsn, 44);
        assert_int_equal(seen.state.ping_lsn, 44);
        assert_int_equal(seen.state.boundary, b.n);
    }
    buf_release(&b);
}

static void test_an_increment_with_another_offset_is_a_gap(void **state)
{
    struct framer_options options = {
        .flow_count = 1, .eof_token = TOKEN, .resumed = true, .start_lsn = 40};
    struct buf b = {0};
    struct seen seen;

    (void)state;
    put_increment(&b, 43);
    feed_blocks(&options, buf_bytes(&b), 9, 64, &seen);
    assert_int_equal(seen.last, FRAMER_GAP);
    assert_int_equal(seen.state.kind, SEGMENT_INCREMENT);
    assert_int_equal(seen.state.next_lsn, 42);
    buf_release(&b);
}

/* The manifest can hold no other text. */
static void test_a_version_that_is_no_text_is_escaped(void **state)
{
    struct framer_options options = {.flow_count = 1, .eof_token = TOKEN};
    struct buf b = {0};
    struct seen seen;

    (void)state;
    PUT(&b, "REDIS0009\xFA\x06"
            "df-ver\x08"
            "\xff\x1b[2J\xc3\xa4x\xFF\0\0\0\0\0\0\0\0" TOKEN);
    feed_blocks(&options, buf_bytes(&b), 9, 64, &seen);
    assert_int_equal(seen.last, FRAMER_MORE);
    assert_string_equal(seen.state.release, "\\xff\\x1b[2J\xc3\xa4x");
    buf_release(&b);
}

static void test_a_stream_without_its_lsn(void **state)
{
    struct framer_options options = {.flow_count = 1, .eof_token = TOKEN, .offset_expected = true};
    struct buf b = {0};
    struct seen seen;

    (void)state;
    PUT(&b, "REDIS0009\xFF\0\0\0\0\0\0\0\0" TOKEN);
    feed_blocks(&options, buf_bytes(&b), 9, 64, &seen);
    assert_int_equal(seen.last, FRAMER_ERROR);
    t_fails(-1, &seen.err, FT_ERR_CORRUPT, "without the LSN");
    options.offset_expected = false;
    feed_blocks(&options, buf_bytes(&b), 9, 64, &seen);
    assert_int_equal(seen.last, FRAMER_MORE);
    assert_false(seen.state.lsn_known);
    buf_release(&b);
}

/* --- a Redis --- */

#define REDIS_SELECT "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
#define REDIS_SET    "*3\r\n$3\r\nset\r\n$1\r\na\r\n$2\r\n\r\n\r\n"
#define REDIS_MULTI  "*1\r\n$5\r\nMULTI\r\n" REDIS_SET
#define REDIS_EXEC   "*1\r\n$4\r\nEXEC\r\n"
#define REDIS_GETACK "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"
#define REDIS_PING   "*1\r\n$4\r\nPING\r\n"

/* An RDB of a Redis with four keys, which says that database 7 is selected where its commands begin. */
static void put_redis_rdb(struct buf *b)
{
    PUT(b, "REDIS0011\xFA\x0erepl-stream-db\x01"
           "7\xFE\x00\xFB\x04\x00\x00\x01k\x01v\xFC\x01\0\0\0\0\0\0\0\x10\xC0\x05\x01x"
           "\x02\x01s\x01\x01m\x00\x01l\x01v\xFF\0\0\0\0\0\0\0\0");
}

static void test_a_redis_counts_bytes(void **state)
{
    struct framer_options options = {
        .flow_count = 1, .eof_token = TOKEN, .redis = true, .start_lsn = 1001};
    struct buf b = {0};
    struct seen seen;

    (void)state;
    put_redis_rdb(&b);
    PUT(&b, TOKEN);
    for (size_t marked = 0; marked < 2; marked++) {
        uint64_t end = b.n;

        PUT(&b, REDIS_SET REDIS_SELECT REDIS_MULTI REDIS_EXEC REDIS_GETACK REDIS_PING);
        for (size_t piece = 1; piece < b.n; piece += 7) {
            feed_blocks(&options, buf_bytes(&b), piece, 64, &seen);
            assert_int_equal(seen.last, FRAMER_MORE);
            assert_int_equal(seen.stream_end, end);
            assert_int_equal(seen.stable_lsn, 1001);
            assert_int_equal(seen.state.keys, 4);
            assert_int_equal(seen.state.records, 2);
            assert_int_equal(seen.state.kind, SEGMENT_JOURNAL);
            assert_int_equal(seen.state.boundary, b.n);
            assert_int_equal(seen.state.next_lsn, 1001 + b.n - end);
            assert_int_equal(seen.state.ping_lsn, seen.state.next_lsn - strlen(REDIS_PING));
            assert_int_equal(seen.state.dbid, 3);
        }
        /* the same without a mark, its length having been announced */
        b.n = 0;
        put_redis_rdb(&b);
        options.eof_token = "";
        options.rdb_bytes = b.n;
    }
    buf_release(&b);
}

static void test_a_redis_keeps_the_selected_database(void **state)
{
    struct framer_options options = {
        .flow_count = 1, .eof_token = "", .redis = true, .start_lsn = 1};
    struct buf b = {0};
    struct seen seen;

    (void)state;
    put_redis_rdb(&b);
    PUT(&b, REDIS_SET);
    feed_blocks(&options, buf_bytes(&b), 5, 64, &seen);
    assert_int_equal(seen.last, FRAMER_MORE);
    assert_int_equal(seen.state.dbid, 7); /* what a replica passes on begins so */
    options = (struct framer_options){.flow_count = 1,
                                      .eof_token = "",
                                      .redis = true,
                                      .resumed = true,
                                      .start_lsn = 500,
                                      .start_dbid = 9,
                                      .start_offset = 4000};
    b.n = 0;
    PUT(&b, REDIS_SET);
    feed_blocks(&options, buf_bytes(&b), 5, 64, &seen);
    assert_int_equal(seen.last, FRAMER_MORE);
    assert_int_equal(seen.state.dbid, 9);
    assert_int_equal(seen.state.next_lsn, 500 + b.n);
    assert_int_equal(seen.state.boundary, 4000 + b.n);
    buf_release(&b);
}

static void test_a_transaction_is_kept_whole(void **state)
{
    struct framer_options options = {
        .flow_count = 1, .eof_token = "", .redis = true, .resumed = true, .start_lsn = 1};
    struct buf b = {0};
    struct seen seen;

    (void)state;
    PUT(&b, REDIS_SET REDIS_MULTI REDIS_SET);
    feed_blocks(&options, buf_bytes(&b), 5, 4096, &seen);
    assert_int_equal(seen.last, FRAMER_MORE);
    assert_int_equal(seen.state.boundary, strlen(REDIS_SET));
    assert_int_equal(seen.state.next_lsn, 1 + strlen(REDIS_SET));
    buf_release(&b);
}

/* What is passed over is counted, and ends where it ends, however the bytes come, and before damage. */
static void test_what_a_redis_sends_in_between(void **state)
{
#define IMPORTS                                                        \
    "*4\r\n$14\r\nRESTORE-ASKING\r\n$1\r\na\r\n$1\r\n0\r\n$1\r\nx\r\n" \
    "*2\r\n$7\r\nCLUSTER\r\n$1\r\na\r\n"
    static const char good[] = REDIS_SET REDIS_SET REDIS_GETACK REDIS_SET IMPORTS REDIS_SELECT
        REDIS_SET REDIS_MULTI REDIS_EXEC REDIS_SET REDIS_SET;
    static const char damaged[] = "*2\r\n$3\r\nDEL\r\n$1\r\nab\r\n";
    const size_t acked = 2 * strlen(REDIS_SET) + strlen(REDIS_GETACK);
    struct framer_options options = {
        .flow_count = 1, .eof_token = "", .redis = true, .resumed = true, .start_lsn = 1001};
    const size_t n = sizeof(good) - 1;
    struct buf b = {0};
    char end[100];

    (void)state;
    snprintf(end, sizeof(end), "CR and LF in the command that begins at offset %zu", n);
    PUT(&b, good);
    PUT(&b, damaged);
    for (size_t piece = 1; piece <= b.n; piece++) {
        for (size_t block = 64; block <= 4096; block *= 64) {
            struct seen seen;

            feed_blocks(&options, buf_bytes(&b), piece, block, &seen);
            assert_int_equal(seen.last, FRAMER_ERROR);
            t_fails(-1, &seen.err, FT_ERR_CORRUPT, end);
            assert_int_equal(seen.state.boundary, n);
            assert_int_equal(seen.state.next_lsn, 1001 + n);
            assert_int_equal(seen.state.records, 9);
            assert_int_equal(seen.state.imports, 2);
            assert_int_equal(seen.state.ping_lsn, 1001 + acked);
            assert_int_equal(seen.state.dbid, 3);
        }
    }
    buf_release(&b);
}

static void test_an_rdb_of_another_length_is_corrupt(void **state)
{
    struct framer_options options = {
        .flow_count = 1, .eof_token = "", .redis = true, .start_lsn = 1, .rdb_bytes = 40};
    struct buf b = {0};
    struct seen seen;

    (void)state;
    put_redis_rdb(&b);
    PUT(&b, REDIS_SET);
    feed_blocks(&options, buf_bytes(&b), 9, 64, &seen);
    assert_int_equal(seen.last, FRAMER_ERROR);
    t_fails(-1, &seen.err, FT_ERR_CORRUPT, "announced to end at 40");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_and_lsns_of_recordings),
        cmocka_unit_test(test_the_sharding_rule_shows),
        cmocka_unit_test(test_keys_after_those_that_are_tallied),
        cmocka_unit_test(test_journal_boundaries_are_record_ends),
        cmocka_unit_test(test_a_mark_that_does_not_fit_is_a_gap),
        cmocka_unit_test(test_a_wrong_token_is_corrupt),
        cmocka_unit_test(test_a_flush_inside_the_full_sync),
        cmocka_unit_test(test_a_redis_counts_bytes),
        cmocka_unit_test(test_a_redis_keeps_the_selected_database),
        cmocka_unit_test(test_a_transaction_is_kept_whole),
        cmocka_unit_test(test_what_a_redis_sends_in_between),
        cmocka_unit_test(test_an_rdb_of_another_length_is_corrupt),
        cmocka_unit_test(test_slots_that_are_given_up_are_counted),
        cmocka_unit_test(test_an_increment_goes_on_with_the_lsns),
        cmocka_unit_test(test_an_increment_with_another_offset_is_a_gap),
        cmocka_unit_test(test_a_version_that_is_no_text_is_escaped),
        cmocka_unit_test(test_a_stream_without_its_lsn),
    };

    return T_RUN("capture/framer", tests);
}
