#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "replay/replay_impl.h"

static void node_slots(const struct replay *r, size_t index, uint8_t slots[SLOT_COUNT / 8])
{
    memset(slots, r->target.cluster ? 0 : 0xff, SLOT_COUNT / 8);
    for (uint32_t slot = 0; r->target.cluster && slot < SLOT_COUNT; slot++) {
        if (slot_map_master(r->target.map, (uint16_t)slot) == index)
            replay_slot_add(slots, (uint16_t)slot);
    }
}

/* A position as it is written down, with the reply it was read from. */
struct found_position {
    struct replay_position p;
    redisReply *reply; /* owned */
};

/* A number that puts the key into a slot of the node and is no tag that is in use. */
static void new_tag(const struct replay *r, size_t index, char tag[REPLAY_TAG_SIZE])
{
    bool is_new = false;

    for (int64_t number = 0; !is_new; number++) {
        tag[i64_to_text(number, tag)] = '\0';
        is_new =
            !r->target.cluster || slot_map_master_of_key(r->target.map, bytes_str(tag)) == index;
        for (size_t i = 0; is_new && i < r->state.tag_count; i++)
            is_new = strcmp(r->state.tags[i], tag) != 0;
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

/* Read, and in the same step made to refuse batches that may still be under way from an earlier
 * connection. */
static int claim(struct replay *r, struct found_position *ret, struct ft_err *err)
{
    static const char script[] = "if redis.call('EXISTS',KEYS[1])==0 then return {} end "
                                 "redis.call('HSET',KEYS[1],'seq',ARGV[1]) "
                                 "return redis.call('HGETALL',KEYS[1])";
    struct bytes words[] = {
        bytes_str("EVAL"), bytes_str(script), bytes_str("1"), bytes_str(ret->p.key), {NULL, 0}};
    char number[I64_TEXT_SIZE];
    uint64_t seq;

    if (new_seq(&seq, err) != 0)
        return -1;
    words[4] = bytes_of(number, i64_to_text((int64_t)seq, number));
    if (replay_call(replay_node_of(r, words[3]), &ret->reply, words, 5, err) != 0)
        return -1;
    return replay_position_parse(&ret->p, ret->reply, r->source->stream_count, err);
}

/* The positions as they are written down, one per tag that the state names. */
static int read_all(struct replay *r, struct found_position *all, struct ft_err *err)
{
    for (size_t i = 0; i < r->state.tag_count; i++) {
        replay_position_name(&all[i].p, r->id, r->state.tags[i]);
        if (claim(r, &all[i], err) != 0)
            return -1;
    }
    return 0;
}

/* The position of the newest epoch that is for just the slots of this node. */
static struct replay_position *find_matching(struct replay *r, struct found_position *all,
                                             size_t index)
{
    uint8_t slots[SLOT_COUNT / 8];

    node_slots(r, index, slots);
    for (size_t i = 0; i < r->state.tag_count; i++) {
        struct replay_position *p = &all[i].p;

        if (p->found && p->epoch == r->state.epoch && memcmp(p->slots, slots, sizeof(slots)) == 0 &&
            replay_node_of(r, bytes_str(p->key)) == &r->target.nodes[index])
            return p;
    }
    return NULL;
}

/* If each node has one: take them. */
static bool take_matching(struct replay *r, struct found_position *all)
{
    for (size_t n = 0; n < r->target.node_count; n++) {
        if (find_matching(r, all, n) == NULL)
            return false;
    }
    for (size_t n = 0; n < r->target.node_count; n++) {
        struct replay_position *p = find_matching(r, all, n);

        replay_position_release(&r->target.nodes[n].position);
        r->target.nodes[n].position = *p;
        *p = (struct replay_position){0};
    }
    return true;
}

/* Who speaks for this slot? */
static const struct replay_position *speaker(const struct replay *r,
                                             const struct found_position *all, uint16_t slot)
{
    const struct replay_position *best = NULL;

    for (size_t i = 0; i < r->state.tag_count; i++) {
        const struct replay_position *p = &all[i].p;

        if (p->found && replay_slot_in(p->slots, slot) && (best == NULL || p->epoch > best->epoch))
            best = p;
    }
    return best;
}

/* The slot joins the lane that is as far as it is. */
static int add_to_lane(struct replay_position *p, uint16_t slot, const struct replay_position *from,
                       uint32_t flow_count, struct ft_err *err)
{
    struct replay_lane *grown;
    size_t i;

    for (i = 0; i < p->lane_count; i++) {
        uint32_t flow = 0;

        while (flow < flow_count && p->lanes[i].lsn[flow] == replay_position_of(from, flow, slot))
            flow++;
        if (flow == flow_count)
            break;
    }
    if (i == p->lane_count) {
        grown = reallocarray(p->lanes, i + 1, sizeof(*grown));
        if (grown == NULL)
            return err_nomem(err, "a replay's position");
        p->lanes = grown;
        p->lanes[i] = (struct replay_lane){.lsn = calloc(flow_count + 1u, sizeof(uint64_t))};
        p->lane_count++;
        if (p->lanes[i].lsn == NULL)
            return err_nomem(err, "a replay's position");
        for (uint32_t flow = 0; flow < flow_count; flow++)
            p->lanes[i].lsn[flow] = replay_position_of(from, flow, slot);
    }
    replay_slot_add(p->lanes[i].slots, slot);
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
static int write_kept_fields(struct replay *r, struct replay_node *node,
                             const struct found_position *old, struct ft_err *err)
{
    const redisReply *reply = old->reply;

    if (!old->p.found || replay_node_of(r, bytes_str(old->p.key)) != node)
        return 0;
    for (size_t i = 0; i < old->p.outcome_count; i++) {
        if (replay_position_add_outcome(&node->position, old->p.outcomes[i].flow,
                                        old->p.outcomes[i].lsn, err) != 0)
            return -1;
    }
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i];
        const redisReply *value = reply->element[i + 1];
        const struct bytes words[] = {bytes_str("HSET"), bytes_str(node->position.key),
                                      bytes_of(name->str, name->len),
                                      bytes_of(value->str, value->len)};

        if (name->len < 2 || name->str[1] != ':' || (name->str[0] != 'e' && name->str[0] != 'd'))
            continue;
        node->position.error_count += name->str[0] == 'e';
        if (replay_call(node, NULL, words, 4, err) != 0)
            return -1;
    }
    return 0;
}

/* HSET key field value, field value...: what a position starts with. */
static int write_position(struct replay *r, struct replay_node *node, struct ft_err *err)
{
    static const char script[] =
        "return redis.call('HSET',KEYS[1],unpack(cmsgpack.unpack(ARGV[1])))";
    struct replay_position *p = &node->position;
    struct replay_batch fields = {0};
    struct bytes words[5] = {bytes_str("EVAL"), bytes_str(script), bytes_str("1"),
                             bytes_str(p->key)};
    struct buf text = {0};
    struct replay_batch_parts parts;
    char name[REPLAY_TAG_TEXT];
    char number[I64_TEXT_SIZE];
    int rc = replay_slots_put(&text, p->slots, err);

    if (rc == 0)
        rc = replay_batch_field(&fields, bytes_str("slots"), buf_bytes(&text), err);
    if (rc == 0)
        rc = new_seq(&p->seq, err);
    if (rc == 0)
        rc = replay_batch_field(&fields, bytes_str("seq"),
                                bytes_of(number, i64_to_text((int64_t)p->seq, number)), err);
    if (rc == 0)
        rc = replay_batch_field(&fields, bytes_str("epoch"),
                                bytes_of(number, i64_to_text((int64_t)p->epoch, number)), err);
    for (uint32_t i = 0; rc == 0 && i < r->source->stream_count; i++) {
        (void)snprintf(name, sizeof(name), "flow:%" PRIu32, i); /* fits */
        rc = replay_batch_field(&fields, bytes_str(name),
                                bytes_of(number, i64_to_text((int64_t)p->lsn[i], number)), err);
    }
    for (size_t i = 0; rc == 0 && i < p->lane_count; i++) {
        buf_clear(&text);
        (void)snprintf(name, sizeof(name), "lane:%zu", i); /* fits */
        rc = replay_lane_put(&text, &p->lanes[i], r->source->stream_count, err);
        if (rc == 0)
            rc = replay_batch_field(&fields, bytes_str(name), buf_bytes(&text), err);
    }
    if (rc == 0)
        rc = replay_batch_take(&fields, &parts, err);
    if (rc == 0) {
        words[4] = parts.fields;
        rc = replay_call(node, NULL, words, 5, err);
    }
    buf_release(&text);
    replay_batch_release(&fields);
    return rc;
}

/* The new names are in the state before the keys are there, the old ones until they are not. */
static int name_node(struct replay *r, const char *tag, struct ft_err *err)
{
    char field[REPLAY_TAG_TEXT];

    (void)snprintf(field, sizeof(field), "node:%s", tag);
    return replay_state_set(r, field, "1", err);
}

static bool is_tag_of_node(const struct replay *r, const char *tag)
{
    for (size_t n = 0; n < r->target.node_count; n++) {
        if (strcmp(r->target.nodes[n].position.tag, tag) == 0)
            return true;
    }
    return false;
}

static int forget_old(struct replay *r, struct ft_err *err)
{
    for (size_t i = 0; i < r->state.tag_count; i++) {
        struct replay_position old = {0};
        char field[REPLAY_TAG_TEXT];
        struct bytes del[] = {bytes_str("DEL"), {NULL, 0}};

        if (is_tag_of_node(r, r->state.tags[i]))
            continue;
        replay_position_name(&old, r->id, r->state.tags[i]);
        (void)snprintf(field, sizeof(field), "node:%s", old.tag);
        del[1] = bytes_str(old.key);
        if (replay_call(replay_node_of(r, del[1]), NULL, del, 2, err) != 0 ||
            replay_state_remove(r, field, err) != 0)
            return -1;
    }
    return 0;
}

/* What a replay that is not known any more may have left under the name. */
static int clear_position(struct replay_node *node, struct ft_err *err)
{
    const struct bytes del[] = {bytes_str("DEL"), bytes_str(node->position.key)};

    return replay_call(node, NULL, del, 2, err);
}

/* old: what the new positions are made of; NULL: they begin. */
static int write_all(struct replay *r, const struct found_position *old, struct ft_err *err)
{
    char epoch[I64_TEXT_SIZE + 1] = "";

    epoch[i64_to_text((int64_t)r->state.epoch, epoch)] = '\0';
    for (size_t n = 0; n < r->target.node_count; n++) {
        if (name_node(r, r->target.nodes[n].position.tag, err) != 0)
            return -1;
    }
    /* a replica in the master's place has to know where the positions are */
    if (replay_state_secure(r, err) != 0)
        return -1;
    for (size_t n = 0; n < r->target.node_count; n++) {
        if (clear_position(&r->target.nodes[n], err) != 0)
            return -1;
        for (size_t i = 0; old != NULL && i < r->state.tag_count; i++) {
            if (write_kept_fields(r, &r->target.nodes[n], &old[i], err) != 0)
                return -1;
        }
        if (write_position(r, &r->target.nodes[n], err) != 0)
            return -1;
    }
    /* the old ones are not to go while a failover could take the new ones away */
    for (size_t n = 0; n < r->target.node_count; n++) {
        const struct replay_node *node = &r->target.nodes[n];

        if (replay_await_replicas(r, node->pipe, node->name, err) != 0)
            return -1;
    }
    if (replay_state_set(r, "epoch", epoch, err) != 0 || replay_state_secure(r, err) != 0)
        return -1;
    return forget_old(r, err);
}

static int new_position(struct replay *r, size_t n, struct ft_err *err)
{
    struct replay_position *p = &r->target.nodes[n].position;
    char tag[REPLAY_TAG_SIZE];

    replay_position_release(p);
    new_tag(r, n, tag);
    replay_position_name(p, r->id, tag);
    node_slots(r, n, p->slots);
    p->epoch = r->state.epoch;
    p->lsn = calloc(r->source->stream_count + 1u, sizeof(*p->lsn));
    return p->lsn == NULL ? err_nomem(err, "a replay's position") : 0;
}

/* Slots have moved: what the positions say, in the order of the nodes there are now. */
static int rearrange(struct replay *r, const struct found_position *all, struct ft_err *err)
{
    uint32_t flow_count = r->source->stream_count;

    for (size_t i = 0; i < r->state.tag_count; i++) {
        if (all[i].p.epoch > r->state.epoch)
            r->state.epoch = all[i].p.epoch;
    }
    r->state.epoch++;
    for (size_t n = 0; n < r->target.node_count; n++) {
        struct replay_position *p = &r->target.nodes[n].position;

        if (new_position(r, n, err) != 0)
            return -1;
        for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
            const struct replay_position *from;

            if (!replay_slot_in(p->slots, (uint16_t)slot))
                continue;
            from = speaker(r, all, (uint16_t)slot);
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
    return write_all(r, all, err);
}

int replay_positions_load(struct replay *r, struct ft_err *err)
{
    struct found_position *all = calloc(r->state.tag_count + 1, sizeof(*all));
    size_t count = r->state.tag_count;
    int rc;

    if (all == NULL)
        return err_nomem(err, "a replay's position");
    /* what the connection before had in batches is nothing this one may write down */
    memset(r->next, 0, (r->source->stream_count + 1u) * sizeof(*r->next));
    rc = read_all(r, all, err);
    if (rc == 0 && !take_matching(r, all))
        rc = rearrange(r, all, err);
    else if (rc == 0)
        rc = forget_old(r, err);
    for (size_t i = 0; i < count; i++) {
        replay_position_release(&all[i].p);
        freeReplyObject(all[i].reply);
    }
    free(all);
    return rc;
}

int replay_positions_reset(struct replay *r, const uint64_t *lsn, struct ft_err *err)
{
    r->state.epoch++;
    for (size_t n = 0; n < r->target.node_count; n++) {
        if (new_position(r, n, err) != 0)
            return -1;
        if (lsn != NULL)
            memcpy(r->target.nodes[n].position.lsn, lsn, r->source->stream_count * sizeof(*lsn));
    }
    return write_all(r, NULL, err);
}

/* The next number is written in the same step: replicas that confirm it have all that was before. */
static int prove_position(struct replay_node *node, struct ft_err *err)
{
    static const char script[] =
        "if redis.call('HGET',KEYS[1],'seq')~=ARGV[1] then "
        "return redis.error_reply('FLOWTAPE the position is not the one that was written: the data '"
        "..'of this node have gone, or are older') end "
        "return redis.call('HSET',KEYS[1],'seq',ARGV[2])";
    struct replay_position *p = &node->position;
    char seq[I64_TEXT_SIZE];
    char next_seq[I64_TEXT_SIZE];
    const struct bytes words[] = {
        bytes_str("EVAL"),
        bytes_str(script),
        bytes_str("1"),
        bytes_str(p->key),
        bytes_of(seq, i64_to_text((int64_t)p->seq, seq)),
        bytes_of(next_seq, i64_to_text((int64_t)p->seq + 1, next_seq)),
    };

    p->seq++;
    return replay_call(node, NULL, words, 6, err);
}

int replay_positions_prove(struct replay *r, struct ft_err *err)
{
    for (size_t n = 0; n < r->target.node_count; n++) {
        if (prove_position(&r->target.nodes[n], err) != 0)
            return -1;
    }
    return 0;
}
