#include "capture/cluster_nodes.h"

#include <stdlib.h>

#include "wire/slot_map_fetch.h"
#include "wire/uri_list.h"

#define ASK_TIMEOUT_MS 5000u

/* *ret NULL: it knows of no cluster. */
static int ask(struct slot_map **ret, const struct uri *u, int cancel_fd, struct ft_err *err)
{
    struct redis_pipe *pipe;
    int rc;

    if (redis_pipe_open_within(&pipe, u, cancel_fd, ASK_TIMEOUT_MS, NULL, NULL, err) != 0)
        return -1;
    rc = slot_map_fetch(ret, pipe, u, false, err);
    redis_pipe_free(pipe);
    return rc;
}

/* In the order of their slots. */
static int take_nodes(const struct slot_map *map, const struct uri *asked, struct uri **ret,
                      uint32_t *ret_count, struct ft_err *err)
{
    struct uri *nodes = calloc(map->node_count, sizeof(*nodes));
    bool *taken = calloc(map->node_count, sizeof(*taken));
    uint32_t count = 0;
    int rc = nodes == NULL || taken == NULL ? err_nomem(err, "the nodes of a cluster") : 0;

    for (uint32_t slot = 0; rc == 0 && slot < SLOT_COUNT; slot++) {
        uint16_t i = slot_map_master(map, (uint16_t)slot);

        if (taken[i])
            continue;
        rc = slot_map_node_uri(&map->nodes[i].address, asked, &nodes[count], err);
        if (rc != 0)
            break;
        nodes[count++].scheme = asked->scheme;
        taken[i] = true;
    }
    free(taken);
    if (rc != 0) {
        uri_list_free(nodes, count);
        return -1;
    }
    *ret = nodes;
    *ret_count = count;
    return 0;
}

int cluster_nodes_find(struct uri **ret, uint32_t *ret_count, const struct uri *asked,
                       int cancel_fd, struct ft_err *err)
{
    char address[URI_ADDRESS_SIZE];
    struct slot_map *map;
    int rc;

    if (ask(&map, asked, cancel_fd, err) != 0)
        return -1;
    if (map == NULL) {
        return err_set(err, FT_ERR_USAGE, "%s is not part of a cluster",
                       uri_address(asked, address));
    }
    rc = slot_map_check_covered(map, err);
    if (rc == 0)
        rc = take_nodes(map, asked, ret, ret_count, err);
    slot_map_free(map);
    return rc;
}

/* What the cluster calls a server, master or replica; NULL: nothing. */
static const char *find_id(const struct slot_map *map, const struct uri *node)
{
    for (size_t n = 0; map != NULL && n < map->node_count; n++) {
        const struct slot_map_node *m = &map->nodes[n];

        for (size_t i = 0; i <= m->replica_count; i++) {
            const struct slot_map_address *a = i == 0 ? &m->address : &m->replicas[i - 1];

            if (a->id[0] != '\0' && a->port == node->port && strcmp(a->host, node->host) == 0)
                return a->id;
        }
    }
    return NULL;
}

static bool is_at(const struct set_node *place, const struct slot_map *map, const struct uri *node,
                  bool by_id)
{
    const char *id = by_id ? find_id(map, node) : NULL;
    char address[URI_ADDRESS_SIZE];

    if (by_id)
        return id != NULL && place->ids != NULL && strstr(place->ids, id) != NULL;
    return strcmp(uri_address(node, address), place->address) == 0;
}

/* places: for each of the set the index of a node, count: none yet. Returns how many were found by their ids. */
static uint32_t place_nodes(const struct capture_set *set, const struct slot_map *map,
                            const struct uri *nodes, uint32_t count, uint32_t *places, bool *placed)
{
    uint32_t by_id = 0;

    for (int by = 0; by < 3; by++) { /* id, address, whatever is left */
        for (uint32_t i = 0; i < set->node_count; i++) {
            for (uint32_t k = 0; places[i] == count && k < count; k++) {
                if (placed[k] || (by < 2 && !is_at(&set->nodes[i], map, &nodes[k], by == 0)))
                    continue;
                places[i] = k;
                placed[k] = true;
                by_id += by == 0;
            }
        }
    }
    return by_id;
}

/* Where it was when it was captured last, with the user and password of another node. */
static int take_address(struct uri *ret, const struct set_node *node, const struct uri *like,
                        struct ft_err *err)
{
    struct slot_map_address at = {0};
    const char *colon = strrchr(node->address, ':');
    const char *host = node->address;
    size_t n = colon == NULL ? 0 : (size_t)(colon - host);
    uint64_t port;

    if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof(at.host) || !bytes_to_u64(bytes_str(colon + 1), &port) ||
        port > UINT16_MAX)
        return err_set(err, FT_ERR_CORRUPT, "the set has a node at \"%s\"", node->address);
    memcpy(at.host, host, n);
    at.port = (uint16_t)port;
    return slot_map_node_uri(&at, like, ret, err);
}

/* sorted has room for all. *ret_count: how many there are. */
static int sort_nodes(struct uri *sorted, uint32_t *ret_count, const struct capture_set *set,
                      const struct slot_map *map, struct uri *nodes, uint32_t count,
                      struct ft_err *err)
{
    uint32_t *places = calloc(set->node_count, sizeof(*places));
    bool *placed = calloc(count, sizeof(*placed));
    uint32_t by_id;
    int rc = places == NULL || placed == NULL ? err_nomem(err, "the nodes of a set") : 0;

    for (uint32_t i = 0; rc == 0 && i < set->node_count; i++)
        places[i] = count;
    by_id = rc != 0 ? 0 : place_nodes(set, map, nodes, count, places, placed);
    if (rc == 0 && by_id == 0 && set->node_count != count) /* another cluster, perhaps */
        rc = 1;
    for (uint32_t i = 0; rc == 0 && i < set->node_count; i++) {
        if (places[i] != count)
            sorted[i] = nodes[places[i]];
        else
            rc = take_address(&sorted[i], &set->nodes[i], &nodes[0], err);
        for (uint32_t k = 0; rc != 0 && k < i; k++) {
            if (places[k] == count)
                uri_release(&sorted[k]);
        }
    }
    if (rc == 0)
        *ret_count = set->node_count;
    for (uint32_t k = 0; rc == 0 && k < count; k++) {
        if (!placed[k])
            sorted[(*ret_count)++] = nodes[k];
    }
    free(places);
    free(placed);
    return rc;
}

int cluster_nodes_place(struct uri **nodes, uint32_t *count, const char *directory, int cancel_fd,
                        struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct capture_set *set;
    struct slot_map *map = NULL;
    struct uri *sorted;
    uint32_t sorted_count = 0;
    int rc = 1;

    if (!capture_set_is_dir(directory))
        return 0;
    if (capture_set_open_read(&set, directory, err) != 0)
        return -1;
    sorted = calloc(set->node_count + *count, sizeof(*sorted));
    if (sorted == NULL) {
        rc = err_nomem(err, "the nodes of a set");
    } else if (set->node_count == *count || capture_set_follows_cluster(set)) {
        for (uint32_t i = 0; map == NULL && capture_set_follows_cluster(set) && i < *count; i++)
            (void)ask(&map, &(*nodes)[i], cancel_fd, &ignored); /* then by address */
        rc = sort_nodes(sorted, &sorted_count, set, map, *nodes, *count, err);
    }
    slot_map_free(map);
    capture_set_free(set);
    if (rc != 0) {
        free(sorted);
        return rc > 0 ? 0 : -1; /* if there are too many or too few, who opens the set says so */
    }
    free(*nodes); /* with what is in them elsewhere now */
    *nodes = sorted;
    *count = sorted_count;
    return 0;
}

/* The node at an address of the map; count: none. */
static uint32_t find_node(const struct uri *nodes, uint32_t count, const struct slot_map_address *a)
{
    uint32_t i = 0;

    while (i < count && (nodes[i].port != a->port || strcmp(nodes[i].host, a->host) != 0))
        i++;
    return i;
}

static int take_owners(const struct slot_map *map, const struct uri *nodes, uint32_t count,
                       uint16_t ret[SLOT_COUNT], struct ft_err *err)
{
    for (size_t n = 0; n < map->node_count; n++) {
        const struct slot_map_node *node = &map->nodes[n];
        uint32_t i = find_node(nodes, count, &node->address);

        if (i == count) {
            return err_set(err, FT_ERR_USAGE,
                           "the cluster has a master at %s:%u, which is not one of the nodes that "
                           "are captured",
                           node->address.host, node->address.port);
        }
        for (size_t r = 0; r < node->range_count; r++) {
            for (uint32_t slot = node->ranges[r].first; slot <= node->ranges[r].last; slot++)
                ret[slot] = (uint16_t)i;
        }
    }
    return 0;
}

int cluster_nodes_owners(const struct uri *nodes, uint32_t count, int cancel_fd,
                         uint16_t ret[SLOT_COUNT], struct ft_err *err)
{
    struct ft_err cause = FT_ERR_INIT;
    struct slot_map *map = NULL;
    int rc = 0;

    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        ret[slot] = SLOT_OWNER_NONE;
    for (uint32_t i = 0; map == NULL && i < count; i++) {
        err_clear(&cause);
        if (ask(&map, &nodes[i], cancel_fd, &cause) != 0 && cause.kind == FT_ERR_CANCELLED)
            return err_copy(err, &cause);
        if (map != NULL && map->node_count == 0) { /* it has left the cluster */
            slot_map_free(map);
            map = NULL;
        }
    }
    if (map != NULL)
        rc = take_owners(map, nodes, count, ret, err);
    slot_map_free(map);
    return rc;
}
