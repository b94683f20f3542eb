#include "cmd/inspect_items.h"

#include <inttypes.h>

#include "base/parse.h"
#include "cmd/item_print.h"
#include "cmd/value_lines.h"
#include "command/command_table.h"
#include "command/translate.h"
#include "input/journal_pass.h"
#include "item/slot.h"

struct view {
    const struct filter *filter;
    struct bytes key; /* of a history */
    struct owner_guard guard;
    struct translator *translator; /* finds keys */
    uint64_t limit;
    bool json;
    uint64_t printed;
    uint64_t entries, records, flushes; /* of a history */
};

static int view_init(struct view *v, const struct source *source, struct ft_err *err)
{
    const struct translator_options options = {.target = target_default()};

    v->guard = source->guard;
    return translator_new(&v->translator, &options, err);
}

static int find_keys(struct view *v, const struct item *item, const struct translation_key **keys,
                     size_t *count, struct ft_err *err)
{
    const struct journal_record *r = &item->record;

    return translator_find_keys(v->translator, r->args, r->arg_count, r->dbid, keys, count, err);
}

/* Starts a line, or makes an object of it. Ended by end_item. */
static int begin_item(struct view *v, const struct item *item, json_t **ret_json,
                      struct ft_err *err)
{
    *ret_json = NULL;
    if (!v->json) {
        if (v->printed == 0)
            item_print_header(stdout);
        item_print(stdout, item);
        return 0;
    }
    *ret_json = item_to_json(item);
    return *ret_json == NULL ? err_nomem(err, "an item") : 0;
}

static int end_item(struct view *v, json_t *json)
{
    if (json != NULL) {
        json_dumpf(json, stdout, JSON_COMPACT);
        json_decref(json);
    }
    putchar('\n');
    v->printed++;
    return v->limit != 0 && v->printed >= v->limit ? 1 : 0;
}

/*
 * Records
 */

static int record_passes(struct view *v, const struct item *item, bool *ret, struct ft_err *err)
{
    const struct translation_key *keys;
    size_t count;

    if (find_keys(v, item, &keys, &count, err) != 0)
        return -1;
    *ret = count == 0 && v->filter->key_count == 0 && filter_db(v->filter, item->record.dbid);
    for (size_t i = 0; i < count && !*ret; i++)
        *ret = filter_db(v->filter, keys[i].db) && filter_key(v->filter, keys[i].key);
    return 0;
}

static int passes(struct view *v, const struct item *item, bool *ret, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;

    if (filter_is_empty(v->filter)) {
        *ret = true;
        return 0;
    }
    if (item_command(item) != NULL)
        return record_passes(v, item, ret, err);
    *ret = item_entry(item) != NULL && filter_db(v->filter, entry->db) &&
           filter_key(v->filter, entry->key);
    return 0;
}

static int take_item(void *context, const struct item *item, struct ft_err *err)
{
    struct view *v = context;
    json_t *json;
    bool wanted;

    if (passes(v, item, &wanted, err) != 0)
        return -1;
    if (!wanted)
        return 0;
    if (begin_item(v, item, &json, err) != 0)
        return -1;
    return end_item(v, json);
}

int inspect_records(const struct item_scan *scan, const struct filter *filter, uint64_t limit,
                    bool json, struct ft_err *err)
{
    struct view v = {.filter = filter, .limit = limit, .json = json};
    int rc;

    if (view_init(&v, scan->source, err) != 0)
        return -1;
    rc = item_scan_run(scan, take_item, &v, err);
    translator_free(v.translator);
    return rc;
}

/*
 * History
 */

static int take_entry(struct view *v, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    json_t *lines = NULL;
    json_t *json;

    if (!filter_db(v->filter, entry->db) || !bytes_eq(entry->key, v->key))
        return 0;
    v->entries++;
    if (begin_item(v, item, &json, err) != 0)
        return -1;
    if (json != NULL) {
        lines = json_array();
        json_object_set_new(json, "value", lines);
    }
    if (value_lines(entry, json != NULL ? value_line_append : value_line_print, lines, err) != 0) {
        json_decref(json);
        return -1;
    }
    return end_item(v, json);
}

static bool is_flush(const struct item *item)
{
    const struct command_row *row =
        item->record.arg_count == 0 ? NULL : command_find(item->record.args[0]);

    return row != NULL && (row->flags & COMMAND_FLUSH) != 0;
}

static bool in_slots(const struct translation_flush *f, struct bytes key)
{
    uint16_t slot = slot_of(key);

    for (size_t i = 0; i < f->range_count; i++) {
        if (slot >= f->ranges[i].first && slot <= f->ranges[i].last)
            return true;
    }
    return false;
}

static bool flush_hits(const struct view *v, const struct translation_flush *f, uint32_t db)
{
    switch (f->kind) {
    case FLUSH_DB:
        return filter_db(v->filter, db);
    case FLUSH_SLOTS:
        return filter_db(v->filter, 0) && in_slots(f, v->key);
    case FLUSH_ALL:
        break;
    }
    return true;
}

/* A flush comes on every flow: that of the key is enough. */
static int take_flush(struct view *v, const struct item *item, struct ft_err *err)
{
    const struct journal_record *r = &item->record;
    struct translation t;
    json_t *json;

    if (!owner_guard_owns(&v->guard, item->flow, v->key))
        return 0;
    if (translator_run(v->translator, r->args, r->arg_count, r->dbid,
                       (int64_t)(item->time_us / 1000), &t, err) != 0)
        return -1;
    if (t.class_ != TRANSLATION_FLUSH || !flush_hits(v, &t.flush, r->dbid))
        return 0;
    v->flushes++;
    if (begin_item(v, item, &json, err) != 0)
        return -1;
    return end_item(v, json);
}

static int take_record(struct view *v, const struct item *item, struct ft_err *err)
{
    const struct translation_key *keys;
    bool applied;
    bool hit = false;
    json_t *json;
    size_t count;

    if (is_flush(item))
        return take_flush(v, item, err);
    if (find_keys(v, item, &keys, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count && !hit; i++)
        hit = filter_db(v->filter, keys[i].db) && bytes_eq(keys[i].key, v->key);
    if (!hit)
        return 0;
    v->records++;
    applied = owner_guard_classify(&v->guard, item->flow, item->record.args, item->record.arg_count,
                                   keys, count) != OWNER_FOREIGN;
    if (begin_item(v, item, &json, err) != 0)
        return -1;
    if (json != NULL)
        json_object_set_new(json, "applied", json_boolean(applied));
    else if (!applied)
        fputs("  (not applied: another flow owns the key)", stdout);
    return end_item(v, json);
}

static int take_of_key(void *context, const struct item *item, struct ft_err *err)
{
    struct view *v = context;

    if (item_entry(item) != NULL)
        return take_entry(v, item, err);
    return item_command(item) != NULL ? take_record(v, item, err) : 0;
}

int inspect_history(const struct item_scan *scan, const struct filter *dbs, struct bytes key,
                    uint64_t limit, bool json, struct ft_err *err)
{
    struct view v = {.filter = dbs, .key = key, .limit = limit, .json = json};
    int rc;

    if (view_init(&v, scan->source, err) != 0)
        return -1;
    rc = item_scan_run(scan, take_of_key, &v, err);
    translator_free(v.translator);
    if (!json) {
        printf("%" PRIu64 " in the snapshot, %" PRIu64 " record%s, %" PRIu64 " flush%s\n",
               v.entries, v.records, plural(v.records), v.flushes, v.flushes == 1 ? "" : "es");
    }
    return rc;
}
