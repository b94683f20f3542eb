/*
 * cluster_view.h - what one node of a cluster says of all of them: CLUSTER NODES.
 *
 * What it is   An opinion, but for the line of the node itself: which slots it says it has are those for which it
 *              takes writes, and what is on its way is only in its own line.
 * Errors       FT_ERR_PROTOCOL: a text that makes no sense.
 * Threads      A view does not change.
 * Source       redis src/cluster.c, cluster_legacy.c (clusterGenNodesDescription), 5.0 to 8.0; valkey 7.2 to 9.1.
 */
#ifndef FLOWTAPE_WIRE_CLUSTER_VIEW_H
#define FLOWTAPE_WIRE_CLUSTER_VIEW_H

#include "wire/slot_map.h"

struct cluster_member {
    struct slot_map_address address; /* with its id; port 0: not known */
    bool is_master;                  /* else a replica, of: */
    char master_id[SLOT_MAP_ID_SIZE];
    bool failed;    /* has failed, as most of them think */
    uint64_t epoch; /* its configuration epoch; of a replica its master's */
    unsigned slot_count;
};

struct cluster_view {
    struct cluster_member *members;
    size_t count;
    size_t self; /* index of the node that was asked */
    /* of the node that was asked; bits of slots */
    uint8_t owned[SLOT_COUNT / 8];
    uint8_t moving[SLOT_COUNT / 8]; /* on their way to it, or from it */
    uint16_t owner[SLOT_COUNT];     /* as it believes: index of a member, or SLOT_MAP_NONE */
};

/* cluster_view_parse - the answer to CLUSTER NODES; asked_host stands for what is not told. */
int cluster_view_parse(struct cluster_view **ret, const char *text, const char *asked_host,
                       struct ft_err *err);
/*
 * cluster_view_add_migrations - what the node said of slots that move as a whole, to CLUSTER GETSLOTMIGRATIONS (Valkey 9) or CLUSTER MIGRATION
 * STATUS ALL (Redis 8.4): they are not in its line of CLUSTER NODES.
 */
int cluster_view_add_migrations(struct cluster_view *v, const redisReply *reply,
                                struct ft_err *err);
/* cluster_view_slot_map - the masters that have slots, with their replicas that have not failed. */
int cluster_view_slot_map(const struct cluster_view *v, struct slot_map **ret, struct ft_err *err);
void cluster_view_free(struct cluster_view *v);

static inline bool cluster_view_owns(const struct cluster_view *v, unsigned slot)
{
    return (v->owned[slot / 8] >> (slot % 8) & 1u) != 0;
}
static inline bool cluster_view_moves(const struct cluster_view *v, unsigned slot)
{
    return (v->moving[slot / 8] >> (slot % 8) & 1u) != 0;
}

#endif
