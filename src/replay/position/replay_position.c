#include "replay/position/replay_position.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/array.h"
#include "mapping/replay_divide.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_gather.h"
#include "replay/position/replay_marks.h"
#include "replay/position/replay_multi.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_state_store.h"
#include "target/wait_replicas.h"

/* Of a position. New ones are without those that say nothing any more. */
#define LANES_MAX 8u

static void node_slots(const struct replay_position_set *set, size_t index,
                       uint8_t slots[SLOT_COUNT / 8])
{
    memset(slots, set->target->cluster ? 0 : 0xff, SLOT_COUNT / 8);
    for (uint32_t slot = 0; set->target->cluster && slot < SLOT_COUNT; slot++) {
        if (slot_map_master(set->target->map, (uint16_t)slot) == index)
            slot_set_add(slots, (uint16_t)slot);
    }
}

/* A position as it is written down, with the reply it was read from. */
struct found_position {
    struct replay_position p;
    redisReply *reply; /* owned */
};

/* A number that puts the key into a slot of the node and is no tag that is in use. */
static void new_tag(const struct replay_position_set *set, size_t index, char tag[REPLAY_TAG_SIZE])
{
    bool is_new = false;

    for (int64_t number = 0; !is_new; number++) {
        tag[i64_to_text(number, tag)] = '\0';
        is_new = !set->target->cluster ||
                 slot_map_master_of_key(set->target->map, bytes_str(tag)) == index;
        for (size_t i = 0; is_new && i < set->state.tag_count; i++)
            is_new = strcmp(set->state.tags[i], tag) != 0;
    }
}

/* Numbers that no batch of an earlier connection carries. */
static int new_seq(uint64_t *ret, struct ft_err *err)
{
    if (getrandom(ret, sizeof(*ret), 0) != sizeof(*ret))
        return err_errno(err, errno, "could not get random bytes");
    *ret >>= 2;
    return 0;
}

static int has_key(struct replay_node *node, const char *key, bool *ret, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("EXISTS"), bytes_str(key)};
    redisReply *reply;

    if (target_node_call(node->server, &reply, args, 2, err) != 0)
        return -1;
    *ret = reply->type == REDIS_REPLY_INTEGER && reply->integer != 0;
    reply_free(reply);
    return 0;
}

/* A transaction was executed, and nobody knows what of it the server refused, or whether it did. value: as
 * lua/count_refused.lua has it: "count of records", or the records alone. */
static void note_unread(struct replay_position_set *set, const char *value)
{
    const char *records = strstr(value, " of ");

    if (records == NULL)
        replay_report_note(set->report,
                           "an interruption came before the replies to the last transaction: "
                           "whether the target refused any of these records is not known "
                           "(--check all finds out), as flow:first-last LSN: %.200s",
                           value);
    else
        replay_report_note(set->report,
                           "an interruption came before the replies to the last transaction, in "
                           "which the target has counted %.*s error%s: which of these records it "
                           "refused is not known (--check all finds out), as flow:first-last LSN: "
                           "%.200s",
                           (int)(records - value), value, strncmp(value, "1 ", 2) == 0 ? "" : "s",
                           records + strlen(" of "));
}

static int take_unread(struct replay_position_set *set, struct replay_node *node, const char *key,
                       const redisReply *position, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HDEL"), bytes_str(key), bytes_str("unread")};

    for (size_t i = 0; i + 1 < position->elements; i += 2) {
        if (strcmp(position->element[i]->str, "unread") != 0 || position->element[i + 1]->len == 0)
            continue;
        note_unread(set, position->element[i + 1]->str);
        return target_node_call(node->server, NULL, args, 3, err);
    }
    return 0;
}

/* Batches that may still be in flight from an earlier connection are refused from the new number on:
 * only then what is read stays true. */
static int claim(struct replay_position_set *set, struct found_position *ret, struct ft_err *err)
{
    struct replay_node *node = replay_node_of(set, bytes_str(ret->p.key));
    const struct bytes read[] = {bytes_str("HGETALL"), bytes_str(ret->p.key)};
    char number[I64_TEXT_SIZE];
    struct bytes write[] = {bytes_str("HSET"), bytes_str(ret->p.key), bytes_str("seq"), {NULL, 0}};
    uint64_t seq;
    bool exists;

    if (has_key(node, ret->p.key, &exists, err) != 0 || new_seq(&seq, err) != 0)
        return -1;
    write[3] = bytes_of(number, i64_to_text((int64_t)seq, number));
    if ((exists && target_node_call(node->server, NULL, write, 4, err) != 0) ||
        target_node_call(node->server, &ret->reply, read, 2, err) != 0)
        return -1;
    if (replay_position_parse(&ret->p, ret->reply, set->flow_count, err) != 0)
        return -1;
    return take_unread(set, node, ret->p.key, ret->reply, err);
}

/* The positions as they are written down, one per tag that the state names. */
static int read_all(struct replay_position_set *set, struct found_position *all, struct ft_err *err)
{
    for (size_t i = 0; i < set->state.tag_count; i++) {
        replay_position_name(&all[i].p, set->id, set->state.tags[i]);
        if (claim(set, &all[i], err) != 0)
            return -1;
    }
    return 0;
}

/* The position of the newest epoch that is for just the slots of this node. */
static struct replay_position *find_matching(struct replay_position_set *set,
                                             struct found_position *all, size_t index)
{
    uint8_t slots[SLOT_COUNT / 8];

    node_slots(set, index, slots);
    for (size_t i = 0; i < set->state.tag_count; i++) {
        struct replay_position *p = &all[i].p;

        if (p->found && p->epoch == set->state.epoch &&
            memcmp(p->slots, slots, sizeof(slots)) == 0 &&
            replay_node_of(set, bytes_str(p->key)) == &set->nodes[index])
            return p;
    }
    return NULL;
}

/* If each node has one, of which interruptions have not left too many lanes: take them. */
static bool take_matching(struct replay_position_set *set, struct found_position *all)
{
    for (size_t n = 0; n < set->target->node_count; n++) {
        const struct replay_position *p = find_matching(set, all, n);

        if (p == NULL || p->lane_count >= LANES_MAX)
            return false;
    }
    for (size_t n = 0; n < set->target->node_count; n++) {
        struct replay_position *p = find_matching(set, all, n);

        replay_position_release(&set->nodes[n].position);
        set->nodes[n].position = *p;
        *p = (struct replay_position){0};
    }
    return true;
}

/* Who speaks for this slot? */
static const struct replay_position *speaker(const struct replay_position_set *set,
                                             const struct found_position *all, uint16_t slot)
{
    const struct replay_position *best = NULL;

    for (size_t i = 0; i < set->state.tag_count; i++) {
        const struct replay_position *p = &all[i].p;

        if (p->found && slot_set_has(p->slots, slot) && (best == NULL || p->epoch > best->epoch))
            best = p;
    }
    return best;
}

/* The slot joins the lane that is as far as it is. */
static int add_to_lane(struct replay_position *p, uint16_t slot, const struct replay_position *from,
                       uint32_t flow_count, struct ft_err *err)
{
    size_t i;

    for (i = 0; i < p->lane_count; i++) {
        uint32_t flow = 0;

        while (flow < flow_count && p->lanes[i].lsn[flow] == replay_position_of(from, flow, slot))
            flow++;
        if (flow == flow_count)
            break;
    }
    if (i == p->lane_count) {
        if (ARRAY_ADD_ROOM(&p->lanes, i, "a replay's position", err) != 0)
            return -1;
        p->lanes[i] = (struct replay_lane){.lsn = calloc(flow_count + 1u, sizeof(uint64_t))};
        p->lane_count++;
        if (p->lanes[i].lsn == NULL)
            return err_nomem(err, "a replay's position");
        for (uint32_t flow = 0; flow < flow_count; flow++)
            p->lanes[i].lsn[flow] = replay_position_of(from, flow, slot);
    }
    slot_set_add(p->lanes[i].slots, slot);
    return 0;
}

/* The node is as far as the lane that is least far. */
static void lower_to_lanes(struct replay_position *p, uint32_t flow_count)
{
    for (uint32_t flow = 0; flow < flow_count; flow++) {
        p->lsn[flow] = p->lane_count == 0 ? 0 : UINT64_MAX;
        for (size_t i = 0; i < p->lane_count; i++) {
            if (p->lanes[i].lsn[flow] < p->lsn[flow])
                p->lsn[flow] = p->lanes[i].lsn[flow];
        }
    }
}

/* A lane that is not ahead of its node says nothing. */
static void drop_lanes(struct replay_position *p, uint32_t flow_count)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->lane_count; i++) {
        bool ahead = false;

        for (uint32_t flow = 0; flow < flow_count; flow++)
            ahead = ahead || p->lanes[i].lsn[flow] > p->lsn[flow];
        if (ahead)
            p->lanes[kept++] = p->lanes[i];
        else
            free(p->lanes[i].lsn);
    }
    p->lane_count = kept;
}

/* Refused commands and outcomes of old positions, by whoever has the old key's slot now. */
static int write_kept_fields(struct replay_position_set *set, struct replay_node *node,
                             const struct found_position *old, struct ft_err *err)
{
    const redisReply *reply = old->reply;

    if (!old->p.found || replay_node_of(set, bytes_str(old->p.key)) != node)
        return 0;
    for (size_t i = 0; i < old->p.outcome_count; i++) {
        if (replay_position_add_outcome(&node->position, &old->p.outcomes[i], err) != 0)
            return -1;
    }
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i];
        const redisReply *value = reply->element[i + 1];
        const struct bytes args[] = {bytes_str("HSET"), bytes_str(node->position.key),
                                     bytes_of(name->str, name->len),
                                     bytes_of(value->str, value->len)};

        if (name->len < 2 || name->str[1] != ':' || (name->str[0] != 'e' && name->str[0] != 'd'))
            continue;
        node->position.error_count += name->str[0] == 'e';
        if (target_node_call(node->server, NULL, args, 4, err) != 0)
            return -1;
    }
    return 0;
}

/* The arguments of one HSET, whose bytes lie in a row. */
struct hset {
    struct buf text;
    size_t *ends;
    size_t count;
};

static void end_arg(struct hset *h)
{
    h->ends[h->count++] = h->text.n;
}

static int put_number(struct hset *h, const char *name, uint64_t value, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];

    if (buf_append_str(&h->text, name, err) != 0)
        return -1;
    end_arg(h);
    if (buf_append(&h->text, number, i64_to_text((int64_t)value, number), err) != 0)
        return -1;
    end_arg(h);
    return 0;
}

static int put_lane(struct hset *h, size_t index, const struct replay_lane *lane,
                    uint32_t flow_count, struct ft_err *err)
{
    if (buf_printf(&h->text, err, "lane:%zu", index) != 0)
        return -1;
    end_arg(h);
    if (replay_lane_put(&h->text, lane, flow_count, err) != 0)
        return -1;
    end_arg(h);
    return 0;
}

static int put_position(struct hset *h, const struct replay_position *p, uint32_t flow_count,
                        struct ft_err *err)
{
    char name[REPLAY_TAG_TEXT];

    if (buf_append_str(&h->text, "slots", err) != 0)
        return -1;
    end_arg(h);
    if (slot_set_put(&h->text, p->slots, err) != 0)
        return -1;
    end_arg(h);
    if (put_number(h, "seq", p->seq, err) != 0 || put_number(h, "epoch", p->epoch, err) != 0)
        return -1;
    for (uint32_t i = 0; i < flow_count; i++) {
        (void)snprintf(name, sizeof(name), "flow:%" PRIu32, i); /* fits */
        if (put_number(h, name, p->lsn[i], err) != 0)
            return -1;
    }
    for (size_t i = 0; i < p->lane_count; i++) {
        if (put_lane(h, i, &p->lanes[i], flow_count, err) != 0)
            return -1;
    }
    return 0;
}

static int call_piece(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    return target_node_call(((struct replay_node *)context)->server, NULL, args, count, err);
}

/* Half of a position would be wrong: where a request cannot hold all of it, it is a transaction. */
static int call_hset(struct replay_node *node, const struct bytes *args, size_t count,
                     struct ft_err *err)
{
    const struct reach_limit limit = replay_request_limit(node->set);
    const struct bytes multi = bytes_str("MULTI");
    const struct bytes exec = bytes_str("EXEC");
    bool divided;

    if (reach_fits(&limit, count, 0))
        return call_piece(node, args, count, err);
    if (call_piece(node, &multi, 1, err) != 0 ||
        replay_divide_to_fit(&limit, args, count, call_piece, node, &divided, err) != 0)
        return -1;
    return call_piece(node, &exec, 1, err);
}

static int send_hset(struct replay_node *node, const struct hset *h, struct ft_err *err)
{
    struct bytes *args = calloc(h->count + 2, sizeof(*args));
    size_t start = 0;
    int rc;

    if (args == NULL)
        return err_nomem(err, "a replay's position");
    args[0] = bytes_str("HSET");
    args[1] = bytes_str(node->position.key);
    for (size_t i = 0; i < h->count; i++) {
        args[i + 2] = bytes_of(h->text.p + start, h->ends[i] - start);
        start = h->ends[i];
    }
    rc = call_hset(node, args, h->count + 2, err);
    free(args);
    return rc;
}

/* What a position starts with, in one step. */
static int write_position(struct replay_position_set *set, struct replay_node *node,
                          struct ft_err *err)
{
    struct replay_position *p = &node->position;
    uint32_t flow_count = set->flow_count;
    struct hset h = {.ends = calloc(2 * (3 + flow_count + p->lane_count), sizeof(*h.ends))};
    int rc = h.ends == NULL ? err_nomem(err, "a replay's position") : new_seq(&p->seq, err);

    if (rc == 0)
        rc = put_position(&h, p, flow_count, err);
    if (rc == 0)
        rc = send_hset(node, &h, err);
    buf_release(&h.text);
    free(h.ends);
    return rc;
}

/* The new names are in the state before the keys are there, the old ones until they are not. */
static int name_node(struct replay_position_set *set, const char *tag, struct ft_err *err)
{
    char field[REPLAY_TAG_TEXT];

    (void)snprintf(field, sizeof(field), "node:%s", tag);
    return replay_state_set(set, field, "1", err);
}

static bool is_tag_of_node(const struct replay_position_set *set, const char *tag)
{
    for (size_t n = 0; n < set->target->node_count; n++) {
        if (strcmp(set->nodes[n].position.tag, tag) == 0)
            return true;
    }
    return false;
}

static int forget_old(struct replay_position_set *set, struct ft_err *err)
{
    for (size_t i = 0; i < set->state.tag_count; i++) {
        struct replay_position old = {0};
        char field[REPLAY_TAG_TEXT];
        struct bytes del[] = {bytes_str("DEL"), {NULL, 0}};

        if (is_tag_of_node(set, set->state.tags[i]))
            continue;
        replay_position_name(&old, set->id, set->state.tags[i]);
        (void)snprintf(field, sizeof(field), "node:%s", old.tag);
        del[1] = bytes_str(old.key);
        if (target_node_call(target_client_node(set->target, del[1]), NULL, del, 2, err) != 0 ||
            replay_state_remove(set, field, err) != 0)
            return -1;
    }
    return 0;
}

/* What a replay that is not known any more may have left under the name. */
static int clear_position(struct replay_node *node, struct ft_err *err)
{
    const struct bytes del[] = {bytes_str("DEL"), bytes_str(node->position.key)};

    return target_node_call(node->server, NULL, del, 2, err);
}

/* old: what the new positions are made of; NULL: they begin. */
static int write_all(struct replay_position_set *set, const struct found_position *old,
                     struct ft_err *err)
{
    char epoch[I64_TEXT_SIZE + 1] = "";

    epoch[i64_to_text((int64_t)set->state.epoch, epoch)] = '\0';
    for (size_t n = 0; n < set->target->node_count; n++) {
        if (name_node(set, set->nodes[n].position.tag, err) != 0)
            return -1;
    }
    /* a replica in the master's place has to know where the positions are */
    if (replay_state_secure(set, err) != 0)
        return -1;
    for (size_t n = 0; n < set->target->node_count; n++) {
        if (clear_position(&set->nodes[n], err) != 0)
            return -1;
        for (size_t i = 0; old != NULL && i < set->state.tag_count; i++) {
            if (write_kept_fields(set, &set->nodes[n], &old[i], err) != 0)
                return -1;
        }
        if (write_position(set, &set->nodes[n], err) != 0)
            return -1;
    }
    /* the old ones are not to go while a failover could take the new ones away */
    for (size_t n = 0; n < set->target->node_count; n++) {
        const struct replay_node *node = &set->nodes[n];

        if (wait_replicas_node(set->target, node->server, err) != 0)
            return -1;
    }
    if (replay_state_set(set, "epoch", epoch, err) != 0 || replay_state_secure(set, err) != 0)
        return -1;
    return forget_old(set, err);
}

static int new_position(struct replay_position_set *set, size_t n, struct ft_err *err)
{
    struct replay_position *p = &set->nodes[n].position;
    char tag[REPLAY_TAG_SIZE];

    replay_position_release(p);
    new_tag(set, n, tag);
    replay_position_name(p, set->id, tag);
    node_slots(set, n, p->slots);
    p->epoch = set->state.epoch;
    p->lsn = calloc(set->flow_count + 1u, sizeof(*p->lsn));
    return p->lsn == NULL ? err_nomem(err, "a replay's position") : 0;
}

/* Slots have moved: what the positions say, in the order of the nodes there are now. */
static int rearrange(struct replay_position_set *set, const struct found_position *all,
                     struct ft_err *err)
{
    uint32_t flow_count = set->flow_count;

    for (size_t i = 0; i < set->state.tag_count; i++) {
        if (all[i].p.epoch > set->state.epoch)
            set->state.epoch = all[i].p.epoch;
    }
    set->state.epoch++;
    for (size_t n = 0; n < set->target->node_count; n++) {
        struct replay_position *p = &set->nodes[n].position;

        if (new_position(set, n, err) != 0)
            return -1;
        for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
            const struct replay_position *from;

            if (!slot_set_has(p->slots, (uint16_t)slot))
                continue;
            from = speaker(set, all, (uint16_t)slot);
            if (from == NULL) {
                return err_set(err, FT_ERR_PROTOCOL,
                               "the target has lost its position in the journal; --from-start "
                               "begins again");
            }
            if (add_to_lane(p, (uint16_t)slot, from, flow_count, err) != 0)
                return -1;
        }
        lower_to_lanes(p, flow_count);
        drop_lanes(p, flow_count);
    }
    return write_all(set, all, err);
}

int replay_positions_load(struct replay_position_set *set, struct ft_err *err)
{
    struct found_position *all = calloc(set->state.tag_count + 1, sizeof(*all));
    size_t count = set->state.tag_count;
    int rc;

    if (all == NULL)
        return err_nomem(err, "a replay's position");
    /* what the connection before had in batches is nothing this one may write down */
    memset(set->next, 0, (set->flow_count + 1u) * sizeof(*set->next));
    rc = read_all(set, all, err);
    if (rc == 0 && !take_matching(set, all))
        rc = rearrange(set, all, err);
    else if (rc == 0)
        rc = forget_old(set, err);
    for (size_t i = 0; i < count; i++) {
        replay_position_release(&all[i].p);
        reply_free(all[i].reply);
    }
    free(all);
    if (rc != 0 || replay_marks_load(set, err) != 0)
        return -1;
    replay_nodes_listen(set);
    return 0;
}

int replay_positions_reset(struct replay_position_set *set, const uint64_t *lsn, struct ft_err *err)
{
    if (replay_marks_reset(set, err) != 0)
        return -1;
    replay_nodes_listen(set);
    set->state.epoch++;
    for (size_t n = 0; n < set->target->node_count; n++) {
        if (new_position(set, n, err) != 0)
            return -1;
        if (lsn != NULL)
            memcpy(set->nodes[n].position.lsn, lsn, set->flow_count * sizeof(*lsn));
    }
    return write_all(set, NULL, err);
}

int replay_positions_remove(struct replay_position_set *set, struct ft_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < set->state.tag_count; i++) {
        struct replay_position p = {0};
        struct bytes del[] = {bytes_str("DEL"), {NULL, 0}};

        replay_position_name(&p, set->state.capture, set->state.tags[i]);
        del[1] = bytes_str(p.key);
        rc = target_node_call(target_client_node(set->target, del[1]), NULL, del, 2, err);
    }
    if (rc != 0 || replay_marks_remove(set, err) != 0)
        return -1;
    replay_nodes_listen(set);
    return 0;
}

uint64_t replay_positions_furthest(const struct replay_position_set *set, size_t node,
                                   uint32_t flow)
{
    const struct replay_position *p = &set->nodes[node].position;
    uint64_t lsn = replay_marks_highest(set, flow);

    if (p->lsn[flow] > lsn)
        lsn = p->lsn[flow];
    for (size_t i = 0; i < p->lane_count; i++) {
        if (p->lanes[i].lsn[flow] > lsn)
            lsn = p->lanes[i].lsn[flow];
    }
    return lsn;
}

void replay_positions_start(struct replay_position_set *set, uint64_t *start)
{
    for (uint32_t i = 0; i < set->flow_count; i++) {
        start[i] = UINT64_MAX;
        for (size_t n = 0; n < set->node_count; n++) {
            struct replay_node *node = &set->nodes[n];

            node->written[i] = node->position.lsn[i];
            if (node->written[i] < start[i])
                start[i] = node->written[i];
        }
        set->next[i] = start[i];
    }
}

int replay_positions_follow(struct replay_position_set *set, struct ft_err *err)
{
    for (size_t i = 0; i < set->node_count; i++) {
        struct replay_node *node = &set->nodes[i];

        if (replay_sent_init(&node->sent, set->flow_count, node->written, err) != 0)
            return -1;
    }
    return 0;
}

static bool is_done(const struct replay_node *node)
{
    return replay_batch_commands(&node->batch) == 0 && replay_gather_has_none(node) &&
           (replay_multi_is(node) ? replay_multi_is_drained(node)
                                  : redis_pipe_in_flight(node->server->pipe) == 0);
}

uint64_t replay_positions_applied(const struct replay_position_set *set, uint32_t flow)
{
    uint64_t lsn = set->next[flow];

    for (size_t n = 0; n < set->node_count; n++) {
        const struct replay_node *node = &set->nodes[n];

        if (!is_done(node) && node->sent.acked[flow] < lsn)
            lsn = node->sent.acked[flow];
    }
    return lsn;
}

static int lost(const struct replay_node *node, struct ft_err *err)
{
    return err_set(err, FT_ERR_NET,
                   "the position on %s is not the one that was written: the data of this node have "
                   "gone, or are older",
                   node->server->name);
}

static bool is_number(const redisReply *reply, uint64_t number)
{
    char text[I64_TEXT_SIZE];
    size_t n = i64_to_text((int64_t)number, text);

    return reply->type == REDIS_REPLY_STRING &&
           bytes_eq(bytes_of(reply->str, reply->len), bytes_of(text, n));
}

/* The next number is written into the position that is there: replicas that confirm it have all that
 * was before. */
static int prove_position(struct replay_node *node, struct ft_err *err)
{
    struct replay_position *p = &node->position;
    char next_seq[I64_TEXT_SIZE];
    const struct bytes read[] = {bytes_str("HGET"), bytes_str(p->key), bytes_str("seq")};
    const struct bytes write[] = {bytes_str("HSET"), bytes_str(p->key), bytes_str("seq"),
                                  bytes_of(next_seq, i64_to_text((int64_t)p->seq + 1, next_seq))};
    redisReply *reply;
    bool there;

    if (target_node_call(node->server, &reply, read, 3, err) != 0)
        return -1;
    there = is_number(reply, p->seq);
    reply_free(reply);
    if (!there)
        return lost(node, err);
    if (target_node_call(node->server, &reply, write, 4, err) != 0)
        return -1;
    /* no field was made again; a server that has another name for HSET says OK */
    there = reply->type == REDIS_REPLY_STATUS ||
            (reply->type == REDIS_REPLY_INTEGER && reply->integer == 0);
    reply_free(reply);
    p->seq++;
    if (!there)
        return lost(node, err);
    return replay_multi_is(node) ? replay_multi_confirm(node, err) : 0;
}

int replay_positions_prove(struct replay_position_set *set, struct ft_err *err)
{
    for (size_t n = 0; n < set->target->node_count; n++) {
        if (prove_position(&set->nodes[n], err) != 0)
            return -1;
    }
    return 0;
}
