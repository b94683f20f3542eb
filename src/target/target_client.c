#include "target/target_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/sentinel.h"
#include "wire/server_info.h"
#include "wire/slot_map_fetch.h"

#define VERSION_MIN 500u

size_t target_client_index_of_slot(const struct target_client *t, uint16_t slot)
{
    uint16_t owner = t->cluster ? slot_map_master(t->map, slot) : 0;

    return owner == SLOT_MAP_NONE ? 0 : owner;
}

size_t target_client_index(const struct target_client *t, struct bytes key)
{
    return t->cluster ? target_client_index_of_slot(t, slot_of(key)) : 0;
}

struct target_node *target_client_node(const struct target_client *t, struct bytes key)
{
    return &t->nodes[target_client_index(t, key)];
}

/*
 * What a server is
 */

/*
 * A proxy, say, that lets neither INFO nor HELLO through. It is taken for the oldest server that is known, as what that one
 * reads all read; whether it takes what the work needs is seen before anything is written.
 */
static int take_silent(const struct target_client *t, struct redis_pipe *pipe, const char *name,
                       struct server_info *ret, struct ft_err *err)
{
    struct ft_err refused = *err;
    redisReply *reply;
    bool pong;

    err_clear(err);
    if (redis_pipe_call_text(pipe, &reply, "PING", err) != 0) {
        if (err->kind == FT_ERR_PROTOCOL)
            *err = refused; /* it speaks something else, as was seen at first */
        return -1;
    }
    pong = reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "PONG") == 0;
    reply_free(reply);
    if (!pong) {
        *err = refused;
        return -1;
    }
    *ret = (struct server_info){.brief = true, .version = VERSION_MIN, .text = "5.0"};
    if (!t->was_connected && t->node_count == 0) /* once */
        target_host_note(&t->host,
                         "%s does not say which server it is: it is written to as Redis %s", name,
                         ret->text);
    return 0;
}

static int fetch_info(const struct target_client *t, struct redis_pipe *pipe, const char *name,
                      struct server_info *ret, struct ft_err *err)
{
    if (server_info_fetch(pipe, name, ret, err) == 0)
        return 0;
    return err->kind == FT_ERR_PROTOCOL ? take_silent(t, pipe, name, ret, err) : -1;
}

/* A replica would take no writes; one that is being promoted soon will. In a cluster it sends who reads to its master. */
static int check_role(const struct target_client *t, const struct server_info *info,
                      const char *name, struct ft_err *err)
{
    if (!info->replica || t->takes_replica ||
        (t->reads_only && !t->cluster && t->named->scheme != URI_SENTINEL))
        return 0;
    return err_set(
        err, t->was_connected || t->named->scheme == URI_SENTINEL ? FT_ERR_NET : FT_ERR_PROTOCOL,
        "%s is a replica and takes no writes: name its master", name);
}

static int check_version(struct target_client *t, const struct server_info *info, const char *name,
                         struct ft_err *err)
{
    if (info->version == 0)
        return err_set(err, FT_ERR_PROTOCOL, "%s does not report its version", name);
    if (info->version < VERSION_MIN) {
        return err_set(err, FT_ERR_PROTOCOL, "%s is Redis %s; 5.0 or later is needed", name,
                       info->text);
    }
    t->version = info->version;
    t->known_kind = target_of_server(info->version, info->valkey, info->modules);
    t->kind = &t->known_kind;
    return 0;
}

/* Whoever writes does not hear of what it evicts; it may be the writer's own keys. */
static void note_eviction(const struct target_client *t, const struct server_info *info,
                          const char *name)
{
    if (t->was_connected || info->maxmemory == 0 || strcmp(info->eviction, "noeviction") == 0)
        return;
    target_host_note(&t->host, "%s evicts keys at maxmemory %" PRIu64 " (maxmemory-policy %s)",
                     name, info->maxmemory, info->eviction);
}

static int check_loading(const struct server_info *info, const char *name, struct ft_err *err)
{
    return info->loading ? err_set(err, FT_ERR_NET, "%s is loading its data", name) : 0;
}

static int check_server(const struct target_client *t, struct target_node *node, struct ft_err *err)
{
    struct server_info info;

    if (fetch_info(t, node->pipe, node->name, &info, err) != 0 ||
        check_loading(&info, node->name, err) != 0 || check_role(t, &info, node->name, err) != 0)
        return -1;
    memcpy(node->run_id, info.run_id, sizeof(node->run_id));
    node->maxmemory = info.maxmemory;
    note_eviction(t, &info, node->name);
    return 0;
}

/* A node for which the cluster is down refuses everything, though others may think it is not. */
static int check_view(const struct target_node *node, struct ft_err *err)
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

/* Who may not ask for it finds out when an argument is too long. */
static int ask_arg_max(struct target_client *t, struct target_node *node, struct ft_err *err)
{
    redisReply *reply;
    uint64_t max;

    if (redis_pipe_call_text(node->pipe, &reply, "CONFIG GET proto-max-bulk-len", err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING &&
        bytes_to_u64(bytes_of(reply->element[1]->str, reply->element[1]->len), &max) &&
        (t->arg_max == 0 || max < t->arg_max))
        t->arg_max = max;
    reply_free(reply);
    return 0;
}

/*
 * Connecting
 */

static int open_node(struct target_client *t, struct target_node *node, struct ft_err *err)
{
    (void)uri_address(&node->uri, node->name);
    if (redis_pipe_open_within(&node->pipe, &node->uri, t->host.cancel_fd, t->host.give_up_ms, NULL,
                               NULL, err) != 0)
        return -1;
    if (check_server(t, node, err) != 0 || (t->cluster && check_view(node, err) != 0) ||
        fence_name(&t->fence, &t->host, node->pipe, node->name, err) != 0)
        return -1;
    return ask_arg_max(t, node, err);
}

/* "0-5460 7000", as the node itself says it in CLUSTER NODES */
static int list_slots(struct target_node *node, const struct slot_map_node *m, struct ft_err *err)
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

static int locate_node(const struct target_client *t, size_t index, struct target_node *node,
                       struct ft_err *err)
{
    const struct slot_map_node *m;

    if (!t->cluster)
        return uri_copy(&node->uri, &t->uri, err);
    m = &t->map->nodes[index];
    node->replica_count = m->replica_count;
    if (slot_map_node_uri(&m->address, &t->uri, &node->uri, err) != 0)
        return -1;
    return list_slots(node, m, err);
}

static int open_nodes(struct target_client *t, struct ft_err *err)
{
    size_t count = t->cluster ? t->map->node_count : 1;

    t->nodes = calloc(count, sizeof(*t->nodes));
    if (t->nodes == NULL)
        return err_nomem(err, "the nodes");
    while (t->node_count < count) {
        size_t index = t->node_count++;

        if (locate_node(t, index, &t->nodes[index], err) != 0 ||
            open_node(t, &t->nodes[index], err) != 0)
            return -1;
    }
    return 0;
}

/* Slots without a master, where there were masters before, get one again. */
static int check_cluster(const struct target_client *t, struct ft_err *err)
{
    const struct slot_map *map = t->map;

    if (slot_map_check_covered(map, err) != 0) {
        if (t->was_connected)
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
static int find_again(struct target_client *t, struct ft_err *err)
{
    t->cluster = true;
    return slot_map_refetch(&t->map, t->known_map, &t->uri, t->host.cancel_fd, t->host.give_up_ms,
                            err);
}

/* The server that was named; it need not be a master if it is one of a cluster. */
static int find_first(struct target_client *t, struct ft_err *err)
{
    char name[URI_ADDRESS_SIZE];
    struct server_info info;
    struct redis_pipe *pipe;
    int rc;

    (void)uri_address(&t->uri, name);
    if (redis_pipe_open_within(&pipe, &t->uri, t->host.cancel_fd, t->host.give_up_ms, NULL, NULL,
                               err) != 0)
        return -1;
    t->was_reached = true;
    rc = fetch_info(t, pipe, name, &info, err);
    if (rc == 0 && info.dragonfly)
        rc = err_set(err, FT_ERR_PROTOCOL,
                     "%s is a Dragonfly: a replay writes into a Redis or Valkey", name);
    if (rc == 0)
        rc = check_loading(&info, name, err);
    if (rc == 0 && slot_map_fetch(&t->map, pipe, &t->uri, info.cluster, err) != 0)
        rc = err_wrap(err, "%s", name);
    t->cluster = rc == 0 && t->map != NULL;
    if (rc == 0 && !t->cluster)
        rc = check_role(t, &info, name, err);
    if (rc == 0)
        rc = check_version(t, &info, name, err);
    redis_pipe_free(pipe);
    return rc;
}

void target_client_init(struct target_client *t, const struct uri *named,
                        const struct target_host *host)
{
    *t = (struct target_client){.host = *host, .named = named};
}

int target_client_open(struct target_client *t, const char *owner, struct ft_err *err)
{
    if (sentinel_locate(&t->uri, t->named, t->host.cancel_fd, t->host.give_up_ms, err) != 0 ||
        fence_begin(&t->fence, owner, err) != 0)
        return -1;
    t->uri.db = 0;
    if ((t->known_map != NULL ? find_again(t, err) : find_first(t, err)) != 0 ||
        (t->cluster && check_cluster(t, err) != 0) || open_nodes(t, err) != 0)
        return -1;
    t->was_connected = true;
    return 0;
}

int target_client_close_others(struct target_client *t, struct ft_err *err)
{
    for (size_t i = 0; i < t->node_count; i++) {
        const struct target_node *node = &t->nodes[i];

        if (fence_close_others(&t->fence, &t->host, node->pipe, node->name, err) != 0)
            return -1;
    }
    return 0;
}

void target_client_close(struct target_client *t)
{
    for (size_t i = 0; i < t->node_count; i++) {
        struct target_node *node = &t->nodes[i];

        t->was_redirected |= atomic_load(&node->redirected);
        redis_pipe_free(node->pipe);
        buf_release(&node->slots);
        uri_release(&node->uri);
    }
    free(t->nodes);
    t->nodes = NULL;
    t->node_count = 0;
    if (t->map != NULL) {
        slot_map_free(t->known_map);
        t->known_map = t->map;
        t->map = NULL;
    }
    t->arg_max = 0;
    t->cluster = false;
    uri_release(&t->uri);
}

void target_client_release(struct target_client *t)
{
    slot_map_free(t->known_map);
    t->known_map = NULL;
}

bool target_client_take_redirected(struct target_client *t)
{
    bool redirected = t->was_redirected;

    t->was_redirected = false;
    return redirected;
}

bool target_client_take_full(struct target_client *t)
{
    return atomic_exchange(&t->full, false);
}

uint64_t target_client_take_resent(struct target_client *t)
{
    return atomic_exchange(&t->resent, 0);
}
