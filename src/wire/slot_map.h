/*
 * slot_map.h - which master of a Redis Cluster owns which hash slot.
 *
 * What it is   The answer to CLUSTER SLOTS of one node at one moment, or to what tells the same (slot_map_fetch.h), checked and
 *              put in order. It is an opinion: a cluster that is changing may know better soon. A map does not
 *              change; a new one is fetched and compared.
 * Masters      Those that own slots, ordered by address, so that an index means the same node in
 *              two maps of the same addresses; slot_map_find tells the index for others.
 * Gaps         A map may leave slots uncovered (while a node is down or being removed): the caller
 *              decides whether to wait or to give up; slot_map_check_covered words it.
 * Addresses    As the nodes announce themselves. An empty or unknown one ("?", nil) is replaced by
 *              the node's "ip" if it is told, else by the address that was asked.
 * Errors       FT_ERR_PROTOCOL: an answer that makes no sense (slots out of range or given twice,
 *              ports or hosts that cannot be); those of redis_pipe.h.
 * Threads      May be read by any number of threads.
 * Source       redis src/cluster.c (clusterCommandSlots), 5.0 to 8.0.
 */
#ifndef FLOWTAPE_WIRE_SLOT_MAP_H
#define FLOWTAPE_WIRE_SLOT_MAP_H

#include "item/slot.h"
#include "wire/redis_pipe.h"

/* No master: what slot_map_master says of an uncovered slot. */
#define SLOT_MAP_NONE     UINT16_MAX
#define SLOT_MAP_ID_SIZE  41
#define SLOT_MAP_TAG_SIZE I64_TEXT_SIZE

struct slot_map_address {
    char host[URI_HOST_SIZE]; /* IPv6 without brackets */
    uint16_t port;
    char id[SLOT_MAP_ID_SIZE];    /* node id, 40 hex digits; "" if not told */
    char hostname[URI_HOST_SIZE]; /* beside the host, from redis 7.0 on; "" if not told */
};

struct slot_map_node {
    struct slot_map_address address;
    struct slot_range *ranges; /* in order, neighbours joined; at least one */
    size_t range_count;
    unsigned slot_count;
    struct slot_map_address *replicas;
    size_t replica_count;
};

struct slot_map {
    struct slot_map_node *nodes; /* the masters */
    size_t node_count;
    uint16_t owner[SLOT_COUNT]; /* index of the master, or SLOT_MAP_NONE */
    unsigned covered;           /* slots that have an owner */
    bool state_ok;              /* cluster_state of CLUSTER INFO; true unless fetched */
    unsigned served;            /* cluster_slots_ok: whose master answers; all unless fetched */
    uint64_t epoch;             /* cluster_current_epoch; 0 unless fetched */
};

/* slot_map_parse - the reply of CLUSTER SLOTS; asked_host stands for what is not told. */
int slot_map_parse(struct slot_map **ret, const redisReply *reply, const char *asked_host,
                   struct ft_err *err);
/* slot_map_make - the same of what is known otherwise: masters with address and replicas (all is copied), and for each slot
 * the index of its owner, or SLOT_MAP_NONE. Masters without slots are left out. */
int slot_map_make(struct slot_map **ret, const struct slot_map_node *masters, size_t count,
                  const uint16_t owner[SLOT_COUNT], struct ft_err *err);
void slot_map_free(struct slot_map *m);

static inline uint16_t slot_map_master(const struct slot_map *m, uint16_t slot)
{
    return m->owner[slot % SLOT_COUNT];
}
static inline uint16_t slot_map_master_of_key(const struct slot_map *m, struct bytes key)
{
    return m->owner[slot_of(key)];
}

/* slot_map_find - the master at this address, or SLOT_MAP_NONE. */
uint16_t slot_map_find(const struct slot_map *m, const char *host, uint16_t port);
/* slot_map_same - every slot is at the same address. Replicas, ids and epochs do not count. */
bool slot_map_same(const struct slot_map *a, const struct slot_map *b);
/* slot_map_check_covered - FT_ERR_PROTOCOL that names the first uncovered slots. */
int slot_map_check_covered(const struct slot_map *m, struct ft_err *err);
/* slot_map_is_host - could a node be reached by this name or address? */
bool slot_map_is_host(struct bytes host);
/* slot_map_node_uri - the address as redis://, database 0, with user, password and TLS of `like`. Then
 * uri_release. */
int slot_map_node_uri(const struct slot_map_address *a, const struct uri *like, struct uri *ret,
                      struct ft_err *err);

/* slot_map_slot_tag - a hash tag of this slot: the smallest decimal number, of at most six digits. Returns out. */
char *slot_map_slot_tag(uint16_t slot, char out[SLOT_MAP_TAG_SIZE]);

#endif
