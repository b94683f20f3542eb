/* What a pump delivers of made-up items and small captures, in which order, and what it keeps back. */
#include <fcntl.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "command/translate.h"
#include "lib/t_store.h"

#include "input/source_nodes.h"
#include "lib/t_flows.h"
#include "pump/pump.h"
#include "rdb/rdb_types.h"
#include "rdb/rdb_writer.h"

/* Of two flows sharded by key m1, b1 and s3 belong to flow 0; n1, i1 and f1 to flow 1. */

/* A sink that writes down what it gets: "entry k; record DEL k; ...". */
struct recording {
    struct buf text;
    enum ft_err_kind refuses; /* the key "bad", with this kind of error */
    struct bytes diverted;    /* a key; the divert takes it */
    bool takes_runs;
    size_t in_runs; /* entries */
    size_t dropped; /* without a word */
};

static int note(struct recording *r, const char *what, struct bytes bytes, struct ft_err *err)
{
    if (buf_printf(&r->text, err, "%s%s ", r->text.n == 0 ? "" : "; ", what) != 0)
        return -1;
    return buf_append(&r->text, bytes.p, bytes.n, err);
}

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    struct recording *r = context;

    if (r->refuses != FT_ERR_NONE && bytes_eq_str(item->rdb.entry.key, "bad"))
        return err_set(err, r->refuses, "not this one");
    return note(r, "entry", item->rdb.entry.key, err);
}

static int take_run(void *context, const struct rdb_run *run, struct ft_err *err)
{
    struct recording *r = context;

    r->in_runs += run->count;
    for (size_t i = 0; i < run->count; i++) {
        const struct rdb_entry entry = rdb_run_entry(run, &run->entries[i]);

        if (note(r, "entry", entry.key, err) != 0)
            return -1;
    }
    return 0;
}

static int put_arg(struct recording *r, struct bytes arg, struct ft_err *err)
{
    return buf_append_str(&r->text, " ", err) != 0 ? -1 : buf_append(&r->text, arg.p, arg.n, err);
}

/* "command" is what a record becomes; one that becomes nothing is "record". */
static int take_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct recording *r = context;
    const struct bytes *args = item->record.args;
    size_t count = item->record.arg_count;

    if (t != NULL && t->command_count > 0) {
        args = t->commands[0].args;
        count = t->commands[0].count;
    }
    if (buf_printf(&r->text, err, "%s%s", r->text.n == 0 ? "" : "; ",
                   t == NULL               ? "raw"
                   : t->command_count == 0 ? "record"
                                           : "command") != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (put_arg(r, args[i], err) != 0)
            return -1;
    }
    return item->record.dbid == 0 ? 0 : buf_printf(&r->text, err, " in %u", item->record.dbid);
}

static int take_script(void *context, const struct item *item, struct bytes body,
                       struct ft_err *err)
{
    (void)item;
    return note(context, "script", body, err);
}

static int take_function(void *context, const struct item *item, struct bytes code,
                         struct ft_err *err)
{
    (void)item;
    return note(context, "function", code, err);
}

static int take_loss(void *context, enum loss_reason reason, const char *class_name, uint32_t db,
                     struct bytes key, struct ft_err *err)
{
    struct recording *r = context;

    (void)class_name;
    assert_int_equal(db, 0);
    return note(r, loss_reason_name(reason), key, err);
}

static struct item_sink sink_of(struct recording *r)
{
    return (struct item_sink){.context = r,
                              .entry = take_entry,
                              .run = r->takes_runs ? take_run : NULL,
                              .record = take_record,
                              .script = take_script,
                              .function = take_function,
                              .loss = take_loss};
}

static struct pump *new_pump(const struct pump_options *options, struct recording *r)
{
    const struct item_sink sink = sink_of(r);
    struct ft_err err = FT_ERR_INIT;
    struct pump *p;

    t_ok(pump_new(&p, options, &sink, &err), &err);
    return p;
}

static void expect(struct recording *r, const char *text)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_append(&r->text, "", 1, &err), &err);
    assert_string_equal((const char *)r->text.p, text);
    buf_release(&r->text);
}

/*
 * Made-up items
 */

static struct item entry_of(const char *key, uint32_t db, int64_t expire_ms)
{
    return (struct item){.kind = ITEM_ENTRY,
                         .rdb = {.kind = RDB_ITEM_ENTRY,
                                 .entry = {.db = db,
                                           .type = RDB_TYPE_STRING,
                                           .key = bytes_str(key),
                                           .value = bytes_str("\x01v"),
                                           .expire_ms = expire_ms}}};
}

static struct item aux_of(const char *name, const char *value, uint32_t flow)
{
    return (struct item){
        .kind = ITEM_AUX,
        .flow = flow,
        .rdb = {.kind = RDB_ITEM_AUX, .name = bytes_str(name), .bytes = bytes_str(value)}};
}

static void put(struct pump *p, struct item item)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(pump_item(p, &item, &err), &err);
}

static void test_entries_pass_by_filter_and_time(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct recording r = {.refuses = FT_ERR_NONE};
    struct filter filter = {0};
    struct pump_options options = {
        .target = target_default(), .filter = &filter, .expired_ms = 1000};
    struct pump *p;

    (void)state;
    t_ok(filter_add_key(&filter, "in:*", &err), &err);
    t_ok(filter_add_db(&filter, "0,2", &err), &err);
    p = new_pump(&options, &r);
    put(p, entry_of("in:a", 0, RDB_NO_EXPIRY));
    put(p, entry_of("out:b", 0, RDB_NO_EXPIRY));
    put(p, entry_of("in:c", 1, RDB_NO_EXPIRY));
    put(p, entry_of("in:d", 2, 1001));
    put(p, entry_of("in:e", 0, 1000));
    put(p, entry_of("out:f", 0, 1000));
    assert_int_equal(pump_counts(p)->filtered, 3);
    assert_int_equal(pump_counts(p)->expired, 1);
    pump_free(p);

    options.expired_ms = PUMP_NOTHING_EXPIRED;
    p = new_pump(&options, &r);
    put(p, entry_of("in:g", 0, 1));
    assert_int_equal(pump_counts(p)->expired, 0);
    pump_free(p);
    filter_release(&filter);
    expect(&r, "entry in:a; entry in:d; entry in:g");
}

static void put_libraries(struct pump *p)
{
    struct item module = {.kind = ITEM_MODULE_AUX, .rdb = {.name = bytes_str("mod")}};
    struct item function = {.kind = ITEM_FUNCTION,
                            .rdb = {.kind = RDB_ITEM_FUNCTION, .bytes = bytes_str("lib")}};

    put(p, aux_of("lua", "return 1", 1));
    put(p, aux_of("lua", "#!lua flags=x", 0));
    put(p, aux_of("search-index", "idx", 0));
    put(p, aux_of("search-index", "idx", 1)); /* every flow has it */
    put(p, aux_of("ctime", "1", 0));
    put(p, module);
    put(p, function);
    function.rdb.kind = RDB_ITEM_FUNCTION_PRE_GA;
    put(p, function);
    put(p, (struct item){.kind = ITEM_SNAPSHOT_END});
    put(p, (struct item){.kind = ITEM_OTHER});
}

static void test_libraries_go_where_the_target_takes_them(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct recording r = {.refuses = FT_ERR_NONE};
    struct pump_options options = {.target = target_default()};
    struct pump *p = new_pump(&options, &r);

    (void)state;
    put_libraries(p);
    pump_free(p);
    expect(&r, "script return 1; script ; search-index idx; module-aux mod; function lib; "
               "function-pre-ga ");

    t_ok(target_parse("5.0", &options.target, &err), &err);
    options.scripts_as_aux = true; /* Redis 5.0 and 6.2 read the field "lua" */
    p = new_pump(&options, &r);
    put_libraries(p);
    pump_free(p);
    expect(&r, "script return 1; script ; search-index idx; module-aux mod; function ; "
               "function-pre-ga ");

    t_ok(target_parse("7.0", &options.target, &err), &err);
    p = new_pump(&options, &r);
    put(p, aux_of("lua", "return 1", 0));
    pump_free(p);
    expect(&r, "script ");
}

static void test_times_of_members_beside_the_value(void **state)
{
    struct recording r = {.refuses = FT_ERR_NONE};
    struct pump_options options = {.target = target_default()};
    struct pump *p = new_pump(&options, &r);
    struct item first = aux_of(RDB_AUX_KEYDB_MEMBER, "m", 0);

    (void)state;
    first.rdb.entry = entry_of("s", 0, RDB_NO_EXPIRY).rdb.entry;
    put(p, first);
    put(p, aux_of(RDB_AUX_KEYDB_MEMBER, "n", 0)); /* once for a key */
    pump_free(p);
    expect(&r, "member-ttl s");
}

static void test_as_it_is_everything_comes_and_nothing_is_lost(void **state)
{
    struct recording r = {.refuses = FT_ERR_NONE};
    struct pump_options options = {.as_is = true, .expired_ms = PUMP_NOTHING_EXPIRED};
    struct pump *p = new_pump(&options, &r);

    (void)state;
    put_libraries(p);
    pump_free(p);
    expect(&r, "script return 1; script #!lua flags=x; function lib; function lib");
}

static void test_errors_say_which_key(void **state)
{
    struct recording r = {.refuses = FT_ERR_CORRUPT};
    struct pump_options options = {.target = target_default()};
    struct pump *p = new_pump(&options, &r);
    struct item item = entry_of("bad", 3, RDB_NO_EXPIRY);
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_fails(pump_item(p, &item, &err), &err, FT_ERR_CORRUPT,
            "key \"bad\" in database 3: not this one");
    r.refuses = FT_ERR_USAGE;
    err_clear(&err);
    assert_int_equal(pump_item(p, &item, &err), -1);
    assert_string_equal(err.msg, "not this one");
    pump_free(p);
}

static void test_a_sink_without_callbacks_wants_nothing(void **state)
{
    const struct pump_options options = {.target = target_default()};
    const struct item_sink sink = {0};
    struct ft_err err = FT_ERR_INIT;
    struct pump *p;

    (void)state;
    t_ok(pump_new(&p, &options, &sink, &err), &err);
    put(p, entry_of("k", 0, RDB_NO_EXPIRY));
    put_libraries(p);
    pump_free(p);
}

/*
 * Captures
 */

struct run {
    struct source *source;
    struct translator *translator;
    struct filter filter;
    struct pump_options options;
    struct pump_counts counts;
    struct ft_err err;
    int rc;
};

static void begin(struct run *run, const struct t_flow_records *flows, uint32_t flow_count)
{

    *run = (struct run){.err = FT_ERR_INIT};
    t_ok(t_flows_make(t_store_path, flows, flow_count, SHARDING_KEY, &run->err), &run->err);
    t_ok(source_open(&run->source, t_store_path, 0, &run->err), &run->err);
    t_ok(journal_translator_new(&run->translator, run->source, target_default(), JSON_AS_DEFAULT,
                                &run->err),
         &run->err);
    run->options = (struct pump_options){.source = run->source,
                                         .translator = run->translator,
                                         .target = target_default(),
                                         .filter = &run->filter,
                                         .expired_ms = PUMP_NOTHING_EXPIRED};
}

static void end(struct run *run)
{
    translator_free(run->translator);
    source_free(run->source);
    filter_release(&run->filter);
}

/* All streams one after the other, and then what follows them, if wanted. */
static void pump_all(struct run *run, struct recording *r, bool snapshot_only, const char *at)
{
    const struct source_stream_options options = {.snapshot_only = snapshot_only};
    struct pump *p = new_pump(&run->options, r);
    struct cut cut;

    run->rc = 0;
    for (uint32_t i = 0; run->rc == 0 && i < run->source->stream_count; i++) {
        struct source_stream *stream;

        t_ok(source_stream_open(&stream, run->source, i, &options, &run->err), &run->err);
        run->rc = pump_stream(p, stream, &run->err);
        source_stream_free(stream);
    }
    if (run->rc == 0 && at != NULL) {
        t_ok(source_resolve_cut(run->source, at, &cut, &run->err), &run->err);
        run->rc = pump_journal(p, &cut, &run->err);
        cut_release(&cut);
    }
    run->counts = *pump_counts(p);
    pump_free(p);
}

static const struct t_flow_records two_flows[] = {
    {
        .in_sync = {{0, 0, 0, "DEL m1 b1"}, {0, 0, 0, "SET n1 HYLLcopy"}},
        .records = {{1, 0, 2, "SET m1 2"},
                    {2, 9, 0, "FLUSHALL"},
                    {4, 0, 0, "SET n1 HYLLcopy"},
                    {5, 0, 0, "FT.DROPINDEX x"}},
    },
    {
        .in_sync = {{0, 0, 0, "SET n1 HYLLown"}},
        .records = {{2, 9, 0, "FLUSHALL"}, {3, 0, 0, "INCR i1"}, {5, 0, 0, "FT.DROPINDEX x"}},
    },
};

static void test_records_of_their_own_flow_are_delivered_once(void **state)
{
    struct recording r = {.refuses = FT_ERR_NONE};
    struct run run;

    (void)state;
    begin(&run, two_flows, 2);
    pump_all(&run, &r, true, "end");
    t_ok(run.rc, &run.err);
    expect(&r, "command DEL m1 b1; entry key-of-flow-0; command SET n1 HYLLown; "
               "entry key-of-flow-1; command SET m1 2 in 2; command FLUSHALL; command INCR i1; "
               "record FT.DROPINDEX x");
    assert_int_equal(run.counts.in_sync, 3);
    assert_int_equal(run.counts.journal.records, 7);
    assert_int_equal(run.counts.journal.foreign, 2);
    assert_int_equal(run.counts.journal.repeated, 1);
    assert_int_equal(run.counts.journal.flushes, 1);
    end(&run);
}

static void test_streams_read_to_their_end_have_their_flushes_once_too(void **state)
{
    struct recording r = {.refuses = FT_ERR_NONE};
    struct run run;

    (void)state;
    begin(&run, two_flows, 2);
    pump_all(&run, &r, false, NULL);
    t_ok(run.rc, &run.err);
    expect(&r, "command DEL m1 b1; entry key-of-flow-0; command SET m1 2 in 2; command FLUSHALL; "
               "record FT.DROPINDEX x; command SET n1 HYLLown; entry key-of-flow-1; "
               "command INCR i1");
    assert_int_equal(run.counts.journal.repeated, 2);
    end(&run);
}

static void test_as_they_are_records_come_with_copies_up_to_a_stop(void **state)
{
    const uint64_t stop_lsn[] = {T_FLOWS_LSN + 2, T_FLOWS_LSN};
    struct recording r = {.refuses = FT_ERR_NONE};
    struct run run;

    (void)state;
    begin(&run, two_flows, 2);
    run.options.as_is = true;
    run.options.stop_lsn = stop_lsn;
    t_ok(filter_add_db(&run.filter, "0", &run.err), &run.err);
    pump_all(&run, &r, false, NULL);
    t_ok(run.rc, &run.err);
    expect(&r, "raw DEL m1 b1; raw SET n1 HYLLcopy; entry key-of-flow-0; raw FLUSHALL; "
               "raw SET n1 HYLLown; entry key-of-flow-1");
    assert_int_equal(run.counts.records_filtered, 1);
    end(&run);
}

static void test_a_flush_inside_the_full_sync_is_an_error(void **state)
{
    const struct t_flow_records flows[] = {{.in_sync = {{0, 0, 0, "FLUSHDB"}}}};
    struct recording r = {.refuses = FT_ERR_NONE};
    struct run run;

    (void)state;
    begin(&run, flows, 1);
    pump_all(&run, &r, true, NULL);
    t_fails(run.rc, &run.err, FT_ERR_CORRUPT,
            "flow 0, inside the full sync, command FLUSHDB: a flush inside the full sync");
    expect(&r, "");
    end(&run);
}

static const struct t_flow_records renames[] = {{
    .in_sync = {{0, 0, 0, "DEL in:a out:a"}, {0, 0, 0, "SET out:s 1"}},
    .records = {{1, 0, 0, "RENAME in:b out:b"},
                {2, 0, 0, "RENAME out:c in:c"},
                {3, 0, 0, "MSET in:d 1 out:d 2"},
                {4, 0, 1, "FLUSHDB"},
                {5, 0, 0, "FLUSHDB"},
                {6, 0, 0, "DEL out:e"}},
}};

static void test_filters_leave_of_records_what_is_about_keys_that_pass(void **state)
{
    struct recording r = {.refuses = FT_ERR_NONE};
    struct suspect_report suspects = {0};
    struct run run;

    (void)state;
    begin(&run, renames, 1);
    t_ok(filter_add_key(&run.filter, "in:*", &run.err), &run.err);
    t_ok(filter_add_db(&run.filter, "0", &run.err), &run.err);
    run.options.suspects = &suspects;
    pump_all(&run, &r, true, "end");
    t_ok(run.rc, &run.err);
    expect(&r, "command DEL in:a; command DEL in:b; command MSET in:d 1; command FLUSHDB");
    assert_int_equal(run.counts.filtered, 1); /* the entry */
    assert_int_equal(run.counts.records_filtered, 4);
    assert_int_equal(suspects.count, 1); /* nobody knows what in:c is */
    suspect_release(&suspects);
    end(&run);
}

static void test_a_sink_that_filters_records_gets_them_whole(void **state)
{
    struct recording r = {.refuses = FT_ERR_NONE};
    struct run run;

    (void)state;
    begin(&run, renames, 1);
    t_ok(filter_add_key(&run.filter, "in:*", &run.err), &run.err);
    run.options.whole_records = true;
    pump_all(&run, &r, true, NULL);
    t_ok(run.rc, &run.err);
    expect(&r, "command DEL in:a out:a; command SET out:s 1");
    end(&run);
}

static int divert_entry(void *context, const struct item *item, struct ft_err *err)
{
    struct recording *r = context;

    if (!bytes_eq(item->rdb.entry.key, r->diverted))
        return 0;
    return note(r, "diverted", item->rdb.entry.key, err) != 0 ? -1 : 1;
}

static int divert_record(void *context, const struct item *item, const struct translation *t,
                         struct ft_err *err)
{
    (void)item;
    return note(context, "diverted", t->keys[0].key, err) != 0 ? -1 : 1;
}

static void test_a_divert_comes_before_filters(void **state)
{
    struct recording r = {.diverted = bytes_str("key-of-flow-0")};
    const struct pump_divert divert = {
        .context = &r, .entry = divert_entry, .record = divert_record};
    struct run run;

    (void)state;
    begin(&run, two_flows, 2);
    t_ok(filter_add_key(&run.filter, "nothing", &run.err), &run.err);
    run.options.divert = &divert;
    pump_all(&run, &r, true, NULL);
    t_ok(run.rc, &run.err);
    expect(&r, "diverted m1; diverted key-of-flow-0; diverted n1");
    assert_int_equal(run.counts.filtered, 1);
    assert_int_equal(run.counts.journal.foreign, 1);
    end(&run);
}

static int count_ticks(void *context, uint64_t stream_bytes, struct ft_err *err)
{
    unsigned *ticks = context;

    assert_true(stream_bytes > 0);
    (*ticks)++;
    return *ticks == 2 ? err_set(err, FT_ERR_CANCELLED, "stopped") : 0;
}

static void test_ticks_come_with_bytes_and_can_end_a_stream(void **state)
{
    struct recording r = {.refuses = FT_ERR_NONE};
    unsigned ticks = 0;
    struct run run;

    (void)state;
    begin(&run, two_flows, 2);
    run.options.tick = count_ticks;
    run.options.tick_context = &ticks;
    pump_all(&run, &r, true, NULL);
    t_fails(run.rc, &run.err, FT_ERR_CANCELLED, "stopped");
    assert_int_equal(ticks, 2); /* one at the end of each stream */
    buf_release(&r.text);
    end(&run);
}

/*
 * Runs
 */

/* Strings as they are stored nearly always, and in the midst of them one of each kind that is not so plain. */
#define RUN_KEYS 150u

static void write_rdb_of_strings(void)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    int fd;

    t_ok(buf_append_str(&b,
                        "REDIS0010\xfa\x09redis-ver\x05"
                        "7.0.0\xfe",
                        &err),
         &err);
    t_ok(buf_append(&b, "\x00", 1, &err), &err);
    for (unsigned i = 0; i < RUN_KEYS; i++) {
        struct rdb_entry entry = {.type = RDB_TYPE_STRING,
                                  .value = bytes_str(i % 40 == 39 ? "\xc0\x07" : "\x01v"),
                                  .expire_ms = i % 7 == 0 ? (int64_t)i + 1000 : RDB_NO_EXPIRY};
        char key[I64_TEXT_SIZE + 1];

        (void)snprintf(key, sizeof(key), "%s%u", i % 3 == 0 ? "in:" : "k", i);
        entry.key = bytes_str(key);
        entry.has_freq = i == 60;
        if (i == 100)
            t_ok(rdb_put_selectdb(&b, 3, &err), &err);
        t_ok(rdb_put_entry(&b, &entry, RDB_TYPE_STRING, entry.value, &err), &err);
    }
    t_ok(buf_append(&b, "\xff\0\0\0\0\0\0\0\0", 9, &err), &err);
    fd = open(t_store_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    t_ok(fs_write_all(fd, b.p, b.n, t_store_path, &err), &err);
    assert_int_equal(close(fd), 0);
    buf_release(&b);
}

static int drop_entry(void *context, const struct item *item, struct ft_err *err)
{
    struct recording *r = context;

    (void)err;
    if (!bytes_eq(item->rdb.entry.key, r->diverted))
        return 0;
    assert_int_equal(item->rdb.entry.value.n, 2);
    assert_int_equal(item->offset, item->rdb.offset);
    r->dropped++;
    return 1;
}

static uint64_t may_drop(void *context, const struct rdb_run *run)
{
    const struct recording *r = context;
    uint64_t ret = 0;

    for (size_t i = 0; i < run->count; i++)
        ret |= (uint64_t)(run->db == 0 && bytes_eq(run->entries[i].key, r->diverted)) << i;
    return ret;
}

/* The same file to a sink that takes runs and to one that does not, with how many of its entries in runs. */
static void gives_the_same_in_runs(struct run *run, struct recording *r, size_t in_runs)
{
    struct recording single = *r;
    struct pump_counts counts;

    r->takes_runs = false;
    pump_all(run, r, true, NULL);
    t_ok(run->rc, &run->err);
    counts = run->counts;
    single.text = r->text;
    r->text = (struct buf){0};
    r->takes_runs = true;
    r->in_runs = 0;
    pump_all(run, r, true, NULL);
    t_ok(run->rc, &run->err);
    assert_int_equal(r->in_runs, in_runs);
    assert_int_equal(run->counts.filtered, counts.filtered);
    assert_int_equal(run->counts.expired, counts.expired);
    assert_int_equal(run->counts.journal.foreign, counts.journal.foreign);
    assert_int_equal(r->text.n, single.text.n);
    assert_memory_equal(r->text.p, single.text.p, r->text.n);
    buf_release(&single.text);
}

static void test_entries_in_runs_are_chosen_as_single_ones_are(void **state)
{
    static uint32_t first[] = {0, 1, 1};
    struct recording r = {.refuses = FT_ERR_NONE};
    struct pump_divert divert = {.context = &r, .entry = drop_entry};
    struct source_nodes nodes = {.count = 2, .first = first};
    struct run run = {.err = FT_ERR_INIT};

    (void)state;
    write_rdb_of_strings();
    t_ok(source_open(&run.source, t_store_path, 0, &run.err), &run.err);
    run.options = (struct pump_options){.source = run.source,
                                        .target = target_default(),
                                        .filter = &run.filter,
                                        .expired_ms = PUMP_NOTHING_EXPIRED};
    /* those that follow the first entry, a SELECTDB, and the entry with another prefix */
    gives_the_same_in_runs(&run, &r, RUN_KEYS - 3);
    buf_release(&r.text);

    run.options.divert = &divert;
    r.diverted = bytes_str("k71");
    gives_the_same_in_runs(&run, &r, RUN_KEYS - 4);
    assert_int_equal(r.dropped, 2); /* once in each way */
    buf_release(&r.text);
    divert.may_take = may_drop;
    gives_the_same_in_runs(&run, &r, RUN_KEYS - 4);
    assert_int_equal(r.dropped, 4);
    buf_release(&r.text);
    run.options.divert = NULL;

    run.options.expired_ms =
        1100; /* 15 of the 22 with a time to live, the first entry among them */
    gives_the_same_in_runs(&run, &r, RUN_KEYS - 3 - 14);
    assert_int_equal(run.counts.expired, 15);
    buf_release(&r.text);
    run.options.expired_ms = PUMP_NOTHING_EXPIRED;

    t_ok(filter_add_key(&run.filter, "in:*", &run.err), &run.err);
    gives_the_same_in_runs(
        &run, &r, 50 - 2); /* the first one, and the one with another prefix, are none of a run */
    assert_int_equal(run.counts.filtered, 100);
    buf_release(&r.text);

    nodes.owner[slot_of(bytes_str("in:72"))] = 1;
    run.source->nodes = &nodes;
    gives_the_same_in_runs(&run, &r, 50 - 2 - 1);
    assert_int_equal(run.counts.journal.foreign, 1);
    buf_release(&r.text);
    run.source->nodes = NULL;
    end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_pass_by_filter_and_time),
        cmocka_unit_test(test_libraries_go_where_the_target_takes_them),
        cmocka_unit_test(test_times_of_members_beside_the_value),
        cmocka_unit_test(test_as_it_is_everything_comes_and_nothing_is_lost),
        cmocka_unit_test(test_errors_say_which_key),
        cmocka_unit_test(test_a_sink_without_callbacks_wants_nothing),
        T_STORE_TEST(test_records_of_their_own_flow_are_delivered_once),
        T_STORE_TEST(test_streams_read_to_their_end_have_their_flushes_once_too),
        T_STORE_TEST(test_as_they_are_records_come_with_copies_up_to_a_stop),
        T_STORE_TEST(test_a_flush_inside_the_full_sync_is_an_error),
        T_STORE_TEST(test_filters_leave_of_records_what_is_about_keys_that_pass),
        T_STORE_TEST(test_a_sink_that_filters_records_gets_them_whole),
        T_STORE_TEST(test_a_divert_comes_before_filters),
        T_STORE_TEST(test_entries_in_runs_are_chosen_as_single_ones_are),
        T_STORE_TEST(test_ticks_come_with_bytes_and_can_end_a_stream),
    };

    return T_RUN("pump/pump", tests);
}
