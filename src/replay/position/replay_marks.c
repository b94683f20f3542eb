#include "replay/position/replay_marks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/array.h"
#include "replay/position/replay_state_store.h"
#include "replay/position/replay_steps.h"
#include "target/wait_replicas.h"
#include "wire/reply_error.h"

/* A key is never further away, unless the cluster changes its mind all the time. */
#define REDIRECTS 8u

enum work {
    WORK_LOOK,
    WORK_CLAIM,
    WORK_RENEW,
    WORK_REMOVE
};

/* All slots are worked on. */
struct pass {
    struct replay_position_set *set;
    const char *capture; /* whose */
    enum work work;
    char seq[I64_TEXT_SIZE + 1];
    uint8_t elsewhere[SLOT_SET_BYTES]; /* its node has said so */
    struct replay_steps refused;       /* e: fields, which go to the positions ... */
    uint16_t *refused_slots;           /* ... from the marks of these */
    size_t refused_count, refused_cap;
};

struct replay_marks {
    uint32_t tag[SLOT_COUNT]; /* the least number of each slot */
    struct replay_mark of[SLOT_COUNT];
    struct pass pass; /* as long as replies to it may come */
};

enum request_kind {
    REQUEST_LOOK,
    REQUEST_REMOVE,
    REQUEST_WRITE,
    REQUEST_READ
};

/* What is asked of a slot, in this order. */
#define REQUESTS_MAX 3
struct request {
    enum request_kind kind;
    struct bytes args[4];
    size_t count;
};

/* Of a command of a pass: the slot, and the kind of request. */
#define TAG_SHIFT 2u

void replay_marks_free(struct replay_marks *marks)
{
    for (uint32_t slot = 0; marks != NULL && slot < SLOT_COUNT; slot++) {
        free(marks->of[slot].lsn);
        free(marks->of[slot].forget);
    }
    if (marks != NULL) {
        replay_steps_release(&marks->pass.refused);
        free(marks->pass.refused_slots);
    }
    free(marks);
}

/* Numbers in a row come to every slot before long. */
static int new_marks(struct replay_marks **ret, struct ft_err *err)
{
    struct replay_marks *marks = calloc(1, sizeof(*marks));
    char text[I64_TEXT_SIZE];
    unsigned found = 0;

    if (marks == NULL)
        return err_nomem(err, "a replay's position");
    for (uint32_t number = 1; found < SLOT_COUNT; number++) {
        uint16_t slot = slot_of(bytes_of(text, i64_to_text(number, text)));

        if (marks->tag[slot] != 0)
            continue;
        marks->tag[slot] = number;
        found++;
    }
    *ret = marks;
    return 0;
}

static void name(const struct replay_marks *marks, const char *capture, uint16_t slot,
                 char key[REPLAY_KEY_SIZE])
{
    (void)snprintf(key, REPLAY_KEY_SIZE, REPLAY_KEY_PREFIX "%s:slot:{%" PRIu32 "}", capture,
                   marks->tag[slot]); /* fits */
}

void replay_marks_name(const struct replay_position_set *set, uint16_t slot,
                       char key[REPLAY_KEY_SIZE])
{
    name(set->marks, set->id, slot, key);
}

struct replay_mark *replay_marks_get(const struct replay_position_set *set, uint16_t slot)
{
    return set->marks == NULL ? NULL : &set->marks->of[slot];
}

uint64_t replay_marks_of(const struct replay_position_set *set, uint32_t flow, uint16_t slot)
{
    const struct replay_mark *mark = replay_marks_get(set, slot);

    return mark == NULL || mark->lsn == NULL ? 0 : mark->lsn[flow];
}

uint64_t replay_marks_highest(const struct replay_position_set *set, uint32_t flow)
{
    uint64_t highest = 0;

    for (uint32_t slot = 0; set->marks != NULL && slot < SLOT_COUNT; slot++) {
        uint64_t lsn = replay_marks_of(set, flow, (uint16_t)slot);

        if (lsn > highest)
            highest = lsn;
    }
    return highest;
}

/*
 * What a mark says
 */

static struct replay_node *node_of(const struct replay_position_set *set, uint16_t slot)
{
    return &set->nodes[target_client_index_of_slot(set->target, slot)];
}

static int take_outcomes(struct replay_node *node, const struct replay_position *mark,
                         uint16_t slot, struct ft_err *err)
{
    for (size_t i = 0; i < mark->outcome_count; i++) {
        struct replay_outcome outcome = mark->outcomes[i];

        outcome.in_slot = true;
        outcome.slot = slot;
        if (replay_position_add_outcome(&node->position, &outcome, err) != 0)
            return -1;
    }
    return 0;
}

static int take_refused(struct pass *p, uint16_t slot, const redisReply *mark, struct ft_err *err)
{
    for (size_t i = 0; i + 1 < mark->elements; i += 2) {
        const redisReply *field = mark->element[i];
        const redisReply *value = mark->element[i + 1];

        if (strncmp(field->str, "e:", 2) != 0)
            continue;
        if (ARRAY_RESERVE(&p->refused_slots, &p->refused_cap, p->refused_count + 1,
                          "refused commands", err) != 0 ||
            replay_steps_field(&p->refused, bytes_of(field->str, field->len),
                               bytes_of(value->str, value->len), err) != 0)
            return -1;
        p->refused_slots[p->refused_count++] = slot;
    }
    return 0;
}

static int take_mark(struct pass *p, uint16_t slot, const redisReply *reply, struct ft_err *err)
{
    struct replay_mark *mark = &p->set->marks->of[slot];
    struct replay_position read = {0};
    bool any = false;
    int rc;

    if (replay_position_parse(&read, reply, p->set->flow_count, err) != 0)
        return -1;
    rc = take_outcomes(node_of(p->set, slot), &read, slot, err);
    if (rc == 0 && read.error_count != 0)
        rc = take_refused(p, slot, reply, err);
    mark->seq = read.seq;
    for (uint32_t i = 0; i < p->set->flow_count; i++)
        any = any || read.lsn[i] != 0;
    if (any) {
        mark->lsn = read.lsn;
        read.lsn = NULL;
    }
    replay_position_release(&read);
    return rc;
}

static int lost(uint16_t slot, struct ft_err *err)
{
    return err_set(err, FT_ERR_PROTOCOL,
                   "the target has lost its position in the journal, of slot %u; --from-start "
                   "begins again",
                   slot);
}

static int take_answer(struct pass *p, uint16_t slot, enum request_kind kind,
                       const redisReply *reply, struct ft_err *err)
{
    const bool none = reply->type == REDIS_REPLY_INTEGER && reply->integer == 0;

    switch (kind) {
    case REQUEST_LOOK:
        return none ? lost(slot, err) : 0;
    case REQUEST_WRITE: /* it may have gone since */
        return p->work == WORK_CLAIM && reply->type == REDIS_REPLY_INTEGER && !none
                   ? lost(slot, err)
                   : 0;
    case REQUEST_READ:
        return take_mark(p, slot, reply, err);
    case REQUEST_REMOVE:
        break;
    }
    return 0;
}

static int take_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct pass *p = context;
    uint16_t slot = (uint16_t)(tag >> TAG_SHIFT);

    if (reply->type == REDIS_REPLY_ERROR) {
        enum reply_error_kind kind = reply_error_kind_of(bytes_str(reply->str));

        if (kind != REPLY_ERROR_MOVED && kind != REPLY_ERROR_ASK)
            return target_node_refused(node_of(p->set, slot)->server, reply->str, err);
        slot_set_add(p->elsewhere, slot);
    }
    if (slot_set_has(p->elsewhere, slot)) /* all of it is done there */
        return 0;
    return take_answer(p, slot, (enum request_kind)(tag & ((1u << TAG_SHIFT) - 1)), reply, err);
}

/*
 * One slot
 */

static size_t requests_of(const struct pass *p, const char *key, struct request out[REQUESTS_MAX])
{
    const struct bytes k = bytes_str(key);
    const struct request look = {REQUEST_LOOK, {bytes_str("EXISTS"), k}, 2};
    const struct request del = {REQUEST_REMOVE, {bytes_str("DEL"), k}, 2};
    const struct request set = {
        REQUEST_WRITE, {bytes_str("HSET"), k, bytes_str("seq"), bytes_str(p->seq)}, 4};
    const struct request get = {REQUEST_READ, {bytes_str("HGETALL"), k}, 2};
    size_t count = 0;

    if (p->work == WORK_LOOK)
        out[count++] = look;
    if (p->work == WORK_RENEW || p->work == WORK_REMOVE)
        out[count++] = del;
    if (p->work == WORK_CLAIM || p->work == WORK_RENEW) {
        out[count++] = set;
        out[count++] = get;
    }
    return count;
}

static int put_slot(struct pass *p, uint16_t slot, struct ft_err *err)
{
    struct redis_pipe *pipe = node_of(p->set, slot)->server->pipe;
    char key[REPLAY_KEY_SIZE];
    struct request requests[REQUESTS_MAX];
    size_t count;

    name(p->set->marks, p->capture, slot, key);
    count = requests_of(p, key, requests);
    for (size_t i = 0; i < count; i++) {
        if (redis_pipe_put(pipe, (uint64_t)slot << TAG_SHIFT | requests[i].kind, requests[i].args,
                           requests[i].count, err) != 0)
            return -1;
    }
    return 0;
}

/* Where a redirect points to; NULL: to none of the nodes that are known, and err says what it was. */
static struct target_node *find_redirect(const struct replay_position_set *set,
                                         struct target_node *from, const char *text, bool *ret_ask,
                                         struct ft_err *err)
{
    struct reply_error error;
    uint16_t index = SLOT_MAP_NONE;

    reply_error_parse(bytes_str(text), &error);
    (void)target_node_refused(from, text, err);
    if (error.kind == REPLY_ERROR_MOVED || error.kind == REPLY_ERROR_ASK)
        index = slot_map_find(set->target->map, error.host, error.port);
    if (index == SLOT_MAP_NONE)
        return NULL;
    err_clear(err);
    *ret_ask = error.kind == REPLY_ERROR_ASK;
    return set->nodes[index].server;
}

/* One command about a slot that is on its way, or has just arrived: by whoever has the key. */
static int call_elsewhere(const struct replay_position_set *set, uint16_t slot, redisReply **ret,
                          const struct request *request, struct ft_err *err)
{
    const struct bytes asking[] = {bytes_str("ASKING")};
    struct target_node *node = node_of(set, slot)->server;
    bool ask = false;

    for (unsigned i = 0; i < REDIRECTS; i++) {
        redisReply *reply;

        if ((ask && target_node_call(node, NULL, asking, 1, err) != 0) ||
            redis_pipe_call(node->pipe, &reply, request->args, request->count, err) != 0)
            return -1;
        if (reply->type != REDIS_REPLY_ERROR) {
            *ret = reply;
            return 0;
        }
        node = find_redirect(set, node, reply->str, &ask, err);
        reply_free(reply);
        if (node == NULL)
            return -1;
    }
    return err_set(err, FT_ERR_NET, "the nodes of the target do not agree on who has slot %u",
                   slot);
}

static int work_elsewhere(struct pass *p, uint16_t slot, struct ft_err *err)
{
    char key[REPLAY_KEY_SIZE];
    struct request requests[REQUESTS_MAX];
    size_t count;
    int rc = 0;

    name(p->set->marks, p->capture, slot, key);
    count = requests_of(p, key, requests);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        redisReply *reply;

        rc = call_elsewhere(p->set, slot, &reply, &requests[i], err);
        if (rc != 0)
            break;
        rc = take_answer(p, slot, requests[i].kind, reply, err);
        reply_free(reply);
    }
    return rc;
}

/*
 * All slots
 */

static int put_all(struct pass *p, struct ft_err *err)
{
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (put_slot(p, (uint16_t)slot, err) != 0)
            return -1;
    }
    for (size_t n = 0; n < p->set->node_count; n++) {
        if (redis_pipe_drain(p->set->nodes[n].server->pipe, err) != 0)
            return -1;
    }
    return 0;
}

static int run(struct pass *p, struct ft_err *err)
{
    int rc = 0;

    memset(p->elsewhere, 0, sizeof(p->elsewhere));
    /* what is in flight has its replies go to whoever asked */
    for (size_t n = 0; rc == 0 && n < p->set->node_count; n++)
        rc = redis_pipe_drain(p->set->nodes[n].server->pipe, err);
    for (size_t n = 0; rc == 0 && n < p->set->node_count; n++)
        redis_pipe_on_reply(p->set->nodes[n].server->pipe, take_reply, p);
    if (rc == 0)
        rc = put_all(p, err);
    for (uint32_t slot = 0; rc == 0 && slot < SLOT_COUNT; slot++) {
        if (slot_set_has(p->elsewhere, (uint16_t)slot))
            rc = work_elsewhere(p, (uint16_t)slot, err);
    }
    return rc;
}

static int bring(struct pass *p, uint16_t slot, struct bytes field, struct bytes value,
                 struct ft_err *err)
{
    struct replay_node *node = node_of(p->set, slot);
    char key[REPLAY_KEY_SIZE];
    redisReply *reply;

    replay_marks_name(p->set, slot, key);
    const struct bytes add[] = {bytes_str("HSET"), bytes_str(node->position.key), field, value};
    const struct request drop = {REQUEST_REMOVE, {bytes_str("HDEL"), bytes_str(key), field}, 3};

    if (target_node_call(node->server, NULL, add, 4, err) != 0 ||
        call_elsewhere(p->set, slot, &reply, &drop, err) != 0)
        return -1;
    reply_free(reply);
    node->position.error_count++;
    return 0;
}

/* Refused commands are known to positions. Written there first, they are never lost. */
static int bring_refused(struct pass *p, struct ft_err *err)
{
    const struct replay_texts *fields = &p->refused.fields;

    for (size_t i = 0; i < p->refused_count; i++) {
        if (bring(p, p->refused_slots[i], replay_texts_at(fields, 2 * i),
                  replay_texts_at(fields, 2 * i + 1), err) != 0)
            return -1;
    }
    return 0;
}

static int begin_pass(struct pass **ret, struct replay_position_set *set, const char *capture,
                      enum work work, struct ft_err *err)
{
    struct pass *p;
    uint64_t seq;

    if (getrandom(&seq, sizeof(seq), 0) != sizeof(seq))
        return err_errno(err, errno, "could not get random bytes");
    replay_marks_free(set->marks);
    set->marks = NULL;
    if (new_marks(&set->marks, err) != 0)
        return -1;
    p = &set->marks->pass;
    *p = (struct pass){.set = set, .capture = capture, .work = work};
    p->seq[i64_to_text((int64_t)(seq >> 2), p->seq)] = '\0';
    *ret = p;
    return 0;
}

/* Transactions were executed, and nobody knows whether the server refused a part of them. */
static int note_unread(struct replay_position_set *set, struct ft_err *err)
{
    struct buf text = {0};
    int rc = 0;

    for (uint32_t flow = 0; rc == 0 && flow < set->flow_count; flow++) {
        uint64_t first = UINT64_MAX;
        uint64_t last = 0;

        for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
            uint64_t mark = replay_marks_of(set, flow, (uint16_t)slot);
            uint64_t known =
                replay_position_of(&node_of(set, (uint16_t)slot)->position, flow, (uint16_t)slot);

            if (mark <= known)
                continue;
            first = known < first ? known : first;
            last = mark > last ? mark : last;
        }
        if (last > first)
            rc = buf_printf(&text, err, "%" PRIu32 ":%" PRIu64 "-%" PRIu64 " ", flow, first,
                            last - 1);
    }
    if (rc == 0 && text.n != 0)
        replay_report_note(set->report,
                           "an interruption came before the replies to the last transactions: "
                           "whether the target refused any of these records is not known "
                           "(--check all finds out), as flow:first-last LSN: %.*s",
                           (int)text.n, (const char *)text.p);
    buf_release(&text);
    return rc;
}

/* A claim would make a mark that is not there, and the next run find one that says nothing. */
static int claim(struct replay_position_set *set, struct ft_err *err)
{
    struct pass *p;

    if (begin_pass(&p, set, set->id, WORK_LOOK, err) != 0 || run(p, err) != 0)
        return -1;
    p->work = WORK_CLAIM;
    if (run(p, err) != 0 || bring_refused(p, err) != 0)
        return -1;
    return note_unread(set, err);
}

/* Whoever removes the replay has to know of them, also when no more than a part of them was made. */
static int name_marks(struct replay_position_set *set, struct ft_err *err)
{
    if (set->state.by_slot || set->state.has_marks)
        return 0;
    if (replay_state_set(set, "marks", "1", err) != 0 || replay_state_secure(set, err) != 0)
        return -1;
    set->state.has_marks = true;
    return 0;
}

/* They count when all of them are there, also with replicas. */
static int renew(struct replay_position_set *set, struct ft_err *err)
{
    struct pass *p;

    if (name_marks(set, err) != 0)
        return -1;
    if (begin_pass(&p, set, set->id, WORK_RENEW, err) != 0 || run(p, err) != 0)
        return -1;
    for (size_t n = 0; n < set->target->node_count; n++) {
        if (wait_replicas_node(set->target, &set->target->nodes[n], err) != 0)
            return -1;
    }
    if (set->state.by_slot)
        return 0;
    if (replay_state_set(set, "version", REPLAY_STATE_BY_SLOT_TEXT, err) != 0)
        return -1;
    set->state.by_slot = true;
    return 0;
}

static bool are_wanted(const struct replay_position_set *set)
{
    return set->target->cluster && set->has_journal && atomic_load(&set->target->no_eval);
}

int replay_marks_load(struct replay_position_set *set, struct ft_err *err)
{
    if (set->target->cluster && set->state.by_slot)
        return claim(set, err);
    return are_wanted(set) ? renew(set, err) : 0;
}

int replay_marks_reset(struct replay_position_set *set, struct ft_err *err)
{
    return are_wanted(set) || (set->target->cluster && set->state.by_slot) ? renew(set, err) : 0;
}

int replay_marks_remove(struct replay_position_set *set, struct ft_err *err)
{
    struct pass *p;

    if (!set->target->cluster || (!set->state.by_slot && !set->state.has_marks))
        return 0;
    if (begin_pass(&p, set, set->state.capture, WORK_REMOVE, err) != 0 || run(p, err) != 0)
        return -1;
    set->state.by_slot = set->state.has_marks = false;
    return 0;
}
