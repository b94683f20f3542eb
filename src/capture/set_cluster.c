#include "capture/set_cluster.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/set_generations.h"
#include "input/set_slots.h"

#define NOTE_SIZE 1000

static void note_begun(struct set_run *r)
{
    uint64_t last = cluster_watch_last(r->watch);

    for (uint32_t i = 0; i < r->count; i++) {
        struct live_state state;

        live_flows_state(r->nodes[i].live, &state);
        if (state.generation == r->nodes[i].generation)
            continue;
        r->nodes[i].generation = state.generation;
        r->quiet_look = r->seen_look;
        r->first_look = last + 1;
    }
    r->seen_look = last;
}

/* The nodes have other generations: what is known of slots has to be found out again, unless it is written down. */
static int take_generations(struct set_run *r, const uint32_t *found, struct ft_err *err)
{
    const struct set_generation *newest = capture_set_find(r->set, 0);

    set_generations_take(r, found);
    if (set_generations_check_distinct(r, found, err) != 0)
        return -1;
    if (newest == NULL || newest->moment_count == 0 ||
        memcmp(newest->nodes, found, r->count * sizeof(*found)) != 0) {
        set_rest_begin(r->rest, r->quiet_look);
        return 0;
    }
    if (set_rest_resume(r->rest, newest, err) != 0)
        return -1;
    return r->o->run.live == NULL ? 0 : set_generations_begin_live(r, err);
}

static int know_ids(struct set_run *r, struct ft_err *err)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->count; i++) {
        char *ids = cluster_watch_ids(r->watch, i);

        rc = ids == NULL ? err_nomem(err, "the nodes of a set")
                         : capture_set_know(r->set, i, ids, err);
        free(ids);
    }
    return rc;
}

static int begin_rest(struct set_run *r, struct ft_err *err)
{
    set_rest_free(r->rest);
    r->rest = NULL;
    free(r->goal_lsn);
    r->goal_lsn = NULL;
    r->stable_look = 0;
    return set_rest_new(&r->rest, r->count, err);
}

/* A vector that was still right, for who wants a moment before slots moved. */
static const uint64_t *last_calm(const struct set_run *r)
{
    const struct set_generation *g = capture_set_find(r->set, 0);
    const uint64_t *calm = set_rest_last_calm(r->rest);

    return calm != NULL ? calm : g->moments[g->moment_count - 1].lsn;
}

/* The set's generation ends here: of slots that move from now on nothing is written down in it. */
static int end_generation(struct set_run *r, struct ft_err *err)
{
    return set_rest_has_begun(r->rest) ? capture_set_mark_moving(r->set, last_calm(r), err) : 0;
}

static int add_node(struct set_run *r, struct ft_err *err)
{
    char address[URI_ADDRESS_SIZE];
    char line[NOTE_SIZE];
    struct uri source;
    int rc;

    if (cluster_watch_place(r->watch, r->count, &source, err) != 0)
        return -1;
    rc = capture_set_join(r->set, uri_address(&source, address), err);
    if (rc == 0)
        rc = set_node_prepare(r, r->count, &source, err);
    uri_release(&source);
    if (rc != 0)
        return -1;
    (void)snprintf(line, sizeof(line),
                   "%s has joined the cluster and has slots: it is captured too. A new generation "
                   "of the set begins, of its full sync and what is recorded of the others",
                   address);
    set_note(r, line);
    pthread_mutex_lock(&r->mu);
    r->count++;
    pthread_mutex_unlock(&r->mu);
    r->joining = true;
    return set_node_start(&r->nodes[r->count - 1], false, err);
}

/* The cluster has more masters than the set has nodes. */
static int take_joined(struct set_run *r, uint32_t count, struct ft_err *err)
{
    if (r->count == count)
        return 0;
    if (end_generation(r, err) != 0)
        return -1;
    while (r->count < count) {
        if (add_node(r, err) != 0)
            return -1;
    }
    return begin_rest(r, err);
}

/* A slot may be with a node that has come back, and is not in the generation yet. */
static bool owners_are_in(const struct set_run *r, const struct cluster_look *look)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (look->owner[slot] != SLOT_OWNER_NONE && r->generations[look->owner[slot]] == 0)
            return false;
    }
    return true;
}

static int take_look(struct set_run *r, struct ft_err *err)
{
    const struct cluster_look *look = cluster_watch_take(r->watch);
    uint64_t imports = set_imports(r);
    struct cluster_calm calm;
    bool is_moving;

    if (look == NULL)
        return 0;
    if (look->stranger[0] != '\0')
        return err_set(err, FT_ERR_STATE,
                       "the cluster has another master at %s, and a set has no more than %d nodes",
                       look->stranger, CAPTURE_SET_NODES_MAX);
    if (take_joined(r, look->count, err) != 0 || know_ids(r, err) != 0)
        return -1;
    if (!look->whole || look->count != r->count)
        return 0;
    if (look->number < r->first_look || !r->known || r->joining || !owners_are_in(r, look))
        set_rest_see(r->rest, look, imports != r->imports);
    else if (set_rest_look(r->rest, look, imports != r->imports, err) != 0)
        return -1;
    r->imports = imports;
    calm = set_rest_calm(r->rest);
    is_moving = calm.restless > calm.calm || !owners_are_in(r, look);
    if (set_rest_has_begun(r->rest) &&
        capture_set_mark_moving(r->set, is_moving ? last_calm(r) : NULL, err) != 0)
        return -1;
    cluster_watch_set_calm(r->watch, &calm);
    if (r->goal_lsn == NULL && r->stable_look != 0 && look->number > r->stable_look &&
        calm.calm == look->number) {
        r->goal_lsn = calloc(r->count, sizeof(*r->goal_lsn));
        if (r->goal_lsn == NULL)
            return err_nomem(err, "the LSNs of a set");
        memcpy(r->goal_lsn, look->lsn, r->count * sizeof(*r->goal_lsn));
    }
    return 0;
}

static void see_durable(struct set_run *r)
{
    bool stable = true;
    bool reached = r->goal_lsn != NULL;

    for (uint32_t i = 0; i < r->count; i++) {
        struct node_run *n = &r->nodes[i];
        struct live_point point = {0};

        (void)live_flows_point(n->live, LIVE_DURABLE, 0, &point);
        r->durable[i] = point.next_lsn;
        r->moves[i] = cluster_watch_moves(r->watch, i);
        if (atomic_load(&n->located) != r->moves[i])
            r->moves[i] = UINT_MAX; /* what is durable may be of another one than says so */
        reached = reached && r->durable[i] >= r->goal_lsn[i];
        pthread_mutex_lock(&r->mu);
        stable =
            stable && (n->progress.phase == CAPTURE_STABLE || cluster_watch_is_idle(r->watch, i));
        pthread_mutex_unlock(&r->mu);
    }
    if (r->stable_look == 0 && stable)
        r->stable_look = cluster_watch_last(r->watch);
    r->caught_up = r->o->run.until_caught_up && reached;
}

static int begin_set_generation(struct set_run *r, struct ft_err *err)
{
    const struct set_moment *list;
    struct set_slots *slots;
    size_t moment_count;
    size_t count;
    int rc;

    list = set_rest_list(r->rest, &moment_count);
    if (set_slots_ranges(set_rest_owners(r->rest), &slots, &count, err) != 0)
        return -1;
    rc = capture_set_add(r->set, r->generations, slots, count, list, moment_count, err);
    free(slots);
    return rc != 0 || r->o->run.live == NULL ? rc : set_generations_begin_live(r, err);
}

static int take_moment(struct set_run *r, struct ft_err *err)
{
    const struct set_moment *moment;

    switch (set_rest_next(r->rest, r->durable, r->moves, &moment, err)) {
    case SET_REST_ERROR:
        return -1;
    case SET_REST_WRITE:
        return capture_set_add_moment(r->set, moment, err);
    case SET_REST_BEGUN:
        return begin_set_generation(r, err);
    case SET_REST_AGAIN:
        for (uint32_t i = 0; i < r->count; i++)
            r->generations[i] = set_node_is_idle(r, i) ? 0 : r->generations[i];
        set_note(
            r,
            "slots crossed on their way between nodes, or a node gave away its last "
            "one and became a replica, or had left and is back: the order in which their keys were written is not known; a "
            "new generation of the set begins, of what each slot's last node has");
        break;
    case SET_REST_NOTHING:
        break;
    }
    return 0;
}

int set_cluster_look(struct set_run *r, struct ft_err *err)
{
    uint32_t *found = calloc(r->count, sizeof(*found));
    int rc = found == NULL ? err_nomem(err, "the nodes of a set") : 0;

    if (rc == 0)
        note_begun(r);
    if (rc == 0 && set_generations_find(r, found))
        rc = take_generations(r, found, err);
    free(found);
    if (rc == 0)
        rc = take_look(r, err);
    if (rc == 0) {
        see_durable(r);
        rc = take_moment(r, err);
    }
    if (rc == 0 && r->o->run.live != NULL)
        set_generations_tell_live(r);
    return rc;
}

static void note_watch(void *context, const char *text)
{
    set_note(context, text);
}

int set_cluster_watch(struct set_run *r, struct ft_err *err)
{
    uint32_t count = r->count;

    r->watch = r->o->watch;
    if (r->watch == NULL && cluster_watch_of_set(&r->own_watch, r->o->nodes, count,
                                                 r->o->run.directory, note_watch, r, err) != 0)
        return -1;
    if (r->watch == NULL)
        r->watch = r->own_watch;
    if (r->watch == NULL)
        return 0;
    r->durable = calloc(CAPTURE_SET_NODES_MAX, sizeof(*r->durable));
    r->moves = calloc(CAPTURE_SET_NODES_MAX, sizeof(*r->moves));
    if (r->durable == NULL || r->moves == NULL)
        return err_nomem(err, "the nodes of a set");
    r->seen_look = cluster_watch_last(r->watch);
    return r->o->run.snapshot_only ? 0 : set_rest_new(&r->rest, count, err);
}
