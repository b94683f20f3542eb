#include "capture/set_node.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define NOTE_SIZE 1000

/*
 * What the nodes say
 */

void set_note(struct set_run *r, const char *text)
{
    const struct capture_run_options *o = &r->o->run;

    if (o->on_note == NULL)
        return;
    pthread_mutex_lock(&r->mu);
    o->on_note(o->context, text);
    pthread_mutex_unlock(&r->mu);
}

uint64_t set_imports(struct set_run *r)
{
    uint64_t sum = 0;

    pthread_mutex_lock(&r->mu);
    for (uint32_t i = 0; i < r->count; i++)
        sum += r->nodes[i].progress.imports;
    pthread_mutex_unlock(&r->mu);
    return sum;
}

static void on_note(void *context, const char *text)
{
    struct node_run *n = context;
    char line[NOTE_SIZE];

    (void)snprintf(line, sizeof(line), "%s: %s", n->address, text); /* a longer one is cut */
    set_note(n->run, line);
}

static void on_progress(void *context, const struct capture_progress *progress)
{
    struct node_run *n = context;
    struct set_run *r = n->run;
    const struct capture_run_options *o = &r->o->run;
    struct capture_progress sum = {.phase = CAPTURE_WAITING};

    pthread_mutex_lock(&r->mu);
    n->progress = *progress;
    for (uint32_t i = 0; i < r->count; i++) {
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

int set_node_start(struct node_run *n, bool afresh, struct ft_err *err)
{
    unsigned stages;
    bool eager;
    uint64_t gone_ms = clock_mono_ms() - n->run->began_ms;
    int rc;

    n->failed = false;
    err_clear(&n->err);
    atomic_store(&n->done, false);
    if (n->options.duration_ms != 0)
        n->options.duration_ms =
            gone_ms < n->run->o->run.duration_ms ? n->run->o->run.duration_ms - gone_ms : 1;
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

void set_nodes_join(struct set_run *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        struct node_run *n = &r->nodes[i];

        if (n->started)
            (void)pthread_join(n->thread, NULL); /* started, and joined only here */
        n->started = false;
    }
}

void set_nodes_forget(struct set_run *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        struct node_run *n = &r->nodes[i];

        live_waiter_free(n->waiter);
        live_flows_free(n->live);
        n->waiter = NULL;
        n->live = NULL;
    }
}

/*
 * Beginning and end
 */

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

int set_node_prepare(struct set_run *r, uint32_t index, const struct uri *source,
                     struct ft_err *err)
{
    struct node_run *n = &r->nodes[index];

    n->run = r;
    n->index = index;
    n->err = (struct ft_err)FT_ERR_INIT;
    n->result = &r->results[index];
    n->directory = capture_set_node_path(r->set, index);
    if (n->directory == NULL)
        return err_nomem(err, "a path");
    if (uri_copy(&n->source, source, err) != 0)
        return -1;
    (void)uri_address(&n->source, n->address);
    n->options = r->o->run;
    n->options.source = &n->source;
    n->options.directory = n->directory;
    n->options.whole_directory = r->o->run.directory;
    n->options.hold = NULL;
    n->options.on_session = NULL;
    n->options.locate = r->watch == NULL ? NULL : locate;
    n->options.moves = r->watch == NULL ? NULL : moves;
    n->options.until_caught_up =
        r->o->run.until_caught_up && r->rest == NULL && !r->set->keeps_marks;
    n->options.cancel_fd = r->stop_fd;
    n->options.on_note = on_note;
    n->options.on_progress = on_progress;
    n->options.context = n;
    return 0;
}

void set_node_release(struct node_run *n)
{
    capture_free(n->held);
    free(n->directory);
    uri_release(&n->source);
}

bool set_node_is_idle(const struct set_run *r, uint32_t node)
{
    return r->watch != NULL && cluster_watch_is_idle(r->watch, node);
}
