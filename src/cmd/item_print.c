#include "cmd/item_print.h"

#include <inttypes.h>

#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/quoting.h"
#include "rdb/value_walk.h"

#define KEY_SHOWN  80u
#define ARG_SHOWN  40u
#define ARGS_SHOWN 16u

static const char *rdb_item_name(enum rdb_item_kind kind)
{
    static const char *const names[] = {
        [RDB_ITEM_HEADER] = "HEADER",
        [RDB_ITEM_AUX] = "AUX",
        [RDB_ITEM_SELECTDB] = "SELECTDB",
        [RDB_ITEM_RESIZEDB] = "RESIZEDB",
        [RDB_ITEM_ENTRY] = "ENTRY",
        [RDB_ITEM_FUNCTION] = "FUNCTION",
        [RDB_ITEM_FUNCTION_PRE_GA] = "FUNCTION_PRE_GA",
        [RDB_ITEM_MODULE_AUX] = "MODULE_AUX",
        [RDB_ITEM_INDEX] = "SEARCH_INDEX",
        [RDB_ITEM_SLOT_IMPORT] = "SLOT_IMPORT",
        [RDB_ITEM_KEY_META] = "KEY_META",
        [RDB_ITEM_JOURNAL_BLOB] = "JOURNAL_BLOB",
        [RDB_ITEM_JOURNAL_OFFSET] = "JOURNAL_OFFSET",
        [RDB_ITEM_FULLSYNC_END] = "FULLSYNC_END",
        [RDB_ITEM_EOF] = "EOF",
    };

    return names[kind];
}

static const char *record_name(enum journal_op op)
{
    switch (op) {
    case JOURNAL_OP_EXPIRED:
        return "EXPIRED";
    case JOURNAL_OP_COMMAND:
        return "COMMAND";
    case JOURNAL_OP_MULTI_COMMAND:
        return "MULTI_COMMAND";
    case JOURNAL_OP_EXEC:
        return "EXEC";
    case JOURNAL_OP_PING:
        return "PING";
    case JOURNAL_OP_FIN:
        return "FIN";
    case JOURNAL_OP_LSN:
        return "LSN";
    case JOURNAL_OP_SELECT:
        break;
    }
    return "SELECT";
}

static const char *item_name(const struct item *item)
{
    if (item->kind == ITEM_SNAPSHOT_END)
        return "TOKEN";
    return item->is_record ? record_name(item->record.op) : rdb_item_name(item->rdb.kind);
}

/* Entries and records with arguments belong to a database. */
static bool item_db(const struct item *item, uint32_t *ret_db)
{
    if (item->kind == ITEM_ENTRY)
        *ret_db = item->rdb.entry.db;
    else if (item->kind == ITEM_COMMAND)
        *ret_db = item->record.dbid;
    return item->kind == ITEM_ENTRY || item->kind == ITEM_COMMAND;
}

void item_print_header(FILE *out)
{
    fprintf(out, "%4s %12s  %-24s %10s %4s  %s\n", "flow", "offset", "received", "LSN", "db",
            "item");
}

#define DAY_MS (24u * 3600u * 1000u)

/* A time to live, counted from when the key was received or saved. */
static void print_ttl(FILE *out, int64_t expire_ms, uint64_t now_us)
{
    int64_t left_ms;
    char text[FORMAT_SIZE];

    if (expire_ms == RDB_NO_EXPIRY) {
        fputs(" no ttl", out);
        return;
    }
    left_ms = expire_ms < 0 ? 0 : expire_ms - (int64_t)(now_us / 1000);
    if (left_ms <= 0)
        fputs(" ttl over", out);
    else if (left_ms >= 2 * (int64_t)DAY_MS)
        fprintf(out, " ttl %" PRId64 "d %" PRId64 "h", left_ms / DAY_MS,
                left_ms % DAY_MS / (3600 * 1000));
    else
        fprintf(out, " ttl %s", format_duration_ms((uint64_t)left_ms, text));
}

static void print_entry(FILE *out, const struct item *item)
{
    const struct rdb_entry *e = &item->rdb.entry;
    char size[FORMAT_SIZE];

    fprintf(out, " %s (%s) %s", value_class_name(rdb_type_class(e->type)), rdb_type_name(e->type),
            format_size(e->value_bytes, size));
    print_ttl(out, e->expire_ms, item->time_us);
    if (e->sticky)
        fputs(" sticky", out);
    if (e->has_mc_flags)
        fprintf(out, " mc-flags %" PRIu32, e->mc_flags);
    if (e->has_idle)
        fprintf(out, " idle %" PRIu64 " s", e->idle_s);
    if (e->has_freq)
        fprintf(out, " freq %u", e->freq);
    putc(' ', out);
    quoting_print(out, e->key, KEY_SHOWN);
}

static void print_record(FILE *out, const struct journal_record *r)
{
    size_t shown = r->arg_count < ARGS_SHOWN ? r->arg_count : ARGS_SHOWN;

    if (r->op == JOURNAL_OP_LSN)
        fprintf(out, " %" PRIu64, r->lsn);
    for (size_t i = 0; r->args != NULL && i < shown; i++) {
        putc(' ', out);
        quoting_print(out, r->args[i], ARG_SHOWN);
    }
    if (shown < r->arg_count)
        fprintf(out, " ...(%zu arguments)", r->arg_count);
}

static void print_rdb(FILE *out, const struct rdb_item *rdb)
{
    switch (rdb->kind) {
    case RDB_ITEM_HEADER:
    case RDB_ITEM_SELECTDB:
    case RDB_ITEM_RESIZEDB:
    case RDB_ITEM_JOURNAL_OFFSET:
        fprintf(out, " %" PRIu64, rdb->number);
        break;
    case RDB_ITEM_JOURNAL_BLOB:
        fprintf(out, " %" PRIu64 " record%s", rdb->number, plural(rdb->number));
        break;
    case RDB_ITEM_EOF:
        fprintf(out, " checksum %016" PRIx64, rdb->number);
        break;
    case RDB_ITEM_AUX:
        putc(' ', out);
        quoting_print(out, rdb->name, ARG_SHOWN);
        putc(' ', out);
        quoting_print(out, rdb->bytes, ARG_SHOWN);
        break;
    case RDB_ITEM_MODULE_AUX:
        putc(' ', out);
        quoting_print(out, rdb->name, ARG_SHOWN);
        break;
    case RDB_ITEM_FUNCTION:
        putc(' ', out);
        quoting_print(out, rdb->bytes, KEY_SHOWN);
        break;
    default:
        break;
    }
}

void item_print(FILE *out, const struct item *item)
{
    char time[FORMAT_TIME];
    char lsn[I64_TEXT_SIZE] = "-";
    char db[I64_TEXT_SIZE] = "-";
    uint32_t number;

    if (item->is_record && item->lsn != 0)
        lsn[i64_to_text((int64_t)item->lsn, lsn)] = '\0';
    if (item_db(item, &number))
        db[i64_to_text(number, db)] = '\0';
    fprintf(out, "%4" PRIu32 " %12" PRIu64 "  %-24s %10s %4s  %s", item->flow, item->offset,
            format_time_us(item->time_us, time), lsn, db, item_name(item));
    if (item->kind == ITEM_SNAPSHOT_END)
        fprintf(out, " the journal begins with LSN %" PRIu64, item->lsn);
    else if (item->kind == ITEM_ENTRY)
        print_entry(out, item);
    else if (item->is_record)
        print_record(out, &item->record);
    else
        print_rdb(out, &item->rdb);
}

/* Takes the value. */
static void set(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value); /* what is missing shows that memory ran out */
}

static void entry_to_json(json_t *json, const struct rdb_entry *e)
{
    char time[FORMAT_TIME];

    set(json, "key", json_from_bytes(e->key));
    set(json, "type", json_string(value_class_name(rdb_type_class(e->type))));
    set(json, "encoding", json_string(rdb_type_name(e->type)));
    set(json, "value_bytes", json_integer((json_int_t)e->value_bytes));
    if (e->expire_ms != RDB_NO_EXPIRY) {
        set(json, "expire_ms", json_integer(e->expire_ms));
        if (e->expire_ms >= 0)
            set(json, "expire",
                json_string(
                    format_time_us((uint64_t)e->expire_ms % (UINT64_MAX / 1000) * 1000, time)));
    }
    if (e->sticky)
        set(json, "sticky", json_true());
    if (e->has_mc_flags)
        set(json, "mc_flags", json_integer(e->mc_flags));
    if (e->has_idle)
        set(json, "idle_s", json_integer((json_int_t)e->idle_s));
    if (e->has_freq)
        set(json, "freq", json_integer(e->freq));
}

static void record_to_json(json_t *json, const struct journal_record *r)
{
    json_t *args;

    if (r->op == JOURNAL_OP_LSN)
        set(json, "number", json_integer((json_int_t)r->lsn));
    if (r->args == NULL || r->arg_count == 0)
        return;
    args = json_array();
    for (size_t i = 0; i < r->arg_count; i++)
        json_array_append_new(args, json_from_bytes(r->args[i])); /* as set() */
    set(json, "words", args);
    set(json, "txid", json_integer((json_int_t)r->txid));
}

static void rdb_to_json(json_t *json, const struct rdb_item *rdb)
{
    switch (rdb->kind) {
    case RDB_ITEM_AUX:
    case RDB_ITEM_MODULE_AUX:
        set(json, "name", json_from_bytes(rdb->name));
        if (rdb->kind == RDB_ITEM_AUX)
            set(json, "value", json_from_bytes(rdb->bytes));
        break;
    case RDB_ITEM_FUNCTION:
        set(json, "value", json_from_bytes(rdb->bytes));
        break;
    case RDB_ITEM_HEADER:
    case RDB_ITEM_SELECTDB:
    case RDB_ITEM_RESIZEDB:
    case RDB_ITEM_JOURNAL_BLOB:
    case RDB_ITEM_JOURNAL_OFFSET:
        set(json, "number", json_integer((json_int_t)rdb->number));
        break;
    default:
        break;
    }
}

json_t *item_to_json(const struct item *item)
{
    char time[FORMAT_TIME];
    uint32_t db;
    json_t *json = json_pack("{s:I, s:I, s:s, s:s}", "flow", (json_int_t)item->flow, "offset",
                             (json_int_t)item->offset, "time", format_time_us(item->time_us, time),
                             "item", item_name(item));

    if (json == NULL)
        return NULL;
    if (item->is_record && item->lsn != 0)
        set(json, "lsn", json_integer((json_int_t)item->lsn));
    if (item_db(item, &db))
        set(json, "db", json_integer(db));
    if (item->kind == ITEM_SNAPSHOT_END)
        set(json, "number", json_integer((json_int_t)item->lsn));
    else if (item->kind == ITEM_ENTRY)
        entry_to_json(json, &item->rdb.entry);
    else if (item->is_record)
        record_to_json(json, &item->record);
    else
        rdb_to_json(json, &item->rdb);
    return json;
}
