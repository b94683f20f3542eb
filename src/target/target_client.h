/*
 * target_client.h - a running Redis, or a cluster, that is written to.
 *
 * What it is   Connections to all masters, what they are and which of them has which slots. It is
 *              opened and closed once per attempt; what it has learnt (the map, the version) stays, so
 *              that a cluster is found again through any of its nodes.
 * Checked      Before it counts as open: it is a Redis of 5.0 or later, its masters take writes and
 *              are not loading, and a cluster has a master for every slot. What is not so yet is
 *              FT_ERR_NET once it was connected to, FT_ERR_PROTOCOL before.
 * Not here     Who may write (lease.h), and what is written.
 * Threads      Opened and closed by one; the rest may be read by any while it is open. Atomic fields
 *              are set by whoever sends.
 */
#ifndef FLOWTAPE_TARGET_TARGET_CLIENT_H
#define FLOWTAPE_TARGET_TARGET_CLIENT_H

#include "rdb/target.h"
#include "target/fence.h"
#include "target/target_node.h"
#include "wire/slot_map.h"

struct target_client {
    struct target_host host;
    const struct uri *named; /* the server that the user named; the caller's */
    struct uri uri;          /* the same with database 0, while it is open */
    bool cluster;
    unsigned version;          /* major * 100 + minor; 0: never connected */
    const struct target *kind; /* with the modules that the server names */
    struct slot_map *map;      /* of a cluster, while it is open */
    struct target_node *nodes;
    size_t node_count;
    bool takes_replica; /* the caller's: that it takes no writes is not an error */
    bool
        reads_only; /* the caller's: a replica will do where it is named itself, and is not part of a cluster */
    uint64_t arg_max; /* bytes: the smallest of all nodes'; 0: not known */
    struct fence fence;
    struct target known_kind;
    struct slot_map *known_map; /* of the connection before */
    bool was_reached;           /* once: from then on a lost target is waited for */
    bool was_connected;         /* and found to be one that can be written to */
    bool was_redirected;        /* some node has said so, see target_node.h */
    atomic_bool full;           /* commands wait: a node has no memory, disk or replicas */
    atomic_bool
        no_eval; /* it runs no scripts, or is not to: they are run here, see target_eval.h */
    atomic_bool keys_apart;      /* a command on several keys was refused: one by one from now on */
    atomic_uint_fast64_t resent; /* commands: slots were moving, or a node was busy */
};

/* target_client_init - to the server at `named`, which outlives the client. */
void target_client_init(struct target_client *t, const struct uri *named,
                        const struct target_host *host);
/* target_client_open - connect to all masters. owner: whose connections they are, see fence.h; NULL: they
 * have no name. After a failure it is to be closed too. */
int target_client_open(struct target_client *t, const char *owner, struct ft_err *err);
/* target_client_close_others - what earlier attempts of the same owner have left open. Only whoever
 * may write does that. */
int target_client_close_others(struct target_client *t, struct ft_err *err);
void target_client_close(struct target_client *t);
/* target_client_release - of what stayed after it was closed. */
void target_client_release(struct target_client *t);

/* target_client_take_redirected, _full, _resent - what has happened since these were asked last. */
bool target_client_take_redirected(struct target_client *t);
bool target_client_take_full(struct target_client *t);
uint64_t target_client_take_resent(struct target_client *t);

/* target_client_index - which node has this key, or slot; the first one for a slot without a master. */
size_t target_client_index(const struct target_client *t, struct bytes key);
size_t target_client_index_of_slot(const struct target_client *t, uint16_t slot);
/* target_client_node - the node that has this key. */
struct target_node *target_client_node(const struct target_client *t, struct bytes key);

#endif
