#include "replay/replay_record.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "command/command_lua.h"
#include "command/command_table.h"
#include "command/left_out.h"
#include "command/sent_key.h"
#include "mapping/mapping_lua.h"
#include "mapping/replay_mapper.h"
#include "mapping/replay_plan.h"
#include "mapping/replay_restore.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_slots.h"
#include "replay/position/replay_suspect.h"
#include "replay/replay_deferred.h"
#include "replay/replay_impl.h"

/* From this one on scripts may call XREADGROUP. */
#define CONSUMER_VERSION 600u

struct replay_recorder {
    struct replay *r;
    struct replay_record_sink sink;
    struct replay_mapper *mapper;
    struct times_shift defer;
    struct bytes *args; /* of a command under another name */
    size_t arg_cap;
    struct translator *translator; /* of records whose names have changed */
    struct replay_planner *planner;
    struct replay_restorer *restorer; /* only where there is no RESTORE */
    unsigned part;
    bool doubtful;
};

static bool is_apart(void *context, struct bytes a, struct bytes b)
{
    const struct replay_position_set *set = &((struct replay_recorder *)context)->r->set;

    return replay_node_of(set, a) != replay_node_of(set, b) ||
           (replay_slots_is(replay_node_of(set, a)) && slot_of(a) != slot_of(b));
}

/* As if the record itself had been refused. */
static int refuse_read(void *context, const struct item *item, uint32_t db,
                       const struct bytes *args, size_t count, const char *error,
                       struct ft_err *err)
{
    static const char doubtful_part[] = {REPLAY_DOUBTFUL, '\0'};
    struct replay_recorder *rec = context;
    bool expected = command_error_expected(command_find(args[0]), error);

    if (expected || (rec->doubtful && replay_doubt_explains(doubtful_part, error))) {
        replay_report_error(&rec->r->report, !expected);
        return 0;
    }
    return replay_dead_refuse(&rec->r->set, item, "read", db, args, count, error, err);
}

int replay_recorder_new(struct replay_recorder **ret, struct replay *r,
                        const struct replay_record_sink *sink, struct ft_err *err)
{
    struct replay_recorder *rec = calloc(1, sizeof(*rec));
    const struct replay_rules rules = replay_rules_of(r);
    const struct replay_plan_host host = {.apart = is_apart, .refuse = refuse_read, .context = rec};

    if (rec == NULL)
        return err_nomem(err, "a replay of records");
    rec->r = r;
    rec->sink = *sink;
    rec->defer.script = lua_hsetex;
    if (replay_mapper_new(&rec->mapper, &rules, err) != 0 ||
        replay_translator_new(&rec->translator, &rules, err) != 0 ||
        replay_planner_new(&rec->planner, &rules, sink, &host, err) != 0 ||
        (rules.no_restore &&
         replay_restorer_new(&rec->restorer, rules.kind, rules.json_as, err) != 0)) {
        replay_recorder_free(rec);
        return -1;
    }
    *ret = rec;
    return 0;
}

void replay_recorder_free(struct replay_recorder *rec)
{
    if (rec == NULL)
        return;
    replay_mapper_free(rec->mapper);
    times_shift_release(&rec->defer);
    free(rec->args);
    translator_free(rec->translator);
    replay_planner_free(rec->planner);
    replay_restorer_free(rec->restorer);
    free(rec);
}

bool replay_recorder_doubts(const struct replay_recorder *rec)
{
    return rec->doubtful;
}

/* arguments: as command_sent_key knows them */
static int put_consumer(struct replay_recorder *rec, uint32_t db, const struct bytes *args,
                        struct ft_err *err)
{
    const struct bytes eval[] = {
        bytes_str("EVAL"), bytes_str(lua_make_consumer), bytes_str("1"), args[7], args[2], args[3]};

    return rec->sink.put(rec->sink.context, db, rec->part++, args[7], eval, 6, err);
}

/* A RESTORE for a target without: one command after the other, all in the same database. */
struct restoring {
    struct replay_recorder *rec;
    uint32_t db;
    struct bytes key;
};

static int put_restored(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    const struct restoring *x = context;
    struct replay_recorder *rec = x->rec;

    return rec->sink.put(rec->sink.context, x->db, rec->part++, x->key, args, count, err);
}

static int put_restore(struct replay_recorder *rec, uint32_t db, struct bytes key,
                       const struct bytes *args, size_t count, struct ft_err *err)
{
    struct restoring x = {rec, db, key};
    enum loss_reason loss;

    if (replay_restorer_run(rec->restorer, args, count, put_restored, &x, &loss, err) != 0)
        return -1;
    if (loss == LOSS_NONE)
        return 0;
    return replay_report_loss(&rec->r->report, loss, "RESTORE", db, args[1], err);
}

static int put(struct replay_recorder *rec, uint32_t db, struct bytes key, const struct bytes *args,
               size_t count, struct ft_err *err)
{
    const struct bytes *timed;
    size_t n;

    if (replay_retime(rec->r, rec->mapper, &rec->defer, db, args, count, &timed, &n, err) != 0)
        return -1;
    if (n == 0)
        return 0;
    if (rec->r->target.version < CONSUMER_VERSION && !rec->r->rights.no_eval &&
        bytes_is_word(timed[0], "XREADGROUP"))
        return put_consumer(rec, db, timed, err);
    if (rec->restorer != NULL && bytes_is_word(timed[0], "RESTORE"))
        return put_restore(rec, db, key, timed, n, err);
    if (rec->r->rights.no_unlink && bytes_is_word(timed[0], "UNLINK")) {
        if (ARRAY_RESERVE(&rec->args, &rec->arg_cap, n, "a command", err) != 0)
            return -1;
        memcpy(rec->args, timed, n * sizeof(*timed));
        rec->args[0] = bytes_str(rights_delete_name(&rec->r->rights));
        timed = rec->args;
    }
    return rec->sink.put(rec->sink.context, db, rec->part++, key, timed, n, err);
}

static int put_transfer(struct replay_recorder *rec, const struct item *item,
                        const struct replay_transfer *tr, struct ft_err *err)
{
    char src[I64_TEXT_SIZE];
    char dst[I64_TEXT_SIZE];
    struct bytes src_db = bytes_of(src, i64_to_text(tr->src_db, src));
    const struct bytes args[] = {
        bytes_str("EVAL"),
        bytes_str(lua_transfer),
        bytes_str("2"),
        tr->src,
        tr->dst,
        src_db,
        bytes_of(dst, i64_to_text(tr->dst_db, dst)),
        bytes_str(tr->replace ? "1" : "0"),
        bytes_str(tr->remove_src ? "1" : "0"),
        src_db,
    };

    if (tr->src_db == tr->dst_db && bytes_eq(tr->src, tr->dst))
        return 0;
    if (rec->restorer != NULL || (rec->r->target.cluster && slot_of(tr->src) != slot_of(tr->dst)))
        return replay_plan_transfer(rec->planner, item, tr, err);
    return put(rec, tr->src_db, tr->src, args, 10, err);
}

int replay_take_losses(struct replay *r, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct bytes key = t->key_count > 0 ? t->keys[0].key : bytes_of(NULL, 0);

    for (size_t i = 0; i < t->loss_count; i++) {
        if (replay_report_loss(&r->report, t->losses[i].reason, t->losses[i].class_name,
                               item->record.dbid, key, err) != 0)
            return -1;
    }
    return 0;
}

/* Under the names that the source has for them. */
static int take_suspects(struct replay *r, const struct item *item, const struct translation *t,
                         struct ft_err *err)
{
    return replay_report_suspects(&r->report, item, t, err) == 0
               ? replay_suspects_note(&r->set, t, err)
               : -1;
}

/*
 * Keys in doubt
 */

static bool is_lost(const struct translation *t)
{
    for (size_t i = 0; t->class_ == TRANSLATION_LOSS && i < t->loss_count; i++) {
        if (!loss_is_note(t->losses[i].reason))
            return true;
    }
    return false;
}

static bool names_lost(struct replay *r, const struct translation *t)
{
    bool any = false;

    for (size_t i = 0; !any && i < t->key_count; i++)
        any = replay_lost_has(&r->set, t->keys[i].db, t->keys[i].key);
    return any;
}

static bool moves_lost(struct replay *r, const struct translation *t)
{
    return translation_moves(t) && replay_lost_has(&r->set, t->keys[0].db, t->keys[0].key);
}

/* What a key that was left out becomes under another name is left out too. */
static int take_lost(struct replay *r, const struct translation *t, struct ft_err *err)
{
    const struct translation_key *k = t->keys;

    for (size_t i = 0; is_lost(t) && i < t->key_count; i++) {
        if (translation_changes(t, i) && replay_lost_add(&r->set, k[i].db, k[i].key, err) != 0)
            return -1;
    }
    if (!moves_lost(r, t))
        return 0;
    return replay_lost_add(&r->set, k[1].db, k[1].key, err) == 0
               ? replay_report_add_loss(&r->report, LOSS_MADE_OF_LOST, t->row->name, k[1].db,
                                        k[1].key, err)
               : -1;
}

typedef bool is_suspect_fn(const struct replay_recorder *rec, const struct translation *t,
                           size_t i);

/* What is made of keys that the target lacks, or in place of one, is not what the source made. */
static bool is_changed(const struct replay_recorder *rec, const struct translation *t, size_t i)
{
    (void)rec;
    return t->keys[i].suspect || translation_changes(t, i);
}

/* The record is left out, and this one may have been changed by it. */
static bool is_unknown(const struct replay_recorder *rec, const struct translation *t, size_t i)
{
    (void)t;
    return replay_mapper_unknown(rec->mapper, i);
}

static int suspect_keys(struct replay_recorder *rec, const struct item *item,
                        const struct translation *t, is_suspect_fn *is_suspect, struct ft_err *err)
{
    struct translation_key *keys = calloc(t->key_count, sizeof(*keys));
    struct translation suspects = *t;
    int rc;

    if (keys == NULL)
        return err_nomem(err, "the keys of a record");
    for (size_t i = 0; i < t->key_count; i++) {
        keys[i] = t->keys[i];
        keys[i].suspect = is_suspect(rec, t, i);
    }
    suspects.keys = keys;
    rc = take_suspects(rec->r, item, &suspects, err);
    free(keys);
    return rc;
}

/* Before the record is applied: what becomes suspect or lost by it, and may it fail for that? */
static int take_doubts(struct replay_recorder *rec, const struct item *item,
                       const struct translation *t, struct ft_err *err)
{
    bool spreads =
        !moves_lost(rec->r, t) && !is_lost(t) && translation_joins(t) && names_lost(rec->r, t);

    if ((spreads ? suspect_keys(rec, item, t, is_changed, err)
                 : take_suspects(rec->r, item, t, err)) != 0 ||
        take_lost(rec->r, t, err) != 0)
        return -1;
    rec->doubtful = replay_is_doubtful(&rec->r->set, t);
    replay_plan_doubt(rec->planner, rec->doubtful);
    return 0;
}

/* RENAME and COPY of a key that the target may lack: what it replaced at the source is gone there. */
static int put_vanished(struct replay_recorder *rec, const struct item *item,
                        const struct translation *t, struct ft_err *err)
{
    struct translation_key src = {0};
    struct translation_key dst = {0};
    struct left_out_command c;

    if (!rec->doubtful || !left_out_replaces(&item->record, t))
        return 0;
    src.key = replay_mapper_name(rec->mapper, 0, &src.db);
    dst.key = replay_mapper_name(rec->mapper, 1, &dst.db);
    if (rec->r->target.cluster && slot_of(src.key) != slot_of(dst.key))
        return 0; /* the plan sees to it */
    left_out_command(&c, &src, &dst);
    return put(rec, src.db, src.key, c.args, LEFT_OUT_ARGS, err);
}

static int put_translation(struct replay_recorder *rec, const struct item *item, uint32_t db,
                           const struct translation *t, struct ft_err *err)
{
    if (replay_take_losses(rec->r, item, t, err) != 0)
        return -1;
    if (t->class_ == TRANSLATION_READ_WRITE && t->command_count == 0)
        return replay_plan_run(rec->planner, item, db, t, err);
    for (size_t i = 0; i < t->command_count; i++) {
        const struct translation_command *c = &t->commands[i];
        /* the translation has looked the command up already */
        struct bytes key = t->class_ == TRANSLATION_AS_IS && t->key_count != 0
                               ? t->keys[0].key
                               : command_sent_key(c->args, c->count);

        if (put(rec, db, key, c->args, c->count, err) != 0)
            return -1;
    }
    return 0;
}

static int put_changed(struct replay_recorder *rec, const struct item *item,
                       const struct replay_mapped *mapped, struct ft_err *err)
{
    struct translation t;

    if (translator_run(rec->translator, mapped->args, mapped->count, mapped->db,
                       (int64_t)(item->time_us / 1000), &t, err) != 0)
        return -1;
    return put_translation(rec, item, mapped->db, &t, err);
}

/* A key may get the time of another one, which nothing in the record tells. */
static int see_moved_time(struct replay_recorder *rec, const struct translation *t,
                          struct ft_err *err)
{
    struct bytes key;
    uint32_t db;

    if (!translation_moves(t))
        return 0;
    key = replay_mapper_name(rec->mapper, 1, &db);
    return replay_defer_moved(rec->r, db, key, err);
}

/*
 * A node came back with older data, and the record cannot be executed there again. With the source at hand its
 * keys are read from it later; else only everything from the start brings them back.
 */
static int leave_lost(struct replay_recorder *rec, const struct item *item,
                      const struct translation *t, struct ft_err *err)
{
    struct translation_key *keys;
    struct translation suspects = *t;
    int rc;

    if (rec->r->o->live == NULL) {
        return err_set(
            err, FT_ERR_STATE,
            "a master of the target came back with data from before this record, and what "
            "the record needs is not on the others any more; --from-start brings "
            "everything again");
    }
    keys = calloc(t->key_count + 1, sizeof(*keys));
    if (keys == NULL)
        return err_nomem(err, "the keys of a record");
    for (size_t i = 0; i < t->key_count; i++) {
        keys[i] = t->keys[i];
        keys[i].suspect = true;
    }
    suspects.keys = keys;
    replay_report_note(
        &rec->r->report,
        "flow %" PRIu32 ", LSN %" PRIu64
        ": a master of the target came back with data from before this record, which cannot be "
        "executed again: its keys are suspect and will be read from the source",
        item->flow, item->lsn);
    rc = take_suspects(rec->r, item, &suspects, err);
    free(keys);
    return rc;
}

static int put_fate(struct replay_recorder *rec, const struct item *item,
                    const struct translation *t, enum replay_fate fate,
                    const struct replay_mapped *mapped, struct ft_err *err)
{
    switch (fate) {
    case REPLAY_FATE_ERROR:
        return -1;
    case REPLAY_FATE_SAME:
        return put_translation(rec, item, mapped->db, t, err);
    case REPLAY_FATE_CHANGED:
        return put_changed(rec, item, mapped, err);
    case REPLAY_FATE_TRANSFER:
        return put_transfer(rec, item, &mapped->transfer, err);
    case REPLAY_FATE_FILTERED:
        replay_report_left_out(&rec->r->report, false);
        break;
    case REPLAY_FATE_KEPT:
        replay_report_left_out(&rec->r->report, true);
        break;
    case REPLAY_FATE_UNKNOWN:
        replay_report_left_out(&rec->r->report, false);
        return suspect_keys(rec, item, t, is_unknown, err);
    }
    return 0;
}

void replay_recorder_flushed(struct replay_recorder *rec, const struct translation_flush *flush,
                             uint32_t db)
{
    replay_mapper_flush(rec->mapper, flush, db);
}

int replay_recorder_put(struct replay_recorder *rec, const struct item *item,
                        const struct translation *t, struct ft_err *err)
{
    struct replay_mapped mapped;
    enum replay_fate fate = replay_mapper_record(rec->mapper, item, t, &mapped, err);

    rec->part = 0;
    if (fate != REPLAY_FATE_ERROR && replay_mapper_pass(rec->mapper, item, t, err) != 0)
        return -1;
    if ((fate == REPLAY_FATE_SAME || fate == REPLAY_FATE_CHANGED || fate == REPLAY_FATE_TRANSFER) &&
        (take_doubts(rec, item, t, err) != 0 || see_moved_time(rec, t, err) != 0 ||
         put_vanished(rec, item, t, err) != 0))
        return -1;
    if (put_fate(rec, item, t, fate, &mapped, err) != 0)
        return -1;
    return replay_plan_take_lost(rec->planner) ? leave_lost(rec, item, t, err) : 0;
}
