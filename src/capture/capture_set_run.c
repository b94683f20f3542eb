#include "capture/capture_set_run.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wake.h"
#include "capture/cluster_nodes.h"
#include "capture/cluster_watch.h"
#include "capture/set_rest.h"
#include "input/set_slots.h"

#define LOOK_MS           1000
#define BACK_OFF_FIRST_MS 500u
#define BACK_OFF_MAX_MS   5000u
#define NOTE_SIZE         1000
/* A replica that has just joined may be promoted before anybody knows whose it was. */
#define STRANGER_LOOKS 20u

struct set_run;

struct node_run {
    struct set_run *run;
    uint32_t index;
    struct capture_run_options options;
    struct capture_run_result *result;
    char *directory;
    char address[URI_ADDRESS_SIZE];
    struct live_flows *live;
    struct live_waiter *waiter;
    struct capture
        *held; /* its generation of the set's newest one is not removed (--retain); NULL: none */
    uint32_t flow_count; /* in the generation that the set's live flows are at */
    uint32_t generation; /* its own, as was seen last */
    atomic_uint located; /* the number of moves that its session knows of */
    pthread_t thread;
    bool started;
    atomic_bool done;
    bool failed; /* for the reason in err; both once done */
    struct ft_err err;
    struct capture_progress progress; /* under run->mu */
};

struct set_run {
    const struct capture_set_options *o;
    struct capture_set *set;
    struct node_run *nodes;
    struct pollfd *fds;       /* of the user, and one per node */
    uint32_t *generations;    /* of each node, the one that was looked at last */
    uint32_t live_generation; /* of the set, at which its live flows are; 0: none yet */
    int stop_fd;              /* of wake_open: for the nodes */
    pthread_mutex_t mu;       /* one callback at a time */
    bool stopped;             /* by the user */
    bool clashed;             /* slots were moving */

    /* of a Redis Cluster, else NULL */
    struct cluster_watch *watch;
    struct cluster_watch *own_watch; /* the same, or NULL: it is the caller's */
    struct set_rest *rest;           /* NULL too if only snapshots are wanted */
    uint64_t *durable;               /* per node */
    unsigned *moves;                 /* likewise */
    uint64_t *goal_lsn;              /* to be caught up; NULL: not known yet */
    uint64_t imports;                /* of all nodes, at the look before */
    uint64_t seen_look;              /* that had begun when the generations were looked at */
    uint64_t quiet_look;             /* that had begun before the newest full sync */
    uint64_t first_look;             /* looks from here on are of what all full syncs brought */
    uint64_t stable_look; /* all nodes are in their journals since this one; 0: not yet */
    unsigned strangers;   /* looks in a row with a master that is not of the set */
    bool caught_up;
};

/*
 * What the nodes say
 */

static void note(struct set_run *r, const char *text)
{
    const struct capture_run_options *o = &r->o->run;

    if (o->on_note == NULL)
        return;
    pthread_mutex_lock(&r->mu);
    o->on_note(o->context, text);
    pthread_mutex_unlock(&r->mu);
}

static void on_note(void *context, const char *text)
{
    struct node_run *n = context;
    char line[NOTE_SIZE];

    (void)snprintf(line, sizeof(line), "%s: %s", n->address, text); /* a longer one is cut */
    note(n->run, line);
}

static void on_progress(void *context, const struct capture_progress *progress)
{
    struct node_run *n = context;
    struct set_run *r = n->run;
    const struct capture_run_options *o = &r->o->run;
    struct capture_progress sum = {.phase = CAPTURE_WAITING};

    pthread_mutex_lock(&r->mu);
    n->progress = *progress;
    for (uint32_t i = 0; i < r->o->node_count; i++) {
        const struct capture_progress *p = &r->nodes[i].progress;

        sum.phase = p->phase < sum.phase ? p->phase : sum.phase;
        sum.flow_count += p->flow_count;
        sum.bytes += p->bytes;
        sum.keys += p->keys;
        sum.keys_expected += p->keys_expected;
        sum.records += p->records;
        sum.by_offset = p->by_offset;
        sum.ack_lag = p->ack_lag > sum.ack_lag ? p->ack_lag : sum.ack_lag;
    }
    if (o->on_progress != NULL)
        o->on_progress(o->context, &sum);
    pthread_mutex_unlock(&r->mu);
}

/*
 * Threads
 */

static void *node_main(void *arg)
{
    struct node_run *n = arg;

    n->failed = capture_run(&n->options, n->result, &n->err) != 0;
    atomic_store(&n->done, true);
    return NULL;
}

static int start_node(struct node_run *n, bool afresh, struct ft_err *err)
{
    unsigned stages;
    bool eager;
    int rc;

    n->failed = false;
    err_clear(&n->err);
    atomic_store(&n->done, false);
    /* who waits for the set's flows waits for those of the nodes */
    stages = n->run->o->run.live == NULL
                 ? 0
                 : LIVE_WAIT(LIVE_RECEIVED) | LIVE_WAIT(LIVE_WRITTEN) | LIVE_WAIT(LIVE_DURABLE);
    eager = n->run->o->run.live == NULL || live_flows_is_eager(n->run->o->run.live);
    if (live_flows_new(&n->live, eager, err) != 0 ||
        live_waiter_new(&n->waiter, n->live, stages, err) != 0)
        return -1;
    n->options.live = n->live;
    n->options.afresh = afresh;
    rc = pthread_create(&n->thread, NULL, node_main, n);
    if (rc != 0)
        return err_errno(err, rc, "could not start a thread");
    n->started = true;
    return 0;
}

static void join_nodes(struct set_run *r)
{
    for (uint32_t i = 0; i < r->o->node_count; i++) {
        struct node_run *n = &r->nodes[i];

        if (n->started)
            (void)pthread_join(n->thread, NULL); /* started, and joined only here */
        n->started = false;
        live_waiter_free(n->waiter);
        live_flows_free(n->live);
        n->waiter = NULL;
        n->live = NULL;
    }
}

/*
 * Generations of the set
 */

/* The newest that can be read, of each node. False: not all have one, or it is the one from before. */
static bool find_generations(struct set_run *r, uint32_t *ret)
{
    bool same = true;

    for (uint32_t i = 0; i < r->o->node_count; i++) {
        struct live_state state;

        live_flows_state(r->nodes[i].live, &state);
        if (state.replayable == 0)
            return false;
        same = same && state.replayable == r->generations[i];
        ret[i] = state.replayable;
    }
    return !same;
}

/* Two addresses of one node would bring all of it twice. */
static int check_distinct(const struct set_run *r, const uint32_t *generations, struct ft_err *err)
{
    char(*ids)[REPLICATION_ID_MAX] = calloc(r->o->node_count, sizeof(*ids));
    int rc = ids == NULL ? err_nomem(err, "the nodes of a set") : 0;

    for (uint32_t i = 0; rc == 0 && i < r->o->node_count; i++) {
        const struct generation *g;
        struct capture *c;

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
static int hold_newest(struct set_run *r, struct ft_err *err)
{
    const struct set_generation *newest = capture_set_find(r->set, 0);

    for (uint32_t i = 0; newest != NULL && i < r->o->node_count; i++) {
        struct node_run *n = &r->nodes[i];
        const struct generation *g;
        struct capture *c;

        if (!capture_is_dir(n->directory))
            continue;
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
    note(r, line);
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

    if (before != NULL &&
        memcmp(before->nodes, generations, r->o->node_count * sizeof(*generations)) == 0)
        return 0;
    if (check_distinct(r, generations, err) != 0 ||
        cluster_nodes_owners(r->o->nodes, r->o->node_count, r->stop_fd, owner, err) != 0)
        return -1;
    if (owners_differ(before, generations, r->o->node_count, owner)) {
        r->clashed = true;
        note(r, "slots have moved since the other nodes were synced; all nodes begin again with a "
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
    return rc == 0 ? hold_newest(r, err) : -1;
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

static int begin_live(struct set_run *r, struct ft_err *err)
{
    uint64_t *next = NULL;
    uint32_t count = 0;
    int rc;

    for (uint32_t i = 0; i < r->o->node_count; i++) {
        struct live_state state;
        uint64_t *grown;

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
    r->live_generation = capture_set_find(r->set, 0)->id;
    rc = live_flows_begin(r->o->run.live, r->live_generation, count, next, true, err);
    free(next);
    return rc;
}

static void tell_live(struct set_run *r)
{
    struct live_flows *live = r->o->run.live;
    uint32_t first = 0;

    for (uint32_t i = 0; r->live_generation != 0 && i < r->o->node_count; i++) {
        struct node_run *n = &r->nodes[i];

        for (uint32_t flow = 0; is_of_set(r, i) && flow < n->flow_count; flow++) {
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

/*
 * A Redis Cluster
 */

static void note_begun(struct set_run *r)
{
    uint64_t last = cluster_watch_last(r->watch);

    for (uint32_t i = 0; i < r->o->node_count; i++) {
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

    memcpy(r->generations, found, r->o->node_count * sizeof(*found));
    if (check_distinct(r, found, err) != 0)
        return -1;
    if (newest == NULL || newest->moment_count == 0 ||
        memcmp(newest->nodes, found, r->o->node_count * sizeof(*found)) != 0) {
        set_rest_begin(r->rest, r->quiet_look);
        return 0;
    }
    if (set_rest_resume(r->rest, newest, err) != 0)
        return -1;
    return r->o->run.live == NULL ? 0 : begin_live(r, err);
}

static uint64_t count_imports(struct set_run *r)
{
    uint64_t sum = 0;

    pthread_mutex_lock(&r->mu);
    for (uint32_t i = 0; i < r->o->node_count; i++)
        sum += r->nodes[i].progress.imports;
    pthread_mutex_unlock(&r->mu);
    return sum;
}

static int know_ids(struct set_run *r, struct ft_err *err)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->o->node_count; i++) {
        char *ids = cluster_watch_ids(r->watch, i);

        rc = ids == NULL ? err_nomem(err, "the nodes of a set")
                         : capture_set_know(r->set, i, ids, err);
        free(ids);
    }
    return rc;
}

static int check_stranger(struct set_run *r, const struct cluster_look *look, struct ft_err *err)
{
    r->strangers = look->stranger[0] == '\0' ? 0 : r->strangers + 1;
    if (r->strangers < STRANGER_LOOKS)
        return 0;
    return err_set(err, FT_ERR_STATE,
                   "the cluster has a master at %s, which is not one of the nodes that are "
                   "captured; a capture of all of them needs another directory",
                   look->stranger);
}

static int take_look(struct set_run *r, struct ft_err *err)
{
    const struct cluster_look *look = cluster_watch_take(r->watch);
    uint64_t imports = count_imports(r);
    struct cluster_calm calm;

    if (look == NULL)
        return 0;
    if (know_ids(r, err) != 0 || check_stranger(r, look, err) != 0)
        return -1;
    if (!look->whole)
        return 0;
    if (look->number < r->first_look || r->generations[0] == 0)
        set_rest_see(r->rest, look, imports != r->imports);
    else if (set_rest_look(r->rest, look, imports != r->imports, err) != 0)
        return -1;
    r->imports = imports;
    if (set_rest_has_begun(r->rest) &&
        capture_set_mark_moving(r->set, set_rest_moving(r->rest), err) != 0)
        return -1;
    calm = set_rest_calm(r->rest);
    cluster_watch_set_calm(r->watch, &calm);
    if (r->goal_lsn == NULL && r->stable_look != 0 && look->number > r->stable_look &&
        calm.calm == look->number) {
        r->goal_lsn = calloc(r->o->node_count, sizeof(*r->goal_lsn));
        if (r->goal_lsn == NULL)
            return err_nomem(err, "the LSNs of a set");
        memcpy(r->goal_lsn, look->lsn, r->o->node_count * sizeof(*r->goal_lsn));
    }
    return 0;
}

static void see_durable(struct set_run *r)
{
    bool stable = true;
    bool reached = r->goal_lsn != NULL;

    for (uint32_t i = 0; i < r->o->node_count; i++) {
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
    return rc != 0 || r->o->run.live == NULL ? rc : begin_live(r, err);
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
        note(r,
             "slots crossed on their way between nodes, or a node gave away its last "
             "one and became a replica: the order in which their keys were written is not known; a "
             "new generation of the set begins, of what each slot's last node has");
        break;
    case SET_REST_NOTHING:
        break;
    }
    return 0;
}

static int look_at_cluster(struct set_run *r, struct ft_err *err)
{
    uint32_t *found = calloc(r->o->node_count, sizeof(*found));
    int rc = found == NULL ? err_nomem(err, "the nodes of a set") : 0;

    if (rc == 0)
        note_begun(r);
    if (rc == 0 && find_generations(r, found))
        rc = take_generations(r, found, err);
    free(found);
    if (rc == 0)
        rc = take_look(r, err);
    if (rc == 0) {
        see_durable(r);
        rc = take_moment(r, err);
    }
    if (rc == 0 && r->o->run.live != NULL)
        tell_live(r);
    return rc;
}

static int look_at_generations(struct set_run *r, struct ft_err *err)
{
    uint32_t *found = calloc(r->o->node_count, sizeof(*found));
    int rc = found == NULL ? err_nomem(err, "the nodes of a set") : 0;

    if (rc == 0 && find_generations(r, found)) {
        memcpy(r->generations, found, r->o->node_count * sizeof(*found));
        rc = add_generation(r, found, err);
        if (rc == 0 && !r->clashed && r->o->run.live != NULL)
            rc = begin_live(r, err);
    }
    free(found);
    if (rc == 0 && r->o->run.live != NULL)
        tell_live(r);
    return rc;
}

/*
 * The run
 */

static bool is_cancelled(const struct set_run *r, int wait_ms)
{
    struct pollfd p = {r->o->run.cancel_fd, POLLIN, 0};

    return poll(&p, 1, wait_ms) > 0;
}

/* Have all ended? One that fails takes the others along. */
static bool all_done(struct set_run *r)
{
    bool all = true;

    for (uint32_t i = 0; i < r->o->node_count; i++) {
        struct node_run *n = &r->nodes[i];
        bool done = atomic_load(&n->done);

        all = all && done;
        if (done && n->failed)
            (void)wake_set(r->stop_fd);
    }
    return all;
}

static int wait_for_any(struct set_run *r, struct ft_err *err)
{
    r->fds[0] = (struct pollfd){r->stopped ? -1 : r->o->run.cancel_fd, POLLIN, 0};
    for (uint32_t i = 0; i < r->o->node_count; i++)
        r->fds[i + 1] = (struct pollfd){live_waiter_fd(r->nodes[i].waiter), POLLIN, 0};
    r->fds[r->o->node_count + 1] =
        (struct pollfd){r->rest == NULL ? -1 : cluster_watch_fd(r->watch), POLLIN, 0};
    if (poll(r->fds, r->o->node_count + 2u, LOOK_MS) < 0 && errno != EINTR)
        return err_errno(err, errno, "could not wait");
    for (uint32_t i = 0; i < r->o->node_count; i++) {
        if (live_waiter_wait(r->nodes[i].waiter, 0, -1, err) < 0)
            return -1;
    }
    if (!r->stopped && is_cancelled(r, 0)) {
        r->stopped = true;
        (void)wake_set(r->stop_fd);
    }
    return 0;
}

/* All nodes from their beginning to their end, or until their full syncs do not fit together. */
static int run_nodes(struct set_run *r, bool afresh, struct ft_err *err)
{
    bool over = false;
    int rc = 0;

    r->clashed = false;
    for (uint32_t i = 0; rc == 0 && i < r->o->node_count; i++)
        rc = start_node(&r->nodes[i], afresh, err);
    while (rc == 0 && !over) {
        rc = wait_for_any(r, err);
        over = all_done(r);
        if (rc == 0)
            rc = r->rest != NULL ? look_at_cluster(r, err) : look_at_generations(r, err);
        over = over || r->clashed || r->caught_up;
    }
    (void)wake_set(r->stop_fd);
    join_nodes(r);
    (void)wake_clear(r->stop_fd);
    return rc;
}

static int run_until_whole(struct set_run *r, struct ft_err *err)
{
    uint64_t until_ms = clock_mono_ms() + r->o->run.give_up_after_ms;
    uint64_t back_off_ms = BACK_OFF_FIRST_MS;

    if (run_nodes(r, false, err) != 0)
        return -1;
    while (r->clashed && !r->stopped) {
        if (clock_mono_ms() >= until_ms) {
            return err_set(err, FT_ERR_STATE, "the nodes could not be synced while no slot moved");
        }
        r->stopped = is_cancelled(r, (int)back_off_ms);
        back_off_ms = back_off_ms * 2 < BACK_OFF_MAX_MS ? back_off_ms * 2 : BACK_OFF_MAX_MS;
        if (!r->stopped && run_nodes(r, true, err) != 0)
            return -1;
    }
    return 0;
}

/* The worst of what the nodes came to; those that had to end for another one are not asked. */
static int conclude(struct set_run *r, struct capture_set_result *ret, struct ft_err *err)
{
    static const enum capture_ended bad[] = {CAPTURE_ENDED_FAILED, CAPTURE_ENDED_GAVE_UP};

    for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
        for (uint32_t i = 0; i < r->o->node_count; i++) {
            const struct node_run *n = &r->nodes[i];

            if (!n->failed || n->result->ended != bad[b])
                continue;
            ret->ended = bad[b];
            err_copy(err, &n->err);
            return err_wrap(err, "%s", n->address);
        }
    }
    for (uint32_t i = 0; r->caught_up && i < r->o->node_count; i++)
        r->nodes[i].result->ended = CAPTURE_ENDED_CAUGHT_UP; /* and were stopped for that */
    ret->ended = r->stopped ? CAPTURE_ENDED_STOPPED : r->nodes[0].result->ended;
    return 0;
}

static int open_set(struct set_run *r, struct ft_err *err)
{
    const char **addresses = calloc(r->o->node_count, sizeof(*addresses));
    int rc;

    if (addresses == NULL)
        return err_nomem(err, "the nodes of a set");
    for (uint32_t i = 0; i < r->o->node_count; i++)
        addresses[i] = uri_address(&r->o->nodes[i], r->nodes[i].address);
    rc = capture_set_open_write(&r->set, r->o->run.directory, addresses, r->o->node_count, err);
    free(addresses);
    return rc;
}

/* Of a node, before each of its sessions. */
static int locate(void *context, struct uri *ret, unsigned *ret_moves, struct ft_err *err)
{
    struct node_run *n = context;
    int rc = cluster_watch_locate(n->run->watch, n->index, ret, ret_moves, err);

    atomic_store(&n->located, *ret_moves);
    return rc;
}

static unsigned moves(void *context)
{
    struct node_run *n = context;

    return cluster_watch_moves(n->run->watch, n->index);
}

static void note_watch(void *context, const char *text)
{
    note(context, text);
}

static int watch_cluster(struct set_run *r, struct ft_err *err)
{
    uint32_t count = r->o->node_count;

    r->watch = r->o->watch;
    if (r->watch == NULL && capture_set_watch(&r->own_watch, r->o->nodes, count,
                                              r->o->run.directory, note_watch, r, err) != 0)
        return -1;
    if (r->watch == NULL)
        r->watch = r->own_watch;
    if (r->watch == NULL)
        return 0;
    r->durable = calloc(count, sizeof(*r->durable));
    r->moves = calloc(count, sizeof(*r->moves));
    if (r->durable == NULL || r->moves == NULL)
        return err_nomem(err, "the nodes of a set");
    r->seen_look = cluster_watch_last(r->watch);
    return r->o->run.snapshot_only ? 0 : set_rest_new(&r->rest, count, err);
}

static int prepare(struct set_run *r, struct capture_set_result *ret, struct ft_err *err)
{
    uint32_t count = r->o->node_count;

    r->nodes = calloc(count, sizeof(*r->nodes));
    r->fds = calloc(count + 2u, sizeof(*r->fds));
    r->generations = calloc(count, sizeof(*r->generations));
    ret->nodes = calloc(count, sizeof(*ret->nodes));
    if (r->nodes == NULL || r->fds == NULL || r->generations == NULL || ret->nodes == NULL)
        return err_nomem(err, "the nodes of a set");
    ret->node_count = count;
    if (wake_open(&r->stop_fd, err) != 0 || open_set(r, err) != 0 ||
        (r->o->nodes[0].scheme != URI_DRAGONFLY && watch_cluster(r, err) != 0))
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        struct node_run *n = &r->nodes[i];

        n->run = r;
        n->index = i;
        n->err = (struct ft_err)FT_ERR_INIT;
        n->result = &ret->nodes[i];
        n->directory = capture_set_node_path(r->set, i);
        if (n->directory == NULL)
            return err_nomem(err, "a path");
        n->options = r->o->run;
        (void)uri_address(&r->o->nodes[i], n->address);
        n->options.source = &r->o->nodes[i];
        n->options.directory = n->directory;
        n->options.whole_directory = r->o->run.directory;
        n->options.hold = NULL;
        n->options.on_session = NULL;
        n->options.locate = r->watch == NULL ? NULL : locate;
        n->options.moves = r->watch == NULL ? NULL : moves;
        n->options.until_caught_up = r->o->run.until_caught_up && r->rest == NULL;
        n->options.cancel_fd = r->stop_fd;
        n->options.on_note = on_note;
        n->options.on_progress = on_progress;
        n->options.context = n;
    }
    return hold_newest(r, err);
}

static void release(struct set_run *r)
{
    for (uint32_t i = 0; r->nodes != NULL && i < r->o->node_count; i++) {
        capture_free(r->nodes[i].held);
        free(r->nodes[i].directory);
    }
    free(r->nodes);
    free(r->fds);
    free(r->generations);
    cluster_watch_free(r->own_watch);
    set_rest_free(r->rest);
    free(r->durable);
    free(r->moves);
    free(r->goal_lsn);
    capture_set_free(r->set);
    if (r->stop_fd >= 0)
        (void)close(r->stop_fd);         /* it holds nothing */
    (void)pthread_mutex_destroy(&r->mu); /* nobody holds it any more */
}

int capture_set_run(const struct capture_set_options *options, struct capture_set_result *ret,
                    struct ft_err *err)
{
    struct set_run r = {.o = options, .stop_fd = -1, .mu = PTHREAD_MUTEX_INITIALIZER};
    uint64_t began_ms = clock_mono_ms();
    int rc;

    *ret = (struct capture_set_result){.ended = CAPTURE_ENDED_FAILED};
    rc = prepare(&r, ret, err);
    if (rc == 0)
        rc = run_until_whole(&r, err);
    if (rc == 0)
        rc = conclude(&r, ret, err);
    ret->valid = r.set != NULL && capture_set_find(r.set, 0) != NULL;
    ret->elapsed_ms = clock_mono_ms() - began_ms;
    release(&r);
    if (options->run.live != NULL)
        live_flows_end(options->run.live);
    return rc;
}

int capture_set_watch(struct cluster_watch **ret, const struct uri *nodes, uint32_t count,
                      const char *directory, void (*say)(void *context, const char *text),
                      void *context, struct ft_err *err)
{
    const char **ids = calloc(count, sizeof(*ids));
    const struct cluster_watch_options options = {
        .nodes = nodes, .count = count, .known_ids = ids, .on_note = say, .context = context};
    struct capture_set *set = NULL;
    struct cluster_watch *watch = NULL;
    int rc = ids == NULL ? err_nomem(err, "the nodes of a set") : 0;

    if (rc == 0 && capture_set_is_dir(directory))
        rc = capture_set_open_read(&set, directory, err);
    for (uint32_t i = 0; rc == 0 && set != NULL && i < count && i < set->node_count; i++)
        ids[i] = set->nodes[i].ids;
    if (rc == 0)
        rc = cluster_watch_new(&watch, &options, err);
    capture_set_free(set);
    free(ids);
    if (rc != 0)
        return -1;
    if (!cluster_watch_is_cluster(watch)) {
        cluster_watch_free(watch);
        watch = NULL;
    }
    *ret = watch;
    return 0;
}

struct capture_run_result capture_set_sum(const struct capture_set_result *r)
{
    struct capture_run_result sum = {
        .ended = r->ended, .valid = r->valid, .elapsed_ms = r->elapsed_ms};

    for (uint32_t i = 0; i < r->node_count; i++) {
        const struct capture_run_result *n = &r->nodes[i];

        sum.sessions += n->sessions;
        sum.resumptions += n->resumptions;
        sum.last.flow_count += n->last.flow_count;
        sum.last.bytes += n->last.bytes;
        sum.last.keys += n->last.keys;
        sum.last.keys_expected += n->last.keys_expected;
        sum.last.records += n->last.records;
    }
    return sum;
}

void capture_set_result_release(struct capture_set_result *r)
{
    free(r->nodes);
    *r = (struct capture_set_result){0};
}
