/* Every kind of INPUT through one harness: what it says it can do, it does; what it cannot, it says. */
#include "lib/test_store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "archive/pack.h"
#include "input/cut.h"
#include "input/source.h"
#include "lib/t_capture.h"
#include "rdb/rdb_writer.h"
#include "store/capture_set.h"

#define CAPABILITIES_MAX 6

struct kind {
    const char *name;
    char path[160];
    unsigned capabilities;
    uint32_t streams;
};

static struct t_dir dir;
static struct kind kinds[] = {
    {.name = "capture",
     .capabilities = SOURCE_HAS_JOURNAL | SOURCE_WAS_RECEIVED | SOURCE_CAN_SEEK |
                     SOURCE_CAN_FOLLOW | SOURCE_HAS_GENERATIONS | SOURCE_OF_DRAGONFLY,
     .streams = 4},
    {.name = "dfs", .capabilities = SOURCE_OF_DRAGONFLY | SOURCE_CAN_CUT, .streams = 3},
    {.name = "rdb", .capabilities = SOURCE_KEYS_MAY_REPEAT | SOURCE_CAN_CUT, .streams = 1},
    {.name = "packed",
     .capabilities = SOURCE_HAS_JOURNAL | SOURCE_WAS_RECEIVED | SOURCE_CAN_SEEK |
                     SOURCE_HAS_GENERATIONS | SOURCE_OF_DRAGONFLY,
     .streams = 4},
    {.name = "compressed", .capabilities = SOURCE_KEYS_MAY_REPEAT, .streams = 1},
    {.name = "set",
     .capabilities = SOURCE_HAS_JOURNAL | SOURCE_WAS_RECEIVED | SOURCE_CAN_SEEK |
                     SOURCE_CAN_FOLLOW | SOURCE_HAS_GENERATIONS | SOURCE_OF_DRAGONFLY,
     .streams = 4},
    {.name = "aof",
     .capabilities = SOURCE_HAS_JOURNAL | SOURCE_CAN_SEEK | SOURCE_KEYS_MAY_REPEAT,
     .streams = 1},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* Of another capture, since an archive has the identity of what is in it. */
static void make_packed(const char *path)
{
    struct pack_progress progress = {0};
    const struct pack_options o = {.output = path, .cancel_fd = -1, .progress = &progress};
    struct ft_err err = FT_ERR_INIT;
    struct pack_result result;
    struct capture *c;
    char from[128];

    (void)snprintf(from, sizeof(from), "%s/other", dir.path);
    t_ok(t_capture_make(from, t_recording("live-4"), &err), &err);
    t_ok(capture_open_read(&c, from, &err), &err);
    t_ok(pack_run(c, &o, &result, &err), &err);
    capture_free(c);
}

static void make_compressed(const char *path, const char *from)
{
    const struct pack_compression gzip = {.filter = PACK_GZIP};
    struct ft_err err = FT_ERR_INIT;
    struct buf content = {0};
    struct pack_output *o;

    t_ok(fs_read_file(AT_FDCWD, from, 64u << 20, &content, &err), &err);
    t_ok(pack_output_open(&o, path, &gzip, &err), &err);
    t_ok(pack_output_begin(o, false, &err), &err);
    t_ok(pack_output_write(o, buf_bytes(&content), &err), &err);
    t_ok(pack_output_finish(o, &err), &err);
    pack_output_free(o);
    buf_release(&content);
}

static void make_set(const char *path)
{
    static const char *const addresses[] = {"10.0.0.1:6379", "10.0.0.2:6379"};
    static const char *const recordings[] = {"cluster/node-1", "cluster/node-2"};
    const uint32_t generations[] = {1, 1};
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set;

    t_ok(capture_set_open_write(&set, path, addresses, 2, &err), &err);
    for (uint32_t i = 0; i < 2; i++) {
        char *node = capture_set_node_path(set, i);

        assert_non_null(node);
        t_ok(t_capture_make(node, t_recording(recordings[i]), &err), &err);
        free(node);
    }
    t_ok(capture_set_add(set, generations, NULL, 0, NULL, 0, &err), &err);
    capture_set_free(set);
}

/* Three parts by a manifest; the second is longer than from one place to the next. */
static void make_aof(char *path, size_t size)
{
    static const char base[] = "REDIS0009\xfa\x09redis-ver\x05"
                               "6.2.0\xfa\x05"
                               "ctime\xc2\x00\x1f\xb1\x6a"
                               "\xfe\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0";
    static const char manifest[] =
        "# written by a test\nfile \"a b.rdb\" seq 2 type b\nfile old seq 1 type h\n"
        "file one seq 3 type i startoffset 7\nfile two seq 4 type i\n";
    struct ft_err err = FT_ERR_INIT;
    struct buf content = {0};

    t_write(dir.fd, "a b.rdb", base, sizeof(base) - 1);
    for (unsigned i = 0; i < 40000; i++) {
        if (i % 100 == 0)
            t_ok(buf_printf(&content, &err, "#TS:%u\r\n", 1790000000 + i / 100), &err);
        t_ok(buf_printf(&content, &err, "*3\r\n$3\r\nSET\r\n$6\r\nk%05u\r\n$5\r\nvalue\r\n", i),
             &err);
    }
    t_write(dir.fd, "one", content.p, content.n);
    t_write(dir.fd, "two", "#TS:1790000900\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n", 36);
    t_write(dir.fd, "a.manifest", manifest, sizeof(manifest) - 1);
    (void)snprintf(path, size, "%s/a.manifest", dir.path);
    buf_release(&content);
}

static int setup(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    dir = t_dir_make();
    (void)snprintf(kinds[0].path, sizeof(kinds[0].path), "%s/cap", dir.path);
    t_ok(t_capture_make(kinds[0].path, t_recording("live-4"), &err), &err);
    (void)snprintf(kinds[1].path, sizeof(kinds[1].path), "%s",
                   t_recording("files/types-summary.dfs"));
    (void)snprintf(kinds[2].path, sizeof(kinds[2].path), "%s", t_recording("files/plain.rdb"));
    (void)snprintf(kinds[3].path, sizeof(kinds[3].path), "%s/packed", dir.path);
    make_packed(kinds[3].path);
    (void)snprintf(kinds[4].path, sizeof(kinds[4].path), "%s/plain.rdb.gz", dir.path);
    make_compressed(kinds[4].path, kinds[2].path);
    (void)snprintf(kinds[5].path, sizeof(kinds[5].path), "%s/set", dir.path);
    make_set(kinds[5].path);
    make_aof(kinds[6].path, sizeof(kinds[6].path));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    t_dir_remove(&dir);
    return 0;
}

static struct source *open_kind(const struct kind *k)
{
    struct ft_err err = FT_ERR_INIT;
    struct source *s;

    t_ok(source_open(&s, k->path, 0, &err), &err);
    return s;
}

static void test_a_kind_says_what_it_can_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct source *s = open_kind(&kinds[i]);

        assert_string_equal(source_kind_name(s), kinds[i].name);
        assert_string_equal(s->path, kinds[i].path);
        assert_int_equal(s->stream_count, kinds[i].streams);
        for (unsigned bit = 0; bit < CAPABILITIES_MAX; bit++) {
            enum source_capability c = (enum source_capability)(1u << bit);

            assert_int_equal(source_can(s, c), (kinds[i].capabilities & c) != 0);
        }
        assert_true(s->info.version[0] != '\0');
        assert_true(s->began_us != 0);
        source_free(s);
    }
}

static void test_an_identity_is_its_own_and_lasts(void **state)
{
    uint8_t ids[KIND_COUNT][SOURCE_ID_SIZE];

    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct ft_err err = FT_ERR_INIT;
        uint8_t again[SOURCE_ID_SIZE];
        struct source *s = open_kind(&kinds[i]);

        t_ok(source_identify(s, -1, ids[i], &err), &err);
        source_free(s);
        s = open_kind(&kinds[i]);
        t_ok(source_identify(s, -1, again, &err), &err);
        source_free(s);
        assert_memory_equal(again, ids[i], SOURCE_ID_SIZE);
        for (size_t other = 0; other < i; other++)
            assert_memory_not_equal(ids[other], ids[i], SOURCE_ID_SIZE);
    }
}

static void test_generations(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct ft_err err = FT_ERR_INIT;
        struct source *s = open_kind(&kinds[i]);
        bool has = source_can(s, SOURCE_HAS_GENERATIONS);

        assert_int_equal(s->generation, has ? 1 : 0);
        source_free(s);
        t_fails(source_open(&s, kinds[i].path, 9, &err), &err, FT_ERR_USAGE,
                has ? "no generation 9" : "has no generations");
    }
}

static void check_cut(const struct source *s, const char *at, bool is_end)
{
    struct ft_err err = FT_ERR_INIT;
    struct cut cut;

    t_ok(source_resolve_cut(s, at, &cut, &err), &err);
    assert_int_equal(cut.flow_count, source_can(s, SOURCE_HAS_JOURNAL) ? s->stream_count : 0);
    for (uint32_t i = 0; i < cut.flow_count; i++) {
        struct lsn_range lsns = source_lsns(s, i);

        assert_int_equal(cut.stop_lsn[i], is_end ? lsns.next : lsns.first);
    }
    cut_release(&cut);
}

static void test_cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct ft_err err = FT_ERR_INIT;
        struct source *s = open_kind(&kinds[i]);
        bool journal = source_can(s, SOURCE_HAS_JOURNAL);
        struct cut cut;

        check_cut(s, "snapshot", false);
        check_cut(s, "end", true);
        if (journal)
            check_cut(s, "-0s", true);
        else
            t_fails(source_resolve_cut(s, "-0s", &cut, &err), &err, FT_ERR_USAGE, "one state only");
        t_fails(source_resolve_cut(s, "noon", &cut, &err), &err, FT_ERR_USAGE, "--at noon");
        source_free(s);
    }
}

static void test_a_journal_has_lsns_and_a_guard(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct ft_err err = FT_ERR_INIT;
        struct source *s = open_kind(&kinds[i]);
        bool journal = source_can(s, SOURCE_HAS_JOURNAL);
        uint64_t *first;

        t_ok(source_first_lsns(s, &first, &err), &err);
        for (uint32_t stream = 0; stream < s->stream_count; stream++) {
            struct lsn_range lsns = source_lsns(s, stream);

            assert_int_equal(lsns.first, first[stream]);
            assert_int_equal(lsns.first != 0, journal);
            assert_true(lsns.next >= lsns.first);
        }
        free(first);
        assert_int_equal(s->guard.has_records, journal);
        if (s->guard.node_count == 0)
            assert_int_equal(s->guard.rule,
                             journal && s->stream_count > 1 ? SHARDING_KEY : SHARDING_UNKNOWN);
        else
            assert_int_not_equal(s->guard.rule, SHARDING_UNKNOWN);
        assert_false(owner_guard_is_off(&s->guard));
        source_free(s);
    }
}

static void test_names_of_streams_are_of_the_input(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct source *s = open_kind(&kinds[i]);

        for (uint32_t stream = 0; stream < s->stream_count; stream++) {
            const char *file = source_stream_file(s, stream);

            assert_int_equal(file == NULL, source_can(s, SOURCE_OF_DRAGONFLY) &&
                                               source_can(s, SOURCE_HAS_JOURNAL));
            assert_true(file == NULL || source_contains(s, file));
        }
        assert_false(source_contains(s, "/nowhere/at/all"));
        source_free(s);
    }
}

struct counted {
    uint64_t entries;
    uint64_t records;
    uint64_t first_lsn;
    uint64_t bytes;
};

static struct counted count(const struct source *s, uint32_t index,
                            const struct source_stream_options *options)
{
    struct ft_err err = FT_ERR_INIT;
    struct source_stream *stream;
    struct counted c = {0};
    struct item item;
    enum step step;

    t_ok(source_stream_open(&stream, s, index, options, &err), &err);
    while ((step = source_stream_next(stream, &item, &err)) == STEP_ITEM) {
        assert_int_equal(item.flow, index);
        c.entries += item.kind == ITEM_ENTRY;
        c.records += item.is_record && item.lsn != 0;
        if (c.first_lsn == 0 && item.is_record)
            c.first_lsn = item.lsn;
    }
    if (step == STEP_ERROR)
        fail_msg("%s", err.msg);
    assert_int_equal(source_stream_next(stream, &item, &err), STEP_END);
    c.bytes = source_stream_bytes(stream);
    assert_true(options->start_lsn != 0 || c.bytes > 0);
    source_stream_free(stream);
    return c;
}

static void test_streams(void **state)
{
    const struct source_stream_options whole = {0};
    const struct source_stream_options snapshot = {.snapshot_only = true};
    const uint64_t entries[KIND_COUNT] = {0, 0, 273, 0, 273, 0, 1};

    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct source *s = open_kind(&kinds[i]);
        bool known = strcmp(kinds[i].name, "compressed") != 0;
        struct read_progress progress = {0};
        uint64_t bytes = 0;
        uint64_t sum = 0;

        for (uint32_t stream = 0; stream < s->stream_count; stream++) {
            struct lsn_range lsns = source_lsns(s, stream);
            struct counted first = count(s, stream, &snapshot);
            struct counted all;

            s->progress = &progress;
            all = count(s, stream, &whole);
            s->progress = NULL;

            assert_int_equal(all.records, lsns.next - lsns.first);
            assert_int_equal(all.entries, first.entries);
            assert_int_equal(first.records, 0);
            sum += all.entries;
            bytes += first.bytes;
        }
        assert_int_equal(source_snapshot_bytes(s), known ? bytes : 0);
        assert_int_equal(source_bytes(s), known ? atomic_load(&progress.done) : 0);
        assert_true(sum > 0);
        assert_true(entries[i] == 0 || sum == entries[i]);
        source_free(s);
    }
}

/* From the middle of a journal: at a block that begins there or before, and never after it. */
static void test_who_can_seek_begins_at_an_lsn_or_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct source *s = open_kind(&kinds[i]);

        for (uint32_t n = 0; source_can(s, SOURCE_CAN_SEEK) && n < s->stream_count; n++) {
            struct lsn_range lsns = source_lsns(s, n);
            struct source_stream_options options = {.journal_only = true};
            struct counted c;

            options.start_lsn = lsns.first + (lsns.next - lsns.first) / 2;
            c = count(s, n, &options);
            assert_in_range(c.first_lsn, lsns.first, options.start_lsn);
            assert_int_equal(c.records, lsns.next - c.first_lsn);
            assert_int_equal(source_seek_time(s, n, 0), lsns.first);
            assert_int_equal(source_seek_time(s, n, UINT64_MAX), lsns.next);
        }
        source_free(s);
    }
}

static void test_who_can_follow_asks_again(void **state)
{
    const struct source_stream_options options = {.follow = true};

    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct ft_err err = FT_ERR_INIT;
        struct source *s = open_kind(&kinds[i]);
        struct source_stream *stream;
        struct stat stamp;
        struct stat again;
        struct item item;
        enum step step;

        if (source_can(s, SOURCE_CAN_FOLLOW)) {
            assert_true(source_stamp(s, &stamp));
            assert_true(source_stamp(s, &again));
            assert_int_equal(stamp.st_ino, again.st_ino);
            t_ok(source_stream_open(&stream, s, 0, &options, &err), &err);
            while ((step = source_stream_next(stream, &item, &err)) == STEP_ITEM)
                ;
            assert_int_equal(step, STEP_MORE);
            assert_int_equal(source_stream_next(stream, &item, &err), STEP_MORE);
            source_stream_free(stream);
        }
        source_free(s);
    }
}

/* Readable from the start: the first thing that is read says so. */
static void test_every_kind_can_be_cancelled(void **state)
{
    const struct source_stream_options options = {0};
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "", 1), 1);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct ft_err err = FT_ERR_INIT;
        struct source *s = open_kind(&kinds[i]);
        struct source_stream *stream;
        struct item item;

        s->cancel_fd = fds[0];
        t_ok(source_stream_open(&stream, s, 0, &options, &err), &err);
        assert_int_equal(source_stream_next(stream, &item, &err), STEP_ERROR);
        assert_int_equal(err.kind, FT_ERR_CANCELLED);
        source_stream_free(stream);
        source_free(s);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* A directory is no .dfs file, whatever its name; a file that nobody knows is tried as an RDB. */
static void test_kinds_bid_on_what_they_know(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct source *s;
    char path[128];

    (void)state;
    assert_int_equal(mkdirat(dir.fd, "cap-0000.dfs", 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/cap-0000.dfs", dir.path);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_STATE, "is not a capture");
    t_write(dir.fd, "set-0001.dfs", "x", 1);
    (void)snprintf(path, sizeof(path), "%s/set-0001.dfs", dir.path);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_IO, "set-0000.dfs");
    t_write(dir.fd, "set.dfs", "x", 1);
    (void)snprintf(path, sizeof(path), "%s/set.dfs", dir.path);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT, "set.dfs");
}

/*
 * Permits
 */

struct reader {
    struct source *source;
    struct source_large *large;
    struct source_stream *stream;
    struct ft_err err;
    enum step step;
    atomic_bool done;
};

static struct source *open_large(void)
{
    struct ft_err err = FT_ERR_INIT;
    struct rdb_entry entry = {.key = bytes_str("large"), .expire_ms = RDB_NO_EXPIRY};
    const size_t size = SOURCE_LARGE_BYTES + 1000;
    uint8_t length[] = {0x80, (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                        (uint8_t)size};
    struct buf text = {0};
    struct buf value = {0};
    struct source *s;
    char path[128];

    t_ok(buf_append(&value, length, sizeof(length), &err), &err);
    for (size_t i = 0; i < size; i++)
        t_ok(buf_append(&value, "x", 1, &err), &err);
    t_ok(buf_append(&text, "REDIS0009", 9, &err), &err);
    t_ok(rdb_put_entry(&text, &entry, 0, buf_bytes(&value), &err), &err);
    t_ok(buf_append(&text, "\xff\0\0\0\0\0\0\0\0", 9, &err), &err);
    t_write(dir.fd, "large.rdb", text.p, text.n);
    (void)snprintf(path, sizeof(path), "%s/large.rdb", dir.path);
    t_ok(source_open(&s, path, 0, &err), &err);
    buf_release(&text);
    buf_release(&value);
    return s;
}

static void *read_to_entry(void *arg)
{
    const struct source_stream_options options = {.large = ((struct reader *)arg)->large};
    struct reader *r = arg;
    struct item item = {.kind = ITEM_OTHER};

    r->err = (struct ft_err)FT_ERR_INIT;
    r->step = STEP_ERROR;
    if (source_stream_open(&r->stream, r->source, 0, &options, &r->err) == 0) {
        while ((r->step = source_stream_next(r->stream, &item, &r->err)) == STEP_ITEM &&
               item.kind != ITEM_ENTRY)
            ;
    }
    atomic_store(&r->done, true);
    return NULL;
}

/* The second stream gets its entry when the first has let go of its own, which another thread read. */
static void test_one_stream_at_a_time_holds_a_large_item(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct source *s = open_large();
    struct source_large *large;
    struct reader first = {.source = s};
    struct reader second = {.source = s};
    pthread_t thread;

    (void)state;
    t_ok(source_large_new(&large, &err), &err);
    first.large = large;
    second.large = large;
    assert_int_equal(pthread_create(&thread, NULL, read_to_entry, &first), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(first.step, STEP_ITEM);
    assert_int_equal(pthread_create(&thread, NULL, read_to_entry, &second), 0);
    (void)usleep(20000); /* it cannot be done, however long this is */
    assert_false(atomic_load(&second.done));
    source_stream_free(first.stream);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(second.step, STEP_ITEM);
    source_stream_free(second.stream);
    source_large_free(large);
    source_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kind_says_what_it_can_do),
        cmocka_unit_test(test_an_identity_is_its_own_and_lasts),
        cmocka_unit_test(test_generations),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_a_journal_has_lsns_and_a_guard),
        cmocka_unit_test(test_names_of_streams_are_of_the_input),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_who_can_seek_begins_at_an_lsn_or_a_time),
        cmocka_unit_test(test_who_can_follow_asks_again),
        cmocka_unit_test(test_every_kind_can_be_cancelled),
        cmocka_unit_test(test_kinds_bid_on_what_they_know),
        cmocka_unit_test(test_one_stream_at_a_time_holds_a_large_item),
    };

    return cmocka_run_group_tests_name("input/source_kind", tests, setup, teardown);
}
