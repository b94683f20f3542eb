#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "input/repeated_keys.h"
#include "item/entry_commands.h"
#include "item/entry_loss.h"
#include "item/touched.h"
#include "output/convert_stream.h"
#include "output/record_writer.h"

/* How often the progress counters are told. */
#define PROGRESS_EVERY 1024u

struct resp_conversion {
    const struct source *source;
    const struct convert_options *options;
    struct convert_progress *progress;
    struct loss_report *losses;
    struct suspect_report *suspects;
    struct stream_result *ret;
    struct sink_resp sink;
    struct record_writer records;
    struct entry_commands *entries;
    struct translator *translator;
    struct owner_guard guard;
    struct key_log *keys; /* of the snapshot, that were written */
    struct key_log_batch key_batch;
    int64_t now_ms;
    /* of the flow whose snapshot is being written */
    struct source_stream *stream;
    struct touched *touched; /* by records inside its full sync; NULL: none yet */
    uint32_t db;
    uint64_t told_keys;
    uint64_t told_bytes;
};

static void tell_progress(struct resp_conversion *c)
{
    uint64_t bytes = source_stream_bytes(c->stream);

    if (c->progress == NULL)
        return;
    atomic_fetch_add(&c->progress->keys, c->ret->entries.keys - c->told_keys);
    atomic_fetch_add(&c->progress->bytes_in, bytes - c->told_bytes);
    c->told_keys = c->ret->entries.keys;
    c->told_bytes = bytes;
}

static int put_words(void *context, const struct bytes *words, size_t count, struct ft_err *err)
{
    struct resp_conversion *c = context;

    return sink_resp_put(&c->sink, c->db, words, count, err);
}

static bool take_this(struct resp_conversion *c, const struct rdb_entry *entry)
{
    if (!entry_passes(&c->options->filter, entry)) {
        c->ret->entries.filtered++;
        return false;
    }
    if (c->options->drop_expired && entry_is_over(entry, c->now_ms)) {
        c->ret->entries.dropped_expired++;
        return false;
    }
    return true;
}

static int count_entry(struct resp_conversion *c, const struct rdb_entry *entry,
                       enum recode_result result, struct ft_err *err)
{
    if (result == RECODE_EMPTY)
        c->ret->entries.emptied++;
    if (result != RECODE_OK)
        return 0;
    if (!entry_is_over(entry, c->now_ms) &&
        key_log_add(c->keys, &c->key_batch, entry->db, entry->key, err) != 0)
        return -1;
    c->ret->entries.keys++;
    c->ret->entries.expires += entry->expire_ms != RDB_NO_EXPIRY;
    return entry_add_notes(c->losses, entry, err);
}

static int put_entry(struct resp_conversion *c, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    int64_t now_ms = c->options->drop_expired
                         ? c->now_ms
                         : cut_moment_ms(c->options->cut, (int64_t)(item->time_us / 1000));
    bool replace = c->touched != NULL && touched_may(c->touched, entry->db, entry->key);
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;

    if (!take_this(c, entry))
        return 0;
    if (suspect_add_entry(c->suspects, source_journal_release(c->source), item, err) != 0)
        return -1;
    c->db = entry->db;
    result = entry_commands_run(c->entries, entry, now_ms, replace, put_words, c, &loss, err);
    if (result == RECODE_ERROR)
        return entry_wrap(entry, err);
    if (entry_add_loss(c->losses, entry, loss, err) != 0)
        return -1;
    return count_entry(c, entry, result, err);
}

static int note_touched(struct resp_conversion *c, const struct translation *t, struct ft_err *err)
{
    if (c->touched == NULL && touched_new(&c->touched, TOUCHED_UNKNOWN, err) != 0)
        return -1;
    for (size_t i = 0; i < t->key_count; i++)
        touched_add(c->touched, t->keys[i].db, t->keys[i].key);
    return 0;
}

/* A journal record inside the full sync: at its place between the entries. */
static int put_in_sync(struct resp_conversion *c, const struct item *item, struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    struct translation t;

    c->ret->in_sync++;
    if (translator_run(c->translator, record->words, record->word_count, record->dbid,
                       (int64_t)(item->time_us / 1000), &t, err) != 0)
        return -1;
    if (t.class_ == TRANSLATION_FLUSH) {
        return err_set(err, FT_ERR_CORRUPT,
                       "a flush inside the full sync, which makes the full sync worthless");
    }
    if (!journal_record_applies(&c->guard, item, &t, &c->ret->entries.journal))
        return 0;
    if (note_touched(c, &t, err) != 0)
        return -1;
    return record_writer_put(&c->records, item, &t, err);
}

static int take_record(struct resp_conversion *c, const struct item *item, struct ft_err *err)
{
    if (put_in_sync(c, item, err) == 0)
        return 0;
    return err_wrap(err, "flow %" PRIu32 ", inside the full sync, command %s", item->flow,
                    item->record.name);
}

/* A cached script is loaded unless it has a Dragonfly head line, which Redis may not take. */
static int put_script(struct resp_conversion *c, struct bytes body, struct ft_err *err)
{
    const struct bytes words[] = {bytes_str("SCRIPT"), bytes_str("LOAD"), body};

    if (body.n > 0 && body.p[0] == '#')
        return loss_add(c->losses, LOSS_NOTE_SCRIPT, "script", 0, bytes_of(NULL, 0), err);
    return sink_resp_put(&c->sink, SINK_RESP_ANY_DB, words, 3, err);
}

static int take_aux(struct resp_conversion *c, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *timed = entry_of_member_times(&c->options->filter, &item->rdb);

    if (timed != NULL)
        return entry_add_loss(c->losses, timed, LOSS_MEMBER_TTL, err);
    if (bytes_eq_str(item->rdb.name, "lua"))
        return put_script(c, item->rdb.bytes, err);
    if (bytes_eq_str(item->rdb.name, "search-index") && item->flow == 0)
        return loss_add(c->losses, LOSS_NOTE_SEARCH_INDEX, "search-index", 0, item->rdb.bytes, err);
    return 0;
}

static int put_function(struct resp_conversion *c, const struct rdb_item *function,
                        struct ft_err *err)
{
    const struct bytes words[] = {bytes_str("FUNCTION"), bytes_str("LOAD"), bytes_str("REPLACE"),
                                  function->bytes};
    enum loss_reason loss = function_loss(c->options->target, function);

    if (loss != LOSS_NONE)
        return loss_add(c->losses, loss, "function", 0, bytes_of(NULL, 0), err);
    return sink_resp_put(&c->sink, SINK_RESP_ANY_DB, words, 4, err);
}

static int take_item(struct resp_conversion *c, const struct item *item, struct ft_err *err)
{
    switch (item->kind) {
    case ITEM_ENTRY:
        return put_entry(c, item, err);
    case ITEM_COMMAND:
        return take_record(c, item, err);
    case ITEM_AUX:
        return take_aux(c, item, err);
    case ITEM_FUNCTION:
        return put_function(c, &item->rdb, err);
    case ITEM_MODULE_AUX:
        return loss_add(c->losses, LOSS_NOTE_MODULE_AUX, "module-aux", 0, item->rdb.name, err);
    case ITEM_SNAPSHOT_END:
    case ITEM_OTHER:
        break;
    }
    return 0;
}

static int run_snapshot(struct resp_conversion *c, struct ft_err *err)
{
    unsigned until_told = 0;
    struct item item;
    enum step step;

    while ((step = source_stream_next(c->stream, &item, err)) == STEP_ITEM) {
        if (take_item(c, &item, err) != 0)
            return -1;
        if (++until_told == PROGRESS_EVERY) {
            until_told = 0;
            tell_progress(c);
        }
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int convert_snapshot(struct resp_conversion *c, uint32_t index, struct ft_err *err)
{
    const struct source_stream_options options = {.snapshot_only = true, .verify_checksum = true};
    int rc;

    c->told_bytes = 0;
    if (source_stream_open(&c->stream, c->source, index, &options, err) != 0)
        return -1;
    rc = run_snapshot(c, err);
    tell_progress(c);
    c->ret->entries.bytes_in += source_stream_bytes(c->stream);
    source_stream_free(c->stream);
    c->stream = NULL;
    touched_free(c->touched);
    c->touched = NULL;
    return rc;
}

static int take_journal(void *context, const struct item *item, const struct translation *t,
                        struct ft_err *err)
{
    struct resp_conversion *c = context;

    return record_writer_put(&c->records, item, t, err);
}

static int convert_journal(struct resp_conversion *c, struct ft_err *err)
{
    struct journal_pass_counts in_sync = c->ret->entries.journal;
    int rc;

    if (c->options->cut == NULL || c->options->cut->is_snapshot)
        return 0;
    rc = journal_pass_run(c->source, c->options->cut, c->translator, take_journal, c,
                          &c->ret->entries.journal, err);
    c->ret->entries.journal.foreign += in_sync.foreign;
    c->ret->entries.journal.repeated += in_sync.repeated;
    return rc;
}

static int run(struct resp_conversion *c, struct ft_err *err)
{
    for (uint32_t i = 0; i < c->source->stream_count; i++) {
        if (convert_snapshot(c, i, err) != 0)
            return -1;
    }
    if (key_log_flush(c->keys, &c->key_batch, err) != 0 ||
        repeated_keys_refuse(c->source, c->keys, err) != 0 || convert_journal(c, err) != 0 ||
        convert_check_losses(c->options, c->losses, err) != 0 ||
        sink_resp_finish(&c->sink, err) != 0)
        return -1;
    c->ret->entries.written = true;
    return 0;
}

static int prepare(struct resp_conversion *c, const char *output, bool restore, struct ft_err *err)
{
    const struct convert_options *o = c->options;
    const struct entry_commands_options entries = {
        .target = o->target, .json_as = o->json_as, .restore = restore};

    c->records = (struct record_writer){
        .sink = &c->sink, .filter = &o->filter, .losses = c->losses, .suspects = c->suspects};
    c->guard = owner_guard_of(c->source);
    if (key_log_new(&c->keys, err) != 0 || entry_commands_new(&c->entries, &entries, err) != 0 ||
        journal_translator_new(&c->translator, c->source, o->target, o->json_as, err) != 0 ||
        record_writer_init(&c->records, c->source, o->target, o->json_as, err) != 0)
        return -1;
    translator_set_moment(c->translator, cut_moment_ms(o->cut, 0));
    if (convert_check_output(c->source, output, err) != 0)
        return -1;
    if (sink_resp_open(&c->sink, output, err) != 0)
        return -1;
    c->sink.databases.limit = o->databases;
    c->sink.guards = true;
    return 0;
}

int convert_to_resp(const struct source *source, const char *output,
                    const struct stream_options *options, struct convert_progress *progress,
                    struct loss_report *losses, struct suspect_report *suspects,
                    struct stream_result *ret, struct ft_err *err)
{
    struct resp_conversion c = {.source = source,
                                .options = options->common,
                                .progress = progress,
                                .losses = losses,
                                .suspects = suspects,
                                .ret = ret,
                                .now_ms = (int64_t)(clock_wall_us() / 1000)};
    int rc = -1;

    memset(ret, 0, sizeof(*ret));
    if (prepare(&c, output, options->restore, err) == 0)
        rc = run(&c, err);
    ret->commands = c.sink.commands;
    ret->records_filtered = c.records.filtered;
    ret->entries.bytes_out = sink_resp_written(&c.sink);
    ret->entries.databases = c.sink.databases.needed;
    sink_resp_release(&c.sink);
    entry_commands_free(c.entries);
    key_log_free(c.keys);
    translator_free(c.translator);
    record_writer_release(&c.records);
    return rc;
}
