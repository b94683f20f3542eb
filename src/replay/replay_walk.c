#include "replay/replay_walk.h"

#include <stdlib.h>
#include <xxhash.h>

#include "command/command_table.h"
#include "input/source_nodes.h"
#include "mapping/replay_mapper.h"

#define RECENT_COUNT 32768u
#define DB_FACTOR    UINT64_C(0x9e3779b97f4a7c15)

int replay_walk_init(struct replay_walk *w, struct replay *r, const struct source *source,
                     replay_key_fn *take, void *context, struct ft_err *err)
{
    const struct replay_rules rules = replay_rules_of(r);

    *w = (struct replay_walk){
        .source = source,
        .guard = source->guard,
        .take = take,
        .context = context,
        .recent = calloc(RECENT_COUNT, sizeof(uint64_t)),
    };
    if (w->recent == NULL)
        return err_nomem(err, "the keys of a capture");
    if (replay_mapper_new(&w->mapper, &rules, err) != 0)
        return -1;
    return replay_translator_new(&w->finder, &rules, err);
}

void replay_walk_release(struct replay_walk *w)
{
    replay_mapper_free(w->mapper);
    translator_free(w->finder);
    free(w->recent);
    *w = (struct replay_walk){0};
}

/* Was it taken just before? A seed would not tell databases apart: in short keys it counts no more than
 * a letter. */
static bool is_recent(struct replay_walk *w, uint32_t db, struct bytes key)
{
    uint64_t hash = XXH3_64bits(key.p, key.n) ^ db * DB_FACTOR;
    uint64_t *place = &w->recent[hash % RECENT_COUNT];
    bool recent = *place == hash;

    *place = hash;
    return recent;
}

static int take_key(struct replay_walk *w, const struct item *item, uint32_t db, struct bytes key,
                    struct ft_err *err)
{
    struct replay_walked k = {
        .db = db,
        .key = key,
        .flow = item->flow,
        .lsn = item_command(item) != NULL ? item->lsn : 0,
        .entry = item_entry(item) != NULL,
    };
    enum replay_fate fate;

    if (!w->every && is_recent(w, db, key))
        return 0;
    fate = replay_mapper_key(w->mapper, db, key, &k.target_db, &k.target_key, err);
    if (fate != REPLAY_FATE_SAME && fate != REPLAY_FATE_CHANGED)
        return fate == REPLAY_FATE_ERROR ? -1 : 0;
    return w->take(w->context, &k, err);
}

static bool is_flush(const struct journal_record *record)
{
    const struct command_row *row = command_find(record->args[0]);

    return row != NULL && (row->flags & COMMAND_FLUSH) != 0;
}

static int take_record(struct replay_walk *w, const struct item *item, struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    const struct translation_key *keys;
    size_t count;

    if (w->flushed != NULL && record->arg_count != 0 && is_flush(record))
        return w->flushed(w->context, item->flow, item->lsn, err);
    if (translator_find_keys(w->finder, record->args, record->arg_count, record->dbid, &keys,
                             &count, err) != 0)
        return -1;
    if (owner_guard_classify(&w->guard, item->flow, record->args, record->arg_count, keys, count) ==
        OWNER_FOREIGN)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (owner_guard_owns(&w->guard, item->flow, keys[i].key) &&
            take_key(w, item, keys[i].db, keys[i].key, err) != 0)
            return -1;
    }
    return 0;
}

static int take_item(struct replay_walk *w, const struct item *item, struct ft_err *err)
{
    if (item_entry(item) != NULL && w->entries &&
        !source_is_foreign(w->source, item->flow, item->rdb.entry.key))
        return take_key(w, item, item->rdb.entry.db, item->rdb.entry.key, err);
    if (item_command(item) == NULL || w->no_records ||
        (w->from_lsn != NULL && item->lsn < w->from_lsn[item->flow]))
        return 0;
    return take_record(w, item, err);
}

static bool is_end(const struct replay_walk *w, const struct item *item)
{
    return item_command(item) != NULL && w->to_lsn != NULL && item->lsn >= w->to_lsn[item->flow];
}

int replay_walk_stream(struct replay_walk *w, uint32_t index, struct ft_err *err)
{
    const struct source_stream_options options = {
        .skip_values = true,
        .snapshot_only = w->no_records,
        .keep_args = true,
        .journal_only = w->from_lsn != NULL,
        .start_lsn = w->from_lsn != NULL ? w->from_lsn[index] : 0,
        .follow = w->follow,
    };
    struct source_stream *stream;
    struct item item;
    enum step step;
    int rc = 0;

    if (source_stream_open(&stream, w->source, index, &options, err) != 0)
        return -1;
    while (rc == 0 && (step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        if (is_end(w, &item))
            break;
        rc = take_item(w, &item, err);
    }
    if (rc == 0 && step == STEP_ERROR)
        rc = -1;
    if (rc == 0 && step == STEP_MORE && !w->up_to_now)
        rc = err_set(err, FT_ERR_NET, "the capture does not go as far as it did");
    source_stream_free(stream);
    return rc;
}

int replay_walk_all(struct replay_walk *w, struct ft_err *err)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < w->source->stream_count; i++)
        rc = replay_walk_stream(w, i, err);
    return rc;
}
