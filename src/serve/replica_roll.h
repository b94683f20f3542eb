/*
 * replica_roll.h - who has been a replica of a capture that is served, by where it listens.
 *
 * What it is   Names ("10.0.0.7:6379") in DIR/serve/replicas, one a line, so that one that is away is missed also after a
 *              restart of flowtape.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_SERVE_REPLICA_ROLL_H
#define FLOWTAPE_SERVE_REPLICA_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/uri.h"

#define REPLICA_ROLL_NAME (URI_HOST_SIZE + 8)

struct replica_known {
    char name[REPLICA_ROLL_NAME];
    uint64_t offset; /* acknowledged last; 0: not known */
    bool seen;       /* for the owner */
};

struct replica_roll {
    char *dir; /* DIR/serve */
    struct replica_known *names;
    size_t count;
};

/* replica_roll_open - dir: of the capture. A roll that is not there is empty. */
int replica_roll_open(struct replica_roll *r, const char *dir, struct ft_err *err);
void replica_roll_release(struct replica_roll *r);
/* replica_roll_name - "" where nobody knows where it listens. */
void replica_roll_name(char out[REPLICA_ROLL_NAME], const char *host, uint16_t port);
/* replica_roll_add - *ret: the one of that name; durable when it returns. */
int replica_roll_add(struct replica_roll *r, const char *name, struct replica_known **ret,
                     struct ft_err *err);
/* replica_roll_remove - false: there is none of that name. */
int replica_roll_remove(struct replica_roll *r, const char *name, bool *ret_found,
                        struct ft_err *err);

#endif
