#include "replay/replay_snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "command/command_table.h"
#include "command/sent_key.h"
#include "input/repeated_keys.h"
#include "input/stream_pool.h"
#include "item/entry_commands.h"
#include "item/entry_loss.h"
#include "mapping/replay_divide.h"
#include "mapping/replay_mapper.h"
#include "pump/pump.h"
#include "rdb/rdb_string.h"
#include "rdb/value_walk.h"
#include "replay/position/position_lua.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_state_store.h"
#include "replay/position/replay_suspect.h"
#include "replay/replay_deferred.h"
#include "replay/replay_functions.h"
#include "replay/replay_impl.h"
#include "replay/replay_record.h"
#include "replay/replay_refused.h"
#include "replay/replay_run.h"
#include "resp/resp_write.h"
#include "target/cluster_pipe.h"
#include "target/local_script.h"
#include "wire/reply_error.h"
#include "wire/reply_kind.h"

/* Small strings that are gathered for a cluster, by all senders together. */
#define RUN_BYTES (24u << 20)
/* Values beyond this go as commands in pieces, so that the server is not held up by one. */
#define RESTORE_BYTES (1u << 20)
/* Of all connections together, and of one. */
#define IN_FLIGHT_BYTES      (8u << 20)
#define IN_FLIGHT_LANE_BYTES (1u << 20)
#define IN_FLIGHT_MIN        (64u << 10)
#define LANES_MAX            48u
#define SENDERS_MAX          8u

/* Marks of commands, for when one is refused. */
#define MARK_ENTRY   0u
#define MARK_IN_SYNC 1u
#define MARK_DOUBT   2u /* likewise, and see replay_is_doubtful */
#define MARK_DONE    3u /* not of the source: that a flow is done */

struct stream_sender {
    struct replay *r;
    uint32_t flow;
    struct cluster_pipe *pipe;
    struct replay_mapper *mapper;
    struct times_shift defer;
    struct replay_recorder *recorder;
    struct translator *translator;
    struct pump *pump;
    struct entry_commands *by_restore;
    struct entry_commands *by_commands;
    uint32_t db;   /* of the entry being put */
    bool in_order; /* of its elements */
    bool cut;      /* a command of it is not sent, as an argument is too long */
    uint32_t mark;
    struct local_script *script; /* where the target runs none; NULL until there is one */
    struct replay_run *run;      /* small strings */
    struct buf scratch;
    struct replay_payer payer;
    struct hash_log *names; /* of an RDB file's keys; NULL: another kind of input */
    struct hash_log_batch names_batch;
    uint64_t keys;
    uint64_t told_keys;
};

/* --on-conflict skip: the target's own stays, as a key would. */
static bool is_kept_library(const struct replay *r, const struct bytes *args, size_t count,
                            const char *error)
{
    return r->o->on_conflict == REPLAY_CONFLICT_SKIP && count == 3 &&
           bytes_is_word(args[0], "FUNCTION") && strstr(error, "already exists") != NULL;
}

static int refuse(struct stream_sender *s, uint32_t mark, uint32_t db, const struct bytes *args,
                  size_t count, const char *error, struct ft_err *err)
{
    struct replay_position_set *set = &s->r->set;

    if (mark == MARK_ENTRY)
        return replay_dead_add_entry(set, s->flow, db, args, count, error, err);
    return replay_dead_add(set, s->flow, 0, NULL, db, args, count, error, err);
}

static int classify(struct stream_sender *s, uint32_t mark, uint32_t db, const struct bytes *args,
                    size_t count, const char *error, struct ft_err *err)
{
    bool expected = mark != MARK_ENTRY && command_error_expected(command_find(args[0]), error);

    if (replay_is_foreign_script(args, count, error))
        return replay_report_loss(&s->r->report, LOSS_NOTE_SCRIPT, "script", 0, bytes_of(NULL, 0),
                                  err);
    if (is_kept_library(s->r, args, count, error)) {
        replay_report_left_out(&s->r->report, true);
        return 0;
    }
    if (!expected && !(mark == MARK_DOUBT && reply_error_is_of_data(bytes_str(error))))
        return refuse(s, mark, db, args, count, error, err);
    replay_report_error(&s->r->report, !expected);
    return 0;
}

static int take_done(const struct stream_sender *s, const redisReply *reply, struct ft_err *err)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        return 0;
    if (reply->type == REDIS_REPLY_ERROR)
        return err_set(err, FT_ERR_PROTOCOL, "flow %" PRIu32 " cannot be marked as done: %s",
                       s->flow, reply->str);
    return reply_not_of(reply, "the target", "EVAL, to mark a flow as done", err);
}

static int take_answer(void *context, const struct cluster_answer *answer, struct ft_err *err)
{
    struct bytes *args;
    size_t count;
    int rc;

    if (answer->mark == MARK_DONE)
        return take_done(context, answer->reply, err);
    if (answer->reply->type != REDIS_REPLY_ERROR)
        return 0;
    if (resp_take_command(answer->command, &args, &count, err) != 0)
        return -1;
    rc = classify(context, answer->mark, answer->db, args, count, answer->reply->str, err);
    free(args);
    return rc;
}

static int send_args(struct stream_sender *s, uint32_t db, const struct bytes *args, size_t count,
                     struct ft_err *err);

/* Keys that do not depend on each other: only those that are too long are refused. */
static int send_apart(struct stream_sender *s, uint32_t db, const struct bytes *args, size_t count,
                      size_t step, struct ft_err *err)
{
    struct bytes one[3];

    for (size_t at = 1; at < count; at += step) {
        replay_divide_take(args, at, step, one);
        if (send_args(s, db, one, 1 + step, err) != 0)
            return -1;
    }
    return 0;
}

/* Of a command that is larger than a request may be. */
struct cut_command {
    struct stream_sender *s;
    uint32_t db;
};

static int send_piece(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    const struct cut_command *cut = context;

    return send_args(cut->s, cut->db, args, count, err);
}

static int send_args(struct stream_sender *s, uint32_t db, const struct bytes *args, size_t count,
                     struct ft_err *err)
{
    char error[REPLAY_TOO_LONG_TEXT];
    size_t step;

    if (replay_is_too_long(&s->r->set, args, count, error)) {
        const struct reach_limit limit = replay_request_limit(&s->r->set);
        struct cut_command cut = {s, db};
        bool divided = false;

        if ((limit.args != 0 || limit.bytes != 0) &&
            replay_divide_to_fit(&limit, args, count, send_piece, &cut, &divided, err) != 0)
            return -1;
        if (divided)
            return 0;
        if (replay_divide_by_key(args, count, &step))
            return send_apart(s, db, args, count, step, err);
        s->cut = true;
        return refuse(s, s->mark, db, args, count, error, err);
    }
    return cluster_pipe_put(s->pipe, db, s->mark, command_sent_key(args, count), args, count, err);
}

static int put_run(void *context, uint32_t db, const struct bytes *args, size_t count,
                   struct ft_err *err)
{
    struct stream_sender *s = context;

    return cluster_pipe_put(s->pipe, db, MARK_ENTRY, args[1], args, count, err);
}

/*
 * Entries
 */

static bool gives_times(const struct bytes *args)
{
    return bytes_is_word(args[0], "PEXPIREAT") || bytes_is_word(args[0], "HPEXPIREAT");
}

/* After an element that has become a letter. What comes later in a list or a stream becomes one too: sent now, it
 * would be in front of it for good. Times are given now, and again to what the letter brings. */
static int put_after_letter(struct stream_sender *s, const struct bytes *args, size_t count,
                            struct ft_err *err)
{
    if ((s->in_order || gives_times(args)) &&
        refuse(s, MARK_ENTRY, s->db, args, count,
               "not sent, as what comes before it of this key is too long", err) != 0)
        return -1;
    return s->in_order ? 0 : send_args(s, s->db, args, count, err);
}

static int put_entry_command(void *context, const struct bytes *args, size_t count,
                             struct ft_err *err)
{
    struct stream_sender *s = context;
    const struct bytes *timed;
    size_t n;

    if (replay_retime(s->r, s->mapper, &s->defer, s->db, args, count, &timed, &n, err) != 0)
        return -1;
    if (n == 0)
        return 0;
    return s->cut ? put_after_letter(s, timed, n, err) : send_args(s, s->db, timed, n, err);
}

static bool is_small_string(const struct replay *r, const struct rdb_entry *entry)
{
    return entry->type == RDB_TYPE_STRING && entry->value_bytes <= REPLAY_RUN_SMALL_BYTES &&
           entry->key.n <= REPLAY_RUN_SMALL_BYTES &&
           (entry->expire_ms == RDB_NO_EXPIRY || r->o->ttl == REPLAY_TTL_DROP);
}

static int put_small_string(struct stream_sender *s, const struct rdb_entry *entry,
                            struct ft_err *err)
{
    struct bytes in = entry->value;
    struct bytes value;

    if (rdb_string_take(&in, &value, &s->scratch, err) != 0)
        return -1;
    if (atomic_load(&s->r->target.keys_apart))
        replay_run_apart(s->run);
    return replay_run_add(s->run, entry->db, entry->key, value, err);
}

/* Keys that this snapshot names are spared when an older generation's are deleted. */
static int delete_left(struct stream_sender *s, const struct rdb_entry *entry, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(rights_delete_name(&s->r->rights)), entry->key};

    return s->r->set.state.begun_count > 1 ? send_args(s, entry->db, args, 2, err) : 0;
}

static int put_mapped(struct stream_sender *s, const struct rdb_entry *original,
                      const struct rdb_entry *entry, struct ft_err *err)
{
    enum value_class class = rdb_type_class(entry->type);
    bool large =
        entry->value_bytes > RESTORE_BYTES || class == VALUE_STRING || s->r->rights.no_restore;
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result = RECODE_OK;

    s->db = entry->db;
    s->cut = false;
    s->in_order = class == VALUE_LIST || class == VALUE_STREAM;
    if (is_small_string(s->r, entry)) {
        if (put_small_string(s, entry, err) != 0)
            return -1;
    } else if (replay_run_before(s->run, entry->db, entry->key, err) != 0) {
        return -1;
    } else {
        result = entry_commands_run(large ? s->by_commands : s->by_restore, entry,
                                    (int64_t)(clock_wall_us() / 1000), true, put_entry_command, s,
                                    &loss, err);
    }
    if (result == RECODE_ERROR)
        return -1;
    if (loss != LOSS_NONE && replay_report_loss(&s->r->report, loss, rdb_type_name(entry->type),
                                                original->db, original->key, err) != 0)
        return -1;
    if (result != RECODE_OK && loss != LOSS_NONE &&
        replay_lost_add(&s->r->set, original->db, original->key, err) != 0)
        return -1;
    if (result != RECODE_OK)
        return delete_left(s, entry, err);
    s->keys++;
    if (s->names != NULL &&
        key_log_add(s->names, &s->names_batch, original->db, original->key, err) != 0)
        return -1;
    return replay_report_entry_notes(&s->r->report, original, s->r->target.kind, err);
}

static int put_entry(void *context, const struct item *item, struct ft_err *err)
{
    struct stream_sender *s = context;
    struct rdb_entry entry = item->rdb.entry;
    enum replay_fate fate;
    uint32_t db = 0;

    fate = replay_mapper_key(s->mapper, entry.db, entry.key, &db, &entry.key, err);
    if (fate == REPLAY_FATE_ERROR)
        return -1;
    if (fate == REPLAY_FATE_FILTERED || fate == REPLAY_FATE_KEPT) {
        replay_report_left_out(&s->r->report, fate == REPLAY_FATE_KEPT);
        return 0;
    }
    if (rdb_type_class(entry.type) == VALUE_STREAM &&
        replay_suspects_note_entry(&s->r->set, item, err) != 0)
        return -1;
    if (db != 0)
        atomic_store(&s->r->uses_dbs, true);
    entry.db = db;
    entry.raw = bytes_of(NULL, 0);
    if (put_mapped(s, &item->rdb.entry, &entry, err) != 0)
        return -1;
    return replay_pay(&s->payer, entry.key.n + entry.value.n, err);
}

/*
 * Records inside the full sync
 */

/* After all that was put before. */
static int put_in_order(struct stream_sender *s, uint32_t db, const struct bytes *args,
                        size_t count, struct ft_err *err)
{
    if (replay_run_flush(s->run, err) != 0)
        return -1;
    return send_args(s, db, args, count, err);
}

static int drain(void *context, struct ft_err *err)
{
    struct stream_sender *s = context;

    if (replay_run_flush(s->run, err) != 0)
        return -1;
    return cluster_pipe_drain(s->pipe, err);
}

static int ask_for_script(void *context, uint32_t db, redisReply **ret, const struct bytes *args,
                          size_t count, struct ft_err *err)
{
    return cluster_pipe_call(((struct stream_sender *)context)->pipe, db, ret, args, count, err);
}

/* After drain. What it would write is left to the caller. */
static int run_script(struct stream_sender *s, uint32_t db, redisReply **ret,
                      const struct bytes *args, size_t count, struct ft_err *err)
{
    if (s->script == NULL && local_script_new(&s->script, ask_for_script, s, err) != 0)
        return -1;
    return local_script_run(s->script, ret, db, args, count, err);
}

/* The flow is done again from its beginning after an interruption, so no transaction is needed. */
static int put_script_here(struct stream_sender *s, uint32_t db, const struct bytes *args,
                           size_t count, struct ft_err *err)
{
    const struct local_script_write *writes;
    redisReply *reply;
    size_t write_count;
    int rc = 0;

    if (drain(s, err) != 0 || run_script(s, db, &reply, args, count, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        rc = classify(s, s->mark, db, args, count, reply->str, err);
    reply_free(reply);
    writes = local_script_writes(s->script, &write_count);
    for (size_t i = 0; rc == 0 && i < write_count; i++)
        rc = send_args(s, writes[i].db, writes[i].args, writes[i].count, err);
    return rc;
}

static int put_record_command(void *context, uint32_t db, unsigned part, struct bytes key,
                              const struct bytes *args, size_t count, struct ft_err *err)
{
    struct stream_sender *s = context;

    (void)part;
    (void)key; /* what is sent may be divided by keys */
    s->mark = replay_recorder_doubts(s->recorder) ? MARK_DOUBT : MARK_IN_SYNC;
    if (atomic_load(&s->r->target.no_eval) && bytes_eq_str(args[0], "EVAL") && count > 1 &&
        local_script_is_own(args[1]))
        return put_script_here(s, db, args, count, err);
    return put_in_order(s, db, args, count, err);
}

static int ask(void *context, struct bytes key, redisReply **ret, const struct bytes *args,
               size_t count, struct ft_err *err)
{
    struct stream_sender *s = context;

    (void)key; /* among the arguments */
    if (atomic_load(&s->r->target.no_eval) && bytes_eq_str(args[0], "EVAL"))
        return run_script(s, 0, ret, args, count, err);
    return cluster_pipe_call(s->pipe, 0, ret, args, count, err);
}

/* Whoever is interrupted between the sides begins again from where the keys were another time. */
static int put_pair(void *context, const struct replay_pair *pair, struct ft_err *err)
{
    struct stream_sender *s = context;

    for (size_t i = 0; i < pair->dst_count + pair->src_count; i++) {
        const struct replay_pair_command *c =
            i < pair->dst_count ? &pair->dst_commands[i] : &pair->src_commands[i - pair->dst_count];

        if ((i == pair->dst_count && drain(s, err) != 0) ||
            put_in_order(s, c->db, c->args, c->count, err) != 0)
            return -1;
    }
    return drain(s, err);
}

/* Keys that share a record are put in order by waiting: see cluster_pipe.h. */
static int put_record(struct stream_sender *s, const struct item *item, const struct translation *t,
                      struct ft_err *err)
{
    bool alone = s->r->target.cluster && t->key_count > 1;

    if (alone && drain(s, err) != 0)
        return -1;
    if (replay_recorder_put(s->recorder, item, t, err) != 0)
        return -1;
    return alone ? drain(s, err) : 0;
}

static int put_on_all(struct stream_sender *s, const struct bytes *args, size_t count,
                      struct ft_err *err)
{
    if (replay_run_flush(s->run, err) != 0)
        return -1;
    return cluster_pipe_put_all(s->pipe, s->mark, args, count, err);
}

/* SCRIPT LOAD and the like: on every master. */
static int put_keyless(struct stream_sender *s, const struct item *item,
                       const struct translation *t, struct ft_err *err)
{
    struct replay_function room;

    if (replay_take_losses(s->r, item, t, err) != 0 ||
        replay_function_take(s->r, item, t, &room, &t, err) != 0)
        return -1;
    for (size_t i = 0; i < t->command_count; i++) {
        if (put_on_all(s, t->commands[i].args, t->commands[i].count, err) != 0)
            return -1;
    }
    return 0;
}

static int put_in_sync(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct stream_sender *s = context;
    int rc;

    s->mark = MARK_IN_SYNC;
    rc = t->every_node ? put_keyless(s, item, t, err) : put_record(s, item, t, err);
    s->mark = MARK_ENTRY;
    return rc;
}

/*
 * Scripts and functions
 */

static int put_script(void *context, const struct item *item, struct bytes body, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("SCRIPT"), bytes_str("LOAD"), body};
    struct stream_sender *s = context;

    (void)item;               /* any flow's will do */
    if (s->r->rights.no_eval) /* nobody could run it */
        return replay_report_loss(&s->r->report, LOSS_NOTE_SCRIPT, "script", 0, bytes_of(NULL, 0),
                                  err);
    return put_on_all(s, args, 3, err);
}

static int put_function(void *context, const struct item *item, struct bytes code,
                        struct ft_err *err)
{
    const struct bytes replace[] = {bytes_str("FUNCTION"), bytes_str("LOAD"), bytes_str("REPLACE"),
                                    code};
    const struct bytes add[] = {bytes_str("FUNCTION"), bytes_str("LOAD"), code};
    char error[REPLAY_TOO_LONG_TEXT];
    struct stream_sender *s = context;

    (void)item; /* likewise */
    if (replay_is_too_long(&s->r->set, replace, 4, error))
        return refuse(s, s->mark, 0, replace, 4, error, err);
    if (s->r->o->on_conflict == REPLAY_CONFLICT_SKIP)
        return put_on_all(s, add, 3, err);
    return put_on_all(s, replace, 4, err);
}

static int take_loss(void *context, enum loss_reason reason, const char *class_name, uint32_t db,
                     struct bytes key, struct ft_err *err)
{
    struct stream_sender *s = context;

    return replay_report_loss(&s->r->report, reason, class_name, db, key, err);
}

static void tell(struct stream_sender *s)
{
    replay_report_sent_keys(&s->r->report, s->keys - s->told_keys);
    s->told_keys = s->keys;
}

static int check_going_on(const struct stream_sender *s, struct ft_err *err)
{
    if (replay_check_cancelled(s->r, err) != 0)
        return -1;
    return s->r->growing == NULL ? 0 : replay_growing_check(s->r->growing, err);
}

/* Of a full sync that is still running. What is gathered by slot waits for more of its slot, all else goes now. */
static int wait_for_more(struct stream_sender *s, uint32_t *wait_ms, struct ft_err *err)
{
    tell(s);
    if (cluster_pipe_drain(s->pipe, err) != 0)
        return -1;
    return replay_growing_wait(s->r->growing, wait_ms, err);
}

static int send_stream(struct stream_sender *s, struct source_stream *stream, struct ft_err *err)
{
    struct item item;
    enum step step;
    unsigned n = 0;
    uint32_t wait_ms = 0;

    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM || step == STEP_MORE) {
        if (step == STEP_MORE) {
            if (wait_for_more(s, &wait_ms, err) != 0)
                return -1;
            continue;
        }
        wait_ms = 0;
        if (pump_item(s->pump, &item, err) != 0)
            return -1;
        if (replay_report_has_failed(&s->r->report))
            return err_set(err, FT_ERR_PROTOCOL, "the target refused a command");
        if (++n % 1024 == 0) {
            tell(s);
            if (check_going_on(s, err) != 0)
                return -1;
        }
    }
    if (step == STEP_ERROR)
        return -1;
    return drain(s, err);
}

/* So many streams at a time; less where there are many masters. Those of a full sync that is still running come all at
 * once. */
static uint32_t sender_count(const struct replay *r)
{
    size_t fit = LANES_MAX / (r->target.node_count == 0 ? 1 : r->target.node_count);

    if (fit > SENDERS_MAX && r->growing == NULL)
        fit = SENDERS_MAX;
    return fit == 0 ? 1 : (uint32_t)fit;
}

static size_t lane_bytes(const struct replay *r)
{
    size_t lanes = stream_pool_threads(r->source, sender_count(r)) * r->target.node_count;
    size_t bytes = IN_FLIGHT_BYTES / (lanes == 0 ? 1 : lanes);

    if (bytes > IN_FLIGHT_LANE_BYTES)
        return IN_FLIGHT_LANE_BYTES;
    return bytes < IN_FLIGHT_MIN ? IN_FLIGHT_MIN : bytes;
}

/* What waits for others of its slot would not go at the pace asked for. */
static size_t run_bytes(const struct replay *r)
{
    if (r->rights.no_mset || r->o->rate_keys != 0 || r->o->rate_bytes != 0)
        return 0;
    return RUN_BYTES / stream_pool_threads(r->source, sender_count(r));
}

/* The recorder cuts records down to the keys that pass, since it knows their names on the target. */
static int open_pump(struct stream_sender *s, struct ft_err *err)
{
    const struct pump_options options = {.source = s->r->source,
                                         .translator = s->translator,
                                         .target = s->r->target.kind,
                                         .filter = &s->r->o->filter,
                                         .whole_records = true,
                                         .expired_ms = PUMP_NOTHING_EXPIRED};
    const struct item_sink sink = {.context = s,
                                   .entry = put_entry,
                                   .record = put_in_sync,
                                   .script = put_script,
                                   .function = put_function,
                                   .loss = take_loss};

    return pump_new(&s->pump, &options, &sink, err);
}

static int sender_open(struct stream_sender *s, struct ft_err *err)
{
    struct replay *r = s->r;
    const struct replay_rules rules = replay_rules_of(r);
    const struct replay_record_sink sink = {
        .put = put_record_command,
        .drain = drain,
        .ask = ask,
        .pair = put_pair,
        .context = s,
    };
    struct entry_commands_options entries = {.target = r->target.kind,
                                             .json_as = r->o->json_as,
                                             .restore = !r->rights.no_restore,
                                             .no_restore = r->rights.no_restore,
                                             .plain_streams = replay_is_limited(r),
                                             .arg_max = replay_restore_max(r)};

    if (cluster_pipe_new(&s->pipe, &s->r->target, lane_bytes(r), take_answer, s, err) != 0 ||
        replay_run_new(&s->run, r->target.cluster || r->rights.no_mset, run_bytes(r), put_run, s,
                       err) != 0 ||
        replay_mapper_new(&s->mapper, &rules, err) != 0 ||
        replay_recorder_new(&s->recorder, s->r, &sink, err) != 0 ||
        replay_translator_new(&s->translator, &rules, err) != 0 || open_pump(s, err) != 0 ||
        entry_commands_new(&s->by_restore, &entries, err) != 0)
        return -1;
    entries.restore = false;
    return entry_commands_new(&s->by_commands, &entries, err);
}

static void sender_release(struct stream_sender *s)
{
    cluster_pipe_free(s->pipe);
    replay_mapper_free(s->mapper);
    times_shift_release(&s->defer);
    replay_recorder_free(s->recorder);
    pump_free(s->pump);
    translator_free(s->translator);
    entry_commands_free(s->by_restore);
    entry_commands_free(s->by_commands);
    replay_run_free(s->run);
    local_script_free(s->script);
    buf_release(&s->scratch);
    hash_log_free(s->names);
}

/*
 * An RDB file with a key twice is one that redis-server aborts on: nobody knows which value was meant, so
 * this must not end as if all were well. Dragonfly's flows have each key once, by how they are made.
 */
static int check_names(struct stream_sender *s, struct ft_err *err)
{
    if (s->names == NULL)
        return 0;
    if (hash_log_flush(s->names, &s->names_batch, err) != 0)
        return -1;
    return repeated_keys_refuse(s->r->source, s->names, err);
}

/* Written down where all can see it, once no failover can take it away any more. */
static int mark_done(struct stream_sender *s, struct ft_err *err)
{
    struct replay *r = s->r;
    char field[REPLAY_TAG_TEXT];
    char began[I64_TEXT_SIZE];
    struct bytes args[] = {
        bytes_str("EVAL"),
        bytes_str(lua_mark_snapshot),
        bytes_str("1"),
        bytes_str(r->set.state_key),
        bytes_of(began, i64_to_text((int64_t)r->set.state.began_ms, began)),
        {NULL, 0},
    };

    (void)snprintf(field, sizeof(field), "snap:%" PRIu32, s->flow); /* fits */
    args[5] = bytes_str(field);
    if (replay_report_has_failed(&r->report))
        return 0;
    s->mark = MARK_DONE;
    if (replay_lost_save(&r->set, err) != 0 || replay_refused_save(r, err) != 0 ||
        cluster_pipe_wait_replicas(s->pipe, err) != 0)
        return -1;
    if (atomic_load(&r->target.no_eval)
            ? replay_state_eval(&r->set, args, 6, err) != 0
            : send_args(s, 0, args, 6, err) != 0 || cluster_pipe_drain(s->pipe, err) != 0)
        return -1;
    replay_state_stream_done(&r->set, s->flow);
    replay_report_stream_done(&r->report, s->flow, s->keys);
    return 0;
}

struct snapshots {
    struct replay *r;
    struct source_large *large;
};

static int run_stream(void *context, const struct source *source, uint32_t index,
                      struct ft_err *err)
{
    const struct snapshots *all = context;
    const struct source_stream_options options = {
        .snapshot_only = true, .verify_checksum = true, .large = all->large};
    struct stream_sender s = {.r = all->r, .flow = index};
    struct source_stream *stream = NULL;
    int rc = -1;

    s.payer = (struct replay_payer){.pacer = &s.r->pacer, .drain = drain, .context = &s};
    if (s.r->set.state.snap_done[index])
        return 0;
    if (replay_dead_drop(&s.r->set, &index, err) == 0 && sender_open(&s, err) == 0 &&
        (!source_can(source, SOURCE_KEYS_MAY_REPEAT) || key_log_new(&s.names, err) == 0) &&
        source_stream_open(&stream, source, index, &options, err) == 0)
        rc = send_stream(&s, stream, err);
    source_stream_free(stream); /* which gives a permit back that others wait for */
    tell(&s);
    if (s.pump != NULL) /* whatever became of the stream */
        replay_report_pumped(&s.r->report, pump_counts(s.pump)->filtered,
                             pump_counts(s.pump)->in_sync);
    if (rc == 0)
        rc = check_names(&s, err);
    if (rc == 0)
        rc = mark_done(&s, err);
    if (rc != 0)
        replay_report_stream_not_done(&s.r->report, s.keys);
    if (rc != 0 && s.r->growing != NULL)
        replay_growing_break(s.r->growing, err);
    sender_release(&s);
    return rc;
}

int replay_snapshot(struct replay *r, struct ft_err *err)
{
    struct snapshots all = {.r = r};
    int rc;

    if (source_large_new(&all.large, err) != 0)
        return -1;
    replay_report_snapshots(&r->report);
    r->seen_us = 0;
    read_progress_begin(r->source->progress, "snapshot", source_snapshot_bytes(r->source));
    if (r->growing != NULL)
        rc = stream_pool_run_growing(r->source, sender_count(r), run_stream, &all, err);
    else
        rc = stream_pool_run_few(r->source, sender_count(r), run_stream, &all, err);
    source_large_free(all.large);
    if (rc != 0)
        return -1;
    return replay_report_has_failed(&r->report) ? err_set(err, FT_ERR_PROTOCOL, "refused") : 0;
}
