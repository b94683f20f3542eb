/*
 * side_server.h - a running Redis or Redis Cluster as a side of a comparison.
 *
 * How it works  All masters are scanned at the same time (server_scan.h); the value of each key comes by DUMP, its time
 *               beside it. Keys whose slot is on its way, or was when they were asked for, and those of later
 *               passes are read by their names (server_keys.h), which follows redirects. If slots moved meanwhile, the
 *               scan is made again: a key may have gone from a node that was still to be scanned to one that was not.
 * Lost          A connection is lost, or a master is replaced: the side is read again, for a minute.
 */
#ifndef FLOWTAPE_DIFF_SIDE_SERVER_H
#define FLOWTAPE_DIFF_SIDE_SERVER_H

#include "diff/diff_side.h"

/* side_server_new - connects, to learn what it is. name: of the address, for messages. rules are not looked at before
 * anything is read. */
int side_server_new(struct diff_side **ret, enum diff_of of, const char *name,
                    const struct diff_side_options *options, const struct diff_rules *rules,
                    struct ft_err *err);

#endif
