/*
 * capture_set_options.h - what a capture of several nodes is asked for, and what it has come to.
 */
#ifndef FLOWTAPE_CAPTURE_CAPTURE_SET_OPTIONS_H
#define FLOWTAPE_CAPTURE_CAPTURE_SET_OPTIONS_H

#include "capture/capture_run.h"
#include "capture/cluster_watch.h"

struct capture_set_options {
    const struct uri *nodes; /* in the order of the set, if there is one (cluster_nodes_place) */
    uint32_t node_count;
    struct cluster_watch *watch; /* over them; NULL: what is needed is made */
    /* of each node; source, hold and on_session are not used, directory is the set's, and so is live: generations
     * and flows are those of the set, and it is told of one only when that can be read */
    struct capture_run_options run;
};

struct capture_set_result {
    enum capture_ended ended;
    bool valid; /* the set has a generation */
    uint64_t elapsed_ms;
    uint32_t node_count;
    struct capture_run_result *nodes;
};

#endif
