#include "replay/replay_connect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "replay/position/replay_node.h"
#include "replay/replay_impl.h"

struct replay_node *replay_node_of(const struct replay *r, struct bytes key)
{
    return &r->nodes[target_client_index(&r->target, key)];
}

/*
 * What the target tells
 */

static void take_note(void *context, const char *text)
{
    replay_note(context, "%s", text);
}

static int sleep_while(void *context, uint64_t ms, struct ft_err *err)
{
    return replay_sleep(context, ms, err);
}

static void add_count(struct replay_result *result, const struct replay_node_count *count)
{
    struct ft_err lost = FT_ERR_INIT;

    for (size_t i = 0; i < result->node_count; i++) {
        struct replay_node_count *c = &result->nodes[i];

        if (strcmp(c->name, count->name) == 0) {
            c->batches += count->batches;
            c->commands += count->commands;
            c->bytes += count->bytes;
            return;
        }
    }
    if (ARRAY_ADD_ROOM(&result->nodes, result->node_count, "a report", &lost) != 0)
        return; /* the report then lacks a line */
    result->nodes[result->node_count++] = *count;
}

static void keep_count(struct replay *r, const struct replay_node_count *count)
{
    pthread_mutex_lock(&r->mu);
    add_count(r->result, count);
    pthread_mutex_unlock(&r->mu);
}

static void take_count(void *context, const char *name, uint64_t commands, uint64_t bytes)
{
    struct replay_node_count count = {.commands = commands, .bytes = bytes};

    (void)snprintf(count.name, sizeof(count.name), "%s", name); /* fits */
    keep_count(context, &count);
}

void replay_connect_init(struct replay *r)
{
    const struct target_host host = {
        .cancel_fd = r->o->cancel_fd,
        .give_up_ms = r->o->give_up_ms,
        .sent_bytes = &r->progress->bytes,
        .note = take_note,
        .sleep = sleep_while,
        .count = take_count,
        .context = r,
    };

    target_client_init(&r->target, r->o->target, &host);
    r->target.was_reached = r->o->known_target;
}

/*
 * The right to write
 */

static void lose_lease(void *context, const struct ft_err *err)
{
    struct replay *r = context;

    pthread_mutex_lock(&r->mu);
    if (!atomic_load(&r->failed_fast))
        r->failure = *err;
    atomic_store(&r->failed_fast, true);
    pthread_mutex_unlock(&r->mu);
}

int replay_take_lease(struct replay *r, struct ft_err *err)
{
    /* only an existing state is of interest to who forgets it, or sends dead letters again */
    const struct lease_terms terms = {
        .key = REPLAY_STATE_KEY,
        .may_create = !r->started && !r->o->forget && r->o->retry_dead_letters == NULL,
        .take_over = r->o->take_over,
        .quiet = r->started,
        .lost = lose_lease,
        .context = r,
    };

    return lease_take(&r->lease, &r->target, &terms, err);
}

void replay_end_lease(struct replay *r, bool give_back)
{
    lease_end(r->lease, give_back);
    r->lease = NULL;
}

/* Is it known that none follows? */
static bool has_journal(const struct replay *r)
{
    return r->source == NULL || (source_can(r->source, SOURCE_HAS_JOURNAL) && !r->cut.is_snapshot);
}

int replay_check_rights(struct replay *r, struct ft_err *err)
{
    if (!r->rights.known && rights_probe(&r->rights, &r->target, has_journal(r), err) != 0)
        return -1;
    return rights_check(&r->rights, err);
}

/*
 * One attempt
 */

static int open_nodes(struct replay *r, struct ft_err *err)
{
    r->nodes = calloc(r->target.node_count, sizeof(*r->nodes));
    if (r->nodes == NULL)
        return err_nomem(err, "the nodes");
    while (r->node_count < r->target.node_count) {
        struct replay_node *node = &r->nodes[r->node_count];

        node->replay = r;
        node->server = &r->target.nodes[r->node_count++];
        node->written = calloc(replay_stream_count(r) + 1u, sizeof(*node->written));
        if (node->written == NULL)
            return err_nomem(err, "a node");
        (void)snprintf(node->count.name, sizeof(node->count.name), "%s",
                       node->server->name); /* fits */
        redis_pipe_on_reply(node->server->pipe, replay_node_reply, node);
    }
    return 0;
}

/* What may be done beside a replay (forgetting its state, sending dead letters) leaves the connections
 * of others alone. */
static const char *owner_of(const struct replay *r)
{
    return r->beside || r->o->forget || r->o->retry_dead_letters != NULL ? NULL : r->id;
}

int replay_connect(struct replay *r, struct ft_err *err)
{
    int rc = target_client_open(&r->target, owner_of(r), err);

    r->result->target_version = r->target.version;
    if (rc != 0)
        return -1;
    r->result->cluster = r->target.cluster;
    /* only who has the lease may close connections of others */
    if (open_nodes(r, err) != 0 || replay_take_lease(r, err) != 0)
        return -1;
    return target_client_close_others(&r->target, err);
}

static void close_node(struct replay_node *node)
{
    keep_count(node->replay, &node->count);
    replay_position_release(&node->position);
    replay_batch_release(&node->batch);
    free(node->written);
    replay_sent_release(&node->sent);
}

void replay_disconnect(struct replay *r)
{
    replay_end_lease(r, false);
    for (size_t i = 0; i < r->node_count; i++)
        close_node(&r->nodes[i]);
    free(r->nodes);
    r->nodes = NULL;
    r->node_count = 0;
    target_client_close(&r->target);
    r->result->resent += atomic_exchange(&r->target.resent, 0);
}
