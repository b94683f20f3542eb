/*
 * side_dragonfly.h - a live Dragonfly as a side of a comparison.
 *
 * How it works  It is read as a replica does it: a full sync of all flows, up to the end of the snapshots, of which nothing is
 *               stored; then the connections are closed. Its DUMP is too slow for a data set. Keys that records inside the
 *               full sync name have changed meanwhile, so nothing is known of them yet: they, and keys that
 *               differ, are read again; first by another full sync, which brings names, then one by one by DUMP.
 * Refused       Where DUMP is not allowed, what the last full sync said stands.
 */
#ifndef FLOWTAPE_DIFF_SIDE_DRAGONFLY_H
#define FLOWTAPE_DIFF_SIDE_DRAGONFLY_H

#include "diff/diff_side.h"

int side_dragonfly_new(struct diff_side **ret, enum diff_of of, const char *name,
                       const struct diff_side_options *options, struct ft_err *err);

#endif
