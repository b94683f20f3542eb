#include "replay/replay_journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "command/command_table.h"
#include "input/source_nodes.h"
#include "replay/position/replay_huge.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_pair.h"
#include "replay/position/replay_position.h"
#include "replay/position/replay_suspect.h"
#include "replay/replay_connect.h"
#include "replay/replay_flush.h"
#include "replay/replay_follow.h"
#include "replay/replay_functions.h"
#include "replay/replay_impl.h"
#include "replay/replay_record.h"
#include "replay/replay_told.h"
#include "target/local_script.h"
#include "target/target_eval.h"

#define LOOK_UP_EVERY 256u /* records between looks at signals and time */

struct journal_run {
    struct replay *r;
    struct replay_recorder *recorder;
    const struct item *item; /* being put */
    uint64_t *flush_lsn;
    uint64_t taken;     /* records */
    uint32_t to_gather; /* more of those that may be, until they are (replay_nodes_gather) */
    bool transactions;  /* records of one have its number: of a Redis */
    uint64_t *applied;  /* per flow: of these, since they were reported last */
    const struct journal_pass_counts *pass;
    /* of the transaction that is being put: its number and flow, the unit (position_set.h) that has its first command */
    uint64_t txid;
    uint32_t txid_flow;
    uint64_t first_unit;
    bool divided;           /* and some of it is in another one */
    uint64_t divisions;     /* transactions of which that is so */
    uint64_t first_time_us; /* for --pace */
    uint64_t began_us;
    struct replay_payer payer;
};

static int drain(void *context, struct ft_err *err)
{
    return replay_drain(&((struct journal_run *)context)->r->set, err);
}

/*
 * Transactions
 */

/* A command was put: is it where the others of its transaction are? */
static void note_unit(struct journal_run *j, uint64_t unit)
{
    const struct item *item = j->item;

    if (!j->transactions || item->record.txid == 0)
        return;
    if (j->txid != item->record.txid || j->txid_flow != item->flow) {
        j->txid = item->record.txid;
        j->txid_flow = item->flow;
        j->first_unit = unit;
        j->divided = false;
    }
    if (unit == j->first_unit || j->divided)
        return;
    j->divided = true;
    if (j->divisions++ == 0) {
        replay_report_note(&j->r->report,
                           "flow %" PRIu32 ", LSN %" PRIu64
                           ": a transaction of the source is applied in parts, as it is too large "
                           "for one batch, or has a command that no batch can have",
                           item->flow, item->lsn);
    }
}

static void note_divisions(struct journal_run *j)
{
    if (j->divisions > 1)
        replay_report_note(&j->r->report,
                           "%" PRIu64 " transactions of the source were applied in parts",
                           j->divisions);
}

/* What is full; within a transaction only what cannot grow any more. */
static int send_full(struct journal_run *j, struct ft_err *err)
{
    struct replay *r = j->r;

    if (j->pass->open_transactions == 0)
        return replay_nodes_flush(&r->set, err);
    for (size_t n = 0; n < r->target.node_count; n++) {
        if (replay_node_is_over(&r->set.nodes[n]) &&
            replay_node_flush(&r->set.nodes[n], false, err) != 0)
            return -1;
    }
    return 0;
}

/* For who would wait: batches stay as they are within a transaction. */
static int drain_between(void *context, struct ft_err *err)
{
    struct journal_run *j = context;

    return j->pass->open_transactions != 0 ? 0 : replay_drain(&j->r->set, err);
}

static int put_command(void *context, uint32_t db, unsigned part, struct bytes key,
                       const struct bytes *args, size_t count, struct ft_err *err)
{
    struct journal_run *j = context;
    struct replay_node *node = replay_node_of(&j->r->set, key);
    char tag[REPLAY_TAG_TEXT];
    uint64_t unit;

    if (replay_node_is_past(node, j->item, key))
        return 0;
    if (db != 0)
        atomic_store(&j->r->uses_dbs, true);
    replay_tag(j->item, part, replay_recorder_doubts(j->recorder), tag);
    unit = j->r->set.units;
    if ((count > REPLAY_ARGS_MAX && !replay_node_by_transactions(node)
             ? replay_put_huge(&j->r->set, node, j->item, db, tag, args, count, err)
             : replay_node_put(node, db, tag, args, count, err)) != 0)
        return -1;
    /* a command in place of a batch has a unit of its own, perhaps after what was sent to make room for it */
    note_unit(j, j->r->set.units == unit ? unit : j->r->set.units - 1);
    return 0;
}

static int ask(void *context, struct bytes key, redisReply **ret, const struct bytes *args,
               size_t count, struct ft_err *err)
{
    struct journal_run *j = context;
    struct replay_node *node = replay_node_of(&j->r->set, key);
    redisReply *reply;

    if (!atomic_load(&j->r->target.no_eval) || !bytes_eq_str(args[0], "EVAL"))
        return target_node_ask(node->server, ret, args, count, err);
    if (target_eval_keys(node->server->pipe, 0, &reply, args, count, NULL, 0, err) != 0)
        return -1;
    return target_node_keep(node->server, ret, reply, err);
}

static enum replay_standing standing(void *context, struct bytes dst, struct bytes src)
{
    struct journal_run *j = context;

    return replay_pair_standing(&j->r->set, j->item, dst, src);
}

static int put_pair(void *context, const struct replay_pair *pair, struct ft_err *err)
{
    struct journal_run *j = context;

    if (replay_nodes_gather(&j->r->set, false, err) != 0 ||
        replay_pair_run(&j->r->set, j->item, pair, err) != 0)
        return -1;
    note_unit(j, j->r->set.units);
    return 0;
}

static int call_keyless(struct journal_run *j, struct replay_node *node,
                        const struct translation *t, struct ft_err *err)
{
    for (size_t i = 0; i < t->command_count; i++) {
        const struct translation_command *c = &t->commands[i];
        char part[I64_TEXT_SIZE];
        redisReply *reply;
        int rc;

        if (redis_pipe_call(node->server->pipe, &reply, c->args, c->count, err) != 0)
            return -1;
        (void)snprintf(part, sizeof(part), "%zu", i); /* fits */
        rc = replay_classify(&j->r->set, node, j->item, part, 0, c->args, c->count, reply, err);
        reply_free(reply);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* SCRIPT LOAD and the like: no key, harmless when repeated, not for scripts to run. */
static int put_keyless(struct journal_run *j, const struct translation *t, struct ft_err *err)
{
    struct replay_function room;

    if (replay_take_losses(j->r, j->item, t, err) != 0 ||
        replay_function_take(j->r, j->item, t, &room, &t, err) != 0)
        return -1;
    if (t->command_count == 0)
        return 0;
    if (replay_drain(&j->r->set, err) != 0)
        return -1;
    for (size_t n = 0; n < j->r->target.node_count; n++) {
        if (call_keyless(j, &j->r->set.nodes[n], t, err) != 0)
            return -1;
    }
    return 0;
}

static int put_flush(struct journal_run *j, const struct translation *t, struct ft_err *err)
{
    const struct source *source = j->r->source;

    if (replay_flush(j->r, j->item, &t->flush, j->flush_lsn, err) != 0)
        return -1;
    replay_recorder_flushed(j->recorder, &t->flush, j->item->record.dbid);
    for (uint32_t i = 0; i < source->stream_count; i++) {
        if (source_node_of(source, i) == source_node_of(source, j->item->flow))
            replay_position_set_pass(&j->r->set, i, j->flush_lsn[i] + 1);
    }
    return 0;
}

/* --pace: not before its time. */
static int keep_pace(struct journal_run *j, uint64_t time_us, struct ft_err *err)
{
    const struct replay_options *o = j->r->o;
    uint64_t due_us;
    uint64_t now_us;

    if (o->pace == REPLAY_PACE_MAX || j->pass->open_transactions != 0)
        return 0;
    if (j->first_time_us == 0) {
        j->first_time_us = time_us;
        j->began_us = clock_mono_us();
    }
    if (time_us <= j->first_time_us)
        return 0;
    due_us = j->began_us + (uint64_t)((double)(time_us - j->first_time_us) / o->pace_factor);
    now_us = clock_mono_us();
    if (now_us + 1000 >= due_us)
        return 0;
    if (replay_drain(&j->r->set, err) != 0)
        return -1;
    return replay_sleep(j->r, (due_us - now_us) / 1000, err);
}

static void report_records(struct journal_run *j)
{
    for (uint32_t i = 0; i < j->r->source->stream_count; i++) {
        if (j->applied[i] != 0)
            replay_report_applied(&j->r->report, i, j->applied[i]);
        j->applied[i] = 0;
    }
}

/* Once, when a record has shown that the rule does not hold. */
static void note_guard(struct replay *r)
{
    if (r->guard_noted || r->guard.rule == SHARDING_UNKNOWN || !owner_guard_is_off(&r->guard))
        return;
    r->guard_noted = true;
    replay_report_note(
        &r->report, "the source does not spread its keys by the rule that was found: records for "
                    "keys of other flows are applied from now on");
}

static void report_lag(struct replay *r)
{
    uint64_t lag = 0;

    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        if (r->cut.stop_lsn[i] > r->set.next[i])
            lag += r->cut.stop_lsn[i] - r->set.next[i];
    }
    replay_report_lag(&r->report, lag, source_can(r->source, SOURCE_LSN_IS_OFFSET));
}

static int look_up(struct journal_run *j, struct ft_err *err)
{
    struct replay *r = j->r;

    report_records(j);
    note_guard(r);
    replay_told_move(r);
    if (r->follow == NULL)
        report_lag(r);
    return replay_check_cancelled(r, err);
}

/* Larger ones are not gathered. */
#define GATHER_BYTES (256u << 10)
/* Records that may be gathered, one after the other, until they are: a window that soon has to be sent makes batches of a
 * few commands. */
#define GATHER_AFTER 4000u

/* May a record change places with those of other slots? One of a transaction, or whose keys are of several slots, or not all
 * known, may not. */
static bool may_be_gathered(const struct journal_run *j, const struct item *item,
                            const struct translation *t)
{
    if (t->class_ == TRANSLATION_FLUSH || t->every_node ||
        (t->class_ == TRANSLATION_READ_WRITE && t->command_count == 0) ||
        j->pass->open_transactions != 0 || (j->transactions && item->record.txid != 0) ||
        item->record.arg_bytes > GATHER_BYTES ||
        (t->key_count != 1 && (t->row == NULL || (t->row->flags & COMMAND_SPLIT) == 0)))
        return false;
    for (size_t i = 0; i < t->command_count; i++) {
        const struct translation_command *c = &t->commands[i];

        if (bytes_eq_str(c->args[0], "EVAL") && !(c->count > 1 && local_script_is_own(c->args[1])))
            return false;
    }
    return true;
}

static int gather(struct journal_run *j, const struct item *item, const struct translation *t,
                  struct ft_err *err)
{
    if (!may_be_gathered(j, item, t))
        j->to_gather = GATHER_AFTER;
    else if (j->to_gather != 0)
        j->to_gather--;
    return replay_nodes_gather(&j->r->set, j->to_gather == 0, err);
}

static int take(void *context, const struct item *item, const struct translation *t,
                struct ft_err *err)
{
    struct journal_run *j = context;
    struct replay *r = j->r;
    int rc;

    if (replay_report_has_failed(&r->report))
        return replay_end_refused(r, err);
    if (++j->taken % LOOK_UP_EVERY == 0 && look_up(j, err) != 0)
        return -1;
    if (send_full(j, err) != 0 || keep_pace(j, item->time_us, err) != 0 ||
        gather(j, item, t, err) != 0)
        return -1;
    j->item = item;
    r->seen_us = item->time_us;
    if (t->class_ == TRANSLATION_FLUSH)
        rc = put_flush(j, t, err);
    else if (t->every_node)
        rc = put_keyless(j, t, err);
    else
        rc = replay_recorder_put(j->recorder, item, t, err);
    if (rc != 0)
        return -1;
    replay_position_set_pass(&r->set, item->flow, item->lsn + 1);
    j->applied[item->flow]++;
    return replay_pay(&j->payer, item->record.arg_bytes, err);
}

static int check_not_beyond(const struct replay *r, uint32_t flow, struct ft_err *err)
{
    uint64_t stop = r->cut.stop_lsn[flow];

    for (size_t n = 0; n < r->set.node_count; n++) {
        uint64_t lsn = replay_positions_furthest(&r->set, n, flow);

        if (lsn > stop)
            return err_set(err, FT_ERR_STATE,
                           "the target is further than --at: flow %" PRIu32 " has LSN %" PRIu64
                           " there, wanted is an end before %" PRIu64,
                           flow, lsn - 1, stop);
    }
    return 0;
}

/* Where the journal goes on. */
static int find_start(struct journal_run *j, uint64_t *start, struct ft_err *err)
{
    struct replay *r = j->r;

    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        /* a cut that grows is as far as the last look has raised it, which may be nowhere */
        if (r->follow == NULL && check_not_beyond(r, i, err) != 0)
            return -1;
    }
    replay_positions_start(&r->set, start);
    return replay_pair_forget_old(&r->set, start, err);
}

static int more(void *context, bool idle, struct ft_err *err)
{
    struct journal_run *j = context;

    report_records(j);
    replay_told_move(j->r);
    return replay_follow_more(j->r, j->taken, idle, j->pass->open_transactions == 0, err);
}

static int follow_pass(struct journal_run *j, struct translator *translator,
                       struct journal_pass_counts *pass, struct ft_err *err)
{
    struct replay *r = j->r;
    struct journal_follow follow = {.more = more};

    if (replay_follow_begin(r, err) != 0 || replay_told_begin(r, err) != 0)
        return -1;
    follow.next_lsn = replay_follow_passed(r);
    if (journal_pass_follow(r->source, &r->cut, translator, take, &follow, j, pass, err) != 0 ||
        replay_drain(&r->set, err) != 0)
        return -1;
    replay_follow_tell(r);
    return 0;
}

static int run_pass(struct journal_run *j, struct translator *translator, struct ft_err *err)
{
    struct replay *r = j->r;
    struct journal_pass_counts pass = {0};
    int rc;

    j->pass = &pass;
    /* what is followed has no end that were known */
    read_progress_begin(r->source->progress, "journal",
                        r->follow != NULL ? 0 : source_journal_bytes(r->source));
    if (r->follow == NULL && replay_told_begin(r, err) != 0)
        return -1;
    rc = r->follow != NULL ? follow_pass(j, translator, &pass, err)
                           : journal_pass_run(r->source, &r->cut, translator, take, j, &pass, err);
    replay_report_pass(&r->report, &pass);
    if (rc != 0 || r->follow != NULL)
        return rc;
    for (uint32_t i = 0;
         pass.partial_flush_flows + pass.foreign_slot_flows == 0 && i < r->cut.flow_count; i++)
        replay_position_set_pass(&r->set, i, r->cut.stop_lsn[i]);
    if (replay_drain(&r->set, err) != 0 || replay_pair_forget_old(&r->set, r->set.next, err) != 0)
        return -1;
    if (replay_drain(&r->set, err) != 0)
        return -1;
    replay_told_move(r);
    return 0;
}

static void note_positions(struct replay *r)
{
    for (uint32_t i = 0; i < r->source->stream_count; i++)
        replay_report_position(&r->report, i, r->set.next[i]);
}

int replay_journal(struct replay *r, struct ft_err *err)
{
    struct journal_run j = {.r = r,
                            .transactions = !source_can(r->source, SOURCE_OF_DRAGONFLY),
                            .payer = {.pacer = &r->pacer, .drain = drain_between, .context = &j}};
    const struct replay_rules rules = replay_rules_of(r);
    const struct replay_record_sink sink = {
        .put = put_command,
        .drain = drain,
        .ask = ask,
        .standing = standing,
        .pair = put_pair,
        .context = &j,
    };
    struct translator *translator = NULL;
    uint64_t *start = calloc(r->source->stream_count + 1u, sizeof(*start));
    int rc = -1;

    j.flush_lsn = calloc(r->source->stream_count + 1u, sizeof(*j.flush_lsn));
    j.applied = calloc(r->source->stream_count + 1u, sizeof(*j.applied));
    if (start == NULL || j.flush_lsn == NULL || j.applied == NULL)
        err_nomem(err, "the flows");
    else if (find_start(&j, start, err) == 0 &&
             replay_recorder_new(&j.recorder, r, &sink, err) == 0 &&
             replay_translator_new(&translator, &rules, err) == 0)
        rc = 0;
    r->cut.start_lsn = start;
    r->cut.flush_lsn = j.flush_lsn;
    if (rc == 0)
        rc = run_pass(&j, translator, err);
    r->cut.start_lsn = NULL;
    r->cut.flush_lsn = NULL;
    note_positions(r);
    note_divisions(&j);
    note_guard(r);
    if (j.applied != NULL)
        report_records(&j);
    replay_recorder_free(j.recorder);
    translator_free(translator);
    free(start);
    free(j.flush_lsn);
    free(j.applied);
    return rc;
}
