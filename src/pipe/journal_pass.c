#include "pipe/journal_pass.h"

#include <inttypes.h>
#include <stdlib.h>

#include "item/owner.h"

enum flow_state {
    FLOW_RUNNING,
    FLOW_HELD, /* at a flush that not all flows have reached */
    FLOW_ENDED,
};

struct pass_flow {
    struct source_stream *stream;
    enum flow_state state;
    uint64_t held_txid;
    uint64_t held_lsn;
};

struct pass {
    const struct source *source;
    const struct cut *cut;
    struct translator *translator;
    journal_record_fn *take;
    void *context;
    struct journal_pass_counts *counts;
    struct owner_guard guard;
    struct pass_flow *flows;
};

static uint32_t owner_of(const struct owner_guard *g, struct bytes key)
{
    switch (g->rule) {
    case SHARDING_TAG:
        return owner_by_tag(key, g->flow_count);
    case SHARDING_SLOT:
        return owner_by_slot(key, g->flow_count);
    default:
        return owner_by_key(key, g->flow_count);
    }
}

bool owner_guard_passes(const struct owner_guard *g, uint32_t flow,
                        const struct translation_key *keys, size_t key_count)
{
    if (g->rule == SHARDING_UNKNOWN || key_count == 0)
        return true;
    for (size_t i = 0; i < key_count; i++) {
        if (owner_of(g, keys[i].key) == flow)
            return true;
    }
    return false;
}

/* Commands without keys that come on every flow are carried out when flow 0 brings them. */
static bool is_repeated(const struct translation *t, uint32_t flow)
{
    return t->row != NULL && (t->row->flags & COMMAND_ALL_FLOWS) != 0 && flow != 0;
}

static int wrap_record(const struct item *item, struct ft_err *err)
{
    return err_wrap(err, "flow %" PRIu32 ", LSN %" PRIu64 ", command %s", item->flow, item->lsn,
                    item->record.name);
}

/* 1: the flow is held now; 0: go on. */
static int take_command(struct pass *p, const struct item *item, struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    struct pass_flow *flow = &p->flows[item->flow];
    struct translation t;

    if (translator_run(p->translator, record->words, record->word_count, record->dbid,
                       (int64_t)(item->time_us / 1000), &t, err) != 0)
        return wrap_record(item, err);
    if (t.class_ == TRANSLATION_FLUSH) {
        flow->state = FLOW_HELD;
        flow->held_txid = record->txid;
        flow->held_lsn = item->lsn;
        return 1;
    }
    if (!owner_guard_passes(&p->guard, item->flow, t.keys, t.key_count)) {
        p->counts->foreign++;
        return 0;
    }
    if (is_repeated(&t, item->flow)) {
        p->counts->repeated++;
        return 0;
    }
    if (p->take(p->context, item, &t, err) != 0)
        return wrap_record(item, err);
    return 0;
}

/*
 * Runs one flow to its cut, its end, or a flush. The flush is delivered by the last flow to reach
 * it, so that its words are at hand.
 */
static int run_flow(struct pass *p, uint32_t i, struct item *held, struct ft_err *err)
{
    struct pass_flow *flow = &p->flows[i];
    enum step step;

    while ((step = source_stream_next(flow->stream, held, err)) == STEP_ITEM) {
        int rc = 0;

        if (held->lsn != 0 && held->lsn >= p->cut->stop_lsn[i])
            break;
        if (held->lsn == 0)
            continue;
        p->counts->records++;
        if (held->kind == ITEM_COMMAND)
            rc = take_command(p, held, err);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    if (step == STEP_ERROR)
        return -1;
    flow->state = FLOW_ENDED;
    source_stream_free(flow->stream);
    flow->stream = NULL;
    return 0;
}

static int open_flow(struct pass *p, uint32_t i, struct ft_err *err)
{
    const struct source_stream_options options = {.journal_only = true};

    return source_stream_open(&p->flows[i].stream, p->source, i, &options, err);
}

static uint32_t count_state(const struct pass *p, enum flow_state state)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->cut->flow_count; i++)
        n += p->flows[i].state == state;
    return n;
}

static int check_same_flush(const struct pass *p, struct ft_err *err)
{
    for (uint32_t i = 1; i < p->cut->flow_count; i++) {
        if (p->flows[i].held_txid != p->flows[0].held_txid) {
            return err_set(err, FT_ERR_CORRUPT,
                           "flow %" PRIu32 ", LSN %" PRIu64 ": flush of transaction %" PRIu64
                           ", but flow 0, LSN %" PRIu64 " has transaction %" PRIu64,
                           i, p->flows[i].held_lsn, p->flows[i].held_txid, p->flows[0].held_lsn,
                           p->flows[0].held_txid);
        }
    }
    return 0;
}

/* All flows are at the same flush: carry it out once and let them go on. */
static int release_flush(struct pass *p, const struct item *item, struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    struct translation t;

    if (check_same_flush(p, err) != 0)
        return -1;
    if (translator_run(p->translator, record->words, record->word_count, record->dbid,
                       (int64_t)(item->time_us / 1000), &t, err) != 0 ||
        p->take(p->context, item, &t, err) != 0)
        return wrap_record(item, err);
    p->counts->flushes++;
    for (uint32_t i = 0; i < p->cut->flow_count; i++)
        p->flows[i].state = FLOW_RUNNING;
    return 0;
}

static void count_partial_flush(struct pass *p)
{
    for (uint32_t i = 0; i < p->cut->flow_count; i++) {
        if (p->flows[i].state != FLOW_HELD)
            continue;
        p->counts->partial_flush_flows++;
        p->counts->after_partial_flush += p->cut->stop_lsn[i] - p->flows[i].held_lsn;
    }
}

static int run(struct pass *p, struct ft_err *err)
{
    struct item held = {0};

    for (;;) {
        for (uint32_t i = 0; i < p->cut->flow_count; i++) {
            if (p->flows[i].state == FLOW_RUNNING && run_flow(p, i, &held, err) != 0)
                return -1;
        }
        if (count_state(p, FLOW_HELD) < p->cut->flow_count)
            break;
        if (release_flush(p, &held, err) != 0)
            return -1;
    }
    count_partial_flush(p);
    return 0;
}

int journal_pass_run(const struct source *source, const struct cut *cut,
                     struct translator *translator, journal_record_fn *take, void *context,
                     struct journal_pass_counts *counts, struct ft_err *err)
{
    struct pass p = {
        .source = source,
        .cut = cut,
        .translator = translator,
        .take = take,
        .context = context,
        .counts = counts,
        .guard = {.rule = source->generation->sharding, .flow_count = cut->flow_count}};
    int rc = 0;

    memset(counts, 0, sizeof(*counts));
    p.flows = calloc(cut->flow_count, sizeof(*p.flows));
    if (p.flows == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; rc == 0 && i < cut->flow_count; i++)
        rc = open_flow(&p, i, err);
    if (rc == 0)
        rc = run(&p, err);
    for (uint32_t i = 0; i < cut->flow_count; i++)
        source_stream_free(p.flows[i].stream);
    free(p.flows);
    return rc;
}
