/*
 * wait_replicas.h - what was written is to survive the loss of a master.
 *
 * What it is   The replicas that a master has online are asked (WAIT) until they have everything that
 *              was sent over a connection. One that does not confirm it soon, or is not there, is
 *              named in a note: it is not a reason to stop.
 * Errors       FT_ERR_NET: the server is no longer a master.
 */
#ifndef FLOWTAPE_TARGET_WAIT_REPLICAS_H
#define FLOWTAPE_TARGET_WAIT_REPLICAS_H

#include "target/target_client.h"

/* wait_replicas - of the master called `name`, for everything sent over this connection. */
int wait_replicas(const struct target_host *host, struct redis_pipe *pipe, const char *name,
                  struct ft_err *err);
/* wait_replicas_node - for everything sent over the node's own connection. */
int wait_replicas_node(const struct target_client *t, const struct target_node *node,
                       struct ft_err *err);
/* wait_replicas_all - the same for all nodes; replicas that are not online are named too. */
int wait_replicas_all(const struct target_client *t, uint64_t *ret_missing, struct ft_err *err);

#endif
