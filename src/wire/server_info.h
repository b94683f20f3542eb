/*
 * server_info.h - what a Redis says about itself.
 *
 * What it is   The fields of INFO that decide whether and how it is written into. Users of hosted
 *              servers may not ask for INFO: HELLO, from 6.0 on, says the most important ones.
 * Errors       FT_ERR_PROTOCOL: neither is allowed, or the answer is no Redis'. FT_ERR_NET: not now.
 */
#ifndef FLOWTAPE_WIRE_SERVER_INFO_H
#define FLOWTAPE_WIRE_SERVER_INFO_H

#include <stdbool.h>

#include "base/bytes.h"
#include "wire/redis_pipe.h"

struct server_info {
    char text[32];    /* the version as it says it */
    unsigned version; /* major * 100 + minor; 0: not told */
    unsigned
        valkey; /* of a Valkey: its own version, in the same way; 0: it is none, or does not say so */
    bool brief;     /* from HELLO: what is below "cluster" is not known */
    bool dragonfly; /* which calls itself a Redis too */
    bool replica;
    bool cluster;
    char modules[256]; /* the names of its modules, a blank before and after each */
    bool loading;
    char run_id[41];      /* "" if not known */
    uint64_t used_memory; /* bytes */
    uint64_t maxmemory;   /* 0: no limit */
    char eviction[32];    /* maxmemory-policy */
};

/* server_info_fetch - ask over a connection with nothing else on its way. */
int server_info_fetch(struct redis_pipe *p, const char *name, struct server_info *ret,
                      struct ft_err *err);
/* server_info_parse - the text of INFO. */
void server_info_parse(const char *info, struct server_info *ret);

#endif
