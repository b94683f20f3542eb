#include "replay/position/replay_node.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "command/command_table.h"
#include "mapping/replay_divide.h"
#include "replay/position/position_lua.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_gather.h"
#include "replay/position/replay_lost.h"
#include "replay/position/replay_marks.h"
#include "replay/position/replay_multi.h"
#include "replay/position/replay_script.h"
#include "replay/position/replay_slots.h"
#include "replay/position/replay_suspect.h"
#include "target/local_script.h"
#include "target/target_eval.h"
#include "wire/reach.h"
#include "wire/reply_kind.h"

/* A batch is sent when it has this much. */
#define IN_FLIGHT_SOON 2u /* batches, while there is nothing to read */
#define BATCH_COMMANDS 500u
#define MULTI_COMMANDS 1000u
#define SLOTS_COMMANDS 4000u /* of many slots, each of which costs a round trip */
#define BATCH_BYTES    (256u << 10)
/* While a transaction is in flight the next one grows to so much: other clients of the server wait for all of it. */
#define MULTI_COMMANDS_MAX 4000u
#define MULTI_COMMANDS_FAR 16000u /* a server whose answer takes longer than these to be executed */
#define MULTI_BYTES_MAX    (1u << 20)
#define MULTI_LOOK_EVERY   64u /* commands */
/* Until then one grows, so that a transaction is not divided: its script keeps all others waiting, for well below a second. */
#define WHOLE_COMMANDS 200000u
#define WHOLE_BYTES    (64u << 20)
/* Its shapes and tags are an argument each, of which the least that a server takes is 1 MiB. */
#define WHOLE_TAG_BYTES (1u << 20)

/* What {error, command} of replay_batch.h says. */
struct refusal {
    const char *error;
    uint32_t db;
    const char *tag;
    const char *part; /* its end */
    uint32_t flow;
    uint64_t lsn;
    struct bytes *args; /* owned */
    size_t count;
};

void replay_tag(const struct item *item, unsigned part, bool doubtful, char tag[REPLAY_TAG_TEXT])
{
    char *at = tag;

    at += i64_to_text(item->flow, at);
    *at++ = ':';
    at += i64_to_text((int64_t)item->lsn, at);
    *at++ = ':';
    if (doubtful)
        *at++ = REPLAY_DOUBTFUL;
    at += i64_to_text(part, at);
    *at = '\0';
}

static int take_sha(struct replay_node *node, const redisReply *reply, struct ft_err *err)
{
    if (reply->type != REDIS_REPLY_STRING || reply->len >= sizeof(node->sha))
        return err_set(err, FT_ERR_PROTOCOL, "%s does not answer SCRIPT LOAD as Redis does",
                       node->server->name);
    memcpy(node->sha, reply->str, reply->len + 1);
    return 0;
}

/* Whoever may not load a script may still run it, by which it is loaded. Without its arguments it
 * gives an error before it does anything. */
static int load_by_eval(struct replay_node *node, struct bytes script, struct ft_err *err)
{
    const struct bytes run[] = {bytes_str("EVAL"), script, bytes_str("0")};
    const struct bytes digest[] = {bytes_str("EVAL"), bytes_str("return redis.sha1hex(ARGV[1])"),
                                   bytes_str("0"), script};
    redisReply *reply;
    int rc;

    if (target_node_call(node->server, &reply, digest, 4, err) != 0)
        return -1;
    rc = take_sha(node, reply, err);
    reply_free(reply);
    if (rc != 0 || target_node_ask(node->server, &reply, run, 3, err) != 0)
        return -1;
    reply_free(reply);
    return 0;
}

/* Only when there is a batch: who replays a snapshot alone needs no scripts. */
static int load_script(struct replay_node *node, struct ft_err *err)
{
    struct bytes args[] = {bytes_str("SCRIPT"), bytes_str("LOAD"), {NULL, 0}};
    struct buf renamed = {0};
    redisReply *reply = NULL;
    int rc;

    if (node->sha[0] != '\0')
        return 0;
    rc = reach_script(node->server->uri.reach, bytes_str(replay_script(node->set->target->version)),
                      &renamed, &args[2], err);
    if (rc == 0)
        rc = target_node_ask(node->server, &reply, args, 3, err);
    if (rc == 0)
        rc = reply->type == REDIS_REPLY_ERROR ? load_by_eval(node, args[2], err)
                                              : take_sha(node, reply, err);
    reply_free(reply);
    buf_release(&renamed);
    return rc;
}

static int refuse_too_long(struct replay_node *node, uint32_t db, const char *tag,
                           const struct bytes *args, size_t count, const char *error,
                           struct ft_err *err)
{
    struct item item = {.kind = ITEM_COMMAND};

    (void)sscanf(tag, "%" SCNu32 ":%" SCNu64, &item.flow, &item.lsn); /* as replay_tag made it */
    return replay_dead_refuse(node->set, &item, strrchr(tag, ':') + 1, db, args, count, error, err);
}

/* Keys that do not depend on each other: only those that are too long are refused, and MSET is not needed. */
static int put_apart(struct replay_node *node, uint32_t db, const char *tag,
                     const struct bytes *args, size_t count, size_t step, struct ft_err *err)
{
    char key_tag[REPLAY_TAG_TEXT];
    struct bytes one[3];

    for (size_t at = 1; at < count; at += step) {
        replay_divide_take(args, at, step, one);
        (void)snprintf(key_tag, sizeof(key_tag), "%s.%zu", tag, at); /* fits */
        if (replay_node_put(node, db, key_tag, one, 1 + step, err) != 0)
            return -1;
    }
    return 0;
}

/* Of a command that is larger than a request may be. */
struct cut_command {
    struct replay_node *node;
    uint32_t db;
    const char *tag;
    unsigned pieces;
};

static int put_piece(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    struct cut_command *cut = context;
    char tag[REPLAY_TAG_TEXT];

    (void)snprintf(tag, sizeof(tag), "%s.%u", cut->tag, cut->pieces++); /* fits */
    return replay_node_put(cut->node, cut->db, tag, args, count, err);
}

static bool is_gathering(const struct replay_position_set *set)
{
    return set->gather != NULL && set->gather->on;
}

int replay_node_put(struct replay_node *node, uint32_t db, const char *tag,
                    const struct bytes *args, size_t count, struct ft_err *err)
{
    char error[REPLAY_TOO_LONG_TEXT];
    size_t step;

    if (node->set->no_mset && bytes_is_word(args[0], "MSET") && count % 2 == 1)
        return put_apart(node, db, tag, args, count, 2, err);
    if (replay_is_too_long(node->set, args, count, error)) {
        struct cut_command cut = {node, db, tag, 0};
        const struct reach_limit limit = replay_request_limit(node->set);
        bool divided = false;

        if ((limit.args != 0 || limit.bytes != 0) &&
            replay_divide_to_fit(&limit, args, count, put_piece, &cut, &divided, err) != 0)
            return -1;
        if (divided)
            return 0;
        return replay_divide_by_key(args, count, &step)
                   ? put_apart(node, db, tag, args, count, step, err)
                   : refuse_too_long(node, db, tag, args, count, error, err);
    }
    if (replay_slots_is(node) && bytes_eq_str(args[0], "EVAL") && count > 1 &&
        local_script_is_own(args[1]))
        return replay_slots_put_script(node, db, tag, args, count, err);
    if (replay_multi_is(node)) {
        bool there;

        if (replay_multi_runs_scripts(node) && bytes_eq_str(args[0], "EVAL") && count > 1 &&
            local_script_is_own(args[1]))
            return replay_multi_put_script(node, db, tag, args, count, err);
        if (replay_multi_look_at_db(node, db, tag, args, count, &there, err) != 0)
            return -1;
        if (!there)
            return 0;
    }
    node->count.commands++;
    if (is_gathering(node->set))
        return replay_gather_put(node, tag, args, count, err);
    node->batch.join_sets = !node->set->target->cluster && !node->set->no_mset &&
                            (!replay_multi_is(node) || replay_multi_joins_sets(node));
    return replay_batch_add(&node->batch, db, tag, args, count, err);
}

int replay_node_pass(struct replay_node *node, uint32_t flow, uint64_t next_lsn, struct ft_err *err)
{
    char name[REPLAY_TAG_TEXT];
    char value[I64_TEXT_SIZE];

    if (next_lsn <= node->written[flow])
        return 0;
    node->written[flow] = next_lsn;
    (void)snprintf(name, sizeof(name), "flow:%" PRIu32, flow); /* fits */
    return replay_batch_field(&node->batch, bytes_str(name),
                              bytes_of(value, i64_to_text((int64_t)next_lsn, value)), err);
}

/* What the batch is up to: the positions that have changed since the last one. *ret: they; NULL: records before these are in
 * windows. */
static int put_positions(struct replay_node *node, const uint64_t **ret, struct ft_err *err)
{
    const struct replay_position_set *set = node->set;
    const uint64_t *next = set->next;

    *ret = NULL;
    if (node->in_window && node->window_left != 0)
        return replay_gather_put_lane(node, err);
    if (node->in_window) {
        if (replay_gather_end_node(node, err) != 0)
            return -1;
        next = set->gather->next;
    } else if (!replay_gather_has_none(node)) {
        return 0;
    }
    *ret = next;
    for (uint32_t i = 0; i < set->flow_count; i++) {
        if (replay_node_pass(node, i, next[i], err) != 0)
            return -1;
    }
    return 0;
}

/* next: what it is up to; NULL: no further than the one before. */
static void count_batch(struct replay_node *node, size_t bytes, const uint64_t *next)
{
    node->set->units++;
    node->count.batches++;
    node->count.bytes += bytes;
    replay_report_sent_bytes(node->set->report, bytes);
    if (next != NULL)
        replay_sent_add(&node->sent, node->count.batches, next);
    replay_batch_clear(&node->batch); /* but for its steps */
}

static int send_multi(struct replay_node *node, struct ft_err *err)
{
    count_batch(node, replay_batch_bytes(&node->batch), node->set->next);
    return replay_multi_send(node, err);
}

static bool is_empty(const struct replay_node *node)
{
    return replay_batch_is_empty(&node->batch) &&
           (!replay_slots_is(node) || replay_slots_are_empty(node));
}

/* Is this part of a batch there? 0: it may be empty. */
static bool is_filled(const struct replay_node *node, size_t hundredths)
{
    return replay_batch_commands(&node->batch) >= SLOTS_COMMANDS * hundredths / 100 ||
           replay_batch_bytes(&node->batch) >= BATCH_BYTES * hundredths / 100;
}

/* Transactions of slots are waited for, which is done for several nodes at once. only: the batch of this one; NULL: those
 * that are filled so far. */
static int send_slots(struct replay_position_set *set, const struct replay_node *only,
                      size_t hundredths, struct ft_err *err)
{
    struct replay_node **nodes = calloc(set->node_count + 1, sizeof(struct replay_node *));
    const uint64_t *next = NULL;
    size_t count = 0;
    int rc = nodes == NULL ? err_nomem(err, "the nodes") : replay_lost_save(set, err);

    for (size_t n = 0; rc == 0 && n < set->node_count; n++) {
        struct replay_node *node = &set->nodes[n];

        if (only == NULL ? !is_filled(node, hundredths) : node != only)
            continue;
        rc = put_positions(node, &next, err);
        if (rc == 0 && !is_empty(node))
            nodes[count++] = node;
    }
    if (rc == 0 && count != 0)
        rc = replay_position_set_list_refused(set, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        count_batch(nodes[i], replay_batch_bytes(&nodes[i]->batch), next);
    if (rc == 0 && count != 0)
        rc = replay_slots_send(nodes, count, err);
    free(nodes);
    return rc;
}

/* A reply may refuse commands, which are then noted in the batch: it is cleared before any can come. */
static int send_batch(struct replay_node *node, struct ft_err *err)
{
    struct replay_position *p = &node->position;
    struct replay_batch_parts parts;
    char seq[I64_TEXT_SIZE];
    char next_seq[I64_TEXT_SIZE];
    const uint64_t *next;
    size_t bytes;

    if (replay_slots_is(node))
        return send_slots(node->set, node, 0, err);
    if (replay_lost_save(node->set, err) != 0 || put_positions(node, &next, err) != 0)
        return -1;
    if (is_empty(node))
        return 0;
    if (replay_position_set_list_refused(node->set, err) != 0)
        return -1;
    if (replay_multi_is(node))
        return send_multi(node, err);
    if (load_script(node, err) != 0)
        return -1;
    if (replay_batch_take(&node->batch, &parts, err) != 0)
        return -1;
    const struct bytes args[] = {
        bytes_str("EVALSHA"),
        bytes_str(node->sha),
        bytes_str("0"),
        bytes_str(p->key),
        bytes_of(seq, i64_to_text((int64_t)p->seq, seq)),
        bytes_of(next_seq, i64_to_text((int64_t)p->seq + 1, next_seq)),
        parts.fields,
        parts.args,
        parts.shapes,
        parts.tags,
        parts.forget,
        buf_bytes(&node->server->slots),
        parts.more_kinds,
    };
    bytes = parts.args.n + parts.shapes.n + (size_t)spool_size(parts.more);
    if (redis_pipe_append_more(node->server->pipe, node->count.batches + 1, args,
                               sizeof(args) / sizeof(args[0]), parts.more_kinds.n, parts.more,
                               err) != 0)
        return -1;
    p->seq++;
    count_batch(node, bytes, next);
    return redis_pipe_keep_up(node->server->pipe, err);
}

/*
 * Windows
 */

/* A batch of the window for each node that has more of it; soon: whose last ones have been answered. */
static int send_round(struct replay_position_set *set, bool soon, struct ft_err *err)
{
    for (size_t n = 0; n < set->node_count; n++) {
        struct replay_node *node = &set->nodes[n];

        if (node->window_left == 0 ||
            (soon && redis_pipe_in_flight(node->server->pipe) >= IN_FLIGHT_SOON))
            continue;
        node->in_window = true;
        if (replay_gather_fill(node, BATCH_COMMANDS, BATCH_BYTES, err) != 0 ||
            send_batch(node, err) != 0)
            return -1;
        node->in_window = node->window_left != 0;
    }
    return 0;
}

/* All of the window that is being sent, and what has been gathered since is the next one. */
static int turn_window(struct replay_position_set *set, bool soon, struct ft_err *err)
{
    while (set->gather->sending_nodes != 0) {
        if (send_round(set, false, err) != 0)
            return -1;
    }
    replay_gather_turn(set, soon);
    return 0;
}

static int send_windows(struct replay_position_set *set, struct ft_err *err)
{
    while (!replay_gather_is_empty(set->gather)) {
        if (turn_window(set, false, err) != 0)
            return -1;
    }
    return 0;
}

/* As much is sent as is gathered meanwhile, so that the nodes have something to do all the time. */
static int keep_windows(struct replay_position_set *set, struct ft_err *err)
{
    struct replay_gather *g = set->gather;

    if (replay_gather_is_full(g))
        return turn_window(set, false, err);
    if (g->sending_nodes == 0 || g->filling->commands < g->due)
        return 0;
    g->due += g->sending_nodes * BATCH_COMMANDS;
    return send_round(set, false, err);
}

int replay_nodes_send_soon(struct replay_position_set *set, struct ft_err *err)
{
    if (replay_gather_is_empty(set->gather))
        return 0;
    if (send_round(set, true, err) != 0)
        return -1;
    if (set->gather->sending_nodes != 0 || set->gather->filling->commands == 0)
        return 0;
    replay_gather_turn(set, true);
    return send_round(set, true, err);
}

int replay_nodes_gather(struct replay_position_set *set, bool on, struct ft_err *err)
{
    if (on == is_gathering(set) ||
        (on && (!set->target->cluster || atomic_load(&set->target->no_eval))))
        return 0;
    if (set->gather == NULL && replay_gather_new(&set->gather, set->flow_count, err) != 0)
        return -1;
    set->gather->on = on;
    if (!on)
        return send_windows(set, err);
    for (size_t n = 0; n < set->node_count; n++) {
        if (!is_empty(&set->nodes[n]) && send_batch(&set->nodes[n], err) != 0)
            return -1;
    }
    return 0;
}

/* A transaction at a time costs a round trip each. */
static size_t batch_commands(const struct replay_node *node)
{
    return replay_slots_is(node)   ? SLOTS_COMMANDS
           : replay_multi_is(node) ? MULTI_COMMANDS
                                   : BATCH_COMMANDS;
}

/* Sending would wait for the reply to the last one: what is gathered meanwhile keeps both sides at work, however far apart
 * they are. */
static int grows_meanwhile(struct replay_node *node, bool *ret, struct ft_err *err)
{
    size_t commands = replay_batch_commands(&node->batch);

    *ret = false;
    if (!replay_multi_is(node) ||
        commands >= (replay_multi_is_far(node) ? MULTI_COMMANDS_FAR : MULTI_COMMANDS_MAX) ||
        replay_batch_bytes(&node->batch) >= MULTI_BYTES_MAX)
        return 0;
    if (commands % MULTI_LOOK_EVERY == 0 && redis_pipe_work(node->server->pipe, err) != 0)
        return -1;
    *ret = !replay_multi_is_drained(node);
    return *ret ? replay_multi_queue_early(node, err) : 0;
}

int replay_node_flush(struct replay_node *node, bool all, struct ft_err *err)
{
    bool grows = false;

    if (!all && replay_batch_commands(&node->batch) < batch_commands(node) &&
        replay_batch_bytes(&node->batch) < BATCH_BYTES)
        return 0;
    if (!all && grows_meanwhile(node, &grows, err) != 0)
        return -1;
    return grows ? 0 : send_batch(node, err);
}

bool replay_node_is_over(const struct replay_node *node)
{
    uint64_t arg_max = node->set->target->arg_max;
    size_t tag_bytes = node->batch.tags.n + node->batch.set_tags.n + REPLAY_TAG_TEXT;

    return replay_batch_commands(&node->batch) >= WHOLE_COMMANDS ||
           replay_batch_bytes(&node->batch) >= WHOLE_BYTES ||
           tag_bytes > (arg_max != 0 ? arg_max : WHOLE_TAG_BYTES);
}

int replay_node_flush_soon(struct replay_node *node, bool positions, struct ft_err *err)
{
    struct redis_pipe *pipe = node->server->pipe;
    bool has_args;
    bool may_send;

    /* replies come first: what was gathered while they were awaited would wait for the next event else */
    if (redis_pipe_work(pipe, err) != 0)
        return -1;
    /* a transaction that was refused is to be sent again */
    if (replay_multi_is(node) && replay_multi_is_answered(node) &&
        replay_multi_drain(node, err) != 0)
        return -1;
    has_args = replay_batch_commands(&node->batch) != 0 || node->batch.forget.count != 0;
    may_send = replay_multi_is(node) ? replay_multi_is_drained(node)
                                     : redis_pipe_in_flight(pipe) < IN_FLIGHT_SOON;
    if ((!has_args && !positions) || !may_send)
        return 0;
    return replay_node_flush(node, true, err) == 0 ? redis_pipe_work(pipe, err) : -1;
}

int replay_node_drain(struct replay_node *node, struct ft_err *err)
{
    return replay_multi_is(node) ? replay_multi_drain(node, err)
                                 : redis_pipe_drain(node->server->pipe, err);
}

static bool by_slot(const struct replay_position_set *set)
{
    return set->node_count != 0 && replay_slots_is(&set->nodes[0]);
}

static bool has_more(const struct replay_position_set *set)
{
    for (size_t i = 0; i < set->target->node_count; i++) {
        if (!is_empty(&set->nodes[i]))
            return true;
    }
    return false;
}

int replay_nodes_flush(struct replay_position_set *set, struct ft_err *err)
{
    if (is_gathering(set))
        return keep_windows(set, err);
    for (size_t i = 0; i < set->node_count; i++) {
        if (by_slot(set) ? is_filled(&set->nodes[i], 100) && send_slots(set, NULL, 50, err) != 0
                         : replay_node_flush(&set->nodes[i], false, err) != 0)
            return -1;
    }
    return 0;
}

/* What the replies refuse makes another batch, which tells the target to forget it; where that need not be told, it is
 * listed in any case. */
int replay_drain(struct replay_position_set *set, struct ft_err *err)
{
    if (send_windows(set, err) != 0)
        return -1;
    do {
        if (by_slot(set) && send_slots(set, NULL, 0, err) != 0)
            return -1;
        for (size_t i = 0; !by_slot(set) && i < set->target->node_count; i++) {
            if (send_batch(&set->nodes[i], err) != 0)
                return -1;
        }
        for (size_t i = 0; i < set->target->node_count; i++) {
            if (replay_node_drain(&set->nodes[i], err) != 0)
                return -1;
        }
        if (replay_position_set_list_refused(set, err) != 0)
            return -1;
    } while (has_more(set));
    return 0;
}

/*
 * Refused commands
 */

static bool is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_ERROR;
}

/* {error, {db, tag, {keys}, argument...}} */
static int parse_refusal(const redisReply *reply, struct refusal *ret, struct ft_err *err)
{
    const redisReply *command;
    struct refusal f = {0};

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !is_text(reply->element[0]) ||
        reply->element[1]->type != REDIS_REPLY_ARRAY || reply->element[1]->elements < 4)
        return err_set(err, FT_ERR_PROTOCOL, "the target answered a batch in an unknown form");
    command = reply->element[1];
    for (size_t i = 0; i < command->elements; i++) {
        if (i != 2 && !is_text(command->element[i]))
            return err_set(err, FT_ERR_PROTOCOL, "the target answered a batch in an unknown form");
    }
    f.error = reply->element[0]->str;
    f.db = (uint32_t)strtoul(command->element[0]->str, NULL, 10);
    f.tag = command->element[1]->str;
    f.part = strrchr(f.tag, ':');
    if (f.part++ == NULL || sscanf(f.tag, "%" SCNu32 ":%" SCNu64, &f.flow, &f.lsn) != 2)
        return err_set(err, FT_ERR_PROTOCOL, "the target answered a batch in an unknown form");
    f.count = command->elements - 3;
    f.args = calloc(f.count, sizeof(*f.args));
    if (f.args == NULL)
        return err_nomem(err, "a refused command");
    for (size_t i = 0; i < f.count; i++)
        f.args[i] = bytes_of(command->element[i + 3]->str, command->element[i + 3]->len);
    *ret = f;
    return 0;
}

/* The target need not remember this one any longer. */
static int forget(struct replay_node *node, const struct refusal *f, struct ft_err *err)
{
    char field[REPLAY_TAG_TEXT];

    (void)snprintf(field, sizeof(field), "e:%s", f->tag);
    return replay_batch_forget(&node->batch, bytes_str(field), err);
}

/* The source had this error too, or the key is one that the target may not have as the source has it. */
static bool is_no_surprise(const struct refusal *f)
{
    return command_error_expected(command_find(f->args[0]), f->error) ||
           replay_doubt_explains(f->part, f->error);
}

/* *ret_keep: the target has to remember it. */
static int take_refusal(struct replay_node *node, const struct refusal *f, bool *ret_keep,
                        struct ft_err *err)
{
    struct replay_position_set *set = node->set;

    *ret_keep = false;
    if (is_no_surprise(f)) {
        replay_report_error(set->report,
                            !command_error_expected(command_find(f->args[0]), f->error));
        return 0;
    }
    *ret_keep = set->letters == NULL;
    return replay_dead_add(set, f->flow, f->lsn, f->part, f->db, f->args, f->count, f->error, err);
}

static int classify(struct replay_node *node, const struct refusal *f, struct ft_err *err)
{
    bool keep;

    if (take_refusal(node, f, &keep, err) != 0)
        return -1;
    return keep ? 0 : forget(node, f, err);
}

static int refuse(struct replay_node *node, uint32_t db, const char *tag, const struct bytes *args,
                  size_t count, const char *error, bool *ret_keep, struct ft_err *err)
{
    struct refusal f = {.error = error,
                        .db = db,
                        .tag = tag,
                        .part = strrchr(tag, ':') + 1, /* as replay_tag made it */
                        .args = (struct bytes *)args,
                        .count = count};

    (void)sscanf(tag, "%" SCNu32 ":%" SCNu64, &f.flow, &f.lsn); /* likewise */
    return take_refusal(node, &f, ret_keep, err);
}

int replay_node_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct replay_node *node = context;

    if (reply->type == REDIS_REPLY_ERROR)
        return target_node_refused(node->server, reply->str, err);
    if (tag != 0 && reply->type != REDIS_REPLY_ARRAY)
        return reply_not_of(reply, node->server->name, "a batch", err);
    replay_sent_ack(&node->sent, tag); /* 0: no batch */
    atomic_fetch_add(&node->set->acknowledged, 1);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        struct refusal f;
        int rc;

        if (parse_refusal(reply->element[i], &f, err) != 0)
            return -1;
        rc = classify(node, &f, err);
        free(f.args);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/*
 * What earlier runs left
 */

/* Without it, but not without knowing that its keys differ. */
static int accept(struct replay_node *node, const struct refusal *f, struct ft_err *err)
{
    if (replay_position_set_note_refused(node->set, f->flow, f->lsn, f->db, f->args, f->count,
                                         err) != 0)
        return -1;
    return forget(node, f, err);
}

static int take_left(struct replay_node *node, const redisReply *left, size_t *count,
                     struct ft_err *err)
{
    const struct replay_position_set *set = node->set;
    struct refusal f;
    int rc = 0;

    if (parse_refusal(left, &f, err) != 0)
        return -1;
    if (is_no_surprise(&f))
        rc = forget(node, &f, err);
    else if (set->terms.accept_errors)
        rc = accept(node, &f, err);
    else if (set->letters != NULL)
        rc = classify(node, &f, err);
    else
        ++*count;
    free(f.args);
    return rc;
}

static int check_node(struct replay_node *node, size_t *count, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("EVAL"), bytes_str(lua_read_refused), bytes_str("0"),
                                 bytes_str(node->position.key)};
    redisReply *reply;
    int rc = 0;

    if (node->position.error_count == 0)
        return 0;
    if (target_eval_call(node->set->target, node->server, &reply, args, 4, err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_ARRAY)
        rc = reply_not_of(reply, node->server->name, "EVAL, for what was refused", err);
    for (size_t i = 0; rc == 0 && i < reply->elements; i++)
        rc = take_left(node, reply->element[i], count, err);
    reply_free(reply);
    return rc;
}

int replay_check_failed(struct replay_position_set *set, struct ft_err *err)
{
    size_t count = 0;

    for (size_t i = 0; i < set->target->node_count; i++) {
        if (check_node(&set->nodes[i], &count, err) != 0)
            return -1;
    }
    if (count != 0) {
        return err_set(err, FT_ERR_PROTOCOL,
                       "the target refused %zu command%s in earlier runs: --on-error "
                       "dead-letter=FILE writes %s to a file and continues, --accept-errors "
                       "continues without %s",
                       count, plural(count), count == 1 ? "it" : "them",
                       count == 1 ? "it" : "them");
    }
    return replay_drain(set, err);
}

/*
 * Nodes of an open target
 */

struct replay_node *replay_node_of(const struct replay_position_set *set, struct bytes key)
{
    return &set->nodes[target_client_index(set->target, key)];
}

int replay_nodes_open(struct replay_position_set *set, struct ft_err *err)
{
    set->nodes = calloc(set->target->node_count, sizeof(*set->nodes));
    if (set->nodes == NULL)
        return err_nomem(err, "the nodes");
    while (set->node_count < set->target->node_count) {
        struct replay_node *node = &set->nodes[set->node_count];

        node->set = set;
        node->server = &set->target->nodes[set->node_count++];
        node->written = calloc(set->flow_count + 1u, sizeof(*node->written));
        if (node->written == NULL)
            return err_nomem(err, "a node");
        (void)snprintf(node->count.name, sizeof(node->count.name), "%s",
                       node->server->name); /* fits */
    }
    replay_nodes_listen(set);
    return atomic_load(&set->target->no_eval) ? replay_nodes_begin_multi(set, err) : 0;
}

void replay_nodes_listen(struct replay_position_set *set)
{
    for (size_t i = 0; i < set->node_count; i++) {
        struct replay_node *node = &set->nodes[i];

        if (replay_slots_is(node))
            replay_slots_listen(node);
        else if (!replay_multi_is(node)) /* it listens by itself */
            redis_pipe_on_reply(node->server->pipe, replay_node_reply, node);
    }
}

int replay_nodes_begin_multi(struct replay_position_set *set, struct ft_err *err)
{
    static const struct replay_multi_host host = {
        .refuse = refuse, .put = replay_node_put, .flush = replay_node_flush};

    for (size_t i = 0; i < set->node_count; i++) {
        struct replay_node *node = &set->nodes[i];

        if (!replay_node_by_transactions(node) &&
            (set->target->cluster
                 ? replay_slots_begin(node, &host, err)
                 : replay_multi_begin(node, &host, !atomic_load(&set->target->no_eval), err)) != 0)
            return -1;
    }
    return 0;
}

static void close_node(struct replay_node *node)
{
    replay_report_node(node->set->report, &node->count);
    replay_multi_end(node);
    replay_slots_end(node);
    replay_position_release(&node->position);
    replay_batch_release(&node->batch);
    free(node->written);
    replay_sent_release(&node->sent);
}

void replay_nodes_close(struct replay_position_set *set)
{
    for (size_t i = 0; i < set->node_count; i++)
        close_node(&set->nodes[i]);
    free(set->nodes);
    replay_marks_free(set->marks);
    replay_gather_free(set->gather);
    set->marks = NULL;
    set->gather = NULL;
    set->nodes = NULL;
    set->node_count = 0;
}
