/*
 * replicate_target.h - what a server says of its replication, and how it is made a replica and a master again.
 *
 * Source   INFO of redis 5.0 to 8.0, src/server.c.
 * Errors   FT_ERR_NET: a transient error, or a lost connection. FT_ERR_PROTOCOL: it refuses.
 */
#ifndef FLOWTAPE_REPLICATE_REPLICATE_TARGET_H
#define FLOWTAPE_REPLICATE_REPLICATE_TARGET_H

#include "target/target_node.h"

#define REPLICATE_ID_SIZE 41

struct replicate_state {
    char run_id[REPLICATE_ID_SIZE];
    bool replica;
    bool link_up;               /* a replica's: it has loaded the state, and gets the stream */
    bool loading;               /* a state, or its own data */
    char master[URI_HOST_SIZE]; /* a replica's: the host */
    uint16_t master_port;
    char id[REPLICATE_ID_SIZE];     /* of the stream that it has executed a part of */
    char before[REPLICATE_ID_SIZE]; /* of the one before it was made a master */
    uint64_t offset;                /* up to which it has executed the stream */
    uint64_t replicas;              /* of its own */
    uint64_t keys;
};

int replicate_target_look(struct target_node *node, struct replicate_state *ret,
                          struct ft_err *err);
/* replicate_target_attach - command: REPLICAOF, or what the server calls it. */
int replicate_target_attach(struct target_node *node, const char *command, const char *host,
                            uint16_t port, struct ft_err *err);
/* replicate_target_detach - a master it is after this, also if it was one. */
int replicate_target_detach(struct target_node *node, const char *command, struct ft_err *err);

#endif
