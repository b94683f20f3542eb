#include "capture/capture_set_run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wake.h"
#include "capture/cluster_nodes.h"
#include "input/set_slots.h"

#define LOOK_MS           1000
#define BACK_OFF_FIRST_MS 500u
#define BACK_OFF_MAX_MS   5000u
#define NOTE_SIZE         1000

struct set_run;

struct node_run {
    struct set_run *run;
    struct capture_run_options options;
    struct capture_run_result *result;
    char *directory;
    char address[URI_ADDRESS_SIZE];
    struct live_flows *live;
    struct live_waiter *waiter;
    struct capture
        *held; /* its generation of the set's newest one is not removed (--retain); NULL: none */
    uint32_t flow_count; /* in the generation that the set's live flows are at */
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
    struct uri *uris; /* of the nodes, in the set's order; what they point to is the caller's */
    struct node_run *nodes;
    struct pollfd *fds;       /* of the user, and one per node */
    uint32_t *generations;    /* of each node, the one that was looked at last */
    uint32_t live_generation; /* of the set, at which its live flows are; 0: none yet */
    int stop_fd;              /* of wake_open: for the nodes */
    pthread_mutex_t mu;       /* one callback at a time */
    bool stopped;             /* by the user */
    bool clashed;             /* slots were moving */
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
        cluster_nodes_owners(r->uris, r->o->node_count, r->stop_fd, owner, err) != 0)
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
    rc = capture_set_add(r->set, generations, slots, count, err);
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
            struct live_point point;

            if (live_flows_point(n->live, LIVE_RECEIVED, flow, &point))
                live_flows_received(live, first + flow, point.next_lsn, clock_wall_us());
            if (live_flows_point(n->live, LIVE_WRITTEN, flow, &point))
                live_flows_advance(live, LIVE_WRITTEN, first + flow, point.next_lsn);
            if (live_flows_point(n->live, LIVE_DURABLE, flow, &point))
                live_flows_advance(live, LIVE_DURABLE, first + flow, point.next_lsn);
        }
        first += n->flow_count;
    }
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
    if (poll(r->fds, r->o->node_count + 1u, LOOK_MS) < 0 && errno != EINTR)
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
            rc = look_at_generations(r, err);
        over = over || r->clashed;
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

/* Each node in the place that it has in the set; one that the set does not know takes a place that is left,
 * where it is found out whether it is the same under another address. */
static int order_nodes(struct set_run *r, struct ft_err *err)
{
    uint32_t count = r->o->node_count;
    bool *placed = calloc(count, sizeof(*placed));
    char address[URI_ADDRESS_SIZE];

    if (placed == NULL)
        return err_nomem(err, "the nodes of a set");
    for (uint32_t known = 2; known-- > 0;) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t k = 0;

            while (k < count &&
                   (placed[k] || (known && strcmp(uri_address(&r->o->nodes[k], address),
                                                  r->set->nodes[i].address) != 0)))
                k++;
            if (k == count || r->uris[i].host[0] != '\0')
                continue;
            placed[k] = true;
            r->uris[i] = r->o->nodes[k];
            (void)uri_address(&r->uris[i], r->nodes[i].address);
        }
    }
    free(placed);
    return 0;
}

static int prepare(struct set_run *r, struct capture_set_result *ret, struct ft_err *err)
{
    uint32_t count = r->o->node_count;

    r->nodes = calloc(count, sizeof(*r->nodes));
    r->uris = calloc(count, sizeof(*r->uris));
    r->fds = calloc(count + 1u, sizeof(*r->fds));
    r->generations = calloc(count, sizeof(*r->generations));
    ret->nodes = calloc(count, sizeof(*ret->nodes));
    if (r->nodes == NULL || r->uris == NULL || r->fds == NULL || r->generations == NULL ||
        ret->nodes == NULL)
        return err_nomem(err, "the nodes of a set");
    ret->node_count = count;
    if (wake_open(&r->stop_fd, err) != 0 || open_set(r, err) != 0 || order_nodes(r, err) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        struct node_run *n = &r->nodes[i];

        n->run = r;
        n->err = (struct ft_err)FT_ERR_INIT;
        n->result = &ret->nodes[i];
        n->directory = capture_set_node_path(r->set, i);
        if (n->directory == NULL)
            return err_nomem(err, "a path");
        n->options = r->o->run;
        n->options.source = &r->uris[i];
        n->options.directory = n->directory;
        n->options.whole_directory = r->o->run.directory;
        n->options.hold = NULL;
        n->options.on_session = NULL;
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
    free(r->uris);
    free(r->fds);
    free(r->generations);
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
