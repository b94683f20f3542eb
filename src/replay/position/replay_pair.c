#include "replay/position/replay_pair.h"

#include <inttypes.h>
#include <stdio.h>

#include "replay/position/replay_marks.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_slots.h"
#include "target/wait_replicas.h"

bool replay_is_past(struct replay_position_set *set, const struct item *item, struct bytes key)
{
    return replay_node_is_past(replay_node_of(set, key), item, key);
}

bool replay_node_is_past(const struct replay_node *node, const struct item *item, struct bytes key)
{
    const struct replay_position_set *set = node->set;
    const struct replay_position *p = &node->position;

    if (p->lsn[item->flow] > item->lsn ||
        (set->marks != NULL && replay_marks_of(set, item->flow, slot_of(key)) > item->lsn))
        return true;
    return p->lane_count != 0 && replay_position_of(p, item->flow, slot_of(key)) > item->lsn;
}

/* What was written down when the first side had had the record, and by whom. */
static const struct replay_outcome *find_outcome(struct replay_position_set *set,
                                                 const struct item *item,
                                                 struct replay_node **ret_holder)
{
    for (size_t n = 0; n < set->target->node_count; n++) {
        const struct replay_outcome *outcome =
            replay_position_outcome(&set->nodes[n].position, item->flow, item->lsn);

        *ret_holder = &set->nodes[n];
        if (outcome != NULL)
            return outcome;
    }
    *ret_holder = NULL;
    return NULL;
}

enum replay_standing replay_pair_standing(struct replay_position_set *set, const struct item *item,
                                          struct bytes dst, struct bytes src)
{
    bool dst_is_past = replay_is_past(set, item, dst);
    bool src_is_past = replay_is_past(set, item, src);
    const struct replay_outcome *outcome;
    struct replay_node *holder;

    if (dst_is_past == src_is_past)
        return dst_is_past ? REPLAY_STANDS_DONE : REPLAY_STANDS_OPEN;
    if (!dst_is_past)
        return REPLAY_STANDS_DST_BACK;
    outcome = find_outcome(set, item, &holder);
    if (outcome == NULL)
        return REPLAY_STANDS_SRC_BACK;
    return outcome->follows ? REPLAY_STANDS_HALF : REPLAY_STANDS_DONE;
}

static int put_commands(struct replay_node *node, const struct item *item,
                        const struct replay_pair_command *commands, size_t count, bool doubtful,
                        unsigned *part, struct ft_err *err)
{
    for (size_t i = 0; i < count; i++) {
        char tag[REPLAY_TAG_TEXT];

        replay_tag(item, (*part)++, doubtful, tag);
        if (replay_node_put(node, commands[i].db, tag, commands[i].args, commands[i].count, err) !=
            0)
            return -1;
    }
    return 0;
}

static void outcome_field(uint64_t flow, uint64_t lsn, char field[REPLAY_TAG_TEXT])
{
    (void)snprintf(field, REPLAY_TAG_TEXT, "d:%" PRIu64 ":%" PRIu64, flow, lsn); /* fits */
}

static int forget(struct replay_node *holder, uint64_t flow, uint64_t lsn, struct ft_err *err)
{
    const struct replay_outcome *outcome = replay_position_outcome(&holder->position, flow, lsn);
    char field[REPLAY_TAG_TEXT];
    const bool in_slot = outcome != NULL && outcome->in_slot;
    const uint16_t slot = in_slot ? outcome->slot : 0;

    outcome_field(flow, lsn, field);
    replay_position_drop_outcome(&holder->position, flow, lsn);
    if (in_slot)
        return replay_slots_forget(holder, slot, flow, lsn, err);
    return replay_batch_forget(&holder->batch, bytes_str(field), err);
}

/* A promotion of a replica must not lose what the other side will no longer have. */
static int await_replica(struct replay_node *node, struct ft_err *err)
{
    return node->server->replica_count == 0
               ? 0
               : wait_replicas_node(node->set->target, node->server, err);
}

/* The node, or where transactions have one slot this key's, is past the record with what is in the batch. */
static int pass_record(struct replay_node *node, const struct item *item, struct bytes key,
                       struct ft_err *err)
{
    char name[REPLAY_TAG_TEXT];
    char value[I64_TEXT_SIZE];

    if (!replay_slots_is(node))
        return replay_node_pass(node, item->flow, item->lsn + 1, err);
    (void)snprintf(name, sizeof(name), "flow:%" PRIu32, item->flow); /* fits */
    return replay_slots_field(node, key, bytes_str(name),
                              bytes_of(value, i64_to_text((int64_t)item->lsn + 1, value)), err);
}

/* Beside what a slot, or the node, has had. */
static int put_outcome(struct replay_node *node, struct bytes key,
                       const struct replay_outcome *outcome, struct ft_err *err)
{
    const struct bytes value = bytes_str(outcome->follows ? "1" : "0");
    char field[REPLAY_TAG_TEXT];

    outcome_field(outcome->flow, outcome->lsn, field);
    if (replay_position_add_outcome(&node->position, outcome, err) != 0)
        return -1;
    return outcome->in_slot ? replay_slots_field(node, key, bytes_str(field), value, err)
                            : replay_batch_field(&node->batch, bytes_str(field), value, err);
}

/* The node's batch takes effect, with a position after the record. */
static int drain_node(struct replay_node *node, const struct item *item, struct bytes key,
                      struct ft_err *err)
{
    if (pass_record(node, item, key, err) != 0 || replay_node_flush(node, true, err) != 0)
        return -1;
    return replay_node_drain(node, err);
}

static int run_dst(struct replay_position_set *set, const struct item *item,
                   const struct replay_pair *pair, unsigned *part, struct ft_err *err)
{
    struct replay_node *node = replay_node_of(set, pair->dst);
    const struct replay_outcome outcome = {.flow = item->flow,
                                           .lsn = item->lsn,
                                           .follows = pair->src_count != 0,
                                           .in_slot = replay_slots_is(node),
                                           .slot = slot_of(pair->dst)};

    /* all nodes are where this record begins: outcomes of those before it say nothing any more */
    if (replay_pair_forget_old(set, set->next, err) != 0 ||
        put_commands(node, item, pair->dst_commands, pair->dst_count, pair->doubtful, part, err) !=
            0)
        return -1;
    if ((outcome.follows || pair->tell) && put_outcome(node, pair->dst, &outcome, err) != 0)
        return -1;
    return drain_node(node, item, pair->dst, err) == 0 ? await_replica(node, err) : -1;
}

static int run_src(struct replay_position_set *set, const struct item *item,
                   const struct replay_pair *pair, unsigned *part, struct ft_err *err)
{
    struct replay_node *node = replay_node_of(set, pair->src);
    struct replay_node *holder;

    (void)find_outcome(set, item, &holder);
    if (put_commands(node, item, pair->src_commands, pair->src_count, pair->doubtful, part, err) !=
            0 ||
        drain_node(node, item, pair->src, err) != 0 || await_replica(node, err) != 0)
        return -1;
    return holder == NULL ? 0 : forget(holder, item->flow, item->lsn, err);
}

int replay_pair_forget_old(struct replay_position_set *set, const uint64_t *start,
                           struct ft_err *err)
{
    for (size_t n = 0; n < set->target->node_count; n++) {
        struct replay_node *node = &set->nodes[n];

        for (size_t i = node->position.outcome_count; i > 0; i--) {
            const struct replay_outcome *o = &node->position.outcomes[i - 1];

            if (o->flow < set->flow_count && o->lsn < start[o->flow] &&
                forget(node, o->flow, o->lsn, err) != 0)
                return -1;
        }
    }
    return 0;
}

int replay_pair_run(struct replay_position_set *set, const struct item *item,
                    const struct replay_pair *pair, struct ft_err *err)
{
    struct replay_node *node = replay_node_of(set, pair->dst);
    bool half = replay_is_past(set, item, pair->dst);
    unsigned part = 0;

    if (!pair->apart && !half) {
        if (put_commands(node, item, pair->dst_commands, pair->dst_count, pair->doubtful, &part,
                         err) != 0)
            return -1;
        return put_commands(node, item, pair->src_commands, pair->src_count, pair->doubtful, &part,
                            err);
    }
    if (!half && run_dst(set, item, pair, &part, err) != 0)
        return -1;
    if (pair->src_count == 0)
        return 0;
    /* A run before this one has brought it there, and may have ended before the replicas had it. */
    if (half && await_replica(node, err) != 0)
        return -1;
    return run_src(set, item, pair, &part, err);
}
