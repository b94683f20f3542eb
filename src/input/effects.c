#include "input/effects.h"

#include <stdlib.h>

#include "input/journal_pass.h"

struct effects_flow {
    bool known; /* what lies before the next record has been read */
    struct presence presence;
};

struct effects {
    const struct source *source;
    struct owner_guard guard;
    struct translator *translator; /* of what is read again */
    struct effects_flow *flows;
};

int effects_new(struct effects **ret, const struct source *source, struct ft_err *err)
{
    struct effects *e = calloc(1, sizeof(*e));

    if (e == NULL)
        return err_nomem(err, "the keys of the source");
    e->source = source;
    e->guard = source->guard;
    e->flows = calloc(source->stream_count + 1u, sizeof(*e->flows));
    if (e->flows == NULL) {
        effects_free(e);
        return err_nomem(err, "the keys of the source");
    }
    if (journal_translator_new(&e->translator, source, target_default(), JSON_AS_DEFAULT, err) !=
        0) {
        effects_free(e);
        return -1;
    }
    *ret = e;
    return 0;
}

void effects_free(struct effects *e)
{
    if (e == NULL)
        return;
    for (uint32_t i = 0; e->flows != NULL && i < e->source->stream_count; i++)
        presence_release(&e->flows[i].presence);
    free(e->flows);
    translator_free(e->translator);
    free(e);
}

static int translate(struct effects *e, const struct item *item, struct translation *ret,
                     struct ft_err *err)
{
    const struct journal_record *record = &item->record;

    return translator_run(e->translator, record->args, record->arg_count, record->dbid,
                          (int64_t)(item->time_us / 1000), ret, err);
}

static int read_record(struct effects *e, struct presence *p, const struct item *item,
                       struct ft_err *err)
{
    struct journal_pass_counts counts = {0};
    struct translation t;

    if (translate(e, item, &t, err) != 0)
        return -1;
    if (t.class_ == TRANSLATION_FLUSH) {
        presence_flush(p, &t.flush, item->record.dbid);
        return 0;
    }
    if (!journal_record_applies(&e->guard, item, &t, &counts))
        return 0;
    return presence_record(p, &item->record, &t, err);
}

/* A flow from its beginning up to this record. */
static int read_flow(struct effects *e, struct presence *p, uint32_t flow, uint64_t before_lsn,
                     struct ft_err *err)
{
    const struct source_stream_options options = {
        .skip_values = true, .keep_args = true, .scripts = true};
    struct source_stream *stream;
    struct item item;
    enum step step;
    int rc = 0;

    if (source_stream_open(&stream, e->source, flow, &options, err) != 0)
        return -1;
    while (rc == 0 && (step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        if (item_command(&item) != NULL && item.lsn != 0 && item.lsn >= before_lsn)
            break;
        if (item_entry(&item) != NULL)
            rc = presence_entry(p, &item.rdb.entry, err);
        else if (item_command(&item) != NULL)
            rc = read_record(e, p, &item, err);
    }
    source_stream_free(stream);
    return rc != 0 || step == STEP_ERROR ? -1 : 0;
}

/*
 * Inside the full sync
 */

/* What a snapshot has of a key, before and after one record. */
struct sighting {
    const struct translation_key *key;
    bool entry_before, entry_behind;
    bool record; /* another one names it */
};

struct search {
    const struct item *in_sync; /* the record */
    bool passed;
    struct sighting src, dst;
};

static bool is_seen(const struct sighting *s, uint32_t db, struct bytes key)
{
    return db == s->key->db && bytes_eq(key, s->key->key);
}

static void see_entry(struct sighting *s, const struct rdb_entry *entry, bool passed)
{
    if (!is_seen(s, entry->db, entry->key))
        return;
    s->entry_before = s->entry_before || !passed;
    s->entry_behind = s->entry_behind || passed;
}

/* Items of one compressed piece have one offset. */
static bool is_same_record(const struct item *a, const struct item *b)
{
    bool same = a->offset == b->offset && a->record.dbid == b->record.dbid &&
                a->record.arg_count == b->record.arg_count;

    for (size_t i = 0; same && i < a->record.arg_count; i++)
        same = bytes_eq(a->record.args[i], b->record.args[i]);
    return same;
}

static int see_item(struct effects *e, struct search *s, const struct item *item,
                    struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    const struct translation_key *keys;
    size_t count;

    if (item_entry(item) != NULL) {
        see_entry(&s->src, &item->rdb.entry, s->passed);
        see_entry(&s->dst, &item->rdb.entry, s->passed);
    }
    if (item_command(item) == NULL)
        return 0;
    if (!s->passed && is_same_record(item, s->in_sync)) {
        s->passed = true;
        return 0;
    }
    if (translator_find_keys(e->translator, record->args, record->arg_count, record->dbid, &keys,
                             &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        s->src.record = s->src.record || is_seen(&s->src, keys[i].db, keys[i].key);
        s->dst.record = s->dst.record || is_seen(&s->dst, keys[i].db, keys[i].key);
    }
    return 0;
}

/*
 * Of a key that no other record names. The source writes what it is about to change first: an entry in front
 * of the record was there. A destination whose entry comes after it was there, or was made by it; a source
 * key whose entry comes after it has stayed.
 */
static enum record_effect effect_in_sync(const struct search *s)
{
    enum presence_state src = PRESENCE_UNKNOWN;
    enum presence_state dst = PRESENCE_ABSENT;

    if (s->src.record || s->dst.record)
        return RECORD_EFFECT_UNKNOWN;
    if (s->src.entry_behind)
        return RECORD_HAD_NONE;
    if (s->src.entry_before)
        src = PRESENCE_PRESENT;
    if (s->dst.entry_before)
        dst = PRESENCE_PRESENT;
    else if (s->dst.entry_behind)
        dst = PRESENCE_UNKNOWN;
    return record_effect_of(src, dst);
}

static int decide_in_sync(struct effects *e, const struct item *in_sync,
                          const struct translation_key *keys, enum record_effect *ret,
                          struct ft_err *err)
{
    const struct source_stream_options options = {
        .skip_values = true, .keep_args = true, .snapshot_only = true};
    struct search s = {.in_sync = in_sync, .src.key = &keys[0], .dst.key = &keys[1]};
    struct source_stream *stream;
    struct item item;
    enum step step;
    int rc = 0;

    if (source_stream_open(&stream, e->source, in_sync->flow, &options, err) != 0)
        return -1;
    while (rc == 0 && (step = source_stream_next(stream, &item, err)) == STEP_ITEM)
        rc = see_item(e, &s, &item, err);
    source_stream_free(stream);
    if (rc != 0 || step == STEP_ERROR)
        return -1;
    *ret = effect_in_sync(&s);
    return 0;
}

int effects_of(struct effects *e, const struct item *item, const struct translation *t,
               enum record_effect *ret, struct ft_err *err)
{
    struct effects_flow *flow = &e->flows[item->flow];

    if (item->lsn == 0)
        return decide_in_sync(e, item, t->keys, ret, err);
    if (!flow->known && read_flow(e, &flow->presence, item->flow, item->lsn, err) != 0)
        return -1;
    flow->known = true;
    *ret = record_effect_of(presence_of(&flow->presence, t->keys[0].db, t->keys[0].key),
                            presence_of(&flow->presence, t->keys[1].db, t->keys[1].key));
    return 0;
}

int effects_pass(struct effects *e, const struct item *item, const struct translation *t,
                 struct ft_err *err)
{
    struct effects_flow *flow = &e->flows[item->flow];

    if (!flow->known || item->lsn == 0)
        return 0;
    return presence_record(&flow->presence, &item->record, t, err);
}

void effects_flush(struct effects *e, const struct translation_flush *flush, uint32_t db)
{
    for (uint32_t i = 0; i < e->source->stream_count; i++) {
        if (e->flows[i].known)
            presence_flush(&e->flows[i].presence, flush, db);
    }
}
