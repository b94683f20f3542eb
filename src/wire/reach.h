/*
 * reach.h - what is particular to the way to a server: other addresses than it announces, other names of commands.
 *
 * What it is   Rules that the user gave, shared by all connections to a server and the nodes of its cluster.
 * Addresses    HOST:PORT=HOST:PORT: whatever names the first, a slot map, a redirection or a sentinel, the second is
 *              connected to. HOST=HOST: whatever the port. Messages name the first, which is what others call it.
 * Commands     NAME=OTHER: NAME is sent as OTHER, also where it is an argument (COMMAND INFO, ACL DRYRUN) or called by a
 *              script that is run by EVAL. A script that is loaded stays as it is, as its digest is known to others.
 * Threads      Filled by one thread, then only read; references may be taken by any.
 */
#ifndef FLOWTAPE_WIRE_REACH_H
#define FLOWTAPE_WIRE_REACH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define REACH_HOST_SIZE 256

/* How large one request may be, as a service or a proxy has it; 0: no limit. */
struct reach_limit {
    size_t args;    /* the name of the command included */
    uint64_t bytes; /* as it is sent */
};

struct reach;

/* reach_of - *reach, which is made if it is NULL. FT_ERR_NOMEM. */
int reach_of(struct reach **reach, struct ft_err *err);
struct reach *reach_ref(struct reach *r);
void reach_unref(struct reach *r);

/* reach_add_addresses - rules between commas, or @FILE with one on each line (# begins a comment). FT_ERR_USAGE. */
int reach_add_addresses(struct reach *r, const char *text, struct ft_err *err);
/* reach_add_command - one rule. FT_ERR_USAGE. */
int reach_add_command(struct reach *r, const char *text, struct ft_err *err);
/* reach_limit_requests - a field that is not 0 replaces the one there was. */
void reach_limit_requests(struct reach *r, const struct reach_limit *limit);
/* reach_prefer_hostname - nodes of a cluster by the hostname that a slot map has beside their address. */
void reach_prefer_hostname(struct reach *r);

/* reach_address - what to connect to instead; false: no rule. r may be NULL, here and below. */
bool reach_address(const struct reach *r, const char *host, uint16_t port,
                   char ret_host[REACH_HOST_SIZE], uint16_t *ret_port);
/* reach_command - what to send instead; name itself without a rule. */
struct bytes reach_command(const struct reach *r, struct bytes name);
struct reach_limit reach_limit_of(const struct reach *r);
/* reach_fits - is a request of so many arguments and bytes within it? */
bool reach_fits(const struct reach_limit *limit, size_t count, uint64_t bytes);
/* reach_command_of - the name that is sent as this. */
struct bytes reach_command_of(const struct reach *r, struct bytes sent);
/* reach_renames - is there a rule for a command? */
bool reach_renames(const struct reach *r);
/* reach_script - a script that calls commands by these names; the same one again where there is no rule, or it was made
 * by this. scratch: may hold what *ret points to. */
int reach_script(const struct reach *r, struct bytes script, struct buf *scratch, struct bytes *ret,
                 struct ft_err *err);
bool reach_prefers_hostname(const struct reach *r);

#endif
