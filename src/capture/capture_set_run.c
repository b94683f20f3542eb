#include "capture/capture_set_run.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wake.h"
#include "capture/dir_limits.h"
#include "capture/set_cluster.h"
#include "capture/set_generations.h"
#include "capture/set_marks.h"

#define LOOK_MS           1000
#define LOOK_DUE_MS       50
#define BACK_OFF_FIRST_MS 500u
#define BACK_OFF_MAX_MS   5000u

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

    for (uint32_t i = 0; i < r->count; i++) {
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
    for (uint32_t i = 0; i < r->count; i++)
        r->fds[i + 1] = (struct pollfd){
            r->nodes[i].waiter == NULL ? -1 : live_waiter_fd(r->nodes[i].waiter), POLLIN, 0};
    r->fds[r->count + 1] =
        (struct pollfd){r->rest == NULL ? -1 : cluster_watch_fd(r->watch), POLLIN, 0};
    if (poll(r->fds, r->count + 2u, set_marks_is_due(r) ? LOOK_DUE_MS : LOOK_MS) < 0 &&
        errno != EINTR)
        return err_errno(err, errno, "could not wait");
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->nodes[i].waiter != NULL && live_waiter_wait(r->nodes[i].waiter, 0, -1, err) < 0)
            return -1;
    }
    if (!r->stopped && is_cancelled(r, 0)) {
        r->stopped = true;
        (void)wake_set(r->stop_fd);
    }
    return 0;
}

/* Of an idle node there will be no full sync. */
static bool is_left_out(const struct set_run *r, uint32_t node)
{
    return r->o->run.snapshot_only && set_node_is_idle(r, node);
}

/* All nodes from their beginning to their end, or until their full syncs do not fit together. */
static int run_nodes(struct set_run *r, bool afresh, struct ft_err *err)
{
    bool over = false;
    int rc = 0;

    r->clashed = false;
    for (uint32_t i = 0; rc == 0 && i < r->count; i++) {
        if (is_left_out(r, i))
            atomic_store(&r->nodes[i].done, true);
        else
            rc = set_node_start(&r->nodes[i], afresh, err);
    }
    set_marks_begin(r);
    while (rc == 0 && !over) {
        rc = wait_for_any(r, err);
        over = all_done(r);
        if (rc == 0)
            rc = r->rest != NULL ? set_cluster_look(r, err) : set_generations_look(r, err);
        if (rc == 0)
            rc = set_marks_look(r, err);
        over = over || r->clashed || r->caught_up;
    }
    (void)wake_set(r->stop_fd);
    set_nodes_join(r);
    if (rc == 0)
        rc = set_marks_end(r, err);
    set_nodes_forget(r);
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

/* Of one that was recorded; all of them ended for the same reason. */
static enum capture_ended ending(const struct set_run *r)
{
    uint32_t i = 0;

    while (i + 1 < r->count && is_left_out(r, i))
        i++;
    return r->nodes[i].result->ended;
}

/* The worst of what the nodes came to; those that had to end for another one are not asked. */
static int conclude(struct set_run *r, struct capture_set_result *ret, struct ft_err *err)
{
    static const enum capture_ended bad[] = {CAPTURE_ENDED_FAILED, CAPTURE_ENDED_GAVE_UP};

    for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
        for (uint32_t i = 0; i < r->count; i++) {
            const struct node_run *n = &r->nodes[i];

            if (!n->failed || n->result->ended != bad[b])
                continue;
            ret->ended = bad[b];
            err_copy(err, &n->err);
            return err_wrap(err, "%s", n->address);
        }
    }
    for (uint32_t i = 0; r->caught_up && i < r->count; i++)
        r->nodes[i].result->ended = CAPTURE_ENDED_CAUGHT_UP; /* and were stopped for that */
    ret->ended = r->stopped ? CAPTURE_ENDED_STOPPED : ending(r);
    return 0;
}

static int open_set(struct set_run *r, struct ft_err *err)
{
    uint32_t count = r->o->node_count;
    char(*addresses)[URI_ADDRESS_SIZE] = calloc(count, sizeof(*addresses));
    const char **list = calloc(count, sizeof(*list));
    int rc = addresses == NULL || list == NULL ? err_nomem(err, "the nodes of a set") : 0;

    for (uint32_t i = 0; rc == 0 && i < count; i++)
        list[i] = uri_address(&r->o->nodes[i], addresses[i]);
    if (rc == 0)
        rc = capture_set_open_write(&r->set, r->o->run.directory, list, count, err);
    free(addresses);
    free(list);
    return rc;
}

static int prepare(struct set_run *r, struct ft_err *err)
{
    const struct dir_limits limits = {r->o->run.directory, r->o->run.max_dir_bytes,
                                      r->o->run.min_free_bytes};
    uint32_t count = r->o->node_count;

    if (dir_limits_allow_start(&limits, err) != 0)
        return -1;
    r->nodes = calloc(CAPTURE_SET_NODES_MAX, sizeof(*r->nodes));
    r->results = calloc(CAPTURE_SET_NODES_MAX, sizeof(*r->results));
    r->fds = calloc(CAPTURE_SET_NODES_MAX + 2u, sizeof(*r->fds));
    r->generations = calloc(CAPTURE_SET_NODES_MAX, sizeof(*r->generations));
    if (r->nodes == NULL || r->results == NULL || r->fds == NULL || r->generations == NULL)
        return err_nomem(err, "the nodes of a set");
    if (wake_open(&r->stop_fd, err) != 0 || open_set(r, err) != 0)
        return -1;
    r->set->keeps_marks = r->o->nodes[0].scheme == URI_DRAGONFLY;
    r->count = count; /* now that it is known not to be too many */
    if (r->o->nodes[0].scheme != URI_DRAGONFLY && set_cluster_watch(r, err) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (set_node_prepare(r, i, &r->o->nodes[i], err) != 0)
            return -1;
    }
    return set_generations_hold(r, err);
}

static void release(struct set_run *r)
{
    for (uint32_t i = 0; r->nodes != NULL && i < CAPTURE_SET_NODES_MAX; i++)
        set_node_release(&r->nodes[i]);
    free(r->nodes);
    free(r->results);
    free(r->fds);
    free(r->generations);
    cluster_watch_free(r->own_watch);
    set_rest_free(r->rest);
    set_marks_release(r);
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
    int rc;

    r.began_ms = clock_mono_ms();
    *ret = (struct capture_set_result){.ended = CAPTURE_ENDED_FAILED};
    rc = prepare(&r, err);
    if (rc == 0)
        rc = run_until_whole(&r, err);
    if (rc == 0)
        rc = conclude(&r, ret, err);
    ret->valid = r.set != NULL && capture_set_find(r.set, 0) != NULL;
    ret->elapsed_ms = clock_mono_ms() - r.began_ms;
    ret->nodes = r.results;
    ret->node_count = r.count;
    r.results = NULL;
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
