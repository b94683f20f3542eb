#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/output_file.h"
#include "base/parse.h"
#include "item/entry_loss.h"
#include "output/convert_stream.h"
#include "output/record_writer.h"
#include "rdb/rdb_string.h"
#include "rdb/value_stream.h"

#define COLLECT_BYTES (256u << 10)
/* Large strings are written in pieces of this size, which 3 divides. */
#define PIECE_BYTES    (192u << 10)
#define PROGRESS_EVERY 1024u
#define SCORE_TEXT     32

struct json_conversion {
    const struct source *source;
    const struct convert_options *options;
    struct convert_progress *progress;
    struct stream_result *ret;
    struct output_file file;
    struct buf out;
    struct buf scratch; /* a decoded string */
    struct value_iter *it;
    struct translator *translator; /* for the keys of records */
    int64_t now_ms;
    struct ft_err *err;
};

static int write_out(struct json_conversion *c)
{
    if (output_file_write(&c->file, buf_bytes(&c->out), c->err) != 0)
        return -1;
    buf_clear(&c->out);
    buf_trim(&c->out, 4 * COLLECT_BYTES);
    return 0;
}

static int collect(struct json_conversion *c)
{
    return c->out.n < COLLECT_BYTES ? 0 : write_out(c);
}

static int put_text(struct json_conversion *c, const char *text)
{
    return buf_append_str(&c->out, text, c->err);
}

static int put_in_pieces(struct json_conversion *c, struct bytes b,
                         int (*put)(struct buf *, struct bytes, struct ft_err *))
{
    while (b.n > 0) {
        size_t n = b.n < PIECE_BYTES ? b.n : PIECE_BYTES;

        if (put(&c->out, bytes_of(b.p, n), c->err) != 0 || collect(c) != 0)
            return -1;
        b = bytes_of(b.p + n, b.n - n);
    }
    return 0;
}

static int put_bytes(struct json_conversion *c, struct bytes b)
{
    if (b.n <= PIECE_BYTES)
        return json_put_bytes(&c->out, b, c->err) != 0 ? -1 : collect(c);
    if (bytes_is_utf8(b)) {
        if (put_text(c, "\"") != 0 || put_in_pieces(c, b, json_put_escaped) != 0)
            return -1;
        return put_text(c, "\"");
    }
    if (put_text(c, "{\"base64\":\"") != 0 || put_in_pieces(c, b, base64_put) != 0)
        return -1;
    return put_text(c, "\"}");
}

static int put_base64(struct json_conversion *c, struct bytes b)
{
    if (put_text(c, "{\"base64\":\"") != 0 || put_in_pieces(c, b, base64_put) != 0)
        return -1;
    return put_text(c, "\"}");
}

/* JSON has no infinities: those are texts. */
static int put_score(struct json_conversion *c, double score)
{
    char text[SCORE_TEXT];

    if (isnan(score))
        return put_text(c, "\"nan\"");
    if (isinf(score))
        return put_text(c, score > 0 ? "\"inf\"" : "\"-inf\"");
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, score); /* fits */
        if (strtod(text, NULL) == score)
            break;
    }
    return put_text(c, text);
}

static int put_member_ttl(struct json_conversion *c, int64_t expire_ms)
{
    if (expire_ms == VALUE_NO_TTL)
        return 0;
    return buf_printf(&c->out, c->err, ",\"expire_ms\":%" PRId64, expire_ms);
}

/* A set's member is a string; one with a time to live has to be an object. */
static int put_set_member(struct json_conversion *c, const struct value_element *e)
{
    if (e->expire_ms == VALUE_NO_TTL)
        return put_bytes(c, e->value);
    if (put_text(c, "{\"member\":") != 0 || put_bytes(c, e->value) != 0 ||
        put_member_ttl(c, e->expire_ms) != 0)
        return -1;
    return put_text(c, "}");
}

static int put_hash_field(struct json_conversion *c, const struct value_element *e)
{
    if (put_text(c, "{\"field\":") != 0 || put_bytes(c, e->field) != 0 ||
        put_text(c, ",\"value\":") != 0 || put_bytes(c, e->value) != 0 ||
        put_member_ttl(c, e->expire_ms) != 0)
        return -1;
    return put_text(c, "}");
}

static int put_zset_member(struct json_conversion *c, const struct value_element *e)
{
    if (put_text(c, "{\"member\":") != 0 || put_bytes(c, e->value) != 0 ||
        put_text(c, ",\"score\":") != 0 || put_score(c, e->score) != 0)
        return -1;
    return put_text(c, "}");
}

static int put_element(struct json_conversion *c, enum value_class class,
                       const struct value_element *e)
{
    switch (class) {
    case VALUE_HASH:
        return put_hash_field(c, e);
    case VALUE_ZSET:
        return put_zset_member(c, e);
    case VALUE_SET:
        return put_set_member(c, e);
    default:
        return put_bytes(c, e->value);
    }
}

static int put_collection(struct json_conversion *c, const struct rdb_entry *entry)
{
    enum value_class class = rdb_type_class(entry->type);
    struct value_element element;
    const char *separator = "";
    enum step step;
    int rc;

    rc = c->it == NULL ? value_iter_new(&c->it, entry->type, entry->value, c->err)
                       : value_iter_reset(c->it, entry->type, entry->value, c->err);
    if (rc != 0 || put_text(c, "[") != 0)
        return -1;
    while ((step = value_iter_next(c->it, &element, c->err)) == STEP_ITEM) {
        if (put_text(c, separator) != 0 || put_element(c, class, &element) != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : put_text(c, "]");
}

static int put_string(struct json_conversion *c, struct bytes stored)
{
    struct bytes value;

    if (rdb_string_take(&stored, &value, &c->scratch, c->err) != 0 || put_bytes(c, value) != 0)
        return -1;
    buf_clear(&c->scratch);
    buf_trim(&c->scratch, COLLECT_BYTES);
    return 0;
}

static int put_id(struct json_conversion *c, const char *before, struct stream_id id)
{
    return buf_printf(&c->out, c->err, "%s\"%" PRIu64 "-%" PRIu64 "\"", before, id.ms, id.seq);
}

static int put_stream_entry(struct json_conversion *c, const struct stream_entry *e)
{
    if (put_id(c, "{\"id\":", e->id) != 0 || put_text(c, ",\"fields\":[") != 0)
        return -1;
    for (size_t i = 0; i + 1 < e->word_count; i += 2) {
        if (put_text(c, i == 0 ? "[" : ",[") != 0 || put_bytes(c, e->words[i]) != 0 ||
            put_text(c, ",") != 0 || put_bytes(c, e->words[i + 1]) != 0 || put_text(c, "]") != 0)
            return -1;
    }
    return put_text(c, "]}");
}

static int put_stream_entries(struct json_conversion *c, struct stream_iter *it)
{
    struct stream_entry entry;
    const char *separator = "";
    enum step step;

    while ((step = stream_iter_next_entry(it, &entry, c->err)) == STEP_ITEM) {
        if (put_text(c, separator) != 0 || put_stream_entry(c, &entry) != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int put_pending(struct json_conversion *c, struct stream_iter *it)
{
    struct stream_pending p;
    const char *separator = "";
    enum step step;

    while ((step = stream_iter_next_pending(it, &p, c->err)) == STEP_ITEM) {
        if (put_text(c, separator) != 0 || put_id(c, "{\"id\":", p.id) != 0 ||
            buf_printf(&c->out, c->err,
                       ",\"delivery_time_ms\":%" PRId64 ",\"delivery_count\":%" PRIu64 "}",
                       p.delivery_time_ms, p.delivery_count) != 0 ||
            collect(c) != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int put_consumers(struct json_conversion *c, struct stream_iter *it)
{
    struct stream_consumer consumer;
    const char *separator = "";
    enum step step;

    while ((step = stream_iter_next_consumer(it, &consumer, c->err)) == STEP_ITEM) {
        if (put_text(c, separator) != 0 || put_text(c, "{\"name\":") != 0 ||
            put_bytes(c, consumer.name) != 0 ||
            buf_printf(&c->out, c->err,
                       ",\"seen_time_ms\":%" PRId64 ",\"active_time_ms\":%" PRId64 ",\"pending\":[",
                       consumer.seen_time_ms, consumer.active_time_ms) != 0 ||
            put_pending(c, it) != 0 || put_text(c, "]}") != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int put_groups(struct json_conversion *c, struct stream_iter *it)
{
    struct stream_group group;
    const char *separator = "";
    enum step step;

    while ((step = stream_iter_next_group(it, &group, c->err)) == STEP_ITEM) {
        if (put_text(c, separator) != 0 || put_text(c, "{\"name\":") != 0 ||
            put_bytes(c, group.name) != 0 || put_id(c, ",\"last_id\":", group.last_id) != 0 ||
            buf_printf(&c->out, c->err, ",\"entries_read\":%" PRId64 ",\"consumers\":[",
                       group.entries_read) != 0 ||
            put_consumers(c, it) != 0 || put_text(c, "]}") != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int put_stream(struct json_conversion *c, const struct rdb_entry *entry)
{
    const struct stream_head *head;
    struct stream_iter *it;
    int rc = -1;

    if (stream_iter_new(&it, entry->type, entry->value, c->err) != 0)
        return -1;
    head = stream_iter_head(it);
    if (put_id(c, "{\"last_id\":", head->last_id) == 0 &&
        put_id(c, ",\"max_deleted_id\":", head->max_deleted_id) == 0 &&
        buf_printf(&c->out, c->err, ",\"entries_added\":%" PRIu64 ",\"entries\":[",
                   head->entries_added) == 0 &&
        put_stream_entries(c, it) == 0 && put_text(c, "],\"groups\":[") == 0 &&
        put_groups(c, it) == 0)
        rc = put_text(c, "]}");
    stream_iter_free(it);
    return rc;
}

static int put_value(struct json_conversion *c, const struct rdb_entry *entry)
{
    switch (rdb_type_class(entry->type)) {
    case VALUE_STRING:
    case VALUE_JSON:
        return put_string(c, entry->value);
    case VALUE_LIST:
    case VALUE_SET:
    case VALUE_ZSET:
    case VALUE_HASH:
        return put_collection(c, entry);
    case VALUE_STREAM:
        return put_stream(c, entry);
    case VALUE_MODULE:
    case VALUE_PROBABILISTIC:
        break;
    }
    return put_base64(c, entry->value); /* as it is stored */
}

/* Where an item comes from: the end of each line. */
static int put_place(struct json_conversion *c, const struct item *item)
{
    char time[FORMAT_TIME];

    return buf_printf(&c->out, c->err, ",\"flow\":%" PRIu32 ",\"time\":\"%s\"}\n", item->flow,
                      format_time_us(item->time_us, time));
}

static int put_entry_line(struct json_conversion *c, const struct item *item)
{
    const struct rdb_entry *entry = &item->rdb.entry;

    if (put_text(c, "{\"key\":") != 0 || put_bytes(c, entry->key) != 0 ||
        buf_printf(&c->out, c->err, ",\"db\":%" PRIu32 ",\"type\":\"%s\",\"encoding\":\"%s\"",
                   entry->db, value_class_name(rdb_type_class(entry->type)),
                   rdb_type_name(entry->type)) != 0 ||
        put_text(c, ",\"value\":") != 0 || put_value(c, entry) != 0)
        return -1;
    if (entry->expire_ms != RDB_NO_EXPIRY &&
        buf_printf(&c->out, c->err, ",\"expire_ms\":%" PRId64, entry->expire_ms) != 0)
        return -1;
    return put_place(c, item);
}

static int put_entry(struct json_conversion *c, const struct item *item)
{
    const struct rdb_entry *entry = &item->rdb.entry;

    if (!entry_passes(&c->options->filter, entry)) {
        c->ret->entries.filtered++;
        return 0;
    }
    if (c->options->drop_expired && entry_is_over(entry, c->now_ms)) {
        c->ret->entries.dropped_expired++;
        return 0;
    }
    if (put_entry_line(c, item) != 0)
        return entry_wrap(entry, c->err);
    c->ret->entries.keys++;
    c->ret->entries.expires += entry->expire_ms != RDB_NO_EXPIRY;
    return collect(c);
}

static int put_words(struct json_conversion *c, const struct journal_record *record)
{
    for (size_t i = 0; i < record->word_count; i++) {
        if ((i > 0 && put_text(c, ",") != 0) || put_bytes(c, record->words[i]) != 0)
            return -1;
    }
    return 0;
}

static int put_record_line(struct json_conversion *c, const struct item *item)
{
    const struct journal_record *record = &item->record;

    if (put_text(c, "{\"command\":[") != 0 || put_words(c, record) != 0 || put_text(c, "]") != 0)
        return -1;
    if (item->lsn != 0 && buf_printf(&c->out, c->err, ",\"lsn\":%" PRIu64, item->lsn) != 0)
        return -1;
    if (buf_printf(&c->out, c->err, ",\"db\":%" PRIu32 ",\"txid\":%" PRIu64, record->dbid,
                   record->txid) != 0)
        return -1;
    return put_place(c, item);
}

static int record_is_wanted(struct json_conversion *c, const struct item *item, bool *ret)
{
    const struct journal_record *record = &item->record;
    struct translation t = {.class_ = TRANSLATION_AS_IS};

    *ret = true;
    if (filter_is_empty(&c->options->filter) || record->word_count == 0)
        return 0;
    if (translator_find_keys(c->translator, record->words, record->word_count, record->dbid,
                             &t.keys, &t.key_count, c->err) != 0)
        return -1;
    *ret = record_passes(&c->options->filter, item, &t);
    return 0;
}

static int put_record(struct json_conversion *c, const struct item *item)
{
    bool wanted;

    if (record_is_wanted(c, item, &wanted) != 0)
        return -1;
    if (item->lsn == 0)
        c->ret->in_sync++;
    else
        c->ret->entries.journal.records++;
    if (!wanted) {
        c->ret->records_filtered++;
        return 0;
    }
    if (put_record_line(c, item) != 0)
        return -1;
    c->ret->commands++;
    return collect(c);
}

static int put_library(struct json_conversion *c, const char *name, const struct item *item,
                       struct bytes code)
{
    if (buf_printf(&c->out, c->err, "{\"%s\":", name) != 0 || put_bytes(c, code) != 0)
        return -1;
    return put_place(c, item);
}

static int take_item(struct json_conversion *c, const struct item *item)
{
    switch (item->kind) {
    case ITEM_ENTRY:
        return put_entry(c, item);
    case ITEM_COMMAND:
        return put_record(c, item);
    case ITEM_AUX:
        return bytes_eq_str(item->rdb.name, "lua") ? put_library(c, "script", item, item->rdb.bytes)
                                                   : 0;
    case ITEM_FUNCTION:
        return put_library(c, "function", item, item->rdb.bytes);
    case ITEM_MODULE_AUX:
    case ITEM_SNAPSHOT_END:
    case ITEM_OTHER:
        break;
    }
    return 0;
}

static bool is_behind_cut(const struct json_conversion *c, const struct item *item)
{
    const struct cut *cut = c->options->cut;

    return cut != NULL && item->lsn != 0 && item->is_record &&
           item->lsn >= cut->stop_lsn[item->flow];
}

static void tell_progress(struct json_conversion *c, uint64_t keys, uint64_t bytes)
{
    if (c->progress == NULL)
        return;
    atomic_store(&c->progress->keys, keys);
    atomic_store(&c->progress->bytes_in, c->ret->entries.bytes_in + bytes);
}

static int run_items(struct json_conversion *c, struct source_stream *stream)
{
    unsigned until_told = 0;
    struct item item;
    enum step step;

    while ((step = source_stream_next(stream, &item, c->err)) == STEP_ITEM) {
        if (is_behind_cut(c, &item))
            break;
        if (take_item(c, &item) != 0)
            return -1;
        if (++until_told == PROGRESS_EVERY) {
            until_told = 0;
            tell_progress(c, c->ret->entries.keys, source_stream_bytes(stream));
        }
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int convert_stream(struct json_conversion *c, uint32_t index)
{
    const struct cut *cut = c->options->cut;
    const struct source_stream_options options = {.verify_checksum = true,
                                                  .snapshot_only = cut == NULL || cut->is_snapshot};
    struct source_stream *stream;
    int rc;

    if (source_stream_open(&stream, c->source, index, &options, c->err) != 0)
        return -1;
    rc = run_items(c, stream);
    c->ret->entries.bytes_in += source_stream_bytes(stream);
    source_stream_free(stream);
    return rc;
}

static int run(struct json_conversion *c, const char *output)
{
    const struct convert_options *o = c->options;

    if (journal_translator_new(&c->translator, c->source, o->target, o->json_as, c->err) != 0 ||
        convert_check_output(c->source, output, c->err) != 0 ||
        output_file_open(&c->file, output, c->err) != 0)
        return -1;
    for (uint32_t i = 0; i < c->source->stream_count; i++) {
        if (convert_stream(c, i) != 0)
            return -1;
    }
    if (write_out(c) != 0 || output_file_finish(&c->file, c->err) != 0)
        return -1;
    c->ret->entries.written = true;
    return 0;
}

int convert_to_json(const struct source *source, const char *output,
                    const struct stream_options *options, struct convert_progress *progress,
                    struct loss_report *losses, struct suspect_report *suspects,
                    struct stream_result *ret, struct ft_err *err)
{
    struct json_conversion c = {.source = source,
                                .options = options->common,
                                .progress = progress,
                                .ret = ret,
                                .now_ms = (int64_t)(clock_wall_us() / 1000),
                                .err = err};
    int rc;

    (void)losses;   /* JSON holds everything, */
    (void)suspects; /* as it is */
    memset(ret, 0, sizeof(*ret));
    rc = run(&c, output);
    ret->entries.bytes_out = c.file.bytes;
    output_file_release(&c.file);
    buf_release(&c.out);
    buf_release(&c.scratch);
    value_iter_free(c.it);
    translator_free(c.translator);
    return rc;
}
