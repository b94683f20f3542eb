#include "replay/position/replay_gather.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "command/sent_key.h"

/* A window begins small, so that one who is only a little behind need not wait, and doubles whenever it has become full. */
#define WINDOW_COMMANDS_MIN 4000u
#define WINDOW_COMMANDS_MAX 128000u
#define WINDOW_BYTES        (8u << 20) /* two of them */
/* The commands of a slot are one batch, which keeps other clients of the server waiting. */
#define SLOT_COMMANDS 4000u
#define SLOT_BYTES    (1u << 20)
/* Of a node's batches one for as many commands as are put meanwhile. */
#define TURN_COMMANDS 500u
/* Of an MSET that a script calls: with their values fewer arguments than REPLAY_ARGS_MAX. */
#define SETS_MAX 3000u

int replay_gather_new(struct replay_gather **ret, uint32_t flow_count, struct ft_err *err)
{
    struct replay_gather *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return err_nomem(err, "a window");
    g->next = calloc(flow_count + 1u, sizeof(*g->next));
    if (g->next == NULL) {
        free(g);
        return err_nomem(err, "a window");
    }
    g->filling = &g->windows[0];
    g->sending = &g->windows[1];
    g->limit = WINDOW_COMMANDS_MIN;
    *ret = g;
    return 0;
}

void replay_gather_free(struct replay_gather *g)
{
    if (g == NULL)
        return;
    replay_window_release(g->filling);
    replay_window_release(g->sending);
    free(g->command.args);
    free(g->rest);
    free(g->next);
    free(g);
}

int replay_gather_put(struct replay_node *node, const char *tag, const struct bytes *args,
                      size_t count, struct ft_err *err)
{
    struct replay_window *w = node->set->gather->filling;

    if (replay_window_put(w, slot_of(command_sent_key(args, count)), tag, args, count, err) != 0)
        return -1;
    node->gathered++;
    return 0;
}

bool replay_gather_is_full(const struct replay_gather *g)
{
    return g->filling->commands >= g->limit || g->filling->bytes >= WINDOW_BYTES ||
           g->filling->most_of_slot >= SLOT_COMMANDS || g->filling->largest_slot >= SLOT_BYTES;
}

bool replay_gather_is_empty(const struct replay_gather *g)
{
    return g == NULL || (g->filling->commands == 0 && g->sending_nodes == 0);
}

bool replay_gather_has_none(const struct replay_node *node)
{
    return node->gathered == 0 && node->window_left == 0;
}

void replay_gather_turn(struct replay_position_set *set, bool soon)
{
    struct replay_gather *g = set->gather;
    struct replay_window *sent = g->sending;

    if (soon)
        g->limit = WINDOW_COMMANDS_MIN;
    else if (g->filling->commands >= g->limit && g->limit < WINDOW_COMMANDS_MAX)
        g->limit *= 2;
    g->sending = g->filling;
    g->filling = sent;
    replay_window_clear(sent);
    replay_window_sort(g->sending);
    memcpy(g->next, set->next, set->flow_count * sizeof(*g->next));
    for (size_t n = 0; n < set->node_count; n++) {
        struct replay_node *node = &set->nodes[n];

        node->window_left = node->gathered;
        node->gathered = 0;
        node->window_slot = 0;
        g->sending_nodes += node->window_left != 0;
    }
    g->due = g->sending_nodes * TURN_COMMANDS;
}

/*
 * Of one slot
 */

/* SETs that may change places with all that is before them go as one command, then the rest. */
static int put_slot(struct replay_node *node, uint16_t slot, struct ft_err *err)
{
    struct replay_gather *g = node->set->gather;
    const uint32_t first = g->sending->first[slot];
    const uint32_t end = first + g->sending->count[slot];
    struct replay_window_command *c = &g->command;
    const bool joins = !node->set->no_mset && end - first > 1;
    size_t sets = 0;
    size_t rest = 0;

    if (ARRAY_RESERVE(&g->rest, &g->rest_cap, end - first, "a slot", err) != 0)
        return -1;
    replay_batch_begin_group(&node->batch);
    for (uint32_t i = first; i < end; i++) {
        if (replay_window_read(g->sending, slot, i, c, err) != 0)
            return -1;
        if (!joins || sets == SETS_MAX ||
            !replay_batch_goes_ahead(&node->batch, 0, c->args, c->count))
            g->rest[rest++] = i;
        else if (sets++, replay_batch_add_set(&node->batch, c->tag, c->args, err) != 0)
            return -1;
    }
    if (sets != 0 && replay_batch_end_sets(&node->batch, sets, err) != 0)
        return -1;
    for (size_t i = 0; i < rest; i++) {
        if (replay_window_read(g->sending, slot, g->rest[i], c, err) != 0 ||
            replay_batch_add(&node->batch, 0, c->tag, c->args, c->count, err) != 0)
            return -1;
    }
    node->window_left -= end - first;
    return 0;
}

int replay_gather_fill(struct replay_node *node, size_t commands, size_t bytes, struct ft_err *err)
{
    const struct replay_position_set *set = node->set;
    const struct replay_window *w = set->gather->sending;

    while (node->window_left != 0 && replay_batch_commands(&node->batch) < commands &&
           replay_batch_bytes(&node->batch) < bytes) {
        const uint16_t slot = (uint16_t)node->window_slot;

        if (node->window_slot == SLOT_COUNT)
            return err_set(err, FT_ERR_BUG, "a window of which some is for no node");
        node->window_slot++;
        if (w->count[slot] == 0 ||
            &set->nodes[target_client_index_of_slot(set->target, slot)] != node)
            continue;
        if (node->window_slot < SLOT_COUNT)
            replay_window_ahead(w, (uint16_t)node->window_slot);
        if (put_slot(node, slot, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * Positions
 */

/* Those that were found are numbered from 0 on, and stay while they may say something. */
static void lane_name(const struct replay_node *node, char name[REPLAY_TAG_TEXT])
{
    (void)snprintf(name, REPLAY_TAG_TEXT, "lane:%zu", node->position.lane_count); /* fits */
}

int replay_gather_put_lane(struct replay_node *node, struct ft_err *err)
{
    const struct replay_position_set *set = node->set;
    char name[REPLAY_TAG_TEXT];
    struct buf lane = {0};
    int rc;

    if (node->window_slot == 0)
        return 0;
    lane_name(node, name);
    rc = replay_lane_put_first(&lane, node->window_slot, set->gather->next, set->flow_count, err);
    if (rc == 0)
        rc = replay_batch_field(&node->batch, bytes_str(name), buf_bytes(&lane), err);
    buf_release(&lane);
    node->has_lane = true;
    return rc;
}

int replay_gather_end_node(struct replay_node *node, struct ft_err *err)
{
    char name[REPLAY_TAG_TEXT];

    node->set->gather->sending_nodes--;
    if (!node->has_lane)
        return 0;
    node->has_lane = false;
    lane_name(node, name);
    return replay_batch_forget(&node->batch, bytes_str(name), err);
}
