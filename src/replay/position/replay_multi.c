#include "replay/position/replay_multi.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "mapping/replay_divide.h"
#include "replay/position/position_lua.h"
#include "replay/position/replay_multi_script.h"
#include "replay/position/replay_steps.h"
#include "target/key_scan.h"
#include "target/local_script.h"
#include "wire/reach.h"
#include "wire/reply_kind.h"

/* What a reply is to, in the upper half of its tag; the lower half is the number of a step. */
enum answer {
    ANSWER_PLAIN,
    ANSWER_STEP,
    ANSWER_SETS,
    ANSWER_EXEC,
    ANSWER_SEQ,
};
#define ANSWER_SHIFT 32u

/* An MSET of what were several SETs. */
#define SETS_MOST  500u
#define SETS_BYTES (256u << 10)

/* What an element of the reply to EXEC is to, beside the number of a step. */
#define NO_STEP   SIZE_MAX
#define LAST_STEP (SIZE_MAX - 1) /* says whether the position has `unread` */

struct replay_multi {
    const struct replay_multi_host *host;
    struct replay_multi_scripts *scripts; /* NULL: the server runs none */
    struct replay_steps filling;
    struct replay_steps sent;      /* the transaction in flight, or to be sent again */
    struct replay_steps late;      /* fields e: of what failed when it was executed */
    char watched[REPLAY_KEY_SIZE]; /* the position's hash, since its seq was the last one ... */
    uint64_t
        watch_ends;   /* ... unless the pipe has more of these: scripts are run here over it too */
    bool unconfirmed; /* the position says that replies are not known to have been read */
    bool again;       /* something of `sent` is left out, and nothing of it was executed */
    bool no_mset;     /* it was refused: each SET by itself */
    uint64_t batch;   /* number of `sent` */
    size_t *elements; /* of the reply to EXEC: which step each is of */
    size_t element_count, element_cap;
    struct bytes *args;
    size_t arg_cap;
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

bool replay_multi_is_drained(const struct replay_node *node)
{
    return redis_pipe_in_flight(node->server->pipe) == 0 && !node->multi->again;
}

/*
 * Replies
 */

/* args: of the step. */
static int step_args(struct replay_multi *m, size_t index, char tag[REPLAY_TAG_TEXT],
                     struct ft_err *err)
{
    return replay_steps_args(&m->sent, index, &m->args, &m->arg_cap, tag, err);
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
    const struct replay_step *step = &node->multi->sent.steps[index];
    char tag[REPLAY_TAG_TEXT];

    if (step_args(node->multi, index, tag, err) != 0)
        return -1;
    return refuse(node, into, step->db, tag, node->multi->args, step->count, error, err);
}

/* What is not queued is left out of the next attempt, which remembers it. One key of several that do not depend on each
 * other may be the reason, and does not take the others along. */
static int take_queued(struct replay_node *node, size_t index, const redisReply *reply,
                       struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    struct replay_step *step = &m->sent.steps[index];
    char tag[REPLAY_TAG_TEXT];
    size_t each;

    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    if (target_node_is_transient(reply->str))
        return target_node_refused(node->server, reply->str, err);
    m->again = true;
    if (step_args(m, index, tag, err) != 0)
        return -1;
    if (m->scripts != NULL && replay_multi_script_give_up(m->scripts, m->args, step->count))
        return 0;
    step->apart = replay_divide_by_key(m->args, step->count, &each);
    step->left_out = !step->apart;
    return step->apart ? 0 : refuse_step(node, &m->sent, index, reply->str, err);
}

/* Which of them is the reason, if not the name of the command, their own SETs will say. */
static int take_queued_sets(struct replay_node *node, const redisReply *reply, struct ft_err *err)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    if (target_node_is_transient(reply->str))
        return target_node_refused(node->server, reply->str, err);
    node->multi->no_mset = true;
    node->multi->again = true;
    return 0;
}

static int take_executed(struct replay_node *node, const redisReply *reply, struct ft_err *err)
{
    struct replay_multi *m = node->multi;

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
    if (reply->elements != m->element_count)
        return reply_not_of(reply, node->server->name, "EXEC", err);
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *element = reply->element[i];

        if (m->elements[i] == LAST_STEP && element->type == REDIS_REPLY_INTEGER)
            m->unconfirmed = element->integer != 0;
        if (element->type != REDIS_REPLY_ERROR)
            continue;
        if (m->elements[i] == NO_STEP || m->elements[i] == LAST_STEP)
            return target_node_refused(node->server, element->str, err);
        if (refuse_step(node, &m->late, m->elements[i], element->str, err) != 0)
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
    (void)snprintf(node->multi->watched, sizeof(node->multi->watched), "%s", node->position.key);
    return 0;
}

static int take_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct replay_node *node = context;

    switch ((enum answer)(tag >> ANSWER_SHIFT)) {
    case ANSWER_STEP:
        return take_queued(node, (uint32_t)tag, reply, err);
    case ANSWER_SETS:
        return take_queued_sets(node, reply, err);
    case ANSWER_EXEC:
        return take_executed(node, reply, err);
    case ANSWER_SEQ:
        return take_seq(node, reply, err);
    case ANSWER_PLAIN:
        break;
    }
    return reply->type == REDIS_REPLY_ERROR ? target_node_refused(node->server, reply->str, err)
                                            : 0;
}

/*
 * Sending
 */

static int put(struct replay_node *node, enum answer answer, const struct bytes *args, size_t count,
               struct ft_err *err)
{
    return redis_pipe_put(node->server->pipe, (uint64_t)answer << ANSWER_SHIFT, args, count, err);
}

static int put_text(struct replay_node *node, enum answer answer, const char *name,
                    struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(name)};

    return put(node, answer, args, 1, err);
}

/* The reply to the second says whether a transaction may follow. */
static int put_watch(struct replay_node *node, struct ft_err *err)
{
    const struct bytes key = bytes_str(node->position.key);
    const struct bytes watch[] = {bytes_str("WATCH"), key};
    const struct bytes seq[] = {bytes_str("HGET"), key, bytes_str("seq")};

    node->multi->watched[0] = '\0';
    node->multi->watch_ends = redis_pipe_watch_ends(node->server->pipe);
    return put(node, ANSWER_PLAIN, watch, 2, err) != 0 ? -1 : put(node, ANSWER_SEQ, seq, 3, err);
}

static int watch(struct replay_node *node, struct ft_err *err)
{
    const struct replay_multi *m = node->multi;
    const bool same = strcmp(m->watched, node->position.key) == 0;

    if (same && m->watch_ends == redis_pipe_watch_ends(node->server->pipe))
        return 0;
    /* a position of before */
    if (!same && m->watched[0] != '\0' && put_text(node, ANSWER_PLAIN, "UNWATCH", err) != 0)
        return -1;
    return put_watch(node, err) != 0 ? -1 : redis_pipe_drain(node->server->pipe, err);
}

static int note_element(struct replay_multi *m, size_t step, struct ft_err *err)
{
    if (ARRAY_RESERVE(&m->elements, &m->element_cap, m->element_count + 1, "a transaction", err) !=
        0)
        return -1;
    m->elements[m->element_count++] = step;
    return 0;
}

static int queue_select(struct replay_node *node, uint32_t db, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};

    if (note_element(node->multi, NO_STEP, err) != 0)
        return -1;
    return put(node, ANSWER_PLAIN, args, 2, err);
}

static int queue_step(struct replay_node *node, size_t index, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    const struct replay_step *step = &m->sent.steps[index];
    const struct bytes *args;
    size_t count;

    if (replay_steps_head(&m->sent, index, &m->args, &m->arg_cap, &count, err) != 0 ||
        note_element(m, index, err) != 0)
        return -1;
    args = m->args;
    if (m->scripts != NULL &&
        replay_multi_script_form(m->scripts, &args, &count, step->more_count, err) != 0)
        return -1;
    return replay_step_put(step, node->server->pipe, (uint64_t)ANSWER_STEP << ANSWER_SHIFT | index,
                           args, count, err);
}

/* From this one on, as far as they go together: *ret is the one after them. */
static int queue_sets(struct replay_node *node, size_t index, size_t *ret, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    const struct replay_steps *sent = &m->sent;
    const uint32_t db = sent->steps[index].db;
    size_t count = 1;
    size_t bytes = 0;

    if (ARRAY_RESERVE(&m->args, &m->arg_cap, 1 + 2 * SETS_MOST, "a command", err) != 0)
        return -1;
    m->args[0] = bytes_str("MSET");
    for (; index < sent->step_count && count < 2 * SETS_MOST && bytes < SETS_BYTES; index++) {
        const struct replay_step *step = &sent->steps[index];

        if (!step->ahead)
            continue;
        if (step->db != db)
            break;
        m->args[count] = replay_texts_at(&sent->args, step->first + 1);
        m->args[count + 1] = replay_texts_at(&sent->args, step->first + 2);
        bytes += m->args[count].n + m->args[count + 1].n;
        count += 2;
    }
    *ret = index;
    return note_element(m, NO_STEP, err) == 0 ? put(node, ANSWER_SETS, m->args, count, err) : -1;
}

/* The SETs that may come first, or all others. */
static int queue_part(struct replay_node *node, bool ahead, uint32_t *db, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    size_t next;

    for (size_t i = 0; i < m->sent.step_count; i = next) {
        const struct replay_step *step = &m->sent.steps[i];

        next = i + 1;
        if (step->ahead != ahead)
            continue;
        if (step->db != *db && queue_select(node, step->db, err) != 0)
            return -1;
        *db = step->db;
        if ((ahead && !m->no_mset ? queue_sets(node, i, &next, err) : queue_step(node, i, err)) !=
            0)
            return -1;
    }
    return 0;
}

static int queue_steps(struct replay_node *node, struct ft_err *err)
{
    uint32_t db = 0;

    if (queue_part(node, true, &db, err) != 0 || queue_part(node, false, &db, err) != 0)
        return -1;
    return db == 0 ? 0 : queue_select(node, 0, err);
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

    if (ARRAY_RESERVE(&m->args, &m->arg_cap, first_count + text_count, "a position", err) != 0)
        return -1;
    for (size_t count = first_count; at < text_count || count > 2; count = 2) {
        memcpy(m->args, first, count * sizeof(*first));
        count = replay_texts_fill(texts, text_count, &at, step, m->args, count, most);
        if (note_element(m, NO_STEP, err) != 0 || put(node, ANSWER_PLAIN, m->args, count, err) != 0)
            return -1;
    }
    return 0;
}

static int queue_position(struct replay_node *node, struct ft_err *err)
{
    const struct bytes key = bytes_str(node->position.key);
    const struct bytes forget[] = {bytes_str("HDEL"), key};
    char seq[I64_TEXT_SIZE];
    const struct bytes fields[] = {
        bytes_str("HSET"),   key,
        bytes_str("seq"),    bytes_of(seq, i64_to_text((int64_t)node->position.seq + 1, seq)),
        bytes_str("unread"), buf_bytes(&node->multi->unread)};
    const size_t count =
        node->multi->scripts == NULL ? 6 : 4; /* else queue_count sees to `unread` */

    if (node->multi->sent.forget.count != 0 &&
        queue_texts(node, forget, 2, &node->multi->sent.forget, 1, err) != 0)
        return -1;
    return queue_texts(node, fields, count, &node->multi->sent.fields, 2, err);
}

static int queue_count(struct replay_node *node, bool last, struct ft_err *err)
{
    struct replay_multi *m = node->multi;
    const struct bytes eval[] = {bytes_str("EVAL"), bytes_str(lua_count_refused), bytes_str("1"),
                                 bytes_str(node->position.key), buf_bytes(&m->unread)};
    const struct bytes *args = eval;
    size_t count = last ? 5 : 4;

    if (m->scripts == NULL)
        return 0;
    if (replay_multi_script_form(m->scripts, &args, &count, 0, err) != 0 ||
        note_element(m, last ? LAST_STEP : NO_STEP, err) != 0)
        return -1;
    return put(node, ANSWER_PLAIN, args, count, err);
}

static int queue_all(struct replay_node *node, struct ft_err *err)
{
    if (node->multi->scripts != NULL)
        replay_multi_scripts_begin(node->multi->scripts);
    return queue_count(node, false, err) == 0 && queue_steps(node, err) == 0 &&
                   queue_position(node, err) == 0
               ? queue_count(node, true, err)
               : -1;
}

/* The next one is watched for in the same go. */
static int transmit(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;

    m->element_count = 0;
    m->unconfirmed = true;
    if (watch(node, err) != 0 || put_text(node, ANSWER_PLAIN, "MULTI", err) != 0 ||
        queue_all(node, err) != 0)
        return -1;
    m->watched[0] = '\0';
    if (put_text(node, ANSWER_EXEC, "EXEC", err) != 0 || put_watch(node, err) != 0)
        return -1;
    return redis_pipe_push(node->server->pipe, err);
}

/* A command for each of its keys. */
static int add_apart(struct replay_steps *to, uint32_t db, const char *tag,
                     const struct bytes *args, size_t count, struct ft_err *err)
{
    char key_tag[2 * REPLAY_TAG_TEXT];
    struct bytes one[3];
    size_t each;

    (void)replay_divide_by_key(args, count, &each); /* as it was when this was found */
    for (size_t at = 1; at < count; at += each) {
        replay_divide_take(args, at, each, one);
        (void)snprintf(key_tag, sizeof(key_tag), "%s.%zu", tag, at); /* fits */
        if (replay_steps_add(to, db, key_tag, one, 1 + each, err) != 0)
            return -1;
    }
    return 0;
}

/* The steps of the next attempt. */
static int leave_out(struct replay_multi *m, struct ft_err *err)
{
    struct replay_steps left = {0};
    struct replay_steps all;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < m->sent.step_count; i++) {
        const struct replay_step *step = &m->sent.steps[i];
        char tag[REPLAY_TAG_TEXT];

        if (step->left_out)
            continue;
        rc = step_args(m, i, tag, err);
        if (rc == 0)
            rc = step->apart ? add_apart(&left, step->db, tag, m->args, step->count, err)
                             : replay_steps_add(&left, step->db, tag, m->args, step->count, err);
        if (rc == 0 && step->ahead)
            (void)replay_steps_mark_ahead(&left);
    }
    all = m->sent;
    m->sent = (struct replay_steps){.args = left.args,
                                    .steps = left.steps,
                                    .step_count = left.step_count,
                                    .step_cap = left.step_cap,
                                    .bytes = left.bytes,
                                    .fields = all.fields,
                                    .forget = all.forget};
    all.fields = (struct replay_texts){0};
    all.forget = (struct replay_texts){0};
    replay_steps_release(&all);
    return rc;
}

int replay_multi_drain(struct replay_node *node, struct ft_err *err)
{
    struct replay_multi *m = node->multi;

    if (redis_pipe_drain(node->server->pipe, err) != 0)
        return -1;
    while (m->again) {
        m->again = false;
        /* the position passes what was refused */
        if (replay_position_set_list_refused(node->set, err) != 0 || leave_out(m, err) != 0 ||
            transmit(node, err) != 0 || redis_pipe_drain(node->server->pipe, err) != 0)
            return -1;
    }
    return 0;
}

static int add_late(struct replay_multi *m, struct ft_err *err)
{
    const struct replay_texts *late = &m->late.fields;

    for (size_t i = 0; i + 1 < late->count; i += 2) {
        if (replay_steps_field(&m->filling, replay_texts_at(late, i), replay_texts_at(late, i + 1),
                               err) != 0)
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
    struct replay_steps swap;

    /* with this one the last one's replies count as read */
    if (replay_multi_drain(node, err) != 0 ||
        replay_position_set_list_refused(node->set, err) != 0 || add_late(m, err) != 0 ||
        list_records(node, err) != 0)
        return -1;
    swap = m->sent;
    m->sent = m->filling;
    m->filling = swap;
    replay_steps_clear(&m->filling);
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
        named = replay_steps_name(&node->multi->filling, keys[i]);
    if (named && node->multi->host->flush(node, true, err) != 0)
        return -1;
    return replay_multi_drain(node, err);
}

bool replay_multi_joins_sets(const struct replay_node *node)
{
    return node->multi->scripts != NULL && !node->multi->no_mset;
}

bool replay_multi_runs_scripts(const struct replay_node *node)
{
    return node->multi->scripts == NULL;
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
    if (bring_keys(node, args + 3, keys, err) != 0 ||
        watch_keys(node, db, args + 3, keys, err) != 0 ||
        (m->script == NULL && local_script_new(&m->script, ask_for_script, node, err) != 0) ||
        local_script_run(m->script, &reply, db, args, count, err) != 0)
        return -1;
    rc = reply->type == REDIS_REPLY_ERROR
             ? refuse(node, &m->filling, db, tag, args, count, reply->str, err)
             : 0;
    freeReplyObject(reply);
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
        return refuse(node, &m->filling, db, tag, args, count, "ERR DB index is out of range", err);
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
    if (has_scripts &&
        replay_multi_scripts_new(&node->multi->scripts, node->server->uri.reach, err) != 0)
        return -1;
    node->batch.steps = &node->multi->filling;
    redis_pipe_on_reply(node->server->pipe, take_reply, node);
    return 0;
}

/* What failed at last. The position says that replies were not read until this is there. */
static int write_late(struct replay_node *node, struct redis_pipe *pipe, struct ft_err *err)
{
    const struct replay_texts *late = &node->multi->late.fields;

    for (size_t i = 0; i + 1 < late->count; i += 2) {
        const struct bytes args[] = {bytes_str("HSET"), bytes_str(node->position.key),
                                     replay_texts_at(late, i), replay_texts_at(late, i + 1)};

        if (redis_pipe_put(pipe, 0, args, 4, err) != 0) /* 0: ANSWER_PLAIN */
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
    if (m->watched[0] != '\0' && put_text(node, ANSWER_PLAIN, "UNWATCH", err) != 0)
        return -1;
    m->watched[0] = '\0';
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
    if (m->late.fields.count != 0 || (m->unconfirmed && replay_multi_is_drained(node)))
        write_end(node);
    replay_steps_release(&m->filling);
    replay_steps_release(&m->sent);
    replay_steps_release(&m->late);
    local_script_free(m->script);
    replay_multi_scripts_free(m->scripts);
    buf_release(&m->unread);
    free(m->covered);
    free(m->sent_next);
    free(m->elements);
    free(m->args);
    free(m);
    node->multi = NULL;
    node->batch.steps = NULL;
}
