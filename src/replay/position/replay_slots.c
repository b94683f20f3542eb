#include "replay/position/replay_slots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "command/sent_key.h"
#include "replay/position/replay_marks.h"
#include "replay/position/replay_slot_fields.h"
#include "replay/position/replay_steps.h"
#include "target/local_script.h"
#include "wire/reach.h"
#include "wire/reply_kind.h"

/* Connections that work side by side. The first is that of the node, which others use between batches: no script holds it. */
#define LINES      16u
#define FIRST_HELD 1u

#define NONE SIZE_MAX

/* What a reply is to, in the upper half of its tag; the lower half is the number of a step. */
enum answer {
    ANSWER_PLAIN,
    ANSWER_STEP,
    ANSWER_EXEC,
    ANSWER_SEQ,
};
#define ANSWER_SHIFT 32u

/* A step, or a field, in the order of slots: the slot, whether it is a field, its number. */
#define PLACE(slot, field, index) ((uint64_t)(slot) << 48 | (uint64_t)(field) << 47 | (index))
#define PLACE_SLOT(place)         ((uint16_t)((place) >> 48))
#define PLACE_IS_FIELD(place)     (((place) >> 47 & 1u) != 0)
#define PLACE_INDEX(place)        ((size_t)((place)&0x7fffffffffffu))

/* Of a slot; or of the node's position, which has none. */
struct transaction {
    bool position;
    uint16_t slot;
    size_t first, end; /* of the places */
};

struct line {
    struct replay_node *node;
    struct redis_pipe *pipe; /* NULL: not connected */
    bool held;               /* a script has read keys of this slot, which are watched */
    uint16_t slot;
    size_t watched;   /* the transaction that may be executed next, or NONE */
    size_t executing; /* the one whose replies come, or NONE */
    bool again;       /* something of it is left out, and nothing of it was executed */
    uint32_t db;
    size_t *elements; /* of the reply to EXEC: which step each is of */
    size_t element_count, element_cap;
};

struct replay_slots {
    const struct replay_multi_host *host;
    struct replay_steps filling, sent;
    struct replay_slot_fields filling_fields, sent_fields;
    struct replay_steps late; /* fields e: of what failed when it was executed */
    struct line lines[LINES];
    uint64_t *places;
    size_t place_count, place_cap;
    struct transaction *transactions;
    size_t transaction_count, transaction_cap;
    size_t next;    /* transaction that no line has yet */
    size_t *repeat; /* those to be sent again */
    size_t repeat_count, repeat_cap;
    struct replay_steps hash; /* fields of the mark or position of the transaction that is put */
    struct bytes *args;
    size_t arg_cap;
    struct local_script *script;
    struct line *asking; /* for the script */
};

bool replay_slots_is(const struct replay_node *node)
{
    return node->slots != NULL;
}

int replay_slots_field(struct replay_node *node, struct bytes key, struct bytes name,
                       struct bytes value, struct ft_err *err)
{
    return replay_slot_fields_add(&node->slots->filling_fields, slot_of(key), name, value, err);
}

int replay_slots_forget(struct replay_node *node, uint16_t slot, uint64_t flow, uint64_t lsn,
                        struct ft_err *err)
{
    struct replay_mark *mark = replay_marks_get(node->set, slot);

    if (mark == NULL)
        return 0;
    if (ARRAY_ADD_ROOM(&mark->forget, mark->forget_count, "a replay's position", err) != 0)
        return -1;
    mark->forget[mark->forget_count++] = (struct replay_mark_record){flow, lsn};
    return 0;
}

bool replay_slots_are_empty(const struct replay_node *node)
{
    return node->slots->filling_fields.count == 0;
}

/*
 * Replies
 */

/* *ret: the value of the field e:TAG; nothing, if the target need not remember it. */
static int refuse(struct replay_node *node, struct buf *ret, uint32_t db, const char *tag,
                  const struct bytes *args, size_t count, const char *error, struct ft_err *err)
{
    bool keep;

    if (node->slots->host->refuse(node, db, tag, args, count, error, &keep, err) != 0)
        return -1;
    return keep ? replay_refusal_put(ret, db, tag, args, count, error, err) : 0;
}

/* fields NULL: it was executed, and what is known of it comes late. */
static int refuse_step(struct replay_node *node, struct replay_slot_fields *fields, uint16_t slot,
                       size_t index, const char *error, struct ft_err *err)
{
    struct replay_slots *m = node->slots;
    const struct replay_step *step = &m->sent.steps[index];
    char tag[REPLAY_TAG_TEXT];
    char name[REPLAY_TAG_TEXT + 2];
    struct buf value = {0};
    int rc;

    if (replay_steps_args(&m->sent, index, &m->args, &m->arg_cap, tag, err) != 0)
        return -1;
    (void)snprintf(name, sizeof(name), "e:%s", tag); /* fits */
    rc = refuse(node, &value, step->db, tag, m->args, step->count, error, err);
    if (rc == 0 && value.n != 0)
        rc = fields != NULL
                 ? replay_slot_fields_add(fields, slot, bytes_str(name), buf_bytes(&value), err)
                 : replay_steps_field(&m->late, bytes_str(name), buf_bytes(&value), err);
    buf_release(&value);
    return rc;
}

static int take_queued(struct line *line, size_t index, const redisReply *reply, struct ft_err *err)
{
    struct replay_slots *m = line->node->slots;

    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    if (target_node_is_transient(reply->str))
        return target_node_refused(line->node->server, reply->str, err);
    line->again = true;
    m->sent.steps[index].left_out = true;
    return refuse_step(line->node, &m->sent_fields, m->transactions[line->executing].slot, index,
                       reply->str, err);
}

/* What is there now, and was sent for it before. */
static void note_executed(struct replay_node *node, const struct transaction *t)
{
    struct replay_mark *mark;

    atomic_fetch_add(&node->set->acknowledged, 1);
    if (t->position) {
        node->position.seq++;
        return;
    }
    mark = replay_marks_get(node->set, t->slot);
    mark->seq++;
    mark->forget_count = 0;
}

static int take_executed(struct line *line, const redisReply *reply, struct ft_err *err)
{
    struct replay_node *node = line->node;

    if (reply->type == REDIS_REPLY_ERROR && line->again) /* EXECABORT */
        return 0;
    if (reply->type == REDIS_REPLY_ERROR)
        return target_node_refused(node->server, reply->str, err);
    if (reply->type == REDIS_REPLY_NIL)
        return err_set(err, FT_ERR_NET,
                       "%s did not execute a transaction: its position, or a key that was read for "
                       "it, has changed",
                       node->server->name);
    if (reply->elements != line->element_count)
        return reply_not_of(reply, node->server->name, "EXEC", err);
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *element = reply->element[i];

        if (element->type != REDIS_REPLY_ERROR)
            continue;
        if (line->elements[i] == NONE)
            return target_node_refused(node->server, element->str, err);
        if (refuse_step(node, NULL, 0, line->elements[i], element->str, err) != 0)
            return -1;
    }
    note_executed(node, &node->slots->transactions[line->executing]);
    return 0;
}

static uint64_t seq_of(const struct replay_node *node, const struct transaction *t)
{
    return t->position ? node->position.seq : replay_marks_get(node->set, t->slot)->seq;
}

static int check_seq(const struct replay_node *node, const redisReply *reply, uint64_t wanted,
                     struct ft_err *err)
{
    char seq[I64_TEXT_SIZE];
    size_t n = i64_to_text((int64_t)wanted, seq);

    if (reply->type == REDIS_REPLY_ERROR)
        return target_node_refused(node->server, reply->str, err);
    if (reply->type != REDIS_REPLY_STRING ||
        !bytes_eq(bytes_of(reply->str, reply->len), bytes_of(seq, n)))
        return err_set(err, FT_ERR_NET, "%s: somebody else has resumed this replay",
                       node->server->name);
    return 0;
}

static int take_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct line *line = context;
    struct replay_node *node = line->node;

    switch ((enum answer)(tag >> ANSWER_SHIFT)) {
    case ANSWER_STEP:
        return take_queued(line, (uint32_t)tag, reply, err);
    case ANSWER_EXEC:
        return take_executed(line, reply, err);
    case ANSWER_SEQ:
        return check_seq(node, reply, seq_of(node, &node->slots->transactions[line->watched]), err);
    case ANSWER_PLAIN:
        break;
    }
    return reply->type == REDIS_REPLY_ERROR ? target_node_refused(node->server, reply->str, err)
                                            : 0;
}

/*
 * Sending
 */

static int open_line(struct line *line, struct ft_err *err)
{
    struct target_node *server = line->node->server;
    struct target_client *target = line->node->set->target;

    if (line->pipe != NULL)
        return 0;
    if (redis_pipe_open_within(&line->pipe, &server->uri, target->host.cancel_fd,
                               target->host.give_up_ms, take_reply, line, err) != 0)
        return -1;
    return fence_name(&target->fence, &target->host, line->pipe, server->name, err);
}

static int put(struct line *line, enum answer answer, const struct bytes *args, size_t count,
               struct ft_err *err)
{
    return redis_pipe_put(line->pipe, (uint64_t)answer << ANSWER_SHIFT, args, count, err);
}

static int put_text(struct line *line, enum answer answer, const char *name, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(name)};

    return put(line, answer, args, 1, err);
}

static void key_of(const struct replay_node *node, const struct transaction *t,
                   char key[REPLAY_KEY_SIZE])
{
    if (t->position)
        (void)snprintf(key, REPLAY_KEY_SIZE, "%s", node->position.key); /* as long */
    else
        replay_marks_name(node->set, t->slot, key);
}

/* The reply to the second says whether the transaction may follow. */
static int put_watch(struct line *line, const struct transaction *t, struct ft_err *err)
{
    char key[REPLAY_KEY_SIZE];

    key_of(line->node, t, key);
    const struct bytes watch[] = {bytes_str("WATCH"), bytes_str(key)};
    const struct bytes seq[] = {bytes_str("HGET"), bytes_str(key), bytes_str("seq")};

    return put(line, ANSWER_PLAIN, watch, 2, err) != 0 ? -1 : put(line, ANSWER_SEQ, seq, 3, err);
}

static int note_element(struct line *line, size_t step, struct ft_err *err)
{
    if (ARRAY_RESERVE(&line->elements, &line->element_cap, line->element_count + 1, "a transaction",
                      err) != 0)
        return -1;
    line->elements[line->element_count++] = step;
    return 0;
}

static bool has_field(const struct replay_texts *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i += 2) {
        if (bytes_eq_str(replay_texts_at(fields, i), name))
            return true;
    }
    return false;
}

/* Of the mark after this step. */
static int add_flow(struct replay_node *node, struct bytes tag, struct ft_err *err)
{
    struct replay_steps *hash = &node->slots->hash;
    uint64_t flow;
    struct bytes number = bytes_take_until(&tag, ':');
    char name[REPLAY_TAG_TEXT];
    char value[I64_TEXT_SIZE];

    if (!bytes_to_u64(number, &flow) || flow >= node->set->flow_count)
        return err_set(err, FT_ERR_BUG, "a command without its flow");
    (void)snprintf(name, sizeof(name), "flow:%" PRIu64, flow); /* fits */
    if (has_field(&hash->fields, name))
        return 0;
    return replay_steps_field(hash, bytes_str(name),
                              bytes_of(value, i64_to_text((int64_t)node->written[flow], value)),
                              err);
}

static int forget_outcomes(struct replay_node *node, const struct replay_mark *mark,
                           struct ft_err *err)
{
    char name[REPLAY_TAG_TEXT];

    for (size_t i = 0; i < mark->forget_count; i++) {
        (void)snprintf(name, sizeof(name), "d:%" PRIu64 ":%" PRIu64, mark->forget[i].flow,
                       mark->forget[i].lsn); /* fits */
        if (replay_steps_forget(&node->slots->hash, bytes_str(name), err) != 0)
            return -1;
    }
    return 0;
}

static int put_step(struct line *line, size_t index, struct ft_err *err)
{
    struct replay_slots *m = line->node->slots;
    const struct replay_step *step = &m->sent.steps[index];
    size_t count;

    if (step->db != 0)
        return err_set(err, FT_ERR_BUG, "a command for another database of a cluster");
    if (add_flow(line->node, replay_texts_at(&m->sent.args, step->first - 1), err) != 0)
        return -1;
    if (step->left_out)
        return 0;
    if (replay_steps_head(&m->sent, index, &m->args, &m->arg_cap, &count, err) != 0 ||
        note_element(line, index, err) != 0)
        return -1;
    return replay_step_put(step, line->pipe, (uint64_t)ANSWER_STEP << ANSWER_SHIFT | index, m->args,
                           count, err);
}

/* The commands of a slot; what its mark gets is collected. */
static int put_slot(struct line *line, const struct transaction *t, struct ft_err *err)
{
    struct replay_node *node = line->node;
    struct replay_slots *m = node->slots;

    replay_steps_clear(&m->hash);
    for (size_t i = t->first; i < t->end; i++) {
        if (!PLACE_IS_FIELD(m->places[i]) && put_step(line, PLACE_INDEX(m->places[i]), err) != 0)
            return -1;
    }
    /* also those of what has just been refused */
    for (size_t i = 0; i < m->sent_fields.count; i++) {
        if (m->sent_fields.slots[i] == t->slot &&
            replay_steps_field(&m->hash, replay_texts_at(&m->sent_fields.texts.fields, 2 * i),
                               replay_texts_at(&m->sent_fields.texts.fields, 2 * i + 1), err) != 0)
            return -1;
    }
    return forget_outcomes(node, replay_marks_get(node->set, t->slot), err);
}

/* A command on the mark or position, the name and the key first, with texts of which `step` stay together: as many
 * commands as requests have to be. */
static int put_texts(struct line *line, const struct bytes *first, size_t first_count,
                     const struct replay_texts *texts, size_t step, struct ft_err *err)
{
    const size_t most = reach_limit_of(line->node->set->target->named->reach).args;
    struct replay_slots *m = line->node->slots;
    size_t at = 0;

    if (ARRAY_RESERVE(&m->args, &m->arg_cap, first_count + texts->count, "a position", err) != 0)
        return -1;
    for (size_t count = first_count; at < texts->count || count > 2; count = 2) {
        memcpy(m->args, first, count * sizeof(*first));
        count = replay_texts_fill(texts, texts->count, &at, step, m->args, count, most);
        if (note_element(line, NONE, err) != 0 || put(line, ANSWER_PLAIN, m->args, count, err) != 0)
            return -1;
    }
    return 0;
}

static int put_hash(struct line *line, const struct transaction *t, const struct replay_steps *hash,
                    struct ft_err *err)
{
    char key[REPLAY_KEY_SIZE];
    char seq[I64_TEXT_SIZE];
    const size_t n = i64_to_text((int64_t)seq_of(line->node, t) + 1, seq);

    key_of(line->node, t, key);
    const struct bytes forget[] = {bytes_str("HDEL"), bytes_str(key)};
    const struct bytes fields[] = {bytes_str("HSET"), bytes_str(key), bytes_str("seq"),
                                   bytes_of(seq, n)};

    if (hash->forget.count != 0 && put_texts(line, forget, 2, &hash->forget, 1, err) != 0)
        return -1;
    return put_texts(line, fields, 4, &hash->fields, 2, err);
}

static int put_transaction(struct line *line, struct ft_err *err)
{
    struct replay_slots *m = line->node->slots;
    const struct transaction *t = &m->transactions[line->executing];

    line->element_count = 0;
    line->again = false;
    if (put_text(line, ANSWER_PLAIN, "MULTI", err) != 0 ||
        (!t->position && put_slot(line, t, err) != 0) ||
        put_hash(line, t, t->position ? &m->sent : &m->hash, err) != 0)
        return -1;
    return put_text(line, ANSWER_EXEC, "EXEC", err);
}

static size_t take_next(struct replay_slots *m)
{
    if (m->repeat_count != 0)
        return m->repeat[--m->repeat_count];
    return m->next < m->transaction_count ? m->next++ : NONE;
}

/* What the line has watched is executed, and the next one watched, in one go. */
static int put_line(struct line *line, bool *ret_any, struct ft_err *err)
{
    struct replay_slots *m = line->node->slots;

    line->executing = line->watched;
    if (line->executing != NONE && put_transaction(line, err) != 0)
        return -1;
    line->watched = take_next(m);
    if (line->watched != NONE &&
        (open_line(line, err) != 0 || put_watch(line, &m->transactions[line->watched], err) != 0))
        return -1;
    if (line->executing == NONE && line->watched == NONE)
        return 0;
    *ret_any = true;
    return redis_pipe_work(line->pipe, err);
}

static int finish_line(struct line *line, struct ft_err *err)
{
    struct replay_slots *m = line->node->slots;

    if (line->pipe != NULL && redis_pipe_drain(line->pipe, err) != 0)
        return -1;
    if (line->executing == NONE || !line->again)
        return 0;
    if (ARRAY_RESERVE(&m->repeat, &m->repeat_cap, m->repeat_count + 1, "transactions", err) != 0)
        return -1;
    m->repeat[m->repeat_count++] = line->executing;
    return 0;
}

/* Until all transactions of these nodes have been executed. */
static int run(struct replay_node *const *nodes, size_t count, struct ft_err *err)
{
    bool any = true;

    while (any) {
        any = false;
        for (size_t i = 0; i < count * LINES; i++) {
            if (put_line(&nodes[i / LINES]->slots->lines[i % LINES], &any, err) != 0)
                return -1;
        }
        for (size_t i = 0; i < count * LINES; i++) {
            if (finish_line(&nodes[i / LINES]->slots->lines[i % LINES], err) != 0)
                return -1;
        }
        for (size_t i = 0; i < count; i++)
            any = any || nodes[i]->slots->repeat_count != 0;
    }
    return 0;
}

/*
 * Batches
 */

static int add_place(struct replay_slots *m, uint64_t place, struct ft_err *err)
{
    if (ARRAY_RESERVE(&m->places, &m->place_cap, m->place_count + 1, "a batch", err) != 0)
        return -1;
    m->places[m->place_count++] = place;
    return 0;
}

static int compare_places(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int add_transaction(struct replay_slots *m, struct transaction t, struct ft_err *err)
{
    if (ARRAY_RESERVE(&m->transactions, &m->transaction_cap, m->transaction_count + 1,
                      "transactions", err) != 0)
        return -1;
    m->transactions[m->transaction_count++] = t;
    return 0;
}

static int divide_by_slot(struct replay_slots *m, struct ft_err *err)
{
    m->place_count = 0;
    m->transaction_count = 0;
    m->next = 0;
    for (size_t i = 0; i < m->sent.step_count; i++) {
        char tag[REPLAY_TAG_TEXT];

        if (replay_steps_args(&m->sent, i, &m->args, &m->arg_cap, tag, err) != 0 ||
            add_place(m, PLACE(slot_of(command_sent_key(m->args, m->sent.steps[i].count)), 0, i),
                      err) != 0)
            return -1;
    }
    for (size_t i = 0; i < m->sent_fields.count; i++) {
        if (add_place(m, PLACE(m->sent_fields.slots[i], 1, i), err) != 0)
            return -1;
    }
    if (m->place_count != 0)
        qsort(m->places, m->place_count, sizeof(*m->places), compare_places);
    for (size_t first = 0, end; first < m->place_count; first = end) {
        for (end = first + 1;
             end < m->place_count && PLACE_SLOT(m->places[end]) == PLACE_SLOT(m->places[first]);)
            end++;
        if (add_transaction(m,
                            (struct transaction){
                                .slot = PLACE_SLOT(m->places[first]), .first = first, .end = end},
                            err) != 0)
            return -1;
    }
    return 0;
}

/* What scripts have read holds for the transactions of their slots, if the lines that watch it execute them. */
static int begin_held(struct replay_slots *m, struct ft_err *err)
{
    for (size_t i = 0; i < LINES; i++) {
        struct line *line = &m->lines[i];

        line->watched = line->executing = NONE;
        for (size_t t = 0; line->held && t < m->transaction_count; t++) {
            if (m->transactions[t].slot == line->slot)
                line->watched = t;
        }
        if (line->held && line->watched == NONE &&
            put_text(line, ANSWER_PLAIN, "UNWATCH", err) != 0)
            return -1;
    }
    return 0;
}

static bool is_held(const struct replay_slots *m, size_t transaction)
{
    for (size_t i = 0; i < LINES; i++) {
        if (m->lines[i].held && m->lines[i].watched == transaction)
            return true;
    }
    return false;
}

/* All transactions that no line has yet. */
static int queue_others(struct replay_slots *m, struct ft_err *err)
{
    m->repeat_count = 0;
    m->next = m->transaction_count;
    if (ARRAY_RESERVE(&m->repeat, &m->repeat_cap, m->transaction_count + 1, "transactions", err) !=
        0)
        return -1;
    for (size_t t = m->transaction_count; t > 0; t--) {
        if (!is_held(m, t - 1))
            m->repeat[m->repeat_count++] = t - 1;
    }
    for (size_t i = 0; i < LINES; i++)
        m->lines[i].held = false;
    return 0;
}

static int add_late(struct replay_slots *m, struct ft_err *err)
{
    const struct replay_texts *late = &m->late.fields;

    for (size_t i = 0; i + 1 < late->count; i += 2) {
        if (replay_steps_field(&m->sent, replay_texts_at(late, i), replay_texts_at(late, i + 1),
                               err) != 0)
            return -1;
    }
    return 0;
}

/* When all slots are past it. */
static int prepare_position(struct replay_slots *m, struct ft_err *err)
{
    m->transaction_count = 0;
    m->next = 0;
    return add_late(m, err) == 0 ? add_transaction(m, (struct transaction){.position = true}, err)
                                 : -1;
}

static int prepare(struct replay_node *node, struct ft_err *err)
{
    struct replay_slots *m = node->slots;
    struct replay_steps steps = m->sent;
    struct replay_slot_fields fields = m->sent_fields;

    m->sent = m->filling;
    m->sent_fields = m->filling_fields;
    m->filling = steps;
    m->filling_fields = fields;
    replay_steps_clear(&m->filling);
    replay_slot_fields_clear(&m->filling_fields);
    if (node->set->marks == NULL && (m->sent.step_count != 0 || m->sent_fields.count != 0))
        return err_set(err, FT_ERR_BUG, "a batch before the marks of slots were read");
    return divide_by_slot(m, err) != 0 || begin_held(m, err) != 0 ? -1 : queue_others(m, err);
}

int replay_slots_send(struct replay_node *const *nodes, size_t count, struct ft_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (prepare(nodes[i], err) != 0)
            return -1;
    }
    /* what was refused is listed before the position says that this is known */
    if (run(nodes, count, err) != 0 ||
        (count != 0 && replay_position_set_list_refused(nodes[0]->set, err) != 0))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (prepare_position(nodes[i]->slots, err) != 0)
            return -1;
    }
    if (run(nodes, count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        replay_steps_clear(&nodes[i]->slots->late);
        replay_sent_ack(&nodes[i]->sent, nodes[i]->count.batches);
    }
    return 0;
}

/*
 * Scripts
 */

static int ask_for_script(void *context, uint32_t db, redisReply **ret, const struct bytes *args,
                          size_t count, struct ft_err *err)
{
    struct replay_node *node = context;
    redisReply *reply;

    (void)db; /* a cluster has one */
    if (redis_pipe_call(node->slots->asking->pipe, &reply, args, count, err) != 0)
        return -1;
    return target_node_keep(node->server, ret, reply, err);
}

/* The one that holds the slot, or one that holds none. */
static struct line *find_line(struct replay_slots *m, uint16_t slot)
{
    struct line *found = NULL;

    for (size_t i = FIRST_HELD; i < LINES; i++) {
        struct line *line = &m->lines[i];

        if (line->held && line->slot == slot)
            return line;
        if (!line->held && found == NULL)
            found = line;
    }
    return found;
}

/* What was put before, and names one of its keys, has to have taken effect when they are read. */
static int bring_keys(struct replay_node *node, const struct bytes *keys, size_t count,
                      struct ft_err *err)
{
    struct replay_slots *m = node->slots;
    bool wait = find_line(m, slot_of(keys[0])) == NULL;

    for (size_t i = 0; !wait && i < count; i++)
        wait = replay_steps_name(&m->filling, keys[i]);
    return wait ? m->host->flush(node, true, err) : 0;
}

static int watch_mark(struct line *line, uint16_t slot, struct ft_err *err)
{
    char key[REPLAY_KEY_SIZE];
    const struct replay_mark *mark = replay_marks_get(line->node->set, slot);
    redisReply *reply;
    int rc;

    if (mark == NULL)
        return err_set(err, FT_ERR_BUG, "a script before the marks of slots were read");
    replay_marks_name(line->node->set, slot, key);
    const struct bytes watch[] = {bytes_str("WATCH"), bytes_str(key)};
    const struct bytes seq[] = {bytes_str("HGET"), bytes_str(key), bytes_str("seq")};

    if (put(line, ANSWER_PLAIN, watch, 2, err) != 0 ||
        redis_pipe_call(line->pipe, &reply, seq, 3, err) != 0)
        return -1;
    rc = check_seq(line->node, reply, mark->seq, err);
    reply_free(reply);
    line->held = rc == 0;
    line->slot = slot;
    return rc;
}

static int watch_keys(struct line *line, const struct bytes *keys, size_t count, struct ft_err *err)
{
    uint16_t slot = slot_of(keys[0]);

    if (open_line(line, err) != 0 || (!line->held && watch_mark(line, slot, err) != 0))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct bytes args[] = {bytes_str("WATCH"), keys[i]};

        if (put(line, ANSWER_PLAIN, args, 2, err) != 0)
            return -1;
    }
    return redis_pipe_drain(line->pipe, err);
}

static int refuse_script(struct replay_node *node, uint32_t db, const char *tag,
                         const struct bytes *args, size_t count, const char *error,
                         struct ft_err *err)
{
    char name[REPLAY_TAG_TEXT + 2];
    struct buf value = {0};
    int rc = refuse(node, &value, db, tag, args, count, error, err);

    (void)snprintf(name, sizeof(name), "e:%s", tag); /* fits */
    if (rc == 0 && value.n != 0)
        rc = replay_slots_field(node, args[3], bytes_str(name), buf_bytes(&value), err);
    buf_release(&value);
    return rc;
}

int replay_slots_put_script(struct replay_node *node, uint32_t db, const char *tag,
                            const struct bytes *args, size_t count, struct ft_err *err)
{
    struct replay_slots *m = node->slots;
    redisReply *reply;
    uint64_t keys;
    int rc;

    if (count < 4 || !bytes_to_u64(args[2], &keys) || keys == 0 || keys > count - 3)
        return err_set(err, FT_ERR_BUG, "a script without its keys");
    if (bring_keys(node, args + 3, keys, err) != 0)
        return -1;
    m->asking = find_line(m, slot_of(args[3]));
    if (watch_keys(m->asking, args + 3, keys, err) != 0 ||
        (m->script == NULL && local_script_new(&m->script, ask_for_script, node, err) != 0) ||
        local_script_run(m->script, &reply, db, args, count, err) != 0)
        return -1;
    rc = reply->type == REDIS_REPLY_ERROR
             ? refuse_script(node, db, tag, args, count, reply->str, err)
             : 0;
    reply_free(reply);
    return rc == 0 ? replay_multi_put_writes(node, m->host, m->script, tag, err) : -1;
}

/*
 * Begin and end
 */

int replay_slots_begin(struct replay_node *node, const struct replay_multi_host *host,
                       struct ft_err *err)
{
    struct replay_slots *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return err_nomem(err, "a node");
    m->host = host;
    for (size_t i = 0; i < LINES; i++)
        m->lines[i] = (struct line){.node = node, .watched = NONE, .executing = NONE};
    m->lines[0].pipe = node->server->pipe;
    node->slots = m;
    node->batch.steps = &m->filling;
    replay_slots_listen(node);
    return 0;
}

void replay_slots_listen(struct replay_node *node)
{
    redis_pipe_on_reply(node->server->pipe, take_reply, &node->slots->lines[0]);
}

/* Over a connection of its own, as nobody knows of the others whether they still serve. */
static void write_late(struct replay_node *node)
{
    const struct replay_texts *late = &node->slots->late.fields;
    struct ft_err ignored = FT_ERR_INIT;
    struct redis_pipe *pipe;
    int rc = 0;

    if (late->count == 0 ||
        redis_pipe_open(&pipe, &node->server->uri, -1, NULL, NULL, &ignored) != 0)
        return;
    for (size_t i = 0; rc == 0 && i + 1 < late->count; i += 2) {
        const struct bytes args[] = {bytes_str("HSET"), bytes_str(node->position.key),
                                     replay_texts_at(late, i), replay_texts_at(late, i + 1)};

        rc = redis_pipe_put(pipe, 0, args, 4, &ignored);
    }
    if (rc == 0)
        (void)redis_pipe_drain(pipe, &ignored); /* else the marks say that it is not known */
    redis_pipe_free(pipe);
}

void replay_slots_end(struct replay_node *node)
{
    struct replay_slots *m = node->slots;

    if (m == NULL)
        return;
    write_late(node);
    for (size_t i = 0; i < LINES; i++) {
        if (i != 0) /* the node's */
            redis_pipe_free(m->lines[i].pipe);
        free(m->lines[i].elements);
    }
    replay_steps_release(&m->filling);
    replay_steps_release(&m->sent);
    replay_steps_release(&m->late);
    replay_steps_release(&m->hash);
    replay_slot_fields_release(&m->filling_fields);
    replay_slot_fields_release(&m->sent_fields);
    local_script_free(m->script);
    free(m->places);
    free(m->transactions);
    free(m->repeat);
    free(m->args);
    free(m);
    node->slots = NULL;
    node->batch.steps = NULL;
}
