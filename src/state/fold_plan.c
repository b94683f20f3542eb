#include "state/fold_plan.h"

#include <stdlib.h>

#include "command/suspect.h"
#include "item/touched.h"

struct fold_plan {
    const struct source *source;
    struct owner_guard guard;
    struct key_choice choice;
    struct plain_keys *plain; /* NULL: plain commands are only looked at */
    bool plain_only;
    bool asks;
    struct journal_pass_counts counts;
    struct touched_keys *touched;
    bool touched_all; /* a record may concern keys that it does not name */
    bool functions;
    bool grown; /* a record with several keys has brought in one that was not there */
    bool flushed_all;
    bool flushed_some; /* of the slots */
    uint8_t flushed_dbs[FOLD_DATABASES / 8];
    uint8_t flushed_slots[SLOT_COUNT / 8]; /* of database 0 */
};

static void set_bit(uint8_t *bits, uint32_t i)
{
    bits[i / 8] |= (uint8_t)(1u << i % 8);
}

static bool get_bit(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] & 1u << i % 8) != 0;
}

void fold_plan_flush(struct fold_plan *p, uint32_t db, const struct translation_flush *flush)
{
    switch (flush->kind) {
    case FLUSH_ALL:
        p->flushed_all = true;
        break;
    case FLUSH_DB:
        if (db < FOLD_DATABASES)
            set_bit(p->flushed_dbs, db);
        break;
    case FLUSH_SLOTS:
        p->flushed_some = true;
        for (size_t i = 0; i < flush->range_count; i++) {
            for (uint32_t slot = flush->ranges[i].first;
                 slot <= flush->ranges[i].last && slot < SLOT_COUNT; slot++)
                set_bit(p->flushed_slots, slot);
        }
        break;
    }
}

static void touch(struct fold_plan *p, const struct translation_key *keys, size_t count,
                  const struct plain_command *c)
{
    bool overwrites = c->kind == PLAIN_DELETE || (c->kind == PLAIN_SET && !c->keeps_time);
    unsigned marks = (c->kind == PLAIN_UNKNOWN ? KEY_SERVED : 0u) | (overwrites ? 0u : KEY_NEEDED);

    for (size_t i = 0; i < count; i++)
        touched_keys_add(p->touched, keys[i].db, keys[i].key, marks);
    if (p->choice.wants != NULL) /* who asks for each record */
        touched_keys_drain(p->touched);
}

/* All keys of a record that somebody wants a key of: their values may have come from each other. */
static void choose(struct fold_plan *p, const struct translation_key *keys, size_t count,
                   const struct plain_command *c)
{
    bool wanted = p->choice.wants == NULL;

    for (size_t i = 0; i < count && !wanted; i++)
        wanted = key_choice_wants(&p->choice, keys[i].db, keys[i].key) ||
                 touched_keys_look(p->touched, keys[i].db, keys[i].key) != 0;
    for (size_t i = 0; i < count && wanted && p->choice.wants != NULL && count > 1; i++)
        p->grown |= touched_keys_look(p->touched, keys[i].db, keys[i].key) == 0;
    if (wanted)
        touch(p, keys, count, c);
}

/*
 * Is there more to a record than plain_keys holds, something to be reported too? The keys of one that only reads are the
 * server's as well: touch knows no other kind.
 */
static bool asks_for_more(const struct translation *t, const struct plain_command *c)
{
    bool nothing = t->class_ == TRANSLATION_FLUSH || t->class_ == TRANSLATION_NOTHING;
    bool asks = t->loss_count != 0 || t->any_key || t->functions || translation_joins(t) ||
                (c->kind == PLAIN_UNKNOWN && (!nothing || t->key_count != 0));

    for (size_t i = 0; i < t->key_count && !asks; i++)
        asks = t->keys[i].suspect;
    return asks;
}

static int note_plain(struct fold_plan *p, const struct item *item, const struct translation *t,
                      const struct plain_command *c, struct ft_err *err)
{
    int rc = 0;

    if (t->class_ == TRANSLATION_FLUSH)
        return plain_keys_flush(p->plain, item->record.dbid, &t->flush, err);
    for (size_t i = 0; c->kind != PLAIN_UNKNOWN && i < c->count && rc == 0; i++)
        rc = plain_keys_change(p->plain, item->record.dbid, c, i, (int64_t)(item->time_us / 1000),
                               err);
    return rc;
}

static int note_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct plain_command c = plain_command_of(t);
    struct fold_plan *p = context;

    p->asks = p->asks || asks_for_more(t, &c);
    if (p->asks && p->plain_only)
        return err_set(err, FT_ERR_STATE, "a private server is needed");
    if (t->class_ == TRANSLATION_FLUSH)
        fold_plan_flush(p, item->record.dbid, &t->flush);
    p->touched_all |= t->any_key;
    p->functions |= t->functions;
    choose(p, t->keys, t->key_count, &c);
    return p->plain == NULL ? 0 : note_plain(p, item, t, &c, err);
}

/* The records inside one flow's full sync. */
static int scan_snapshot(struct fold_plan *p, struct translator *translator, uint32_t flow,
                         struct ft_err *err)
{
    const struct source_stream_options options = {
        .skip_values = true, .keep_args = true, .snapshot_only = true};
    const struct plain_command unknown = {.kind = PLAIN_UNKNOWN};
    const struct translation_key *keys;
    struct source_stream *stream;
    struct item item;
    enum step step;
    size_t count;

    if (source_stream_open(&stream, p->source, flow, &options, err) != 0)
        return -1;
    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        const struct journal_record *record = item_command(&item);

        if (record == NULL)
            continue;
        if (translator_find_keys(translator, record->args, record->arg_count, record->dbid, &keys,
                                 &count, err) != 0)
            break;
        if (owner_guard_classify(&p->guard, flow, record->args, record->arg_count, keys, count) ==
            OWNER_FOREIGN)
            continue;
        p->asks = true; /* the server has keys that plain records concern too */
        choose(p, keys, count, &unknown);
    }
    source_stream_free(stream);
    return step == STEP_END ? 0 : -1;
}

static int scan_all(struct fold_plan *p, const struct fold_plan_options *o, struct ft_err *err)
{
    bool in_snapshot = p->source->snapshot_records != SNAPSHOT_RECORDS_NONE;
    struct translator *translator;
    int rc = 0;

    p->asks = false;
    if (p->plain != NULL && plain_keys_restart(p->plain, err) != 0)
        return -1;
    if (journal_translator_new(&translator, p->source, o->target, o->json_as, err) != 0)
        return -1;
    translator_set_moment(translator, cut_moment_ms(o->cut, 0));
    read_progress_begin(p->source->progress, "touched keys",
                        (in_snapshot ? source_snapshot_bytes(p->source) : 0) +
                            (o->cut->is_snapshot ? 0 : source_journal_bytes(p->source)));
    for (uint32_t i = 0; in_snapshot && rc == 0 && i < p->source->stream_count; i++)
        rc = scan_snapshot(p, translator, i, err);
    if (rc == 0 && !o->cut->is_snapshot)
        rc = journal_pass_run(p->source, o->cut, translator, note_record, p, &p->counts, err);
    touched_keys_drain(p->touched);
    translator_free(translator);
    return rc;
}

/* As often as it takes: more keys than were expected, or one that a record has brought in. */
static int scan_until_found(struct fold_plan *p, const struct fold_plan_options *o,
                            struct ft_err *err)
{
    do {
        if (touched_keys_is_full(p->touched) && touched_keys_widen(p->touched, err) != 0)
            return -1;
        p->grown = false;
        if (scan_all(p, o, err) != 0)
            return -1;
    } while (p->grown || touched_keys_is_full(p->touched));
    return 0;
}

/* Both passes have to leave out the same records: where it turns out that none may be, once more. */
int fold_plan_scan(struct fold_plan *p, const struct fold_plan_options *options, struct ft_err *err)
{
    bool was_off = owner_guard_is_off(&p->guard);

    p->choice = options->choice;
    p->plain = options->choice.wants == NULL ? options->plain : NULL;
    p->plain_only = options->plain_only;
    if (scan_until_found(p, options, err) != 0)
        return -1;
    return owner_guard_is_off(&p->guard) == was_off ? 0 : scan_until_found(p, options, err);
}

bool fold_plan_concerns(const struct fold_plan *p, const struct translation *t)
{
    bool concerns =
        p->choice.wants == NULL || t->class_ == TRANSLATION_FLUSH || t->any_key || t->functions;

    for (size_t i = 0; i < t->key_count && !concerns; i++)
        concerns = fold_plan_look(p, t->keys[i].db, t->keys[i].key) != 0;
    return concerns;
}

bool fold_plan_asks(const struct fold_plan *p)
{
    return p->asks;
}

const struct journal_pass_counts *fold_plan_counts(const struct fold_plan *p)
{
    return &p->counts;
}

bool fold_plan_functions(const struct fold_plan *p)
{
    return p->functions;
}

bool fold_plan_takes_all(const struct fold_plan *p)
{
    return p->touched_all;
}

bool fold_plan_is_empty(const struct fold_plan *p)
{
    return touched_keys_is_empty(p->touched) && !p->touched_all && !p->functions;
}

unsigned fold_plan_look(const struct fold_plan *p, uint32_t db, struct bytes key)
{
    return p->touched_all ? KEY_TOUCHED | KEY_SERVED | KEY_NEEDED
                          : touched_keys_look(p->touched, db, key);
}

uint64_t fold_plan_look_run(const struct fold_plan *p, const struct rdb_run *run)
{
    return p->touched_all ? UINT64_MAX : touched_keys_look_run(p->touched, run);
}

bool fold_plan_drops(const struct fold_plan *p, uint32_t db, struct bytes key)
{
    if (p->flushed_all || (db < FOLD_DATABASES && get_bit(p->flushed_dbs, db)))
        return true;
    return db == 0 && p->flushed_some && get_bit(p->flushed_slots, slot_of(key));
}

/* A record names one key, most of the time. */
static uint64_t expected_keys(const struct source *source, const struct cut *cut)
{
    uint64_t records = 0;

    if (source->snapshot_records != SNAPSHOT_RECORDS_NONE)
        return TOUCHED_UNKNOWN;
    for (uint32_t i = 0; i < source->stream_count; i++)
        records += cut->stop_lsn[i] - source_lsns(source, i).first;
    return records;
}

int fold_plan_new(struct fold_plan **ret, const struct source *source, const struct cut *cut,
                  struct ft_err *err)
{
    struct fold_plan *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_nomem(err, "the point-in-time conversion");
    p->source = source;
    p->guard = source->guard;
    if (touched_keys_new(&p->touched, expected_keys(source, cut), err) != 0) {
        fold_plan_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void fold_plan_free(struct fold_plan *p)
{
    if (p == NULL)
        return;
    touched_keys_free(p->touched);
    free(p);
}
