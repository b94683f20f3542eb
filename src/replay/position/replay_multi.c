#include "replay/position/replay_multi.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "mapping/replay_divide.h"
#include "replay/position/position_lua.h"
#include "replay/position/replay_multi_script.h"
#include "replay/position/replay_transaction.h"
#include "target/key_scan.h"
#include "target/local_script.h"
#include "wire/reach.h"
#include "wire/reply_kind.h"

/* As many steps go ahead of their EXEC, with a MULTI and a script. */
#define EARLY_STEPS 500u
#define EARLY_MORE  2u

/* To the server and back. */
#define FAR_US 5000u

/* Before this version a server refuses MULTI too while it loads its data or runs somebody's script: what was put after it, and
 * comes when that is over, would be executed without the position. */
#define EARLY_VERSION 700u

struct replay_multi {
    const struct replay_multi_host *host;
    struct replay_queue queue;
    struct replay_transaction filling; /* its first steps may be queued while `sent` is executed */
    struct replay_transaction sent;    /* in flight, or to be sent again */
    struct replay_steps late;          /* fields e: of what failed when it was executed */
    char watching[REPLAY_KEY_SIZE];    /* the hash of a position that WATCH was put for ... */
    uint64_t watch_ends; /* ... unless the pipe has more of these: others use it too */
    bool watched;        /* and its seq was the last one */
    uint64_t away_us;    /* min time until the answer to that, when idle; 0: not known */
    bool executing;      /* EXEC of `sent` has no reply yet */
    bool open_refused;   /* something of `filling` was not queued */
    bool has_read;       /* keys are watched for `filling` that were read for scripts */
    bool unconfirmed;    /* the position says that replies are not known to have been read */
    bool again;          /* something of `sent` is left out, and nothing of it was executed */
    uint64_t batch;      /* number of `sent` */
    uint64_t *covered;   /* per flow: first record after the last transaction that was executed */
    uint64_t *sent_next; /* after the records that `sent` has */
    struct buf unread;   /* which records `sent` has */
    uint32_t db_max;     /* that is known to be there */
    uint32_t db;         /* that is selected while a script reads */
    struct local_script *script;
};

bool replay_multi_is(const struct replay_node *node)
{
    return node->multi != NULL;
}

/* Commands that are not waited for: of `filling`, with its MULTI. */
static size_t count_open(const struct replay_multi *m)
{
    return m->filling.is_open ? 1 + m->filling.element_count : 0;
}

bool replay_multi_is_far(const struct replay_node *node)
{
    return node->multi->away_us >= FAR_US;
}

bool replay_multi_is_answered(const struct replay_node *node)
{
    return redis_pipe_in_flight(node->server->pipe) <= count_open(node->multi);
}

bool replay_multi_is_drained(const struct replay_node *node)
{
    return replay_multi_is_answered(node) && !node->multi->again;
}

/*
 * Replies
 */

/* args: of the step. */
static int step_args(struct replay_multi *m, size_t index, char tag[REPLAY_TAG_TEXT],
                     struct ft_err *err)
{
    return replay_steps_args(&m->sent.steps, index, &m->queue.args, &m->queue.arg_cap, tag, err);
}

/* into: where the field goes by which the target remembers it. */
static int remember(struct replay_steps *into, uint32_t db, const char *tag,
                    const struct bytes *args, size_t count, const char *error, struct ft_err *err)
{
    struct buf value = {0};
    char field[REPLAY_TAG_TEXT + 2];
    int rc = replay_refusal_put(&value, db, tag, args, count, error, err);

    (void)snprintf(field, sizeof(field), "e:%s", tag); /* fits */
    if (rc == 0)
        rc = replay_steps_field(into, bytes_str(field), buf_bytes(&value), err);
    buf_release(&value);
    return rc;
}

static int refuse(struct replay_node *node, struct replay_steps *into, uint32_t db, const char *tag,
                  const struct bytes *args, size_t count, const char *error, struct ft_err *err)
{
    bool keep;

    if (node->multi->host->refuse(node, db, tag, args, count, error, &keep, err) != 0)
        return -1;
    return keep ? remember(into, db, tag, args, count, error, err) : 0;
}

static int refuse_step(struct replay_node *node, struct replay_steps *into, size_t index,
                       const char *error, struct ft_err *err)
{
    const struct replay_step *step = &node->multi->sent.steps.steps[index];
    char tag[REPLAY_TAG_TEXT];

    if (step_args(node->multi, index, tag, err) != 0)
        return -1;
    return refuse(node, into, step->db, tag, node->multi->queue.args, step->count, error, err);
}

/* What was sent to be queued is executed then, each by itself, unless it is refused too. */
static int take_begun(struct replay_node *node, const redisReply *reply, struct ft_err *err)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    if (target_node_is_transient(reply->str))
        return target_node_refused(node->server, reply->str, err);
    return err_set(
        err, FT_ERR_PROTOCOL,
        "%s did not begin a transaction, and may have executed what was to be in it, which "
        "a replay that resumes may execute again (--flush empties the target first): %s",
        node->server->name, reply->str);
}

/* Why, and what becomes of it, is found when it is sent again, after the one before. */
static int take_queued_early(struct replay_node *node, const redisReply *reply, struct ft_err *err)
{
    if (target_node_is_transient(reply->str))
        return target_node_refused(node->server, reply->str, err);
    node->multi->open_refused = true;
    return 0;
}

/* What is not queued is left out of the next attempt, which remembers it. One key of several that do not depend on each
 * other may be the reason, and does not take the others along. */
static int take_queued(struct replay_node *node, size_t index, const redisReply *reply,
                       struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    struct replay_step *step;
    char tag[REPLAY_TAG_TEXT];
    size_t each;

    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    if (!m->executing)
        return take_queued_early(node, reply, err);
    step = &m->sent.steps.steps[index];
    if (target_node_is_transient(reply->str))
        return target_node_refused(node->server, reply->str, err);
    m->again = true;
    if (step->is_trim) {
        replay_multi_script_no_trim(m->queue.scripts);
        return 0;
    }
    if (step_args(m, index, tag, err) != 0)
        return -1;
    step->apart = replay_divide_by_key(m->queue.args, step->count, &each);
    step->left_out = !step->apart;
    return step->apart ? 0 : refuse_step(node, &m->sent.steps, index, reply->str, err);
}

/* Which of them is the reason, if not the name of the command, their own SETs will say. */
static int take_queued_sets(struct replay_node *node, const redisReply *reply, struct ft_err *err)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    if (!node->multi->executing)
        return take_queued_early(node, reply, err);
    if (target_node_is_transient(reply->str))
        return target_node_refused(node->server, reply->str, err);
    node->multi->queue.no_mset = true;
    node->multi->again = true;
    return 0;
}

static int take_executed(struct replay_node *node, const redisReply *reply, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    const struct replay_transaction *sent = &m->sent;

    m->executing = false;
    if (reply->type == REDIS_REPLY_ERROR && m->again) /* EXECABORT */
        return 0;
    if (reply->type == REDIS_REPLY_ERROR)
        return target_node_refused(node->server, reply->str, err);
    if (reply->type == REDIS_REPLY_NIL) {
        m->unconfirmed = false; /* whoever has the position now sees to what it says */
        return err_set(err, FT_ERR_NET,
                       "%s did not execute a transaction: its position, or a key that was read for "
                       "it, has changed",
                       node->server->name);
    }
    if (reply->elements != sent->element_count)
        return reply_not_of(reply, node->server->name, "EXEC", err);
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *element = reply->element[i];

        if (sent->elements[i] == REPLAY_LAST_STEP && element->type == REDIS_REPLY_INTEGER)
            m->unconfirmed = element->integer != 0;
        if (element->type != REDIS_REPLY_ERROR)
            continue;
        if (sent->elements[i] == REPLAY_NO_STEP || sent->elements[i] == REPLAY_LAST_STEP)
            return target_node_refused(node->server, element->str, err);
        if (refuse_step(node, &m->late, sent->elements[i], element->str, err) != 0)
            return -1;
    }
    node->position.seq++;
    memcpy(m->covered, m->sent_next, node->set->flow_count * sizeof(*m->covered));
    replay_sent_ack(&node->sent, m->batch);
    atomic_fetch_add(&node->set->acknowledged, 1);
    return 0;
}

static int take_seq(struct replay_node *node, const redisReply *reply, struct ft_err *err)
{
    char seq[I64_TEXT_SIZE];
    size_t n = i64_to_text((int64_t)node->position.seq, seq);

    if (reply->type == REDIS_REPLY_ERROR)
        return target_node_refused(node->server, reply->str, err);
    if (reply->type != REDIS_REPLY_STRING ||
        !bytes_eq(bytes_of(reply->str, reply->len), bytes_of(seq, n))) {
        node->multi->unconfirmed = false; /* likewise */
        return err_set(err, FT_ERR_NET, "%s: somebody else has resumed this replay",
                       node->server->name);
    }
    node->multi->watched = true;
    return 0;
}

static int take_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct replay_node *node = context;

    switch ((enum replay_answer)(tag >> REPLAY_ANSWER_SHIFT)) {
    case REPLAY_ANSWER_MULTI:
        return take_begun(node, reply, err);
    case REPLAY_ANSWER_STEP:
        return take_queued(node, (uint32_t)tag, reply, err);
    case REPLAY_ANSWER_SETS:
        return take_queued_sets(node, reply, err);
    case REPLAY_ANSWER_EXEC:
        return take_executed(node, reply, err);
    case REPLAY_ANSWER_SEQ:
        return take_seq(node, reply, err);
    case REPLAY_ANSWER_PLAIN:
        break;
    }
    return reply->type == REDIS_REPLY_ERROR ? target_node_refused(node->server, reply->str, err)
                                            : 0;
}

/*
 * Sending
 */

/* The reply to the second says whether a transaction may follow. */
static int put_watch(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    const struct bytes key = bytes_str(node->position.key);
    const struct bytes watch[] = {bytes_str("WATCH"), key};
    const struct bytes seq[] = {bytes_str("HGET"), key, bytes_str("seq")};

    m->watched = false;
    m->watch_ends = redis_pipe_watch_ends(node->server->pipe);
    (void)snprintf(m->watching, sizeof(m->watching), "%s", node->position.key);
    return replay_queue_put(&m->queue, REPLAY_ANSWER_PLAIN, watch, 2, err) != 0
               ? -1
               : replay_queue_put(&m->queue, REPLAY_ANSWER_SEQ, seq, 3, err);
}

/* WATCH was put for the position that there is now, and nobody has ended that. */
static bool is_watching(const struct replay_node *node)
{
    return strcmp(node->multi->watching, node->position.key) == 0 &&
           node->multi->watch_ends == redis_pipe_watch_ends(node->server->pipe);
}

static int watch(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    uint64_t began_us;
    uint64_t took_us;

    if (m->watched && is_watching(node))
        return 0;
    /* a position of before */
    if (m->watched && strcmp(m->watching, node->position.key) != 0 &&
        replay_queue_text(&m->queue, REPLAY_ANSWER_PLAIN, "UNWATCH", err) != 0)
        return -1;
    began_us = clock_mono_us();
    if (put_watch(node, err) != 0 || redis_pipe_drain(node->server->pipe, err) != 0)
        return -1;
    took_us = clock_mono_us() - began_us;
    if (m->away_us == 0 || took_us < m->away_us)
        m->away_us = took_us;
    return 0;
}

/* Commands on the position, the name and the key first, with arguments that were collected, of which `step` stay
 * together: as many commands as requests have to be. Replies that come meanwhile may add to what was collected, for the
 * next attempt, and use the room for arguments. */
static int queue_texts(struct replay_node *node, const struct bytes *first, size_t first_count,
                       const struct replay_texts *texts, size_t step, struct ft_err *err)
{
    const size_t most = reach_limit_of(node->set->target->named->reach).args;
    const size_t text_count = texts->count;
    struct replay_multi *m = node->multi;
    size_t at = 0;

    if (ARRAY_RESERVE(&m->queue.args, &m->queue.arg_cap, first_count + text_count, "a position",
                      err) != 0)
        return -1;
    for (size_t count = first_count; at < text_count || count > 2; count = 2) {
        memcpy(m->queue.args, first, count * sizeof(*first));
        count = replay_texts_fill(texts, text_count, &at, step, m->queue.args, count, most);
        if (replay_transaction_note(&m->sent, REPLAY_NO_STEP, err) != 0 ||
            replay_queue_put(&m->queue, REPLAY_ANSWER_PLAIN, m->queue.args, count, err) != 0)
            return -1;
    }
    return 0;
}

static int queue_position(struct replay_node *node, struct ft_err *err)
{
    const struct replay_steps *sent = &node->multi->sent.steps;
    const struct bytes key = bytes_str(node->position.key);
    const struct bytes forget[] = {bytes_str("HDEL"), key};
    char seq[I64_TEXT_SIZE];
    const struct bytes fields[] = {
        bytes_str("HSET"),   key,
        bytes_str("seq"),    bytes_of(seq, i64_to_text((int64_t)node->position.seq + 1, seq)),
        bytes_str("unread"), buf_bytes(&node->multi->unread)};
    const size_t count =
        node->multi->queue.scripts == NULL ? 6 : 4; /* else queue_count sees to `unread` */

    if (sent->forget.count != 0 && queue_texts(node, forget, 2, &sent->forget, 1, err) != 0)
        return -1;
    return queue_texts(node, fields, count, &sent->fields, 2, err);
}

static int queue_count(struct replay_node *node, struct replay_transaction *t, bool last,
                       struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    const struct bytes eval[] = {bytes_str("EVAL"), bytes_str(lua_count_refused), bytes_str("1"),
                                 bytes_str(node->position.key), buf_bytes(&m->unread)};
    const struct bytes *args = eval;
    size_t count = last ? 5 : 4;

    if (m->queue.scripts == NULL)
        return 0;
    if (replay_multi_script_form(m->queue.scripts, &args, &count, 0, err) != 0 ||
        replay_transaction_note(t, last ? REPLAY_LAST_STEP : REPLAY_NO_STEP, err) != 0)
        return -1;
    return replay_queue_put(&m->queue, REPLAY_ANSWER_PLAIN, args, count, err);
}

static int open_transaction(struct replay_node *node, struct replay_transaction *t,
                            struct ft_err *err)
{
    return replay_transaction_open(&node->multi->queue, t, err) == 0
               ? queue_count(node, t, false, err)
               : -1;
}

/* What was queued of `filling` is not executed, and will be queued again. */
static int discard_open(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;

    if (!m->filling.is_open)
        return 0;
    if (replay_queue_text(&m->queue, REPLAY_ANSWER_PLAIN, "DISCARD", err) != 0 ||
        redis_pipe_drain(node->server->pipe, err) != 0)
        return -1;
    replay_transaction_reset(&m->filling);
    m->open_refused = false;
    return 0;
}

static int leave_to_others(void *context, struct ft_err *err)
{
    return discard_open(context, err);
}

/* The next one is watched for in the same go. */
static int transmit(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    struct replay_transaction *sent = &m->sent;

    m->unconfirmed = true;
    if (!sent->is_open && (watch(node, err) != 0 || open_transaction(node, sent, err) != 0))
        return -1;
    if (replay_transaction_queue(&m->queue, sent, err) != 0 ||
        replay_transaction_select(&m->queue, sent, 0, err) != 0 || queue_position(node, err) != 0 ||
        queue_count(node, sent, true, err) != 0)
        return -1;
    m->watched = false;
    sent->is_open = false;
    if (replay_queue_text(&m->queue, REPLAY_ANSWER_EXEC, "EXEC", err) != 0 ||
        put_watch(node, err) != 0)
        return -1;
    return redis_pipe_push(node->server->pipe, err);
}

/* With room for a SELECT before each. */
static bool has_room(const struct replay_node *node)
{
    const struct replay_transaction *t = &node->multi->filling;
    const size_t steps = t->steps.step_count - t->queued;

    return redis_pipe_has_room(node->server->pipe, EARLY_MORE + 2 * steps,
                               t->steps.bytes - t->queued_bytes);
}

int replay_multi_queue_early(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    struct replay_transaction *t = &m->filling;
    int rc;

    if (node->set->target->version < EARLY_VERSION || !m->executing || m->again ||
        m->open_refused || m->has_read || !is_watching(node) ||
        t->steps.step_count - t->queued < EARLY_STEPS || !has_room(node))
        return 0;
    m->queue.no_wait = true;
    rc = !t->is_open ? open_transaction(node, t, err) : 0;
    if (rc == 0)
        rc = replay_transaction_queue(&m->queue, t, err);
    m->queue.no_wait = false;
    return rc == 0 ? redis_pipe_push(node->server->pipe, err) : -1;
}

int replay_multi_drain(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;

    if (redis_pipe_await(node->server->pipe, count_open(m), err) != 0)
        return -1;
    while (m->again) {
        m->again = false;
        /* the position passes what was refused */
        if (discard_open(node, err) != 0 || replay_position_set_list_refused(node->set, err) != 0 ||
            replay_transaction_leave_out(&m->queue, &m->sent, err) != 0)
            return -1;
        m->executing = true;
        if (transmit(node, err) != 0 || redis_pipe_drain(node->server->pipe, err) != 0)
            return -1;
    }
    return 0;
}

static int add_late(struct replay_multi *m, struct ft_err *err)
{
    const struct replay_texts *late = &m->late.fields;

    for (size_t i = 0; i + 1 < late->count; i += 2) {
        if (replay_steps_field(&m->filling.steps, replay_texts_at(late, i),
                               replay_texts_at(late, i + 1), err) != 0)
            return -1;
    }
    replay_steps_clear(&m->late);
    return 0;
}

/* "flow:first-last ..."; the position stands after them. */
static int list_records(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;

    buf_clear(&m->unread);
    for (uint32_t i = 0; i < node->set->flow_count; i++) {
        if (m->covered[i] < node->position.lsn[i])
            m->covered[i] = node->position.lsn[i];
        if (node->written[i] > m->covered[i] &&
            buf_printf(&m->unread, err, "%" PRIu32 ":%" PRIu64 "-%" PRIu64 " ", i, m->covered[i],
                       node->written[i] - 1) != 0)
            return -1;
        m->sent_next[i] = node->written[i];
    }
    return 0;
}

int replay_multi_send(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    struct replay_transaction swap;

    /* with this one the last one's replies count as read */
    if (replay_multi_drain(node, err) != 0 ||
        replay_position_set_list_refused(node->set, err) != 0 || add_late(m, err) != 0 ||
        list_records(node, err) != 0 ||
        ((m->open_refused || !is_watching(node)) && discard_open(node, err) != 0))
        return -1;
    swap = m->sent;
    m->sent = m->filling;
    m->filling = swap;
    replay_steps_clear(&m->filling.steps);
    replay_transaction_reset(&m->filling);
    m->executing = true;
    m->has_read = false;
    m->batch = node->count.batches;
    return transmit(node, err);
}

/*
 * Scripts
 */

/* Outside of a transaction, as what a script reads. */
static int select_db(struct replay_node *node, uint32_t db, struct ft_err *err)
{
    if (node->multi->db == db)
        return 0;
    if (key_scan_select(node->server, db, err) != 0)
        return -1;
    node->multi->db = db;
    return 0;
}

static int ask_for_script(void *context, uint32_t db, redisReply **ret, const struct bytes *args,
                          size_t count, struct ft_err *err)
{
    struct replay_node *node = context;

    return select_db(node, db, err) == 0 ? target_node_ask(node->server, ret, args, count, err)
                                         : -1;
}

static int watch_keys(struct replay_node *node, uint32_t db, const struct bytes *keys, size_t count,
                      struct ft_err *err)
{
    if (watch(node, err) != 0 || select_db(node, db, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct bytes args[] = {bytes_str("WATCH"), keys[i]};

        if (target_node_call(node->server, NULL, args, 2, err) != 0)
            return -1;
    }
    return 0;
}

int replay_multi_put_writes(struct replay_node *node, const struct replay_multi_host *host,
                            const struct local_script *script, const char *tag, struct ft_err *err)
{
    const struct local_script_write *writes;
    char part[REPLAY_TAG_TEXT];
    size_t count;

    writes = local_script_writes(script, &count);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(part, sizeof(part), "%s.%zu", tag, i); /* fits */
        if (host->put(node, writes[i].db, part, writes[i].args, writes[i].count, err) != 0)
            return -1;
    }
    return 0;
}

/* What was put before, and names one of its keys, has to have taken effect when they are read. */
static int bring_keys(struct replay_node *node, const struct bytes *keys, size_t count,
                      struct ft_err *err)
{
    bool named = false;

    for (size_t i = 0; !named && i < count; i++)
        named = replay_steps_name(&node->multi->filling.steps, keys[i]);
    if (named && node->multi->host->flush(node, true, err) != 0)
        return -1;
    return replay_multi_drain(node, err) == 0 ? discard_open(node, err) : -1;
}

bool replay_multi_joins_sets(const struct replay_node *node)
{
    return node->multi->queue.scripts != NULL && !node->multi->queue.no_mset;
}

bool replay_multi_runs_scripts(const struct replay_node *node)
{
    return node->multi->queue.scripts == NULL;
}

int replay_multi_put_script(struct replay_node *node, uint32_t db, const char *tag,
                            const struct bytes *args, size_t count, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    redisReply *reply;
    uint64_t keys;
    int rc;

    if (count < 3 || !bytes_to_u64(args[2], &keys) || keys > count - 3)
        return err_set(err, FT_ERR_BUG, "a script without its number of keys");
    if (bring_keys(node, args + 3, keys, err) != 0)
        return -1;
    m->has_read = true;
    if (watch_keys(node, db, args + 3, keys, err) != 0 ||
        (m->script == NULL && local_script_new(&m->script, ask_for_script, node, err) != 0) ||
        local_script_run(m->script, &reply, db, args, count, err) != 0)
        return -1;
    rc = reply->type == REDIS_REPLY_ERROR
             ? refuse(node, &m->filling.steps, db, tag, args, count, reply->str, err)
             : 0;
    reply_free(reply);
    if (rc != 0 || select_db(node, 0, err) != 0)
        return -1;
    return replay_multi_put_writes(node, m->host, m->script, tag, err);
}

int replay_multi_look_at_db(struct replay_node *node, uint32_t db, const char *tag,
                            const struct bytes *args, size_t count, bool *ret_there,
                            struct ft_err *err)
{
    struct replay_multi *m = node->multi;

    *ret_there = true;
    if (db <= m->db_max)
        return 0;
    if (replay_multi_drain(node, err) != 0 ||
        target_node_has_db(node->server, db, ret_there, err) != 0)
        return -1;
    if (!*ret_there)
        return refuse(node, &m->filling.steps, db, tag, args, count, "ERR DB index is out of range",
                      err);
    m->db_max = db;
    return 0;
}

/*
 * Begin and end
 */

int replay_multi_begin(struct replay_node *node, const struct replay_multi_host *host,
                       bool has_scripts, struct ft_err *err)
{
    node->multi = calloc(1, sizeof(*node->multi));
    if (node->multi == NULL)
        return err_nomem(err, "a node");
    node->multi->host = host;
    node->multi->covered = calloc(node->set->flow_count + 1u, sizeof(*node->multi->covered));
    node->multi->sent_next = calloc(node->set->flow_count + 1u, sizeof(*node->multi->sent_next));
    if (node->multi->covered == NULL || node->multi->sent_next == NULL)
        return err_nomem(err, "a node");
    node->multi->queue.pipe = node->server->pipe;
    if (has_scripts &&
        replay_multi_scripts_new(&node->multi->queue.scripts, node->server->uri.reach, err) != 0)
        return -1;
    node->batch.steps = &node->multi->filling.steps;
    redis_pipe_on_reply(node->server->pipe, take_reply, node);
    redis_pipe_on_others(node->server->pipe, leave_to_others, node);
    return 0;
}

/* What failed at last. The position says that replies were not read until this is there. */
static int write_late(struct replay_node *node, struct redis_pipe *pipe, struct ft_err *err)
{
    const struct replay_texts *late = &node->multi->late.fields;

    for (size_t i = 0; i + 1 < late->count; i += 2) {
        const struct bytes args[] = {bytes_str("HSET"), bytes_str(node->position.key),
                                     replay_texts_at(late, i), replay_texts_at(late, i + 1)};

        if (redis_pipe_put(pipe, 0, args, 4, err) != 0) /* 0: REPLAY_ANSWER_PLAIN */
            return -1;
    }
    return redis_pipe_drain(pipe, err);
}

static int confirm(struct replay_node *node, struct redis_pipe *pipe, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HDEL"), bytes_str(node->position.key),
                                 bytes_str("unread")};

    return redis_pipe_put(pipe, 0, args, 3, err) == 0 ? redis_pipe_drain(pipe, err) : -1;
}

int replay_multi_confirm(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;

    /* what is watched is changed here, and was by who calls */
    if (discard_open(node, err) != 0 ||
        (m->watched && replay_queue_text(&m->queue, REPLAY_ANSWER_PLAIN, "UNWATCH", err) != 0))
        return -1;
    m->watched = false;
    if (write_late(node, node->server->pipe, err) != 0 ||
        (m->unconfirmed && confirm(node, node->server->pipe, err) != 0))
        return -1;
    replay_steps_clear(&m->late);
    m->unconfirmed = false;
    return 0;
}

/* Over a connection of its own, as nobody knows of the other whether it still serves. What cannot be written is as if we
 * had been killed before the replies came: `unread` says so. */
static void write_end(struct replay_node *node)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct redis_pipe *pipe;

    if (redis_pipe_open(&pipe, &node->server->uri, -1, NULL, NULL, &ignored) != 0)
        return;
    if (write_late(node, pipe, &ignored) == 0 && node->multi->unconfirmed &&
        replay_multi_is_drained(node))
        (void)confirm(node, pipe, &ignored);
    redis_pipe_free(pipe);
}

void replay_multi_end(struct replay_node *node)
{
    struct replay_multi *m = node->multi;

    if (m == NULL)
        return;
    redis_pipe_on_others(node->server->pipe, NULL, NULL);
    if (m->late.fields.count != 0 || (m->unconfirmed && replay_multi_is_drained(node)))
        write_end(node);
    replay_transaction_release(&m->filling);
    replay_transaction_release(&m->sent);
    replay_steps_release(&m->late);
    local_script_free(m->script);
    buf_release(&m->unread);
    free(m->covered);
    free(m->sent_next);
    replay_queue_release(&m->queue);
    free(m);
    node->multi = NULL;
    node->batch.steps = NULL;
}
