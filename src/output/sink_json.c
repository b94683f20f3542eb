#include "output/sink_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_text.h"
#include "base/output_file.h"
#include "base/parse.h"
#include "base/passed_memory.h"
#include "rdb/rdb_string.h"
#include "rdb/value_stream.h"

#define COLLECT_BYTES (256u << 10)
/* Large strings are written in pieces of this size, which 3 divides. */
#define PIECE_BYTES (192u << 10)

struct json_form {
    const struct conversion *c;
    struct output_file file;
    struct buf out;
    struct buf scratch; /* a decoded string */
    struct value_iter *it;
    struct translator *translator; /* for the keys of records */
    struct ft_err *err;            /* of the callback that is running */
};

static int write_out(struct json_form *f)
{
    if (output_file_write(&f->file, buf_bytes(&f->out), f->err) != 0)
        return -1;
    buf_clear(&f->out);
    buf_trim(&f->out, 4 * COLLECT_BYTES);
    return 0;
}

static int collect(struct json_form *f)
{
    return f->out.n < COLLECT_BYTES ? 0 : write_out(f);
}

static int put_text(struct json_form *f, const char *text)
{
    return buf_append_str(&f->out, text, f->err);
}

static int put_in_pieces(struct json_form *f, struct bytes b,
                         int (*put)(struct buf *, struct bytes, struct ft_err *))
{
    const uint8_t *passed = b.p;

    while (b.n > 0) {
        size_t n = b.n < PIECE_BYTES ? b.n : PIECE_BYTES;

        if (put(&f->out, bytes_of(b.p, n), f->err) != 0 || collect(f) != 0)
            return -1;
        b = bytes_of(b.p + n, b.n - n);
        passed = memory_pass(passed, b.p);
    }
    return 0;
}

static int put_bytes(struct json_form *f, struct bytes b)
{
    if (b.n <= PIECE_BYTES)
        return json_put_bytes(&f->out, b, f->err) != 0 ? -1 : collect(f);
    if (bytes_is_utf8(b)) {
        if (put_text(f, "\"") != 0 || put_in_pieces(f, b, json_put_escaped) != 0)
            return -1;
        return put_text(f, "\"");
    }
    if (put_text(f, "{\"base64\":\"") != 0 || put_in_pieces(f, b, base64_put) != 0)
        return -1;
    return put_text(f, "\"}");
}

static int put_base64(struct json_form *f, struct bytes b)
{
    if (put_text(f, "{\"base64\":\"") != 0 || put_in_pieces(f, b, base64_put) != 0)
        return -1;
    return put_text(f, "\"}");
}

/* JSON has no infinities: those are texts. */
static int put_score(struct json_form *f, double score)
{
    char text[DOUBLE_TEXT_SIZE];

    if (isnan(score))
        return put_text(f, "\"nan\"");
    if (isinf(score))
        return put_text(f, score > 0 ? "\"inf\"" : "\"-inf\"");
    return put_text(f, double_to_text(score, text));
}

static int put_member_ttl(struct json_form *f, int64_t expire_ms)
{
    if (expire_ms == VALUE_NO_TTL)
        return 0;
    return buf_printf(&f->out, f->err, ",\"expire_ms\":%" PRId64, expire_ms);
}

/* A set's member is a string; one with a time to live has to be an object. */
static int put_set_member(struct json_form *f, const struct value_element *e)
{
    if (e->expire_ms == VALUE_NO_TTL)
        return put_bytes(f, e->value);
    if (put_text(f, "{\"member\":") != 0 || put_bytes(f, e->value) != 0 ||
        put_member_ttl(f, e->expire_ms) != 0)
        return -1;
    return put_text(f, "}");
}

static int put_hash_field(struct json_form *f, const struct value_element *e)
{
    if (put_text(f, "{\"field\":") != 0 || put_bytes(f, e->field) != 0 ||
        put_text(f, ",\"value\":") != 0 || put_bytes(f, e->value) != 0 ||
        put_member_ttl(f, e->expire_ms) != 0)
        return -1;
    return put_text(f, "}");
}

static int put_zset_member(struct json_form *f, const struct value_element *e)
{
    if (put_text(f, "{\"member\":") != 0 || put_bytes(f, e->value) != 0 ||
        put_text(f, ",\"score\":") != 0 || put_score(f, e->score) != 0)
        return -1;
    return put_text(f, "}");
}

static int put_element(struct json_form *f, enum value_class class, const struct value_element *e)
{
    switch (class) {
    case VALUE_HASH:
        return put_hash_field(f, e);
    case VALUE_ZSET:
        return put_zset_member(f, e);
    case VALUE_SET:
        return put_set_member(f, e);
    default:
        return put_bytes(f, e->value);
    }
}

static int put_collection(struct json_form *f, const struct rdb_entry *entry)
{
    enum value_class class = rdb_type_class(entry->type);
    struct value_element element;
    const char *separator = "";
    enum step step;
    int rc;

    rc = f->it == NULL ? value_iter_new(&f->it, entry->type, entry->value, f->err)
                       : value_iter_reset(f->it, entry->type, entry->value, f->err);
    if (rc != 0 || put_text(f, "[") != 0)
        return -1;
    while ((step = value_iter_next(f->it, &element, f->err)) == STEP_ITEM) {
        if (put_text(f, separator) != 0 || put_element(f, class, &element) != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : put_text(f, "]");
}

static int put_string(struct json_form *f, struct bytes stored)
{
    struct bytes value;

    if (rdb_string_take(&stored, &value, &f->scratch, f->err) != 0 || put_bytes(f, value) != 0)
        return -1;
    buf_clear(&f->scratch);
    buf_trim(&f->scratch, COLLECT_BYTES);
    return 0;
}

static int put_id(struct json_form *f, const char *before, struct stream_id id)
{
    return buf_printf(&f->out, f->err, "%s\"%" PRIu64 "-%" PRIu64 "\"", before, id.ms, id.seq);
}

static int put_stream_entry(struct json_form *f, const struct stream_entry *e)
{
    if (put_id(f, "{\"id\":", e->id) != 0 || put_text(f, ",\"fields\":[") != 0)
        return -1;
    for (size_t i = 0; i + 1 < e->arg_count; i += 2) {
        if (put_text(f, i == 0 ? "[" : ",[") != 0 || put_bytes(f, e->args[i]) != 0 ||
            put_text(f, ",") != 0 || put_bytes(f, e->args[i + 1]) != 0 || put_text(f, "]") != 0)
            return -1;
    }
    return put_text(f, "]}");
}

static int put_stream_entries(struct json_form *f, struct stream_iter *it)
{
    struct stream_entry entry;
    const char *separator = "";
    enum step step;

    while ((step = stream_iter_next_entry(it, &entry, f->err)) == STEP_ITEM) {
        if (put_text(f, separator) != 0 || put_stream_entry(f, &entry) != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int put_pending(struct json_form *f, struct stream_iter *it)
{
    struct stream_pending p;
    const char *separator = "";
    enum step step;

    while ((step = stream_iter_next_pending(it, &p, f->err)) == STEP_ITEM) {
        if (put_text(f, separator) != 0 || put_id(f, "{\"id\":", p.id) != 0 ||
            buf_printf(&f->out, f->err,
                       ",\"delivery_time_ms\":%" PRId64 ",\"delivery_count\":%" PRIu64 "}",
                       p.delivery_time_ms, p.delivery_count) != 0 ||
            collect(f) != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int put_consumers(struct json_form *f, struct stream_iter *it)
{
    struct stream_consumer consumer;
    const char *separator = "";
    enum step step;

    while ((step = stream_iter_next_consumer(it, &consumer, f->err)) == STEP_ITEM) {
        if (put_text(f, separator) != 0 || put_text(f, "{\"name\":") != 0 ||
            put_bytes(f, consumer.name) != 0 ||
            buf_printf(&f->out, f->err,
                       ",\"seen_time_ms\":%" PRId64 ",\"active_time_ms\":%" PRId64 ",\"pending\":[",
                       consumer.seen_time_ms, consumer.active_time_ms) != 0 ||
            put_pending(f, it) != 0 || put_text(f, "]}") != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int put_groups(struct json_form *f, struct stream_iter *it)
{
    struct stream_group group;
    const char *separator = "";
    enum step step;

    while ((step = stream_iter_next_group(it, &group, f->err)) == STEP_ITEM) {
        if (put_text(f, separator) != 0 || put_text(f, "{\"name\":") != 0 ||
            put_bytes(f, group.name) != 0 || put_id(f, ",\"last_id\":", group.last_id) != 0 ||
            buf_printf(&f->out, f->err, ",\"entries_read\":%" PRId64 ",\"consumers\":[",
                       group.entries_read) != 0 ||
            put_consumers(f, it) != 0 || put_text(f, "]}") != 0)
            return -1;
        separator = ",";
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int put_stream(struct json_form *f, const struct rdb_entry *entry)
{
    const struct stream_head *head;
    struct stream_iter *it;
    int rc = -1;

    if (stream_iter_new(&it, entry->type, entry->value, f->err) != 0)
        return -1;
    head = stream_iter_head(it);
    if (put_id(f, "{\"last_id\":", head->last_id) == 0 &&
        put_id(f, ",\"max_deleted_id\":", head->max_deleted_id) == 0 &&
        buf_printf(&f->out, f->err, ",\"entries_added\":%" PRIu64 ",\"entries\":[",
                   head->entries_added) == 0 &&
        put_stream_entries(f, it) == 0 && put_text(f, "],\"groups\":[") == 0 &&
        put_groups(f, it) == 0)
        rc = put_text(f, "]}");
    stream_iter_free(it);
    return rc;
}

static int put_value(struct json_form *f, const struct rdb_entry *entry)
{
    switch (rdb_type_class(entry->type)) {
    case VALUE_STRING:
    case VALUE_JSON:
        return put_string(f, entry->value);
    case VALUE_LIST:
    case VALUE_SET:
    case VALUE_ZSET:
    case VALUE_HASH:
        return put_collection(f, entry);
    case VALUE_STREAM:
        return put_stream(f, entry);
    case VALUE_MODULE:
    case VALUE_PROBABILISTIC:
        break;
    }
    return put_base64(f, entry->value); /* as it is stored */
}

/* Where an item comes from: the end of each line. */
static int put_place(struct json_form *f, const struct item *item)
{
    char time[FORMAT_TIME];

    return buf_printf(&f->out, f->err, ",\"flow\":%" PRIu32 ",\"time\":\"%s\"}\n", item->flow,
                      format_time_us(item->time_us, time));
}

static int put_entry_line(struct json_form *f, const struct item *item)
{
    const struct rdb_entry *entry = &item->rdb.entry;

    if (put_text(f, "{\"key\":") != 0 || put_bytes(f, entry->key) != 0 ||
        buf_printf(&f->out, f->err, ",\"db\":%" PRIu32 ",\"type\":\"%s\",\"encoding\":\"%s\"",
                   entry->db, value_class_name(rdb_type_class(entry->type)),
                   rdb_type_name(entry->type)) != 0 ||
        put_text(f, ",\"value\":") != 0 || put_value(f, entry) != 0)
        return -1;
    if (entry->expire_ms != RDB_NO_EXPIRY &&
        buf_printf(&f->out, f->err, ",\"expire_ms\":%" PRId64, entry->expire_ms) != 0)
        return -1;
    return put_place(f, item);
}

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    struct json_form *f = context;

    f->err = err;
    if (put_entry_line(f, item) != 0)
        return -1;
    f->c->result->keys++;
    f->c->result->expires += item->rdb.entry.expire_ms != RDB_NO_EXPIRY;
    return collect(f);
}

static int put_args(struct json_form *f, const struct journal_record *record)
{
    for (size_t i = 0; i < record->arg_count; i++) {
        if ((i > 0 && put_text(f, ",") != 0) || put_bytes(f, record->args[i]) != 0)
            return -1;
    }
    return 0;
}

static int put_record_line(struct json_form *f, const struct item *item)
{
    const struct journal_record *record = &item->record;

    if (put_text(f, "{\"command\":[") != 0 || put_args(f, record) != 0 || put_text(f, "]") != 0)
        return -1;
    if (item->lsn != 0 && buf_printf(&f->out, f->err, ",\"lsn\":%" PRIu64, item->lsn) != 0)
        return -1;
    if (buf_printf(&f->out, f->err, ",\"db\":%" PRIu32 ",\"txid\":%" PRIu64, record->dbid,
                   record->txid) != 0)
        return -1;
    return put_place(f, item);
}

static int take_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct json_form *f = context;

    (void)t; /* there is none: it stays as it is */
    f->err = err;
    if (put_record_line(f, item) != 0)
        return -1;
    f->c->result->commands++;
    return collect(f);
}

static int put_library(struct json_form *f, const char *name, const struct item *item,
                       struct bytes code)
{
    if (buf_printf(&f->out, f->err, "{\"%s\":", name) != 0 || put_bytes(f, code) != 0)
        return -1;
    return put_place(f, item);
}

static int take_script(void *context, const struct item *item, struct bytes body,
                       struct ft_err *err)
{
    struct json_form *f = context;

    f->err = err;
    return put_library(f, "script", item, body);
}

static int take_function(void *context, const struct item *item, struct bytes code,
                         struct ft_err *err)
{
    struct json_form *f = context;

    f->err = err;
    if (item->rdb.kind == RDB_ITEM_FUNCTION_PRE_GA) { /* its code is passed over */
        return buf_printf(&f->out, err, "{\"function_pre_ga_bytes\":%" PRIu64,
                          item->rdb.skipped_bytes) != 0
                   ? -1
                   : put_place(f, item);
    }
    return put_library(f, "function", item, code);
}

static int finish(void *context, struct ft_err *err)
{
    struct json_form *f = context;

    f->err = err;
    return write_out(f) != 0 ? -1 : output_file_finish(&f->file, err);
}

/* What it has brought is told in any case: standard output has it. */
static void release(void *context)
{
    struct json_form *f = context;

    f->c->result->bytes_out = f->file.bytes;
    output_file_release(&f->file);
    buf_release(&f->out);
    buf_release(&f->scratch);
    value_iter_free(f->it);
    translator_free(f->translator);
}

static int run(const struct conversion *c, struct ft_err *err)
{
    const struct convert_options *o = c->options;
    struct json_form f = {.c = c};
    const struct item_sink sink = {.context = &f,
                                   .entry = take_entry,
                                   .record = take_record,
                                   .script = take_script,
                                   .function = take_function,
                                   .finish = finish,
                                   .free = release};
    struct pump_options how = {.as_is = true};

    if (journal_translator_new(&f.translator, c->source, o->target, o->json_as, err) != 0 ||
        output_file_open(&f.file, c->output, err) != 0) {
        release(&f);
        return -1;
    }
    how.translator = f.translator;
    return convert_sequence(c, &sink, &how, err);
}

const struct output_form sink_json = {
    .name = "json",
    .help = "keys and journal records, one JSON object a line (\"-\"\nlikewise)",
    .to_stdout = true,
    .as_is = true,
    .run = run,
};
