#include "pipe/journal_pass.h"

#include <inttypes.h>
#include <stdlib.h>

enum flow_state {
    FLOW_RUNNING,
    FLOW_HELD, /* at a flush that not all flows have reached */
    FLOW_ENDED,
};

struct pass_flow {
    struct source_stream *stream;
    struct item item; /* the next record, not taken yet; when held, the flush */
    enum flow_state state;
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

/* Commands without keys that come on every flow are carried out when flow 0 brings them. */
static bool is_repeated(const struct translation *t, uint32_t flow)
{
    return t->row != NULL && (t->row->flags & COMMAND_ALL_FLOWS) != 0 && flow != 0;
}

int journal_translator_new(struct translator **ret, const struct source *source,
                           const struct target *target, enum json_as json_as, struct ft_err *err)
{
    const struct translator_options options = {
        .target = target,
        .json_as = json_as,
        .old_source = source_is_old(source),
    };

    return translator_new(ret, &options, err);
}

bool journal_record_applies(const struct owner_guard *g, uint32_t flow, const struct translation *t,
                            struct journal_pass_counts *counts)
{
    if (!owner_guard_passes(g, flow, t->keys, t->key_count)) {
        counts->foreign++;
        return false;
    }
    if (is_repeated(t, flow)) {
        counts->repeated++;
        return false;
    }
    return true;
}

static int wrap_record(const struct item *item, struct ft_err *err)
{
    return err_wrap(err, "flow %" PRIu32 ", LSN %" PRIu64 ", command %s", item->flow, item->lsn,
                    item->record.name);
}

static void end_flow(struct pass_flow *flow)
{
    flow->state = FLOW_ENDED;
    source_stream_free(flow->stream);
    flow->stream = NULL;
}

/* To the next item that takes an LSN; behind the cut the flow has ended. */
static int advance(struct pass *p, uint32_t i, struct ft_err *err)
{
    struct pass_flow *flow = &p->flows[i];
    uint64_t first_lsn = p->cut->start_lsn != NULL ? p->cut->start_lsn[i] : 1;
    enum step step;

    do
        step = source_stream_next(flow->stream, &flow->item, err);
    while (step == STEP_ITEM && flow->item.lsn < first_lsn);
    if (step == STEP_ERROR)
        return -1;
    if (step == STEP_ITEM && flow->item.lsn < p->cut->stop_lsn[i])
        p->counts->records++;
    else
        end_flow(flow);
    return 0;
}

static int translate(struct pass *p, const struct item *item, struct translation *ret,
                     struct ft_err *err)
{
    const struct journal_record *record = &item->record;

    return translator_run(p->translator, record->words, record->word_count, record->dbid,
                          (int64_t)(item->time_us / 1000), ret, err);
}

static int take_command(struct pass *p, struct pass_flow *flow, struct ft_err *err)
{
    const struct item *item = &flow->item;
    struct translation t;

    if (translate(p, item, &t, err) != 0)
        return wrap_record(item, err);
    if (t.class_ == TRANSLATION_FLUSH) {
        flow->state = FLOW_HELD;
        return 0;
    }
    if (!journal_record_applies(&p->guard, item->flow, &t, p->counts))
        return 0;
    if (p->take(p->context, item, &t, err) != 0)
        return wrap_record(item, err);
    return 0;
}

/* One flow as long as its records are not later than until_us, to its cut, or to a flush. */
static int run_flow(struct pass *p, uint32_t i, uint64_t until_us, struct ft_err *err)
{
    struct pass_flow *flow = &p->flows[i];

    while (flow->state == FLOW_RUNNING && flow->item.time_us <= until_us) {
        if (flow->item.kind == ITEM_COMMAND && take_command(p, flow, err) != 0)
            return -1;
        if (flow->state == FLOW_RUNNING && advance(p, i, err) != 0)
            return -1;
    }
    return 0;
}

/* The running flow with the earliest record, and the time of the next one's; false: none runs. */
static bool earliest(const struct pass *p, uint32_t *ret_flow, uint64_t *ret_until_us)
{
    bool found = false;

    *ret_until_us = UINT64_MAX;
    for (uint32_t i = 0; i < p->cut->flow_count; i++) {
        const struct pass_flow *flow = &p->flows[i];
        uint64_t later_us = flow->item.time_us;

        if (flow->state != FLOW_RUNNING)
            continue;
        if (!found || flow->item.time_us < p->flows[*ret_flow].item.time_us) {
            later_us = found ? p->flows[*ret_flow].item.time_us : UINT64_MAX;
            *ret_flow = i;
        }
        if (later_us < *ret_until_us)
            *ret_until_us = later_us;
        found = true;
    }
    return found;
}

static int open_flow(struct pass *p, uint32_t i, struct ft_err *err)
{
    const struct source_stream_options options = {
        .journal_only = true,
        .start_lsn = p->cut->start_lsn != NULL ? p->cut->start_lsn[i] : 0,
    };

    if (source_stream_open(&p->flows[i].stream, p->source, i, &options, err) != 0)
        return -1;
    return advance(p, i, err);
}

static uint32_t count_held(const struct pass *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->cut->flow_count; i++)
        n += p->flows[i].state == FLOW_HELD;
    return n;
}

static int check_same_flush(const struct pass *p, struct ft_err *err)
{
    const struct item *first = &p->flows[0].item;

    for (uint32_t i = 1; i < p->cut->flow_count; i++) {
        const struct item *item = &p->flows[i].item;

        if (item->record.txid != first->record.txid) {
            return err_set(err, FT_ERR_CORRUPT,
                           "flow %" PRIu32 ", LSN %" PRIu64 ": flush of transaction %" PRIu64
                           ", but flow 0, LSN %" PRIu64 " has transaction %" PRIu64,
                           i, item->lsn, item->record.txid, first->lsn, first->record.txid);
        }
    }
    return 0;
}

/* All flows are at the same flush: carry it out once and let them go on. */
static int release_flush(struct pass *p, uint32_t last, struct ft_err *err)
{
    const struct item *item = &p->flows[last].item;
    struct translation t;

    if (check_same_flush(p, err) != 0)
        return -1;
    for (uint32_t i = 0; p->cut->flush_lsn != NULL && i < p->cut->flow_count; i++)
        p->cut->flush_lsn[i] = p->flows[i].item.lsn;
    if (translate(p, item, &t, err) != 0 || p->take(p->context, item, &t, err) != 0)
        return wrap_record(item, err);
    p->counts->flushes++;
    for (uint32_t i = 0; i < p->cut->flow_count; i++) {
        p->flows[i].state = FLOW_RUNNING;
        if (advance(p, i, err) != 0)
            return -1;
    }
    return 0;
}

static void count_partial_flush(struct pass *p)
{
    for (uint32_t i = 0; i < p->cut->flow_count; i++) {
        if (p->flows[i].state != FLOW_HELD)
            continue;
        p->counts->partial_flush_flows++;
        p->counts->after_partial_flush += p->cut->stop_lsn[i] - p->flows[i].item.lsn;
    }
}

static int run(struct pass *p, struct ft_err *err)
{
    uint64_t until_us;
    uint32_t flow = 0;

    for (;;) {
        while (earliest(p, &flow, &until_us)) {
            if (run_flow(p, flow, until_us, err) != 0)
                return -1;
        }
        if (count_held(p) < p->cut->flow_count)
            break;
        if (release_flush(p, flow, err) != 0)
            return -1;
    }
    count_partial_flush(p);
    return 0;
}

int journal_pass_run(const struct source *source, const struct cut *cut,
                     struct translator *translator, journal_record_fn *take, void *context,
                     struct journal_pass_counts *counts, struct ft_err *err)
{
    struct pass p = {.source = source,
                     .cut = cut,
                     .translator = translator,
                     .take = take,
                     .context = context,
                     .counts = counts,
                     .guard = owner_guard_of(source)};
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
