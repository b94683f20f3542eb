#include "pump/pump.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "input/source_nodes.h"
#include "item/entry_loss.h"
#include "pump/record_filter.h"

/* Items between two calls of tick. */
#define TICK_EVERY 1024

struct pump {
    struct pump_options o;
    struct item_sink sink;
    struct owner_guard guard;
    struct record_filter records;
    struct pump_counts counts;
    struct rdb_run run; /* for a sink that takes such */
    /* of pump_follow */
    int (*more)(void *context, bool idle, struct ft_err *err);
    void *more_context;
};

/* A filter for who has none. */
static const struct filter everything;

int pump_new(struct pump **ret, const struct pump_options *options, const struct item_sink *sink,
             struct ft_err *err)
{
    struct pump *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_nomem(err, "a pump");
    p->o = *options;
    p->sink = *sink;
    if (p->o.filter == NULL)
        p->o.filter = &everything;
    if (p->o.source != NULL)
        p->guard = p->o.source->guard;
    p->records = (struct record_filter){.source = p->o.source,
                                        .filter = p->o.whole_records ? &everything : p->o.filter,
                                        .target = p->o.target,
                                        .json_as = p->o.json_as,
                                        .suspects = p->o.suspects,
                                        .losses = p->o.losses};
    if (p->o.suspects != NULL)
        p->o.suspects->filter = p->o.filter;
    *ret = p;
    return 0;
}

void pump_free(struct pump *p)
{
    if (p == NULL)
        return;
    record_filter_release(&p->records);
    if (p->o.suspects != NULL)
        p->o.suspects->filter = NULL; /* it may end sooner than they do */
    free(p);
}

const struct pump_counts *pump_counts(const struct pump *p)
{
    return &p->counts;
}

static int lose(struct pump *p, enum loss_reason reason, const char *class_name, struct bytes name,
                struct ft_err *err)
{
    if (p->sink.loss == NULL)
        return 0;
    return p->sink.loss(p->sink.context, reason, class_name, 0, name, err);
}

/* Does the error not depend on what was being delivered? */
static bool stands_alone(const struct ft_err *err)
{
    return err->kind == FT_ERR_CANCELLED || err->kind == FT_ERR_USAGE || err->kind == FT_ERR_NET ||
           err->kind == FT_ERR_STATE;
}

/*
 * Entries
 */

static int wrap_entry(const struct item *item, struct ft_err *err)
{
    return stands_alone(err) ? -1 : entry_wrap(&item->rdb.entry, err);
}

/* By filter and time. */
static bool passes(struct pump *p, const struct rdb_entry *entry)
{
    if (!entry_passes(p->o.filter, entry)) {
        p->counts.filtered++;
        return false;
    }
    if (p->o.expired_ms != PUMP_NOTHING_EXPIRED && entry_is_over(entry, p->o.expired_ms)) {
        p->counts.expired++;
        return false;
    }
    return true;
}

int pump_entry(struct pump *p, const struct item *item, struct ft_err *err)
{
    if (!passes(p, &item->rdb.entry) || p->sink.entry == NULL ||
        p->sink.entry(p->sink.context, item, err) == 0)
        return 0;
    return wrap_entry(item, err);
}

/* 1: neither a foreign copy nor diverted; 0, -1. */
static int stays(struct pump *p, const struct item *item, struct ft_err *err)
{
    int taken = 0;

    if (source_is_foreign(p->o.source, item->flow, item->rdb.entry.key)) {
        p->counts.journal.foreign++;
        return 0;
    }
    if (p->o.divert != NULL)
        taken = p->o.divert->entry(p->o.divert->context, item, err);
    return taken < 0 ? wrap_entry(item, err) : taken == 0;
}

static int take_entry(struct pump *p, const struct item *item, struct ft_err *err)
{
    int rc = stays(p, item, err);

    return rc <= 0 ? rc : pump_entry(p, item, err);
}

/* As an item of the flow and time of `first`. */
static int choose_by_item(struct pump *p, const struct item *first, const struct rdb_plain *plain,
                          struct ft_err *err)
{
    struct item item = *first;
    int rc;

    item.offset = item.rdb.offset = plain->offset;
    item.rdb.entry = rdb_run_entry(&p->run, plain);
    rc = stays(p, &item, err);
    return rc <= 0 ? rc : passes(p, &item.rdb.entry);
}

static_assert(RDB_RUN_MAX <= 64, "a run's entries are the bits of a number");

/* Those of the run that may be diverted, a bit for each entry. */
static uint64_t may_divert(const struct pump *p)
{
    const struct pump_divert *divert = p->o.divert;

    if (divert == NULL)
        return 0;
    return divert->may_take == NULL ? UINT64_MAX : divert->may_take(divert->context, &p->run);
}

/* Leaves those of the run that the sink gets. */
static int choose(struct pump *p, const struct item *first, struct ft_err *err)
{
    const uint64_t diverted = may_divert(p);
    const bool named = !filter_is_empty(p->o.filter) || source_has_foreign(p->o.source);
    struct rdb_run *run = &p->run;
    size_t kept = 0;

    for (size_t i = 0; i < run->count; i++) {
        const struct rdb_plain *plain = &run->entries[i];
        bool timed = p->o.expired_ms != PUMP_NOTHING_EXPIRED && plain->expire_ms != RDB_NO_EXPIRY;
        int rc = 1;

        if (named || timed || (diverted >> i & 1) != 0)
            rc = choose_by_item(p, first, plain, err);
        if (rc < 0)
            return -1;
        if (rc > 0 && kept++ != i)
            run->entries[kept - 1] = *plain;
    }
    run->count = kept;
    return 0;
}

/* What follows the item as runs. Returns how many entries they had, or -1. */
static int take_runs(struct pump *p, struct source_stream *stream, const struct item *first,
                     struct ft_err *err)
{
    bool all = p->o.divert == NULL && p->o.expired_ms == PUMP_NOTHING_EXPIRED &&
               filter_is_empty(p->o.filter) && !source_has_foreign(p->o.source);
    int entries = 0;

    while (source_stream_run(stream, &p->run, err) == 0) {
        if (p->run.count == 0)
            return entries;
        entries += (int)p->run.count;
        if ((!all && choose(p, first, err) != 0) ||
            (p->run.count != 0 && p->sink.run(p->sink.context, &p->run, err) != 0))
            return -1;
    }
    return -1;
}

/*
 * Records
 */

static int wrap_record(const struct item *item, struct ft_err *err)
{
    if (stands_alone(err))
        return -1;
    if (item->lsn == 0)
        return err_wrap(err, "flow %" PRIu32 ", inside the full sync, command %s", item->flow,
                        item->record.name);
    return err_wrap(err, "flow %" PRIu32 ", LSN %" PRIu64 ", command %s", item->flow, item->lsn,
                    item->record.name);
}

static int deliver(void *context, const struct item *item, const struct translation *t,
                   struct ft_err *err)
{
    struct pump *p = context;

    return p->sink.record == NULL ? 0 : p->sink.record(p->sink.context, item, t, err);
}

static int filter_record(void *context, const struct item *item, const struct translation *t,
                         struct ft_err *err)
{
    struct pump *p = context;
    int rc = record_filter_run(&p->records, item, t, deliver, p, err);

    if (rc > 0)
        p->counts.records_filtered++;
    return rc < 0 ? -1 : 0;
}

static int take_translated(struct pump *p, const struct item *item, const struct translation *t,
                           struct ft_err *err)
{
    int taken = 0;

    if (t->class_ == TRANSLATION_FLUSH && item->lsn == 0) {
        return err_set(err, FT_ERR_CORRUPT,
                       "a flush inside the full sync, which makes the full sync worthless");
    }
    if (journal_is_repeated(t, owner_guard_own_flow(&p->guard, item->flow), true)) {
        p->counts.journal.repeated++;
        return 0;
    }
    if (!journal_record_applies(&p->guard, item, t, &p->counts.journal))
        return 0;
    if (p->o.divert != NULL && item->lsn == 0)
        taken = p->o.divert->record(p->o.divert->context, item, t, err);
    if (taken != 0)
        return taken < 0 ? -1 : 0;
    return filter_record(p, item, t, err);
}

/* It passes whole if one of its keys does. */
static int take_as_is(struct pump *p, const struct item *item, struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    struct translation t = {.class_ = TRANSLATION_AS_IS};

    if (!filter_is_empty(p->o.filter) && record->arg_count != 0) {
        if (translator_find_keys(p->o.translator, record->args, record->arg_count, record->dbid,
                                 &t.keys, &t.key_count, err) != 0)
            return -1;
        if (!record_filter_passes(p->o.filter, item, &t)) {
            p->counts.records_filtered++;
            return 0;
        }
    }
    return deliver(p, item, NULL, err);
}

/* Who asks for no records has been told that the full sync has none that count. */
static int take_unwanted(const struct pump *p, const struct item *item, struct ft_err *err)
{
    if (item->lsn != 0 || p->o.source->snapshot_records != SNAPSHOT_RECORDS_NONE)
        return 0;
    (void)err_set(err, FT_ERR_CORRUPT, "a record inside a full sync that is said to have none");
    return wrap_record(item, err);
}

static int take_record(struct pump *p, const struct item *item, struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    struct translation t;
    int rc;

    if (!p->o.as_is && p->o.translator == NULL)
        return take_unwanted(p, item, err);
    if (item->lsn == 0)
        p->counts.in_sync++;
    else
        p->counts.journal.records++;
    if (p->o.as_is)
        rc = take_as_is(p, item, err);
    else if ((rc = translator_run(p->o.translator, record->args, record->arg_count, record->dbid,
                                  (int64_t)(item->time_us / 1000), &t, err)) == 0)
        rc = take_translated(p, item, &t, err);
    return rc == 0 ? 0 : wrap_record(item, err);
}

/*
 * Everything else
 */

static int take_script(struct pump *p, const struct item *item, struct ft_err *err)
{
    struct bytes body = item->rdb.bytes;
    /* one with a head line of Dragonfly's own may be none that Redis takes */
    bool plain_lua = body.n == 0 || body.p[0] != '#';
    int taken = 0;

    if (p->o.divert != NULL && p->o.divert->script != NULL)
        taken = p->o.divert->script(p->o.divert->context, body, err);
    if (taken != 0)
        return taken < 0 ? -1 : 0;

    if (!p->o.as_is && (!plain_lua || (p->o.scripts_as_aux && !p->o.target->lua_aux)))
        return lose(p, LOSS_NOTE_SCRIPT, "script", bytes_of(NULL, 0), err);
    return p->sink.script == NULL ? 0 : p->sink.script(p->sink.context, item, body, err);
}

static int take_aux(struct pump *p, const struct item *item, struct ft_err *err)
{
    const struct rdb_item *aux = &item->rdb;
    const struct rdb_entry *timed = entry_of_member_times(p->o.filter, aux);

    if (bytes_eq_str(aux->name, "lua"))
        return take_script(p, item, err);
    if (p->o.as_is || p->sink.loss == NULL)
        return 0;
    if (timed != NULL)
        return p->sink.loss(p->sink.context, LOSS_MEMBER_TTL, rdb_type_name(timed->type), timed->db,
                            timed->key, err);
    /* every flow brings them */
    if (bytes_eq_str(aux->name, "search-index") && owner_guard_own_flow(&p->guard, item->flow) == 0)
        return lose(p, LOSS_NOTE_SEARCH_INDEX, "search-index", aux->bytes, err);
    return 0;
}

int pump_function(struct pump *p, const struct item *item, struct ft_err *err)
{
    enum loss_reason loss = p->o.as_is ? LOSS_NONE : function_loss(p->o.target, &item->rdb);

    if (loss != LOSS_NONE)
        return lose(p, loss, "function", bytes_of(NULL, 0), err);
    if (p->sink.function == NULL)
        return 0;
    return p->sink.function(p->sink.context, item, item->rdb.bytes, err);
}

static int take_function(struct pump *p, const struct item *item, struct ft_err *err)
{
    int taken = 0;

    if (p->o.divert != NULL && p->o.divert->function != NULL && item->rdb.kind == RDB_ITEM_FUNCTION)
        taken = p->o.divert->function(p->o.divert->context, item->rdb.bytes, err);
    if (taken != 0)
        return taken < 0 ? -1 : 0;
    return pump_function(p, item, err);
}

int pump_item(struct pump *p, const struct item *item, struct ft_err *err)
{
    switch (item->kind) {
    case ITEM_ENTRY:
        return take_entry(p, item, err);
    case ITEM_COMMAND:
        return take_record(p, item, err);
    case ITEM_AUX:
        return take_aux(p, item, err);
    case ITEM_FUNCTION:
        return take_function(p, item, err);
    case ITEM_MODULE_AUX:
        return p->o.as_is ? 0 : lose(p, LOSS_NOTE_MODULE_AUX, "module-aux", item->rdb.name, err);
    case ITEM_SNAPSHOT_END:
    case ITEM_OTHER:
        break;
    }
    return 0;
}

static int tick(struct pump *p, const struct source_stream *stream, struct ft_err *err)
{
    if (p->o.tick == NULL)
        return 0;
    return p->o.tick(p->o.tick_context, source_stream_bytes(stream), err);
}

static bool is_after_cut(const struct pump *p, const struct item *item)
{
    const uint64_t *stop = p->o.stop_lsn;

    return stop != NULL && item->is_record && item->lsn != 0 && item->lsn >= stop[item->flow];
}

int pump_stream(struct pump *p, struct source_stream *stream, struct ft_err *err)
{
    int until_tick = TICK_EVERY;
    struct item item;
    enum step step;

    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        int more = 0;

        if (is_after_cut(p, &item))
            break;
        if (pump_item(p, &item, err) != 0)
            return -1;
        if (item.kind == ITEM_ENTRY && p->sink.run != NULL &&
            (more = take_runs(p, stream, &item, err)) < 0)
            return -1;
        until_tick -= 1 + more;
        if (until_tick <= 0) {
            until_tick = TICK_EVERY;
            if (tick(p, stream, err) != 0)
                return -1;
        }
    }
    return step == STEP_ERROR ? -1 : tick(p, stream, err);
}

static int ask_for_more(void *context, bool idle, struct ft_err *err)
{
    struct pump *p = context;

    return p->more(p->more_context, idle, err);
}

/* follow: NULL: only up to the cut. Its context is the pump. */
static int run_journal(struct pump *p, const struct cut *cut, const struct journal_follow *follow,
                       struct ft_err *err)
{
    struct journal_pass_counts before = p->counts.journal;
    int rc = journal_pass_follow(p->o.source, cut, p->o.translator, filter_record, follow, p,
                                 &p->counts.journal, err);

    p->counts.journal.foreign += before.foreign;
    p->counts.journal.repeated += before.repeated;
    return rc;
}

int pump_journal(struct pump *p, const struct cut *cut, struct ft_err *err)
{
    return run_journal(p, cut, NULL, err);
}

int pump_follow(struct pump *p, const struct cut *cut, const struct journal_follow *follow,
                void *context, struct ft_err *err)
{
    const struct journal_follow own = {.more = ask_for_more, .next_lsn = follow->next_lsn};

    p->more = follow->more;
    p->more_context = context;
    return run_journal(p, cut, &own, err);
}
