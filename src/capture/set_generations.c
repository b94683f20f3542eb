#include "capture/set_generations.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "capture/cluster_nodes.h"
#include "input/set_slots.h"

#define NOTE_SIZE 1000

/*
 * Generations of the set
 */

/* An idle node stays with what it has in the set's generation, and is not in the next one: it has no slots. */
bool set_generations_find(struct set_run *r, uint32_t *ret)
{
    const struct set_generation *newest = capture_set_find(r->set, 0);
    const uint32_t *before = r->known || newest == NULL ? r->generations : newest->nodes;
    bool same = true;

    for (uint32_t i = 0; i < r->count; i++) {
        struct live_state state;

        ret[i] = before[i];
        if (set_node_is_idle(r, i) || r->nodes[i].live == NULL)
            continue;
        live_flows_state(r->nodes[i].live, &state);
        if (state.replayable == 0)
            return false;
        ret[i] = state.replayable;
        same = same && ret[i] == before[i];
    }
    for (uint32_t i = 0; !same && i < r->count; i++)
        ret[i] = set_node_is_idle(r, i) || r->nodes[i].live == NULL ? 0 : ret[i];
    return !r->known || r->joining || !same;
}

void set_generations_take(struct set_run *r, const uint32_t *generations)
{
    memcpy(r->generations, generations, r->count * sizeof(*generations));
    r->known = true;
    r->joining = false;
}

/* Two addresses of one node would bring all of it twice. */
int set_generations_check_distinct(const struct set_run *r, const uint32_t *generations,
                                   struct ft_err *err)
{
    char(*ids)[REPLICATION_ID_MAX] = calloc(r->count, sizeof(*ids));
    int rc = ids == NULL ? err_nomem(err, "the nodes of a set") : 0;

    for (uint32_t i = 0; rc == 0 && i < r->count; i++) {
        const struct generation *g;
        struct capture *c;

        if (generations[i] == 0)
            continue;
        rc = capture_open_read(&c, r->nodes[i].directory, err);
        if (rc != 0)
            break;
        g = capture_find(c, generations[i]);
        if (g != NULL)
            memcpy(ids[i], g->replication_id, sizeof(ids[i]));
        capture_free(c);
        for (uint32_t k = 0; rc == 0 && k < i; k++) {
            if (ids[i][0] != '\0' && strcmp(ids[i], ids[k]) == 0)
                rc = err_set(err, FT_ERR_USAGE, "%s and %s are the same node", r->nodes[k].address,
                             r->nodes[i].address);
        }
    }
    free(ids);
    return rc;
}

/* What the set's newest generation consists of stays, also where a node has a newer one before the set has. */
int set_generations_hold(struct set_run *r, struct ft_err *err)
{
    const struct set_generation *newest = capture_set_find(r->set, 0);

    for (uint32_t i = 0; newest != NULL && i < r->count; i++) {
        struct node_run *n = &r->nodes[i];
        const struct generation *g;
        struct capture *c;

        if (newest->nodes[i] == 0 || !capture_is_dir(n->directory)) {
            capture_free(n->held);
            n->held = NULL;
            continue;
        }
        if (capture_open_read(&c, n->directory, err) != 0)
            return -1;
        g = capture_find(c, newest->nodes[i]);
        if (g != NULL && capture_hold(c, g, err) != 0) {
            capture_free(c);
            return -1;
        }
        capture_free(n->held);
        n->held = c;
    }
    return 0;
}

static void note_clash(struct set_run *r, const struct set_slots_clash *clash)
{
    char line[NOTE_SIZE];

    (void)snprintf(line, sizeof(line),
                   "slot %u was moving while its nodes %s and %s were synced: in which order its "
                   "keys were written cannot be told; all nodes begin again with a full sync",
                   clash->slot, r->nodes[clash->other].address, r->nodes[clash->node].address);
    set_note(r, line);
}

/* Has a slot another owner than when the newest generation began, of which some nodes still stand? */
static bool owners_differ(const struct set_generation *before, const uint32_t *generations,
                          uint32_t count, const uint16_t *owner)
{
    bool some_stand = false;

    for (uint32_t i = 0; before != NULL && i < count; i++)
        some_stand = some_stand || before->nodes[i] == generations[i];
    for (size_t i = 0; some_stand && i < before->slots_count; i++) {
        for (uint32_t slot = before->slots[i].first; slot <= before->slots[i].last; slot++) {
            if (owner[slot] != SLOT_OWNER_NONE && owner[slot] != before->slots[i].node)
                return true;
        }
    }
    return false;
}

static int add_generation(struct set_run *r, const uint32_t *generations, struct ft_err *err)
{
    const struct set_generation *before = capture_set_find(r->set, 0);
    uint16_t owner[SLOT_COUNT];
    struct set_slots_clash clash;
    struct set_slots *slots;
    size_t count;
    int rc;

    if (before != NULL && memcmp(before->nodes, generations, r->count * sizeof(*generations)) == 0)
        return 0;
    if (set_generations_check_distinct(r, generations, err) != 0 ||
        cluster_nodes_owners(r->o->nodes, r->count, r->stop_fd, owner, err) != 0)
        return -1;
    if (owners_differ(before, generations, r->count, owner)) {
        r->clashed = true;
        set_note(r,
                 "slots have moved since the other nodes were synced; all nodes begin again with a "
                 "full sync");
        return 0;
    }
    if (set_slots_read(r->set, generations, owner, &clash, err) != 0)
        return -1;
    r->clashed = clash.found;
    if (clash.found) {
        note_clash(r, &clash);
        return 0;
    }
    if (set_slots_ranges(owner, &slots, &count, err) != 0)
        return -1;
    rc = capture_set_add(r->set, generations, slots, count, NULL, 0, err);
    free(slots);
    return rc == 0 ? set_generations_hold(r, err) : -1;
}

/*
 * How far the set is
 */

/* Does the node stand at its generation of the set? Another one is not of the set yet. */
static bool is_of_set(const struct set_run *r, uint32_t node)
{
    struct live_state state;

    live_flows_state(r->nodes[node].live, &state);
    return state.generation == r->generations[node];
}

int set_generations_begin_live(struct set_run *r, struct ft_err *err)
{
    uint64_t *next = NULL;
    uint32_t count = 0;
    int rc;

    for (uint32_t i = 0; i < r->count; i++) {
        struct live_state state;
        uint64_t *grown;

        r->nodes[i].flow_count = 0;
        if (r->generations[i] == 0)
            continue;
        live_flows_state(r->nodes[i].live, &state);
        grown = reallocarray(next, count + state.flow_count + 1u, sizeof(*next));
        if (grown == NULL || !is_of_set(r, i)) {
            free(grown == NULL ? next : grown);
            return grown == NULL ? err_nomem(err, "the flows") : 0; /* another one comes */
        }
        if (state.by_offset)
            live_flows_by_offset(r->o->run.live);
        next = grown;
        for (uint32_t flow = 0; flow < state.flow_count; flow++) {
            struct live_point point = {0};

            (void)live_flows_point(r->nodes[i].live, LIVE_DURABLE, flow, &point);
            next[count++] = point.next_lsn;
        }
        r->nodes[i].flow_count = state.flow_count;
    }
    if (r->watch != NULL)
        cluster_watch_set_parts(r->watch, r->generations, r->count);
    r->live_generation = capture_set_find(r->set, 0)->id;
    rc = live_flows_begin(r->o->run.live, r->live_generation, count, next, true, err);
    free(next);
    return rc;
}

void set_generations_tell_live(struct set_run *r)
{
    struct live_flows *live = r->o->run.live;
    uint32_t first = 0;

    for (uint32_t i = 0; r->live_generation != 0 && i < r->count; i++) {
        struct node_run *n = &r->nodes[i];

        for (uint32_t flow = 0; flow < n->flow_count && is_of_set(r, i); flow++) {
            struct live_point at[LIVE_STAGES];

            if (!live_flows_points(n->live, flow, at))
                continue;
            live_flows_received(live, first + flow, at[LIVE_RECEIVED].next_lsn, clock_wall_us());
            live_flows_advance(live, LIVE_WRITTEN, first + flow, at[LIVE_WRITTEN].next_lsn);
            live_flows_advance(live, LIVE_DURABLE, first + flow, at[LIVE_DURABLE].next_lsn);
        }
        first += n->flow_count;
    }
}

int set_generations_look(struct set_run *r, struct ft_err *err)
{
    uint32_t *found = calloc(r->count, sizeof(*found));
    int rc = found == NULL ? err_nomem(err, "the nodes of a set") : 0;

    if (rc == 0 && set_generations_find(r, found)) {
        set_generations_take(r, found);
        rc = add_generation(r, found, err);
        if (rc == 0 && !r->clashed && r->o->run.live != NULL)
            rc = set_generations_begin_live(r, err);
    }
    free(found);
    if (rc == 0 && r->o->run.live != NULL)
        set_generations_tell_live(r);
    return rc;
}
