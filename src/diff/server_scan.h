/*
 * server_scan.h - every key of one master, by SCAN, with its value.
 *
 * What it is   A connection of its own. While the values of one portion of keys are on their way, types and times of the next
 *              one are asked for already, and the names of the one after that.
 * Spared       Times, where INFO says that no key of the database has one.
 * Strays       Keys that the node does not answer for, as their slot is on its way, and those whose type has changed, are
 *              left to the caller.
 * Threads      One for each master.
 */
#ifndef FLOWTAPE_DIFF_SERVER_SCAN_H
#define FLOWTAPE_DIFF_SERVER_SCAN_H

#include "diff/diff_side.h"
#include "diff/server_keys.h"

struct server_scan {
    const struct target_node *node;
    const struct target_host *host;
    const struct server_means *means;
    struct diff_pass *pass;
    struct server_pace *pace;
    struct diff_progress *progress;
    struct key_names strays; /* released by the caller */
    bool moving;             /* slots were on their way when it began, or when it ended */
    bool failed;             /* for the reason in err */
    struct ft_err err;
};

/* server_scan_run - fills in what is above. */
void server_scan_run(struct server_scan *s);

#endif
