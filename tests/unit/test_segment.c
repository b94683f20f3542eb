#include "lib/test_store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/endian.h"
#include "store/segment_format.h"

#define NAME    "gen-0001/flow-000-00000-journal.seg"
#define PARTIAL NAME SEGMENT_PARTIAL_SUFFIX
#define T0_US   UINT64_C(1700000000000000)

static struct t_dir dir;
static uint8_t room[4 << 20];

static int setup(void **state)
{
    (void)state;
    dir = t_dir_make();
    return mkdirat(dir.fd, "gen-0001", 0777);
}

static int teardown(void **state)
{
    (void)state;
    t_dir_remove(&dir);
    return 0;
}

static struct segment_id journal_id(void)
{
    struct segment_id id = {
        .capture_id = "0123456789abcdef",
        .generation = 1,
        .kind = SEGMENT_JOURNAL,
        .start_offset = 5000,
        .start_lsn = 18,
        .created_us = T0_US,
    };

    return id;
}

static struct t_flow journal_flow(void)
{
    struct t_flow f = {SEGMENT_JOURNAL, 5000, 18, T0_US};

    return f;
}

static struct segment_writer *create(const struct segment_id *id)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_writer *w;

    t_ok(segment_writer_create(&w, dir.fd, NAME, id, &err), &err);
    return w;
}

static void append(struct segment_writer *w, const struct segment_block *b, size_t n)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(segment_writer_append(w, b, n, &err), &err);
}

static struct segment_info seal(struct segment_writer *w)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_info info;

    t_ok(segment_writer_seal(w, &info, &err), &err);
    segment_writer_free(w);
    return info;
}

static struct segment_reader *reader(void)
{
    struct segment_id id = journal_id();
    struct ft_err err = FT_ERR_INIT;
    struct segment_reader *r;

    t_ok(segment_reader_open(&r, dir.fd, NAME, &id, &err), &err);
    return r;
}

/* XXH3 of all bytes before the index, as the trailer has it. */
static void expect_digest(const struct segment_info *info)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_trailer trailer;
    int fd = openat(dir.fd, NAME, O_RDONLY | O_CLOEXEC);
    uint8_t *p = malloc(info->file_bytes);

    assert_non_null(p);
    assert_int_equal(pread(fd, p, info->file_bytes, 0), info->file_bytes);
    t_ok(segment_trailer_decode(p + info->file_bytes - TRAILER_BYTES, &trailer, &err), &err);
    assert_true(XXH3_64bits(p, trailer.index_offset) == info->digest);
    assert_true(trailer.digest == info->digest);
    free(p);
    (void)close(fd);
}

/* What a reader finds the next LSN to be. */
static uint64_t next_lsn(const struct segment_id *id)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_reader *r;
    struct segment_info info;

    t_ok(segment_reader_open(&r, dir.fd, NAME, id, &err), &err);
    t_ok(segment_reader_info(r, &info, &err), &err);
    segment_reader_free(r);
    return info.next_lsn;
}

static void expect_block(const struct segment_block *got, const struct segment_block *want)
{
    assert_int_equal(got->codec, want->codec);
    assert_int_equal(got->flags, want->flags);
    assert_int_equal(got->raw_bytes, want->raw_bytes);
    assert_int_equal(got->payload.n, want->raw_bytes);
    assert_int_equal(got->stream_offset, want->stream_offset);
    assert_int_equal(got->first_lsn, want->first_lsn);
    assert_int_equal(got->record_count, want->record_count);
    assert_int_equal(got->dbid, want->dbid);
    assert_int_equal(got->time_us, want->time_us);
    t_expect(got->payload, got->stream_offset);
}

static enum step next(struct segment_reader *r, struct segment_block *ret)
{
    struct ft_err err = FT_ERR_INIT;
    enum step step = segment_reader_next(r, ret, NULL, &err);

    if (step == STEP_ERROR)
        fail_msg("%s", err.msg);
    return step;
}

/* n blocks of varying size and codec, none CONTINUED, in one buffer. */
static void make_blocks(struct t_flow *f, struct segment_block *blocks, size_t n, uint32_t largest)
{
    uint64_t seed = 7;
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t size = (uint32_t)(t_random(&seed) % largest);

        blocks[i] = t_block(f, (enum codec_id)(i % CODEC_COUNT), size,
                            (uint32_t)(t_random(&seed) % 4), 0, room + used);
        used += size;
        assert_true(used < sizeof(room));
    }
}

static void test_write_and_read(void **state)
{
    static struct segment_block blocks[700];
    struct segment_id id = journal_id();
    struct t_flow f = journal_flow();
    struct segment_writer *w = create(&id);
    struct ft_err err = FT_ERR_INIT;
    struct segment_reader *r;
    struct segment_block b;
    struct segment_info info;
    struct segment_info again;
    struct stat st;

    (void)state;
    make_blocks(&f, blocks, 700, 5000);
    append(w, blocks, 700);
    assert_int_equal(next_lsn(&id), f.lsn);
    info = seal(w);
    assert_int_equal(fstatat(dir.fd, NAME, &st, 0), 0);
    assert_false(t_exists(dir.fd, PARTIAL));
    assert_string_equal(info.name, NAME);
    assert_true(info.sealed);
    assert_false(info.ended);
    assert_int_equal(info.file_bytes, st.st_size);
    assert_int_equal(info.raw_bytes, f.offset - 5000);
    assert_int_equal(info.block_count, 700);
    assert_int_equal(info.start_lsn, 18);
    assert_int_equal(info.next_lsn, f.lsn);
    assert_int_equal(info.first_time_us, T0_US);
    assert_int_equal(info.last_time_us, T0_US + 699000);

    r = reader();
    assert_true(segment_reader_sealed(r));
    assert_int_equal(segment_reader_id(r)->start_offset, 5000);
    for (size_t i = 0; i < 700; i++) {
        assert_int_equal(next(r, &b), STEP_ITEM);
        expect_block(&b, &blocks[i]);
    }
    assert_int_equal(next(r, &b), STEP_END);
    t_ok(segment_reader_info(r, &again, &err), &err);
    assert_memory_equal(&again, &info, sizeof(info));
    expect_digest(&info);
    segment_reader_free(r);
}

static void test_largest_block(void **state)
{
    struct segment_id id = journal_id();
    struct t_flow f = journal_flow();
    struct segment_writer *w = create(&id);
    struct segment_block b = t_block(&f, CODEC_NONE, SEGMENT_BLOCK_MAX, 1, 0, room);
    struct segment_reader *r;
    struct segment_block got;
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    append(w, &b, 1);
    b = t_block(&f, CODEC_NONE, 0, 0, 0, room);
    append(w, &b, 1);
    b = t_block(&f, CODEC_NONE, SEGMENT_BLOCK_MAX + 1, 1, 0, room);
    t_fails(segment_writer_append(w, &b, 1, &err), &err, FT_ERR_BUG, "a none block of 1048577");
    (void)seal(w);
    r = reader();
    assert_int_equal(next(r, &got), STEP_ITEM);
    assert_int_equal(got.raw_bytes, SEGMENT_BLOCK_MAX);
    t_expect(got.payload, 5000);
    assert_int_equal(next(r, &got), STEP_ITEM);
    assert_int_equal(got.raw_bytes, 0);
    assert_int_equal(next(r, &got), STEP_END);
    segment_reader_free(r);
}

static void test_rules(void **state)
{
    struct segment_id id = journal_id();
    struct t_flow f = journal_flow();
    struct segment_writer *w = create(&id);
    struct segment_block b = t_block(&f, CODEC_NONE, 10, 2, 0, room);
    struct segment_block bad = b;
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    bad.stream_offset++;
    t_fails(segment_writer_append(w, &bad, 1, &err), &err, FT_ERR_BUG, "stream offset 5001");
    bad = b;
    bad.first_lsn = 19;
    t_fails(segment_writer_append(w, &bad, 1, &err), &err, FT_ERR_BUG, "LSN 19, wanted 18");
    bad.first_lsn = UINT64_MAX;
    t_fails(segment_writer_append(w, &bad, 1, &err), &err, FT_ERR_BUG, "out of range");
    bad = b;
    bad.flags = SEGMENT_BLOCK_END;
    t_fails(segment_writer_append(w, &bad, 1, &err), &err, FT_ERR_BUG, "end mark in a journal");
    append(w, &b, 1);
    assert_int_equal(next_lsn(&id), 20);
    segment_writer_free(w);
    t_fails(segment_writer_create(&w, dir.fd, NAME, &id, &err), &err, FT_ERR_IO, PARTIAL);
}

static void test_snapshot_rules(void **state)
{
    struct segment_id id = journal_id();
    struct t_flow f = {SEGMENT_SNAPSHOT, 0, 0, T0_US};
    struct segment_block b;
    struct segment_writer *w;
    struct segment_info info;
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    id.kind = SEGMENT_SNAPSHOT;
    id.start_offset = 0;
    id.start_lsn = 0;
    w = create(&id);
    b = t_block(&f, CODEC_NONE, 10, 0, 0, room);
    b.first_lsn = 3;
    t_fails(segment_writer_append(w, &b, 1, &err), &err, FT_ERR_BUG, "snapshot block has LSN 3");
    b.first_lsn = 0;
    append(w, &b, 1);
    assert_int_equal(next_lsn(&id), 0);
    b = t_block(&f, CODEC_NONE, 10, 0, SEGMENT_BLOCK_END, room);
    b.first_lsn = 44;
    append(w, &b, 1);
    b = t_block(&f, CODEC_NONE, 10, 0, 0, room);
    t_fails(segment_writer_append(w, &b, 1, &err), &err, FT_ERR_BUG, "follows the end");
    info = seal(w);
    assert_true(info.ended);
    assert_int_equal(info.next_lsn, 44);
}

static void test_seal_cuts_unfinished(void **state)
{
    struct segment_id id = journal_id();
    struct t_flow f = journal_flow();
    struct segment_writer *w = create(&id);
    struct segment_block b[3];
    struct segment_reader *r;
    struct segment_block got;
    struct segment_info info;

    (void)state;
    b[0] = t_block(&f, CODEC_NONE, 100, 1, 0, room);
    b[1] = t_block(&f, CODEC_NONE, 70000, 2, SEGMENT_BLOCK_CONTINUED, room + 100);
    b[2] = t_block(&f, CODEC_NONE, 100, 0, SEGMENT_BLOCK_CONTINUED, room + 70100);
    append(w, b, 3);
    assert_int_equal(next_lsn(&id), 19);
    info = seal(w);
    assert_int_equal(info.raw_bytes, 100);
    assert_int_equal(info.next_lsn, 19);
    r = reader();
    assert_int_equal(next(r, &got), STEP_ITEM);
    assert_int_equal(next(r, &got), STEP_END);
    expect_digest(&info);
    segment_reader_free(r);
}

static void test_seal_of_nothing(void **state)
{
    struct segment_id id = journal_id();
    struct t_flow f = journal_flow();
    struct segment_writer *w = create(&id);
    struct segment_block b = t_block(&f, CODEC_NONE, 100, 1, SEGMENT_BLOCK_CONTINUED, room);

    (void)state;
    append(w, &b, 1);
    assert_false(seal(w).sealed);
    assert_false(t_exists(dir.fd, NAME));
    assert_false(t_exists(dir.fd, PARTIAL));
}

/* The last block that starts between items and is not behind value; the first if there is none. */
static size_t brute_seek(const struct segment_block *b, size_t n, bool by_lsn, uint64_t value)
{
    size_t best = 0;

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (b[i - 1].flags & SEGMENT_BLOCK_CONTINUED) != 0)
            continue;
        if ((by_lsn ? b[i].first_lsn : b[i].time_us) > value)
            break;
        best = i;
    }
    return best;
}

static void check_seeks(const struct segment_block *blocks, size_t n, uint64_t end_lsn)
{
    struct segment_reader *r = reader();
    struct segment_block b;
    struct ft_err err = FT_ERR_INIT;

    for (uint64_t lsn = 10; lsn < end_lsn + 5; lsn += 3) {
        size_t at = brute_seek(blocks, n, true, lsn);

        t_ok(segment_reader_seek(r, true, lsn, &err), &err);
        assert_int_equal(next(r, &b), STEP_ITEM);
        expect_block(&b, &blocks[at]);
    }
    for (uint64_t t = T0_US - 700; t < T0_US + 1000 * n + 2000; t += 500) {
        size_t at = brute_seek(blocks, n, false, t);

        t_ok(segment_reader_seek(r, false, t, &err), &err);
        for (; at < n && at < brute_seek(blocks, n, false, t) + 3; at++) {
            assert_int_equal(next(r, &b), STEP_ITEM);
            expect_block(&b, &blocks[at]);
        }
    }
    t_ok(segment_reader_seek(r, true, end_lsn * 2 / 3, &err), &err);
    while (next(r, &b) == STEP_ITEM)
        ;
    segment_reader_free(r);
}

static void test_seek(void **state)
{
    enum {
        COUNT = 300
    };
    static struct segment_block blocks[COUNT];
    struct segment_id id = journal_id();
    struct t_flow f = journal_flow();
    struct segment_writer *w = create(&id);
    uint64_t seed = 11;
    size_t used = 0;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t x = t_random(&seed);
        uint32_t size = (uint32_t)(x % 20 == 0 ? 30000 : x % 3000);
        uint8_t flags = x >> 32 & 1 && i + 1 < COUNT ? SEGMENT_BLOCK_CONTINUED : 0;

        blocks[i] = t_block(&f, CODEC_NONE, size, (uint32_t)(x >> 40) % 3, flags, room + used);
        used += size;
    }
    assert_true(used > 4 * 65536); /* several index entries */
    append(w, blocks, COUNT);
    check_seeks(blocks, COUNT, f.lsn);
    (void)seal(w);
    check_seeks(blocks, COUNT, f.lsn);
}

static void test_reader_follows(void **state)
{
    struct segment_id id = journal_id();
    struct t_flow f = journal_flow();
    struct segment_writer *w = create(&id);
    struct segment_reader *r = reader();
    struct segment_block b[2];
    struct segment_block got;
    struct segment_info info;
    struct ft_err err = FT_ERR_INIT;
    uint64_t torn = 99;

    (void)state;
    assert_int_equal(segment_reader_next(r, &got, &torn, &err), STEP_MORE);
    assert_int_equal(torn, 0);
    b[0] = t_block(&f, CODEC_NONE, 100, 1, 0, room);
    append(w, b, 1);
    assert_int_equal(next(r, &got), STEP_ITEM);
    expect_block(&got, &b[0]);
    assert_int_equal(next(r, &got), STEP_MORE);
    /* an item is withheld until all of it is there */
    b[0] = t_block(&f, CODEC_NONE, 1000, 1, SEGMENT_BLOCK_CONTINUED, room);
    append(w, b, 1);
    assert_int_equal(segment_reader_next(r, &got, &torn, &err), STEP_MORE);
    assert_int_equal(torn, 1064);
    t_ok(segment_reader_info(r, &info, &err), &err);
    assert_int_equal(info.raw_bytes, 100);
    assert_int_equal(info.next_lsn, 19);
    b[1] = t_block(&f, CODEC_LZ4, 1000, 1, 0, room + 1000);
    append(w, b + 1, 1);
    assert_int_equal(next(r, &got), STEP_ITEM);
    expect_block(&got, &b[0]);
    assert_int_equal(next(r, &got), STEP_ITEM);
    expect_block(&got, &b[1]);
    /* sealed under the reader, with something to cut */
    b[0] = t_block(&f, CODEC_NONE, 1000, 1, SEGMENT_BLOCK_CONTINUED, room);
    append(w, b, 1);
    assert_int_equal(next(r, &got), STEP_MORE);
    info = seal(w);
    assert_int_equal(info.raw_bytes, 2100);
    assert_int_equal(next(r, &got), STEP_END);
    assert_true(segment_reader_sealed(r));
    segment_reader_free(r);
}

/*
 * Damage. A small segment with items of one and of several blocks.
 */

static struct segment_block small_blocks[6];

static struct segment_writer *small_segment(struct t_flow *f)
{
    static const struct {
        uint32_t bytes;
        uint32_t records;
        uint8_t flags;
    } shape[] = {{60, 2, 0}, {80, 1, SEGMENT_BLOCK_CONTINUED}, {40, 1, 0},
                 {0, 0, 0},  {90, 1, SEGMENT_BLOCK_CONTINUED}, {30, 3, 0}};
    struct segment_id id = journal_id();
    struct segment_writer *w = create(&id);
    size_t used = 0;

    *f = journal_flow();
    for (size_t i = 0; i < 6; i++) {
        small_blocks[i] = t_block(f, i % 2 ? CODEC_LZ4 : CODEC_NONE, shape[i].bytes,
                                  shape[i].records, shape[i].flags, room + used);
        used += shape[i].bytes;
    }
    append(w, small_blocks, 6);
    return w;
}

/* Read all; every block must be right and in order. Returns the last step, *ret_n the blocks. */
static enum step read_all(size_t *ret_n, struct ft_err *err)
{
    struct segment_id id = journal_id();
    struct segment_reader *r;
    struct segment_block b;
    enum step step;
    size_t n = 0;

    *ret_n = 0;
    if (segment_reader_open(&r, dir.fd, NAME, &id, err) != 0)
        return STEP_ERROR;
    while ((step = segment_reader_next(r, &b, NULL, err)) == STEP_ITEM) {
        assert_true(n < 6);
        expect_block(&b, &small_blocks[n++]);
    }
    segment_reader_free(r);
    *ret_n = n;
    return step;
}

static void test_sealed_damage(void **state)
{
    struct t_flow f;
    struct buf b;
    size_t n;
    uint64_t seed = 3;

    (void)state;
    (void)seal(small_segment(&f));
    b = t_read(dir.fd, NAME);
    for (size_t i = 0; i < b.n; i++) {
        struct ft_err err = FT_ERR_INIT;

        t_write(dir.fd, NAME, b.p, i);
        assert_int_equal(read_all(&n, &err), STEP_ERROR);
        assert_non_null(strstr(err.msg, NAME));
        assert_true(err.kind == FT_ERR_CORRUPT);
    }
    for (size_t i = 0; i < b.n; i++) {
        struct ft_err err = FT_ERR_INIT;
        uint8_t was = b.p[i];

        b.p[i] ^= (uint8_t)(1u << t_random(&seed) % 8);
        t_write(dir.fd, NAME, b.p, b.n);
        b.p[i] = was;
        assert_int_equal(read_all(&n, &err), STEP_ERROR);
        assert_non_null(strstr(err.msg, NAME));
        assert_true(err.kind == FT_ERR_CORRUPT || err.kind == FT_ERR_UNSUPPORTED);
    }
    buf_release(&b);
}

/* How many of the blocks recovery must keep of the first `length` bytes. */
static size_t whole_blocks(size_t length)
{
    size_t at = 96;
    size_t keep = 0;

    for (size_t i = 0; i < 6; i++) {
        at += 64 + small_blocks[i].payload.n;
        if (at > length)
            break;
        if ((small_blocks[i].flags & SEGMENT_BLOCK_CONTINUED) == 0)
            keep = i + 1;
    }
    return keep;
}

static void test_recover_truncated(void **state)
{
    struct segment_id id = journal_id();
    struct t_flow f;
    struct buf b;

    (void)state;
    segment_writer_free(small_segment(&f));
    b = t_read(dir.fd, PARTIAL);
    assert_int_equal(whole_blocks(b.n), 6);
    for (size_t length = 0; length <= b.n; length++) {
        struct ft_err err = FT_ERR_INIT;
        struct segment_info info;
        bool removed = false;
        uint64_t cut = 0;
        size_t n;

        t_write(dir.fd, PARTIAL, b.p, length);
        if (length >= 96) {
            assert_int_equal(read_all(&n, &err), STEP_MORE);
            assert_int_equal(n, whole_blocks(length));
        }
        t_ok(segment_recover(dir.fd, NAME, &id, &info, &removed, &cut, &err), &err);
        assert_int_equal(removed, whole_blocks(length) == 0);
        assert_false(t_exists(dir.fd, PARTIAL));
        if (removed) {
            assert_false(t_exists(dir.fd, NAME));
            continue;
        }
        assert_int_equal(info.block_count, whole_blocks(length));
        assert_int_equal(read_all(&n, &err), STEP_END);
        assert_int_equal(n, whole_blocks(length));
        assert_int_equal(unlinkat(dir.fd, NAME, 0), 0);
    }
    buf_release(&b);
}

static void test_recover_flipped(void **state)
{
    struct segment_id id = journal_id();
    struct t_flow f;
    struct buf b;
    uint64_t seed = 5;

    (void)state;
    segment_writer_free(small_segment(&f));
    b = t_read(dir.fd, PARTIAL);
    for (size_t i = 0; i < b.n; i++) {
        struct ft_err err = FT_ERR_INIT;
        uint8_t was = b.p[i];
        struct segment_info info;
        bool removed = false;
        uint64_t cut = 0;
        size_t n;

        b.p[i] ^= (uint8_t)(1u << t_random(&seed) % 8);
        t_write(dir.fd, PARTIAL, b.p, b.n);
        b.p[i] = was;
        if (i < 96) {
            /* blocks behind a damaged header are not thrown away */
            assert_int_equal(segment_recover(dir.fd, NAME, &id, &info, &removed, &cut, &err), -1);
            assert_true(t_exists(dir.fd, PARTIAL));
            continue;
        }
        t_ok(segment_recover(dir.fd, NAME, &id, &info, &removed, &cut, &err), &err);
        assert_true(cut > 0);
        assert_int_equal(removed, whole_blocks(i) == 0);
        if (removed)
            continue;
        assert_int_equal(read_all(&n, &err), STEP_END);
        assert_int_equal(n, whole_blocks(i));
        assert_int_equal(unlinkat(dir.fd, NAME, 0), 0);
    }
    buf_release(&b);
}

static void test_recover_before_rename(void **state)
{
    struct segment_id id = journal_id();
    struct ft_err err = FT_ERR_INIT;
    struct segment_info sealed;
    struct segment_info info;
    struct t_flow f;
    struct buf b;
    bool removed;
    uint64_t cut;
    size_t n;

    (void)state;
    sealed = seal(small_segment(&f));
    b = t_read(dir.fd, NAME);
    for (size_t length = sealed.file_bytes; length > sealed.file_bytes - 96 - 12; length--) {
        (void)unlinkat(dir.fd, NAME, 0);
        t_write(dir.fd, PARTIAL, b.p, length);
        t_ok(segment_recover(dir.fd, NAME, &id, &info, &removed, &cut, &err), &err);
        assert_int_equal(cut, 0);
        assert_false(removed);
        assert_memory_equal(&info, &sealed, sizeof(info));
    }
    /* pages that never reached the disk in the middle of a file whose end did */
    (void)unlinkat(dir.fd, NAME, 0);
    memset(b.p + 96 + 64 + 60, 0, 64);
    t_write(dir.fd, PARTIAL, b.p, b.n);
    t_ok(segment_recover(dir.fd, NAME, &id, &info, &removed, &cut, &err), &err);
    assert_int_equal(info.block_count, 1);
    assert_int_equal(cut, b.n - 96 - 64 - 60);
    assert_int_equal(read_all(&n, &err), STEP_END);
    assert_int_equal(n, 1);
    buf_release(&b);
}

static void test_identity(void **state)
{
    struct segment_id id = journal_id();
    struct ft_err err = FT_ERR_INIT;
    struct segment_reader *r;
    struct segment_info info;
    struct t_flow f;
    struct buf b;
    bool removed;
    uint64_t cut;

    (void)state;
    t_fails(segment_reader_open(&r, dir.fd, NAME, &id, &err), &err, FT_ERR_IO, NAME);
    segment_writer_free(small_segment(&f));
    id.flow = 1;
    t_fails(segment_reader_open(&r, dir.fd, NAME, &id, &err), &err, FT_ERR_CORRUPT,
            "is journal segment 0 of flow 0 and generation 1, wanted journal segment 0 of flow 1");
    t_fails(segment_recover(dir.fd, NAME, &id, &info, &removed, &cut, &err), &err, FT_ERR_CORRUPT,
            "is not the segment");
    assert_true(t_exists(dir.fd, PARTIAL));
    id.flow = 0;
    id.capture_id[0] = 'x';
    t_fails(segment_reader_open(&r, dir.fd, NAME, &id, &err), &err, FT_ERR_CORRUPT,
            "another capture");
    b = t_read(dir.fd, PARTIAL);
    b.p[8] = 2;
    t_write(dir.fd, NAME, b.p, b.n);
    t_fails(segment_reader_open(&r, dir.fd, NAME, NULL, &err), &err, FT_ERR_UNSUPPORTED,
            "segment format 2.0 is newer than this program");
    buf_release(&b);
}

static void test_file_size_limit(void **state)
{
    struct rlimit old;
    struct rlimit low;
    struct segment_id id = journal_id();
    struct t_flow f = journal_flow();
    struct segment_writer *w = create(&id);
    struct ft_err err = FT_ERR_INIT;
    struct segment_reader *r;
    struct segment_block b[40];
    struct segment_block got;
    size_t n = 0;

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 96 + 25 * 1064 + 500;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    for (size_t i = 0; i < 40; i++)
        b[i] = t_block(&f, CODEC_NONE, 1000, 1, 0, room + 1000 * i);
    append(w, b, 10);
    append(w, b + 10, 10);
    t_fails(segment_writer_append(w, b + 20, 20, &err), &err, FT_ERR_IO, PARTIAL);
    t_fails(segment_writer_append(w, b + 20, 1, &err), &err, FT_ERR_BUG, "no more blocks");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(next_lsn(&id), 43);
    segment_writer_free(w);
    r = reader();
    for (; next(r, &got) == STEP_ITEM; n++)
        expect_block(&got, &b[n]);
    assert_int_equal(n, 25);
    segment_reader_free(r);
}

int main(void)
{
#define T_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T_CASE(test_write_and_read),
        T_CASE(test_largest_block),
        T_CASE(test_rules),
        T_CASE(test_snapshot_rules),
        T_CASE(test_seal_cuts_unfinished),
        T_CASE(test_seal_of_nothing),
        T_CASE(test_seek),
        T_CASE(test_reader_follows),
        T_CASE(test_sealed_damage),
        T_CASE(test_recover_truncated),
        T_CASE(test_recover_flipped),
        T_CASE(test_recover_before_rename),
        T_CASE(test_identity),
        T_CASE(test_file_size_limit),
    };

    return T_RUN("store/segment", tests);
}
