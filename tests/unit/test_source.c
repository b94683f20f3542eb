/* Kinds of input, the members of a .dfs set, filters, and what a conversion writes. */
#include "lib/test_store.h"

#include "base/endian.h"
#include "lib/t_capture.h"
#include "output/sink_rdb.h"

static struct source *open_source(const char *path)
{
    struct ft_err err = FT_ERR_INIT;
    struct source *s;

    t_ok(source_open(&s, path, 0, &err), &err);
    return s;
}

static void copy_file(struct t_dir *d, const char *from, const char *to)
{
    struct buf b = t_read(AT_FDCWD, from);

    t_write(d->fd, to, b.p, b.n);
    buf_release(&b);
}

/* The .dfs fixture under its own or another name. */
static void copy_set(struct t_dir *d)
{
    copy_file(d, t_recording("files/types-summary.dfs"), "types-summary.dfs");
    copy_file(d, t_recording("files/types-0000.dfs"), "types-0000.dfs");
    copy_file(d, t_recording("files/types-0001.dfs"), "types-0001.dfs");
}

static void test_the_kind_is_found_by_looking(void **state)
{
    struct source *s = open_source(t_recording("files/types-0001.dfs"));

    (void)state;
    assert_string_equal(source_kind_name(s), "dfs");
    assert_int_equal(s->stream_count, 3);
    assert_true(s->info.dragonfly);
    assert_string_equal(s->info.version, "df-v1.40.0-87-gf8eca6d0b");
    source_free(s);
    s = open_source(t_recording("files/types.rdb"));
    assert_string_equal(source_kind_name(s), "rdb");
    assert_int_equal(s->stream_count, 1);
    assert_true(s->info.dragonfly);
    source_free(s);
}

static void test_a_set_must_be_whole(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct t_dir d = t_dir_make();
    struct source *s;
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/types-summary.dfs", d.path);
    copy_set(&d);
    source_free(open_source(path));

    assert_int_equal(unlinkat(d.fd, "types-0001.dfs", 0), 0);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT, "2 shards, files found: 1");

    copy_file(&d, t_recording("files/types-0000.dfs"), "types-0001.dfs");
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT, "says that it is shard 0");

    copy_file(&d, t_recording("older/1.19.2/files/types-0001.dfs"), "types-0001.dfs");
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT, "belongs to another snapshot");

    assert_int_equal(unlinkat(d.fd, "types-0000.dfs", 0), 0);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_IO, "types-0000.dfs");
    t_dir_remove(&d);
}

/* A set of a release without snapshot ids, so that its files have to tell by themselves. */
static void copy_old_set(struct t_dir *d)
{
    copy_file(d, t_recording("older/1.19.2/files/types-summary.dfs"), "old-summary.dfs");
    copy_file(d, t_recording("older/1.19.2/files/types-0000.dfs"), "old-0000.dfs");
    copy_file(d, t_recording("older/1.19.2/files/types-0001.dfs"), "old-0001.dfs");
}

/* Moves the time of saving by so many seconds. */
static void shift_ctime(struct t_dir *d, const char *name, int32_t by_s)
{
    static const char mark[] = "\x05"
                               "ctime\xc2";
    struct buf b = t_read(d->fd, name);
    uint8_t *at = memmem(b.p, b.n, mark, sizeof(mark) - 1);

    assert_non_null(at);
    at += sizeof(mark) - 1;
    store_le32(at, load_le32(at) + (uint32_t)by_s);
    t_write(d->fd, name, b.p, b.n);
    buf_release(&b);
}

static void test_files_of_another_save_are_told_without_ids(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct t_dir d = t_dir_make();
    struct source *s;
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/old-summary.dfs", d.path);
    copy_old_set(&d);
    s = open_source(path);
    assert_int_equal(s->stream_count, 3);
    source_free(s);

    /* one more than there are shards, by the keys of the others */
    copy_file(&d, t_recording("older/1.19.2/files/types-0000.dfs"), "old-0002.dfs");
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT,
            "old-0002.dfs\" belongs to another snapshot: by its keys");

    assert_int_equal(unlinkat(d.fd, "old-0001.dfs", 0), 0);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT, "old-0001.dfs\" is missing");

    assert_int_equal(unlinkat(d.fd, "old-0002.dfs", 0), 0);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT, "2 shards; files found: 1");

    copy_old_set(&d);
    shift_ctime(&d, "old-0001.dfs", 15);
    source_free(open_source(path));
    shift_ctime(&d, "old-0001.dfs", 15);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT, "saved 30 s after the others");
    shift_ctime(&d, "old-0001.dfs", -100);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT, "saved 70 s before the others");
    t_dir_remove(&d);
}

static void test_names_of_the_input_are_known(void **state)
{
    struct t_dir d = t_dir_make();
    struct source *s;
    char path[128];
    char other[160];

    (void)state;
    copy_old_set(&d);
    (void)snprintf(path, sizeof(path), "%s/old-0001.dfs", d.path);
    s = open_source(path);
    assert_true(source_contains(s, path));
    (void)snprintf(other, sizeof(other), "%s/old-0005.dfs", d.path);
    assert_true(source_contains(s, other));
    (void)snprintf(other, sizeof(other), "%s/../%s/old-summary.dfs", d.path,
                   strrchr(d.path, '/') + 1);
    assert_true(source_contains(s, other));
    (void)snprintf(other, sizeof(other), "%s/old.rdb", d.path);
    assert_false(source_contains(s, other));
    (void)snprintf(other, sizeof(other), "%s/older-0000.dfs", d.path);
    assert_false(source_contains(s, other));
    source_free(s);
    t_dir_remove(&d);
}

static void digest_of(const char *path, uint8_t ret[SOURCE_ID_SIZE])
{
    struct ft_err err = FT_ERR_INIT;
    struct source *s = open_source(path);

    t_ok(source_identify(s, -1, ret, &err), &err);
    source_free(s);
}

static void test_a_digest_is_over_all_bytes(void **state)
{
    struct buf file = t_read(AT_FDCWD, t_recording("files/types.rdb"));
    uint8_t first[SOURCE_ID_SIZE];
    uint8_t again[SOURCE_ID_SIZE];
    struct t_dir d = t_dir_make();
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/types.rdb", d.path);
    digest_of(t_recording("files/types.rdb"), first);
    t_write(d.fd, "types.rdb", file.p, file.n);
    digest_of(path, again);
    assert_memory_equal(first, again, sizeof(first));
    file.p[file.n - 1] ^= 1;
    t_write(d.fd, "types.rdb", file.p, file.n);
    digest_of(path, again);
    assert_memory_not_equal(first, again, sizeof(first));

    copy_old_set(&d);
    (void)snprintf(path, sizeof(path), "%s/old-summary.dfs", d.path);
    digest_of(path, first);
    shift_ctime(&d, "old-0001.dfs", 1);
    digest_of(path, again);
    assert_memory_not_equal(first, again, sizeof(first));
    buf_release(&file);
    t_dir_remove(&d);
}

static void test_what_is_no_input_is_said(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct t_dir d = t_dir_make();
    struct source *s;
    char path[128];

    (void)state;
    t_fails(source_open(&s, "/nowhere/at/all", 0, &err), &err, FT_ERR_IO, "No such file");
    t_fails(source_open(&s, d.path, 0, &err), &err, FT_ERR_STATE, d.path);
    t_write(d.fd, "text.rdb", "hello, world", 12);
    (void)snprintf(path, sizeof(path), "%s/text.rdb", d.path);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_CORRUPT, "text.rdb");
    t_write(d.fd, "new.rdb", "REDIS0080\xff", 10);
    (void)snprintf(path, sizeof(path), "%s/new.rdb", d.path);
    t_fails(source_open(&s, path, 0, &err), &err, FT_ERR_UNSUPPORTED, "80");
    t_dir_remove(&d);
}

struct counted {
    uint64_t entries;
    uint64_t records;
    uint64_t last_lsn;
    uint64_t snapshot_ends;
};

static struct counted count_items(const struct source *s, uint32_t flow,
                                  const struct source_stream_options *options)
{
    struct ft_err err = FT_ERR_INIT;
    struct source_stream *stream;
    struct counted c = {0};
    struct item item;
    enum step step;

    t_ok(source_stream_open(&stream, s, flow, options, &err), &err);
    while ((step = source_stream_next(stream, &item, &err)) == STEP_ITEM) {
        assert_int_equal(item.flow, flow);
        c.entries += item.kind == ITEM_ENTRY;
        c.snapshot_ends += item.kind == ITEM_SNAPSHOT_END;
        if (item.is_record && item.lsn != 0) {
            assert_true(c.last_lsn == 0 || item.lsn == c.last_lsn + 1);
            c.last_lsn = item.lsn;
            c.records++;
        }
    }
    if (step == STEP_ERROR)
        fail_msg("%s", err.msg);
    source_stream_free(stream);
    return c;
}

static void test_a_capture_gives_snapshot_and_journal(void **state)
{
    const struct source_stream_options whole = {0};
    const struct source_stream_options snapshot = {.snapshot_only = true};
    const struct source_stream_options journal = {.journal_only = true};
    struct ft_err err = FT_ERR_INIT;
    struct t_dir d = t_dir_make();
    struct source *s;
    char path[96];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/cap", d.path);
    t_ok(t_capture_make(path, t_recording("live-4"), &err), &err);
    s = open_source(path);
    assert_int_equal(s->stream_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const struct lsn_range lsns = source_lsns(s, i);
        struct counted all = count_items(s, i, &whole);
        struct counted first = count_items(s, i, &snapshot);
        struct counted second = count_items(s, i, &journal);

        assert_int_equal(all.snapshot_ends, 1);
        assert_true(all.entries > 0 && all.entries == first.entries);
        assert_int_equal(first.records, 0);
        assert_int_equal(second.entries, 0);
        assert_int_equal(all.records, lsns.next - lsns.first);
        assert_int_equal(second.records, all.records);
        assert_int_equal(second.last_lsn, lsns.next - 1);
    }
    source_free(s);
    t_dir_remove(&d);
}

/* Converts a fixture and counts what the output holds. */
static struct convert_result convert(struct t_dir *d, const char *recording,
                                     struct convert_options *options, enum ft_err_kind want)
{
    struct source *s = open_source(t_recording(recording));
    struct ft_err err = FT_ERR_INIT;
    struct convert_result result;
    struct loss_report losses;
    char output[96];
    struct conversion c = {
        .source = s, .output = output, .options = options, .losses = &losses, .result = &result};

    (void)snprintf(output, sizeof(output), "%s/out.rdb", d->path);
    loss_init(&losses);
    (void)convert_run(&sink_rdb, &c, &err);
    if (err.kind != want)
        fail_msg("wanted %s, got %s: %s", t_kind(want), t_kind(err.kind), err.msg);
    assert_int_equal(result.written, want == FT_ERR_NONE);
    loss_release(&losses);
    source_free(s);
    return result;
}

/* Keys of a file by database and those with a time to live, as RESIZEDB and as its entries say. */
static void check_counts(struct t_dir *d, uint64_t want_keys)
{
    const struct source_stream_options options = {.verify_checksum = true};
    struct ft_err err = FT_ERR_INIT;
    struct source_stream *stream;
    struct source *s;
    struct item item;
    enum step step;
    uint64_t keys = 0;
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/out.rdb", d->path);
    s = open_source(path);
    assert_int_equal(s->info.rdb_version, 10);
    assert_false(s->info.dragonfly);
    t_ok(source_stream_open(&stream, s, 0, &options, &err), &err);
    while ((step = source_stream_next(stream, &item, &err)) == STEP_ITEM)
        keys += item.kind == ITEM_ENTRY;
    if (step == STEP_ERROR)
        fail_msg("%s", err.msg);
    assert_int_equal(keys, want_keys);
    source_stream_free(stream);
    source_free(s);
}

static void test_a_conversion_writes_what_it_counts(void **state)
{
    struct convert_options options = {.target = target_default()};
    struct t_dir d = t_dir_make();
    struct convert_result r;

    (void)state;
    r = convert(&d, "files/plain.rdb", &options, FT_ERR_NONE);
    assert_int_equal(r.keys, 273);
    assert_int_equal(r.expires, 25);
    check_counts(&d, 273);
    t_dir_remove(&d);
}

static void test_a_loss_leaves_no_file(void **state)
{
    struct convert_options options = {.target = target_default(), .fail_on_loss = true};
    struct t_dir d = t_dir_make();

    (void)state;
    (void)convert(&d, "files/types.rdb", &options, FT_ERR_LOSS);
    assert_false(t_exists(d.fd, "out.rdb"));
    t_dir_remove(&d);
}

static void test_filters_choose_keys(void **state)
{
    struct convert_options options = {.target = target_default(), .fail_on_loss = true};
    struct ft_err err = FT_ERR_INIT;
    struct t_dir d = t_dir_make();
    struct convert_result r;

    (void)state;
    t_ok(filter_add_db(&options.filter, "1", &err), &err);
    r = convert(&d, "files/plain.rdb", &options, FT_ERR_NONE);
    assert_int_equal(r.keys, 10);
    filter_release(&options.filter);
    t_ok(filter_add_key(&options.filter, "zset:*", &err), &err);
    t_ok(filter_add_key(&options.filter, "list:*", &err), &err);
    t_ok(filter_add_no_key(&options.filter, "*:[1-9]", &err), &err);
    r = convert(&d, "files/plain.rdb", &options, FT_ERR_NONE);
    assert_int_equal(r.keys, 2);
    assert_int_equal(r.filtered, 271);
    filter_release(&options.filter);
    t_ok(filter_add_type(&options.filter, "hash,stream", &err), &err);
    r = convert(&d, "files/plain.rdb", &options, FT_ERR_NONE);
    assert_int_equal(r.keys, 17);
    filter_release(&options.filter);
    t_fails(filter_add_type(&options.filter, "heap", &err), &err, FT_ERR_USAGE, "heap");
    t_fails(filter_add_db(&options.filter, "one", &err), &err, FT_ERR_USAGE, "one");
    filter_release(&options.filter);
    t_dir_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_kind_is_found_by_looking),
        cmocka_unit_test(test_a_set_must_be_whole),
        cmocka_unit_test(test_files_of_another_save_are_told_without_ids),
        cmocka_unit_test(test_names_of_the_input_are_known),
        cmocka_unit_test(test_a_digest_is_over_all_bytes),
        cmocka_unit_test(test_what_is_no_input_is_said),
        cmocka_unit_test(test_a_capture_gives_snapshot_and_journal),
        cmocka_unit_test(test_a_conversion_writes_what_it_counts),
        cmocka_unit_test(test_a_loss_leaves_no_file),
        cmocka_unit_test(test_filters_choose_keys),
    };

    return T_RUN("input/source", tests);
}
