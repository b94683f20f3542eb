#include "input/journal_pass.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "input/flush_ahead.h"
#include "input/given_up.h"
#include "input/slot_owners.h"
#include "input/source_nodes.h"

/* Records between two looks at whether there is more for flows that wait. */
#define LOOK_EVERY 512u

enum flow_state {
    FLOW_RUNNING,
    FLOW_HELD,    /* at a flush that not all flows of its node have reached */
    FLOW_BARRED,  /* at a record for a slot of another node */
    FLOW_WAITING, /* at the end of what may be read, when following */
    FLOW_ENDED,
};

struct pass_flow {
    struct source_stream *stream;
    struct flush_ahead
        *ahead; /* once the flow has waited for a slot that its node may delete again; else NULL */
    struct item item; /* the next record, not taken yet; when held, the flush */
    enum flow_state state;
    bool has_item;       /* when waiting: the item lies after what may be read */
    bool in_transaction; /* some of one was taken, not all of it */
    uint64_t first_lsn;
    uint64_t next_lsn;
};

struct pass {
    const struct source *source;
    const struct cut *cut;
    struct translator *translator;
    journal_record_fn *take;
    const struct journal_follow *follow; /* NULL: to the cut */
    void *context;
    struct journal_pass_counts *counts;
    struct owner_guard guard;
    bool transactions;               /* the source marks where they end: a Redis */
    struct sharding_learner learner; /* of records, as long as the rule is being learnt */
    bool learning;
    struct slot_owners *owners; /* of a cluster; else NULL */
    struct given_up *given_up;  /* likewise, of a Dragonfly */
    uint64_t *passed;           /* of each node, where its slots are settled */
    uint64_t passed_sum;        /* when flows that wait for a slot were tried last */
    struct stat moments_file;   /* of the file that says so, when it was read last */
    struct pass_flow *flows;
    uint32_t *last_held; /* of each node, the flow that came last to a flush */
    unsigned since_look;
};

bool journal_is_repeated(const struct translation *t, uint32_t flow, bool flushes)
{
    unsigned flags = COMMAND_ALL_FLOWS | (flushes ? COMMAND_FLUSH : 0u);

    return t->row != NULL && (t->row->flags & flags) != 0 && flow != 0;
}

int journal_translator_new(struct translator **ret, const struct source *source,
                           const struct target *target, enum json_as json_as, struct ft_err *err)
{
    const struct translator_options options = {
        .target = target,
        .json_as = json_as,
        .source_release = source->release,
    };

    return translator_new(ret, &options, err);
}

bool journal_record_applies(const struct owner_guard *g, const struct item *item,
                            const struct translation *t, struct journal_pass_counts *counts)
{
    const struct journal_record *record = &item->record;

    if (owner_guard_classify(g, item->flow, record->args, record->arg_count, t->keys,
                             t->key_count) == OWNER_FOREIGN) {
        counts->foreign++;
        return false;
    }
    if (journal_is_repeated(t, owner_guard_own_flow(g, item->flow), false)) {
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

static void set_transaction(struct pass *p, struct pass_flow *flow, bool open)
{
    if (open != flow->in_transaction)
        p->counts->open_transactions += open ? 1 : -1u;
    flow->in_transaction = open;
}

static void end_flow(struct pass *p, struct pass_flow *flow)
{
    set_transaction(p, flow, false);
    flow->state = FLOW_ENDED;
    source_stream_free(flow->stream);
    flow->stream = NULL;
}

/* The item that the flow stands at, or was the last one, is done. */
static void leave_item(struct pass *p, uint32_t i)
{
    struct pass_flow *flow = &p->flows[i];

    if (p->transactions && item_command(&flow->item) != NULL && flow->item.record.txid != 0)
        set_transaction(p, flow, true);
    flow->has_item = false;
    if (flow->item.lsn >= flow->next_lsn)
        flow->next_lsn = flow->item.lsn + 1;
    if (p->follow != NULL)
        p->follow->next_lsn[i] = flow->next_lsn;
}

/* May the item that was read be taken? */
static void classify_item(struct pass *p, uint32_t i)
{
    struct pass_flow *flow = &p->flows[i];

    if (flow->item.lsn < p->cut->stop_lsn[i]) {
        p->counts->records++;
        flow->state = FLOW_RUNNING;
    } else if (p->follow != NULL) {
        flow->state = FLOW_WAITING;
    } else {
        end_flow(p, flow);
    }
}

/* To the next item that takes an LSN; after the cut the flow has ended, or waits. */
static int read_item(struct pass *p, uint32_t i, struct ft_err *err)
{
    struct pass_flow *flow = &p->flows[i];
    enum step step = STEP_MORE;

    if (p->follow != NULL && flow->next_lsn >= p->cut->stop_lsn[i]) {
        flow->state = FLOW_WAITING;
        return 0;
    }
    do {
        step = source_stream_next(flow->stream, &flow->item, err);
        if (step == STEP_ITEM && flow->item.is_record && flow->item.record.op == JOURNAL_OP_EXEC)
            set_transaction(p, flow, false);
    } while (step == STEP_ITEM && flow->item.lsn < flow->first_lsn);
    if (step == STEP_ERROR)
        return -1;
    flow->has_item = step == STEP_ITEM;
    if (step == STEP_ITEM)
        classify_item(p, i);
    else if (step == STEP_MORE)
        flow->state = FLOW_WAITING;
    else
        end_flow(p, flow);
    return 0;
}

static int advance(struct pass *p, uint32_t i, struct ft_err *err)
{
    leave_item(p, i);
    return read_item(p, i, err);
}

static int translate(struct pass *p, const struct item *item, struct translation *ret,
                     struct ft_err *err)
{
    const struct journal_record *record = &item->record;

    return translator_run(p->translator, record->args, record->arg_count, record->dbid,
                          (int64_t)(item->time_us / 1000), ret, err);
}

/* The snapshot had too few keys to tell the rule: those of the records do. */
static void learn_rule(struct pass *p, const struct item *item, const struct translation *t)
{
    uint32_t flow_count = p->guard.flow_count;

    if (!p->learning)
        return;
    sharding_learner_record(&p->learner, item->record.args, item->record.arg_count, t->keys,
                            t->key_count, item->flow, flow_count);
    p->guard.rule = sharding_tally_rule(&p->learner.tally, flow_count);
    p->learning = p->learner.tally.keys < SHARDING_LEARN_RECORDS;
}

/* A node has one flow where slots are settled: all before the record at which it stands has been taken. */
static const uint64_t *see_passed(struct pass *p)
{
    for (uint32_t i = 0; slot_owners_has_moments(p->owners) && i < p->cut->flow_count; i++) {
        const struct pass_flow *flow = &p->flows[i];
        bool stands = flow->state == FLOW_RUNNING || flow->state == FLOW_HELD ||
                      flow->state == FLOW_BARRED || (flow->state == FLOW_WAITING && flow->has_item);

        p->passed[source_node_of(p->source, i)] = stands ? flow->item.lsn : flow->next_lsn;
    }
    return p->passed;
}

static struct slot_claimant claimant(struct pass *p, uint32_t i)
{
    const struct item *item = &p->flows[i].item;

    return (struct slot_claimant){.node = source_node_of(p->source, i),
                                  .lsn = item->lsn,
                                  .deletes = strcmp(item->record.name, "DEL") == 0 ||
                                             strcmp(item->record.name, "UNLINK") == 0,
                                  .passed = see_passed(p)};
}

/* Does the node delete the keys again, as it never gets their slot? */
static bool is_deleted_again(const struct pass *p, uint32_t i, const struct translation *t)
{
    const struct pass_flow *flow = &p->flows[i];

    for (size_t k = 0; k < t->key_count; k++) {
        if (!flush_ahead_covers(flow->ahead, slot_of(t->keys[k].key), flow->item.lsn))
            return false;
    }
    return true;
}

/* False: the record is not to be taken now, or not at all. */
static bool claim_slots(struct pass *p, uint32_t i, const struct translation *t)
{
    struct slot_claimant c;

    if (p->owners == NULL || t->key_count == 0)
        return true;
    c = claimant(p, i);
    switch (slot_owners_claim(p->owners, &c, t->keys, t->key_count)) {
    case SLOT_TAKE:
        return true;
    case SLOT_DROP:
        p->counts->foreign++;
        break;
    case SLOT_WAIT:
        if (is_deleted_again(p, i, t))
            p->counts->foreign++;
        else
            p->flows[i].state = FLOW_BARRED;
        break;
    }
    return false;
}

static int take_command(struct pass *p, uint32_t i, struct ft_err *err)
{
    struct pass_flow *flow = &p->flows[i];
    uint32_t node = source_node_of(p->source, i);
    const struct item *item = &flow->item;
    struct translation t;

    if (translate(p, item, &t, err) != 0)
        return wrap_record(item, err);
    if (t.class_ == TRANSLATION_FLUSH) {
        flow->state = FLOW_HELD;
        p->last_held[node] = i;
        return 0;
    }
    learn_rule(p, item, &t);
    if (!journal_record_applies(&p->guard, item, &t, p->counts))
        return 0;
    if (!claim_slots(p, i, &t))
        return 0;
    if (p->take(p->context, item, &t, err) != 0)
        return wrap_record(item, err);
    return 0;
}

static bool may_go_on(struct pass *p, const struct pass_flow *flow, uint64_t until_us)
{
    return flow->in_transaction ||
           (flow->item.time_us <= until_us && (p->follow == NULL || p->since_look++ < LOOK_EVERY));
}

/* One flow as long as its records are not later than until_us, to its cut, or to a flush. */
static int run_flow(struct pass *p, uint32_t i, uint64_t until_us, struct ft_err *err)
{
    struct pass_flow *flow = &p->flows[i];

    while (flow->state == FLOW_RUNNING && may_go_on(p, flow, until_us)) {
        if (item_command(&flow->item) != NULL && take_command(p, i, err) != 0)
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
        .follow = p->follow != NULL,
        .scripts = true,
    };
    struct pass_flow *flow = &p->flows[i];

    flow->first_lsn = p->cut->start_lsn != NULL ? p->cut->start_lsn[i] : 1;
    flow->next_lsn = flow->first_lsn;
    if (source_stream_open(&flow->stream, p->source, i, &options, err) != 0)
        return -1;
    return read_item(p, i, err);
}

/* Are all flows of the node at a flush? */
static bool is_held(const struct pass *p, uint32_t node)
{
    for (uint32_t i = source_node_first(p->source, node);
         i < source_node_first(p->source, node + 1); i++) {
        if (p->flows[i].state != FLOW_HELD)
            return false;
    }
    return true;
}

static int check_same_flush(const struct pass *p, uint32_t node, struct ft_err *err)
{
    uint32_t first = source_node_first(p->source, node);
    const struct item *of_first = &p->flows[first].item;

    for (uint32_t i = first + 1; i < source_node_first(p->source, node + 1); i++) {
        const struct item *item = &p->flows[i].item;

        if (item->record.txid != of_first->record.txid) {
            return err_set(err, FT_ERR_CORRUPT,
                           "flow %" PRIu32 ", LSN %" PRIu64 ": flush of transaction %" PRIu64
                           ", but flow %" PRIu32 ", LSN %" PRIu64 " has transaction %" PRIu64,
                           i, item->lsn, item->record.txid, first, of_first->lsn,
                           of_first->record.txid);
        }
    }
    return 0;
}

/* Of flows of other nodes, the record that comes next. */
static void tell_flush_lsns(struct pass *p)
{
    for (uint32_t i = 0; p->cut->flush_lsn != NULL && i < p->cut->flow_count; i++) {
        const struct pass_flow *flow = &p->flows[i];
        bool stands =
            flow->state == FLOW_HELD || flow->state == FLOW_BARRED || flow->state == FLOW_RUNNING;

        p->cut->flush_lsn[i] = stands ? flow->item.lsn : flow->next_lsn;
    }
}

static int deliver_flush(struct pass *p, uint32_t node, struct ft_err *err)
{
    const struct item *item = &p->flows[p->last_held[node]].item;
    struct slot_claimant c;
    struct translation t;
    bool gives_up;

    if (translate(p, item, &t, err) != 0)
        return wrap_record(item, err);
    gives_up = t.flush.kind == FLUSH_SLOTS;
    if (p->owners != NULL) {
        c = claimant(p, p->last_held[node]);
        if (!slot_owners_flush(p->owners, &c, item->record.dbid, &t))
            return 0;
    }
    for (uint32_t i = source_node_first(p->source, node);
         gives_up && i < source_node_first(p->source, node + 1); i++)
        given_up_note(p->given_up, i, p->flows[i].item.lsn);
    tell_flush_lsns(p);
    if (p->take(p->context, item, &t, err) != 0)
        return wrap_record(item, err);
    p->counts->flushes++;
    return 0;
}

/* All flows of the node are at the same flush: carry it out once and let them go on, and those which waited
 * for a slot of the node. */
static int release_flush(struct pass *p, uint32_t node, struct ft_err *err)
{
    if (check_same_flush(p, node, err) != 0 || deliver_flush(p, node, err) != 0)
        return -1;
    for (uint32_t i = 0; i < p->cut->flow_count; i++) {
        struct pass_flow *flow = &p->flows[i];

        if (flow->state == FLOW_BARRED) {
            flow->state = FLOW_RUNNING;
        } else if (source_node_of(p->source, i) == node) {
            flow->state = FLOW_RUNNING;
            if (advance(p, i, err) != 0)
                return -1;
        }
    }
    return 0;
}

static void count_held(struct pass *p)
{
    for (uint32_t i = 0; i < p->cut->flow_count; i++) {
        const struct pass_flow *flow = &p->flows[i];
        uint64_t left = p->follow == NULL ? p->cut->stop_lsn[i] - flow->item.lsn : 0;

        if (flow->state == FLOW_HELD) {
            p->counts->partial_flush_flows++;
            p->counts->after_partial_flush += left;
        } else if (flow->state == FLOW_BARRED) {
            p->counts->foreign_slot_flows++;
            p->counts->after_foreign_slot += left;
        }
    }
}

/* Has the file that says whose the slots are become another one? */
static bool moments_may_be_new(struct pass *p)
{
    struct stat now;

    if (!source_stamp(p->source, &now) || (now.st_ino == p->moments_file.st_ino &&
                                           now.st_mtim.tv_sec == p->moments_file.st_mtim.tv_sec &&
                                           now.st_mtim.tv_nsec == p->moments_file.st_mtim.tv_nsec))
        return false;
    p->moments_file = now;
    return true;
}

/* Of the pass that only finds out whose the slots are. */
static int take_nothing(void *context, const struct item *item,
                        const struct translation *translation, struct ft_err *err)
{
    (void)context;
    (void)item;
    (void)translation;
    (void)err;
    return 0;
}

/* For what a flow waits its journal may say that it is in vain. Returns 1: it does, and the flow runs again. */
static int look_ahead(struct pass *p, uint32_t i, struct ft_err *err)
{
    struct pass_flow *flow = &p->flows[i];
    uint64_t limit = p->take == take_nothing ? UINT64_MAX : p->cut->stop_lsn[i];
    struct translation t;

    if (flow->ahead == NULL &&
        flush_ahead_new(&flow->ahead, p->source, i, flow->item.lsn, p->follow != NULL, err) != 0)
        return -1;
    if (translate(p, &flow->item, &t, err) != 0)
        return wrap_record(&flow->item, err);
    for (size_t k = 0; k < t.key_count; k++) {
        uint16_t slot = slot_of(t.keys[k].key);

        if (flush_ahead_covers(flow->ahead, slot, flow->item.lsn))
            continue;
        if (flush_ahead_read(flow->ahead, p->translator, slot, limit, err) != 0)
            return -1;
        if (!flush_ahead_covers(flow->ahead, slot, flow->item.lsn))
            return 0;
        if (translate(p, &flow->item, &t, err) != 0) /* what was read has taken its place */
            return wrap_record(&flow->item, err);
    }
    flow->state = FLOW_RUNNING;
    return 1;
}

static int look_ahead_of_all(struct pass *p, struct ft_err *err)
{
    int found = 0;

    for (uint32_t i = 0; found >= 0 && i < p->cut->flow_count; i++) {
        int one = p->flows[i].state == FLOW_BARRED ? look_ahead(p, i, err) : 0;

        found = one < 0 ? -1 : found | one;
    }
    return found;
}

/* Flows that wait for a slot, once more, if any node has come further. Returns 1: they run again. */
static int try_barred(struct pass *p, struct ft_err *err)
{
    bool some = false;
    uint64_t sum = 0;
    int news = 0;

    for (uint32_t i = 0; i < p->cut->flow_count; i++)
        some = some || p->flows[i].state == FLOW_BARRED;
    if (some && !slot_owners_has_moments(p->owners))
        return look_ahead_of_all(p, err);
    if (!some)
        return 0;
    if (p->follow != NULL && moments_may_be_new(p))
        news = slot_owners_update(p->owners, p->source, err);
    (void)see_passed(p);
    for (uint32_t i = 0; i < source_node_count(p->source); i++)
        sum += p->passed[i];
    if (news < 0 || (news == 0 && sum == p->passed_sum))
        return news;
    p->passed_sum = sum;
    for (uint32_t i = 0; i < p->cut->flow_count; i++) {
        if (p->flows[i].state == FLOW_BARRED)
            p->flows[i].state = FLOW_RUNNING;
    }
    return 1;
}

/* Flows that wait, once more: there may be something for them by now. */
static int wake_flows(struct pass *p, struct ft_err *err)
{
    if (try_barred(p, err) < 0)
        return -1;
    for (uint32_t i = 0; i < p->cut->flow_count; i++) {
        struct pass_flow *flow = &p->flows[i];

        if (flow->state != FLOW_WAITING)
            continue;
        if (flow->has_item)
            classify_item(p, i);
        else if (read_item(p, i, err) != 0)
            return -1;
    }
    return 0;
}

/* Everything up to the cut, or to what is there, in turns. Returns 1: not all of it. */
static int run_flows(struct pass *p, struct ft_err *err)
{
    uint64_t until_us;
    uint32_t flow;
    int more = 1;

    p->since_look = 0;
    while (more > 0) {
        while (earliest(p, &flow, &until_us)) {
            uint32_t node = source_node_of(p->source, flow);

            if (run_flow(p, flow, until_us, err) != 0 ||
                (is_held(p, node) && release_flush(p, node, err) != 0))
                return -1;
            if (p->follow != NULL && p->since_look > LOOK_EVERY)
                return 1;
        }
        more = try_barred(p, err);
    }
    return more;
}

static int run_following(struct pass *p, struct ft_err *err)
{
    int more = 1;

    while (more > 0) {
        int left = run_flows(p, err);

        if (left < 0)
            return -1;
        more = p->follow->more(p->context, left == 0, err);
        if (more > 0 && wake_flows(p, err) != 0)
            return -1;
    }
    return more;
}

static int run_open(struct pass *p, struct ft_err *err)
{
    for (uint32_t i = 0; i < p->cut->flow_count; i++) {
        if (open_flow(p, i, err) != 0)
            return -1;
    }
    return p->follow != NULL ? run_following(p, err) : run_flows(p, err);
}

/* Of the pass that is the caller's: is what was given up there? */
static int count_given_up(struct pass *p, struct ft_err *err)
{
    uint64_t *next_lsn;
    int rc;

    if (p->given_up == NULL || p->take == take_nothing)
        return 0;
    next_lsn = calloc(p->cut->flow_count, sizeof(*next_lsn));
    if (next_lsn == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < p->cut->flow_count; i++)
        next_lsn[i] = p->flows[i].next_lsn;
    rc = given_up_count(p->given_up, next_lsn, &p->counts->given_up_nodes, err);
    free(next_lsn);
    return rc;
}

static int run(struct pass *p, struct ft_err *err)
{
    int rc = -1;

    p->flows = calloc(p->cut->flow_count, sizeof(*p->flows));
    p->last_held = calloc(source_node_count(p->source), sizeof(*p->last_held));
    p->passed = calloc(source_node_count(p->source), sizeof(*p->passed));
    if (p->flows == NULL || p->last_held == NULL || p->passed == NULL)
        err_nomem(err, "the flows");
    else
        rc = run_open(p, err);
    if (rc == 0) {
        count_held(p);
        rc = count_given_up(p, err);
    }
    for (uint32_t i = 0; p->flows != NULL && i < p->cut->flow_count; i++) {
        source_stream_free(p->flows[i].stream);
        flush_ahead_free(p->flows[i].ahead);
    }
    free(p->flows);
    free(p->last_held);
    free(p->passed);
    return rc;
}

/* Whose the slots are where the pass begins, the records before tell. */
static int find_owners(struct pass *p, struct ft_err *err)
{
    const uint64_t *start = p->cut->start_lsn;
    struct cut before = {.flow_count = p->cut->flow_count};
    struct journal_pass_counts counts = {0};
    struct pass earlier = *p;
    uint64_t *stop;
    bool begins = true;
    int rc;

    if (slot_owners_new(&p->owners, p->source, err) != 0)
        return -1;
    for (uint32_t i = 0; start != NULL && i < p->cut->flow_count; i++)
        begins = begins && start[i] <= source_lsns(p->source, i).first;
    if (p->owners == NULL || begins || slot_owners_has_moments(p->owners))
        return 0;
    stop = calloc(p->cut->flow_count, sizeof(*stop));
    if (stop == NULL)
        return err_nomem(err, "the flows");
    memcpy(stop, start, p->cut->flow_count * sizeof(*stop));
    before.stop_lsn = stop;
    earlier.cut = &before;
    earlier.take = take_nothing;
    earlier.follow = NULL;
    earlier.counts = &counts;
    earlier.owners = p->owners;
    rc = run(&earlier, err);
    free(stop);
    return rc;
}

int journal_pass_run(const struct source *source, const struct cut *cut,
                     struct translator *translator, journal_record_fn *take, void *context,
                     struct journal_pass_counts *counts, struct ft_err *err)
{
    return journal_pass_follow(source, cut, translator, take, NULL, context, counts, err);
}

int journal_pass_follow(const struct source *source, const struct cut *cut,
                        struct translator *translator, journal_record_fn *take,
                        const struct journal_follow *follow, void *context,
                        struct journal_pass_counts *counts, struct ft_err *err)
{
    struct pass p = {
        .source = source,
        .cut = cut,
        .translator = translator,
        .take = take,
        .follow = follow,
        .context = context,
        .counts = counts,
        .guard = source->guard,
        .transactions = !source_can(source, SOURCE_OF_DRAGONFLY),
    };
    int rc;

    p.learning = follow != NULL && p.guard.rule == SHARDING_UNKNOWN && p.guard.flow_count > 1;
    memset(counts, 0, sizeof(*counts));
    rc = given_up_new(&p.given_up, source, cut, follow != NULL, err);
    if (rc == 0)
        rc = find_owners(&p, err);
    if (rc == 0)
        rc = run(&p, err);
    if (rc == 0)
        rc = given_up_check(p.given_up, err);
    slot_owners_free(p.owners);
    given_up_free(p.given_up);
    return rc;
}
