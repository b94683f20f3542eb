#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "replay/replay_impl.h"
#include "replay/replay_node.h"
#include "wire/reply_error.h"
#include "wire/reply_kind.h"
#include "wire/server_info.h"

#define VERSION_MIN 500u

bool replay_is_passing(const char *text)
{
    /* "FLOWTAPE": the script of replay_batch.h refused a batch as a whole */
    return reply_text_is_passing(bytes_str(text)) ||
           reply_error_kind_of(bytes_str(text)) == REPLY_ERROR_NOSCRIPT ||
           strncmp(text, "FLOWTAPE ", strlen("FLOWTAPE ")) == 0;
}

/* A new slot map may help. */
static bool is_topology(const char *text)
{
    return reply_error_is_topology(reply_error_kind_of(bytes_str(text))) ||
           strncmp(text, REPLAY_NOT_HERE, strlen(REPLAY_NOT_HERE)) == 0;
}

int replay_refused(const struct replay_node *node, const char *text, struct ft_err *err)
{
    if (is_topology(text))
        atomic_store(&node->replay->redirected, true);
    return err_set(err, replay_is_passing(text) ? FT_ERR_NET : FT_ERR_PROTOCOL, "%s answered: %s",
                   node->name, text);
}

int replay_ask(struct replay_node *node, struct redis_pipe *pipe, redisReply **ret,
               const struct bytes *words, size_t count, struct ft_err *err)
{
    redisReply *reply;

    if (redis_pipe_call(pipe, &reply, words, count, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR && replay_is_passing(reply->str)) {
        (void)replay_refused(node, reply->str, err);
        freeReplyObject(reply);
        return -1;
    }
    *ret = reply;
    return 0;
}

int replay_call(struct replay_node *node, redisReply **ret, const struct bytes *words, size_t count,
                struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (redis_pipe_call(node->pipe, &reply, words, count, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        rc = replay_refused(node, reply->str, err);
    if (rc == 0 && ret != NULL)
        *ret = reply;
    else
        freeReplyObject(reply);
    return rc;
}

int replay_check_reply(const char *server, const redisReply *reply, const struct bytes *words,
                       size_t count, struct ft_err *err)
{
    char shown[64];

    if (reply->type == REDIS_REPLY_ERROR || reply_is_of(reply, reply_kinds_of(words, count)))
        return 0;
    return reply_not_of(reply, server, bytes_escape(words[0], shown, sizeof(shown)), err);
}

struct replay_node *replay_node_of_slot(struct replay *r, uint16_t slot)
{
    uint16_t owner;

    if (!r->target.cluster)
        return &r->target.nodes[0];
    owner = slot_map_master(r->target.map, slot);
    return owner == SLOT_MAP_NONE ? &r->target.nodes[0] : &r->target.nodes[owner];
}

struct replay_node *replay_node_of(struct replay *r, struct bytes key)
{
    return r->target.cluster ? replay_node_of_slot(r, slot_of(key)) : &r->target.nodes[0];
}

/* A replica would take no writes; one that is being promoted soon will. */
static int check_role(const struct replay *r, const struct server_info *info, const char *name,
                      struct ft_err *err)
{
    if (!info->replica)
        return 0;
    return err_set(err, r->was_connected ? FT_ERR_NET : FT_ERR_PROTOCOL,
                   "%s is a replica and takes no writes: name its master", name);
}

static int check_version(struct replay *r, const struct server_info *info, const char *name,
                         struct ft_err *err)
{
    if (info->version == 0)
        return err_set(err, FT_ERR_PROTOCOL, "%s does not tell its version", name);
    if (info->version < VERSION_MIN) {
        return err_set(err, FT_ERR_PROTOCOL, "%s is Redis %s; 5.0 or later is needed", name,
                       info->text);
    }
    r->target.version = info->version;
    r->known_kind = target_of_server(info->version, info->modules);
    r->target.kind = &r->known_kind;
    r->result->target_version = r->target.version; /* open_again reads it, whatever fails first */
    return 0;
}

/* What it drops is nothing that a replay hears of; it may be the replay's own keys. */
static void note_eviction(struct replay *r, const struct server_info *info, const char *name)
{
    if (r->was_connected || info->maxmemory == 0 || strcmp(info->eviction, "noeviction") == 0)
        return;
    replay_note(r, "%s drops keys when it has %" PRIu64 " bytes (maxmemory-policy %s)", name,
                info->maxmemory, info->eviction);
}

static int check_loading(const struct server_info *info, const char *name, struct ft_err *err)
{
    return info->loading ? err_set(err, FT_ERR_NET, "%s is loading its data", name) : 0;
}

static int check_server(struct replay *r, struct replay_node *node, struct ft_err *err)
{
    struct server_info info;

    if (server_info_fetch(node->pipe, node->name, &info, err) != 0 ||
        check_loading(&info, node->name, err) != 0 || check_role(r, &info, node->name, err) != 0)
        return -1;
    memcpy(node->run, info.run_id, sizeof(node->run));
    node->maxmemory = info.maxmemory;
    note_eviction(r, &info, node->name);
    return 0;
}

/* A node for which the cluster is down refuses everything, though others may think it is not. */
static int check_view(const struct replay_node *node, struct ft_err *err)
{
    struct slot_map *own;
    int rc = 0;

    if (slot_map_fetch(&own, node->pipe, &node->uri, true, err) != 0)
        return -1;
    if (own != NULL && !own->state_ok && slot_map_check_covered(own, err) != 0) {
        err->kind = FT_ERR_NET;
        rc = err_wrap(err, "%s", node->name);
    }
    slot_map_free(own);
    return rc;
}

/* Who may not ask for it finds out when a word is too long. */
static int ask_word_max(struct replay *r, struct replay_node *node, struct ft_err *err)
{
    redisReply *reply;
    uint64_t most;

    if (redis_pipe_call_text(node->pipe, &reply, "CONFIG GET proto-max-bulk-len", err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING &&
        bytes_to_u64(bytes_of(reply->element[1]->str, reply->element[1]->len), &most) &&
        (r->target.word_max == 0 || most < r->target.word_max))
        r->target.word_max = most;
    freeReplyObject(reply);
    return 0;
}

static int open_node(struct replay *r, struct replay_node *node, struct ft_err *err)
{
    (void)uri_address(&node->uri, node->name);
    (void)snprintf(node->count.name, sizeof(node->count.name), "%s", node->name);
    node->written = calloc(replay_stream_count(r) + 1u, sizeof(*node->written));
    if (node->written == NULL)
        return err_nomem(err, "a node");
    if (redis_pipe_open_within(&node->pipe, &node->uri, r->o->cancel_fd, r->o->give_up_ms,
                               replay_node_reply, node, err) != 0)
        return -1;
    if (check_server(r, node, err) != 0 || (r->target.cluster && check_view(node, err) != 0))
        return -1;
    if (replay_fence_name(r, node->pipe, node->name, err) != 0)
        return -1;
    return ask_word_max(r, node, err);
}

/* "0-5460 7000", as the node itself says it in CLUSTER NODES */
static int list_slots(struct replay_node *node, const struct slot_map_node *m, struct ft_err *err)
{
    for (size_t i = 0; i < m->range_count; i++) {
        const struct slot_range *range = &m->ranges[i];
        const char *blank = i == 0 ? "" : " ";
        int rc = range->first == range->last
                     ? buf_printf(&node->slots, err, "%s%u", blank, range->first)
                     : buf_printf(&node->slots, err, "%s%u-%u", blank, range->first, range->last);

        if (rc != 0)
            return -1;
    }
    return 0;
}

static int open_nodes(struct replay *r, struct ft_err *err)
{
    struct replay_target *t = &r->target;
    size_t count = t->cluster ? t->map->node_count : 1;

    t->nodes = calloc(count, sizeof(*t->nodes));
    if (t->nodes == NULL)
        return err_nomem(err, "the nodes");
    for (size_t i = 0; i < count; i++) {
        struct replay_node *node = &t->nodes[i];
        int rc;

        node->replay = r;
        t->node_count++;
        if (t->cluster) {
            rc = slot_map_node_uri(&t->map->nodes[i].address, &t->uri, &node->uri, err);
            if (rc == 0)
                rc = list_slots(node, &t->map->nodes[i], err);
            node->replica_count = t->map->nodes[i].replica_count;
        } else {
            rc = uri_copy(&node->uri, &t->uri, err);
        }
        if (rc != 0)
            return -1;
        if (open_node(r, node, err) != 0)
            return -1;
    }
    return 0;
}

/* Slots without a master, where there were masters before, get one again. */
static int check_cluster(struct replay *r, struct ft_err *err)
{
    const struct slot_map *map = r->target.map;

    if (slot_map_check_covered(map, err) != 0) {
        if (r->was_connected)
            err->kind = FT_ERR_NET;
        return -1;
    }
    if (map->state_ok)
        return 0;
    return err_set(err, FT_ERR_NET,
                   "the cluster is down: the masters of %u of %d slots do not answer",
                   SLOT_COUNT - map->served, SLOT_COUNT);
}

/* A cluster that is known already is asked through any of its nodes. */
static int open_again(struct replay *r, struct ft_err *err)
{
    struct replay_target *t = &r->target;

    t->cluster = true;
    t->version = r->result->target_version;
    t->kind = &r->known_kind;
    return slot_map_refetch(&t->map, r->known_map, &t->uri, r->o->cancel_fd, r->o->give_up_ms, err);
}

/* The server that was named; it need not be a master if it is one of a cluster. */
static int open_first(struct replay *r, struct ft_err *err)
{
    struct replay_target *t = &r->target;
    char name[URI_ADDRESS_SIZE];
    struct server_info info;
    struct redis_pipe *pipe;
    int rc;

    (void)uri_address(&t->uri, name);
    if (redis_pipe_open_within(&pipe, &t->uri, r->o->cancel_fd, r->o->give_up_ms, NULL, NULL,
                               err) != 0)
        return -1;
    r->was_reached = true;
    rc = server_info_fetch(pipe, name, &info, err);
    if (rc == 0 && info.dragonfly)
        rc = err_set(err, FT_ERR_PROTOCOL,
                     "%s is a Dragonfly: a replay writes into a Redis or Valkey", name);
    if (rc == 0)
        rc = check_loading(&info, name, err);
    if (rc == 0 && slot_map_fetch(&t->map, pipe, &t->uri, info.cluster, err) != 0)
        rc = err_wrap(err, "%s", name);
    t->cluster = rc == 0 && t->map != NULL;
    if (rc == 0 && !t->cluster)
        rc = check_role(r, &info, name, err);
    if (rc == 0)
        rc = check_version(r, &info, name, err);
    redis_pipe_free(pipe);
    return rc;
}

/* Only whoever has the lease may close connections of others. */
static int claim(struct replay *r, struct ft_err *err)
{
    if (replay_lease_take(r, err) != 0)
        return -1;
    for (size_t i = 0; i < r->target.node_count; i++) {
        struct replay_node *node = &r->target.nodes[i];

        if (replay_fence_close_others(r, node->pipe, node->name, err) != 0)
            return -1;
    }
    return 0;
}

int replay_target_open(struct replay *r, struct ft_err *err)
{
    struct replay_target *t = &r->target;

    if (uri_copy(&t->uri, r->o->target, err) != 0 || replay_fence_begin(r, err) != 0)
        return -1;
    t->uri.db = 0;
    if ((r->known_map != NULL ? open_again(r, err) : open_first(r, err)) != 0 ||
        (t->cluster && check_cluster(r, err) != 0) || open_nodes(r, err) != 0)
        return -1;
    r->was_connected = true;
    r->result->cluster = t->cluster;
    return claim(r, err);
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

void replay_keep_count(struct replay *r, const struct replay_node_count *count)
{
    pthread_mutex_lock(&r->mu);
    add_count(r->result, count);
    pthread_mutex_unlock(&r->mu);
}

void replay_target_close(struct replay *r)
{
    struct replay_target *t = &r->target;

    replay_lease_end(r, false);
    for (size_t i = 0; i < t->node_count; i++) {
        struct replay_node *node = &t->nodes[i];

        replay_keep_count(r, &node->count);
        redis_pipe_free(node->pipe);
        replay_position_release(&node->position);
        replay_batch_release(&node->batch);
        buf_release(&node->slots);
        uri_release(&node->uri);
        free(node->written);
        replay_sent_release(&node->sent);
    }
    free(t->nodes);
    if (t->map != NULL) {
        slot_map_free(r->known_map);
        r->known_map = t->map;
    }
    uri_release(&t->uri);
    *t = (struct replay_target){0};
}
