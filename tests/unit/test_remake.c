/* Captures made of other inputs: what a reader finds in them, with nothing, something and all of a kind dropped. */
#include "lib/test_store.h"

#include "fixture/remake.h"
#include "input/cut.h"
#include "lib/t_capture.h"
#include "lib/t_mutate.h"
#include "store/capture.h"

static struct t_dir dir;

static int setup(void **state)
{
    (void)state;
    dir = t_dir_make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    t_dir_remove(&dir);
    return 0;
}

/* Everything of an input that its meaning depends on, a line for each item. */
static int describe(void *context, struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = item_entry(item);
    const struct journal_record *record = item_command(item);
    struct buf *text = context;
    char shown[400];

    if (buf_printf(text, err, "%u %u %llu ", item->kind, item->flow,
                   (unsigned long long)item->time_us) != 0)
        return -1;
    if (entry != NULL) {
        if (buf_printf(text, err, "%u %u %s %lld %d %d %d ", entry->db, entry->type,
                       bytes_escape(entry->key, shown, sizeof(shown)), (long long)entry->expire_ms,
                       entry->sticky, entry->has_mc_flags, entry->has_idle) != 0 ||
            buf_append(text, entry->value.p, entry->value.n, err) != 0)
            return -1;
    } else if (record != NULL) {
        if (buf_printf(text, err, "%llu %u %u", (unsigned long long)item->lsn, record->op,
                       record->dbid) != 0)
            return -1;
        for (size_t i = 0; i < record->arg_count; i++) {
            if (buf_printf(text, err, " ") != 0 ||
                buf_append(text, record->args[i].p, record->args[i].n, err) != 0)
                return -1;
        }
    } else if (buf_append(text, item->rdb.name.p, item->rdb.name.n, err) != 0 ||
               buf_append(text, item->rdb.bytes.p, item->rdb.bytes.n, err) != 0) {
        return -1;
    }
    return buf_append_str(text, "\n", err);
}

static struct buf content_of(const char *path)
{
    struct buf text = {0};
    const struct remake_options o = {
        .input = path, .cancel_fd = -1, .item = describe, .context = &text};
    struct ft_err err = FT_ERR_INIT;

    t_ok(remake_read(&o, &err), &err);
    return text;
}

static void same_content(const char *a, const char *b)
{
    struct buf left = content_of(a), right = content_of(b);

    assert_true(left.n > 0);
    assert_int_equal(left.n, right.n);
    assert_memory_equal(left.p, right.p, left.n);
    buf_release(&left);
    buf_release(&right);
}

static int keep(void *context, struct item *item, struct ft_err *err)
{
    (void)context;
    (void)item;
    (void)err;
    return 1;
}

static int keep_entries(void *context, struct item *item, struct ft_err *err)
{
    (void)context;
    (void)err;
    return item->kind != ITEM_COMMAND;
}

/* Every second record of the journal, and everything else. */
static int keep_half(void *context, struct item *item, struct ft_err *err)
{
    unsigned *n = context;

    (void)err;
    return item->lsn == 0 || (*n)++ % 2 == 0;
}

static const char *in_dir(const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", dir.path, name);
    return path;
}

static struct remake_result remake(struct remake_options o)
{
    struct ft_err err = FT_ERR_INIT;
    struct remake_result result;

    o.cancel_fd = -1;
    t_ok(remake_run(&o, &result, &err), &err);
    return result;
}

static void test_nothing_is_lost(void **state)
{
    static const char *const recordings[] = {
        "live-4",  "types-plain",        "types-lz4",         "catalogue",
        "flushes", "older/1.19.2/types", "older/1.31.2/types"};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(recordings) / sizeof(recordings[0]); i++) {
        char from[32], to[32];

        (void)snprintf(from, sizeof(from), "from-%zu", i);
        (void)snprintf(to, sizeof(to), "to-%zu", i);
        t_ok(t_capture_make(in_dir(from), t_recording(recordings[i]), &err), &err);
        remake((struct remake_options){
            .input = in_dir(from), .directory = in_dir(to), .keep_lsn = true, .item = keep});
        same_content(in_dir(from), in_dir(to));
    }
}

static void test_files(void **state)
{
    static const char *const files[] = {"files/types-summary.dfs", "files/plain.rdb"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char to[32];
        struct remake_result result;

        (void)snprintf(to, sizeof(to), "of-file-%zu", i);
        result = remake((struct remake_options){
            .input = t_recording(files[i]), .directory = in_dir(to), .item = keep});
        assert_int_equal(result.generations, 1);
        assert_true(result.entries > 0);
        same_content(t_recording(files[i]), in_dir(to));
    }
}

/* An .rdb of one entry of database 0, from its type on. All are of the same time, which is that of their content. */
static void write_rdb(const char *name, const char *magic, struct bytes entry)
{
    const struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    FILE *f = fopen(in_dir(name), "w");

    assert_non_null(f);
    assert_true(fprintf(f, "%s\xfe%c", magic, 0) > 0);
    assert_int_equal(fwrite(entry.p, 1, entry.n, f), entry.n);
    assert_int_equal(fwrite("\xff\0\0\0\0\0\0\0\0", 1, 9, f), 9);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(utimensat(AT_FDCWD, in_dir(name), times, 0), 0);
}

/* What others have and Dragonfly has not: a small set of Redis 7.2 becomes one of any version; Valkey's times of fields
 * are refused. */
static void test_other_types(void **state)
{
    const struct bytes small_set = T_BYTES("\x14\x01s\x0c\x0c\x00\x00\x00\x02\x00\x81"
                                           "a\x02\x05\x01\xff");
    const struct bytes plain_set = T_BYTES("\x02\x01s\x02\x01"
                                           "a\xc0\x05");
    const struct bytes field_time =
        T_BYTES("\x16\x01h\x01\x01g\x01v\x00\x00\x00\x00\x00\x01\x00\x00");
    struct remake_options o = {.cancel_fd = -1, .item = keep};
    struct ft_err err = FT_ERR_INIT;
    struct remake_result result;

    (void)state;
    write_rdb("small-set.rdb", "REDIS0011", small_set);
    write_rdb("plain-set.rdb", "REDIS0009", plain_set);
    result = remake((struct remake_options){
        .input = in_dir("small-set.rdb"), .directory = in_dir("small-set"), .item = keep});
    assert_int_equal(result.entries, 1);
    remake((struct remake_options){
        .input = in_dir("plain-set.rdb"), .directory = in_dir("plain-set"), .item = keep});
    same_content(in_dir("plain-set"), in_dir("small-set"));
    write_rdb("field-time.rdb", "VALKEY080", field_time);
    o.input = in_dir("field-time.rdb");
    o.directory = in_dir("field-time");
    t_fails(remake_run(&o, &result, &err), &err, FT_ERR_UNSUPPORTED, "another server's own type");
    assert_false(t_exists(dir.fd, "field-time"));
}

/* The LSNs of all flows: from the first, to the next. */
static void lsns_of(const char *path, uint64_t *ret_first, uint64_t *ret_next)
{
    struct ft_err err = FT_ERR_INIT;
    struct source *s;

    t_ok(source_open(&s, path, 0, &err), &err);
    *ret_first = *ret_next = 0;
    for (uint32_t i = 0; i < s->stream_count; i++) {
        *ret_first += source_lsns(s, i).first;
        *ret_next += source_lsns(s, i).next;
    }
    source_free(s);
}

static void test_lsns_are_closed_or_kept(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct remake_result closed, kept;
    uint64_t first, next, first_after, next_after;
    unsigned n = 0;

    (void)state;
    t_ok(t_capture_make(in_dir("lsn"), t_recording("live-4"), &err), &err);
    lsns_of(in_dir("lsn"), &first, &next);
    closed = remake((struct remake_options){
        .input = in_dir("lsn"), .directory = in_dir("closed"), .item = keep_half, .context = &n});
    assert_true(closed.dropped_records > 100);
    assert_int_equal(n / 2, closed.dropped_records);
    lsns_of(in_dir("closed"), &first_after, &next_after);
    assert_int_equal(first_after, first);
    assert_int_equal(next_after - first_after, n - n / 2);
    n = 0;
    kept = remake((struct remake_options){.input = in_dir("lsn"),
                                          .directory = in_dir("kept"),
                                          .keep_lsn = true,
                                          .item = keep_half,
                                          .context = &n});
    assert_int_equal(kept.records, closed.records);
    lsns_of(in_dir("kept"), &first_after, &next_after);
    assert_int_equal(first_after, first);
    assert_int_equal(next_after, next);
}

static void test_a_snapshot_alone(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t first, next;

    (void)state;
    t_ok(t_capture_make(in_dir("all"), t_recording("live-4"), &err), &err);
    remake((struct remake_options){
        .input = in_dir("all"), .directory = in_dir("snapshot"), .item = keep_entries});
    lsns_of(in_dir("snapshot"), &first, &next);
    assert_int_equal(first, next);
}

/* A key that is named anew. */
static int rename_keys(void *context, struct item *item, struct ft_err *err)
{
    struct buf *name = context;

    if (item->kind != ITEM_ENTRY)
        return 0;
    buf_clear(name);
    if (buf_append_str(name, "new:", err) != 0 ||
        buf_append(name, item->rdb.entry.key.p, item->rdb.entry.key.n, err) != 0)
        return -1;
    item->rdb.entry.key = buf_bytes(name);
    return 1;
}

/* The same key with another value. */
static int change_values(void *context, struct item *item, struct ft_err *err)
{
    (void)context;
    (void)err;
    if (item->kind != ITEM_ENTRY)
        return 1;
    item->rdb.entry.type = RDB_TYPE_STRING;
    item->rdb.entry.value = bytes_str("\x03new");
    return 1;
}

static int expect_new_values(void *context, struct item *item, struct ft_err *err)
{
    (void)context;
    (void)err;
    if (item->kind == ITEM_ENTRY) {
        assert_int_equal(item->rdb.entry.type, RDB_TYPE_STRING);
        t_bytes(item->rdb.entry.value, "\x03new");
    }
    return 0;
}

static int expect_new_names(void *context, struct item *item, struct ft_err *err)
{
    unsigned *count = context;

    (void)err;
    if (item->kind == ITEM_ENTRY) {
        assert_memory_equal(item->rdb.entry.key.p, "new:", 4);
        (*count)++;
    }
    return 0;
}

static void test_items_are_changed(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf name = {0};
    struct remake_result result;
    unsigned count = 0;

    (void)state;
    t_ok(t_capture_make(in_dir("old"), t_recording("types-plain"), &err), &err);
    result = remake((struct remake_options){
        .input = in_dir("old"), .directory = in_dir("new"), .item = rename_keys, .context = &name});
    t_ok(remake_read(&(struct remake_options){.input = in_dir("new"),
                                              .cancel_fd = -1,
                                              .item = expect_new_names,
                                              .context = &count},
                     &err),
         &err);
    assert_int_equal(count, result.entries);
    buf_release(&name);
    remake((struct remake_options){
        .input = in_dir("old"), .directory = in_dir("values"), .item = change_values});
    t_ok(remake_read(&(struct remake_options){.input = in_dir("values"),
                                              .cancel_fd = -1,
                                              .item = expect_new_values},
                     &err),
         &err);
}

/* The same gives the same id, something else another one. */
static void test_ids(void **state)
{
    static const char *const labels[] = {"one", "one", "other"};
    struct capture *c[3];
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_ok(t_capture_make(in_dir("id"), t_recording("types-plain"), &err), &err);
    for (size_t i = 0; i < 3; i++) {
        char to[16];

        (void)snprintf(to, sizeof(to), "id-%zu", i);
        remake((struct remake_options){.input = in_dir("id"),
                                       .directory = in_dir(to),
                                       .label = bytes_str(labels[i]),
                                       .item = keep});
        t_ok(capture_open_read(&c[i], in_dir(to), &err), &err);
    }
    assert_memory_equal(c[0]->id, c[1]->id, CAPTURE_ID_SIZE);
    assert_memory_not_equal(c[0]->id, c[2]->id, CAPTURE_ID_SIZE);
    assert_int_equal(c[0]->generations[0].sharding, SHARDING_KEY);
    for (size_t i = 0; i < 3; i++)
        capture_free(c[i]);
}

static int fail_at_record(void *context, struct item *item, struct ft_err *err)
{
    (void)context;
    return item->kind == ITEM_COMMAND ? err_set(err, FT_ERR_LIMIT, "enough") : 1;
}

static void test_nothing_is_left_of_a_failure(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct remake_result result;
    struct remake_options o = {.directory = in_dir("failed"), .cancel_fd = -1};

    (void)state;
    t_ok(t_capture_make(in_dir("good"), t_recording("live-1"), &err), &err);
    o.input = in_dir("good");
    o.item = fail_at_record;
    t_fails(remake_run(&o, &result, &err), &err, FT_ERR_LIMIT, "enough");
    assert_false(t_exists(dir.fd, "failed"));
    o.item = keep;
    o.generation = 7;
    t_fails(remake_run(&o, &result, &err), &err, FT_ERR_USAGE, "generation 7");
    assert_false(t_exists(dir.fd, "failed"));
    o.generation = 0;
    o.directory = dir.path;
    t_fails(remake_run(&o, &result, &err), &err, FT_ERR_STATE, "exists");
    assert_true(t_exists(dir.fd, "good"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_lsns_are_closed_or_kept),
        cmocka_unit_test(test_a_snapshot_alone),
        cmocka_unit_test(test_items_are_changed),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_nothing_is_left_of_a_failure),
    };

    return cmocka_run_group_tests_name("remake", tests, setup, teardown) == 0 ? 0 : 1;
}
