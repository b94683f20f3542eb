/*
 * set_node.h - the captures of a set's nodes, each in a thread of its own: what they are told, and what they say.
 *
 * What it is   The parts of a capture_set_run: struct set_run is the run, struct node_run one of its nodes. Which generations of
 *              the nodes make one of the set is set_generations.h; what a Redis Cluster does meanwhile, set_cluster.h.
 * Threads      Everything in the thread of the run, but for what a capture calls back, which is in the thread of the node.
 */
#ifndef FLOWTAPE_CAPTURE_SET_NODE_H
#define FLOWTAPE_CAPTURE_SET_NODE_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "capture/capture_set_options.h"
#include "capture/set_rest.h"

struct set_run;

struct node_run {
    struct set_run *run;
    uint32_t index;
    struct uri source;
    struct capture_run_options options;
    struct capture_run_result *result;
    char *directory;
    char address[URI_ADDRESS_SIZE];
    struct live_flows *live;
    struct live_waiter *waiter;
    struct capture
        *held; /* its generation of the set's newest one is not removed (--retain); NULL: none */
    uint32_t flow_count; /* in the generation that the set's live flows are at */
    uint32_t generation; /* its own, as was seen last */
    atomic_uint located; /* the number of moves that its session knows of */
    pthread_t thread;
    bool started;
    atomic_bool done;
    bool failed; /* for the reason in err; both once done */
    struct ft_err err;
    struct capture_progress progress; /* under run->mu */
};

/* Of a Dragonfly: whether what was given up is at rest (set_marks.h). */
struct set_marks {
    bool unknown;           /* nothing has been found out yet */
    bool noted;             /* that it could not be */
    uint32_t generation;    /* of the set; 0: none yet */
    uint64_t imports;       /* of all nodes, of which it is written down */
    uint64_t asked_imports; /* likewise, when the nodes were asked */
    uint64_t sessions;      /* likewise */
    uint64_t ask_ms;        /* not before */
    uint32_t flow_count;
    uint64_t
        *given_up; /* per flow, the first answers; NULL: there are none that wait to be durable */
    uint64_t *at_rest; /* the second ones */
};

struct set_run {
    const struct capture_set_options *o;
    struct capture_set *set;
    uint32_t
        count; /* of the nodes; arrays have room for CAPTURE_SET_NODES_MAX. More is for one thread, under mu */
    struct node_run *nodes;
    struct capture_run_result *results; /* of the nodes */
    struct pollfd *fds;                 /* of the user, and one per node */
    uint32_t
        *generations; /* of each node, the one that was looked at last; 0: it is not in the set's */
    bool known;       /* generations are */
    uint32_t live_generation; /* of the set, at which its live flows are; 0: none yet */
    int stop_fd;              /* of wake_open: for the nodes */
    pthread_mutex_t mu;       /* one callback at a time */
    bool stopped;             /* by the user */
    bool clashed;             /* slots were moving */
    uint64_t began_ms;
    struct set_marks marks;

    /* of a Redis Cluster, else NULL */
    struct cluster_watch *watch;
    struct cluster_watch *own_watch; /* the same, or NULL: it is the caller's */
    struct set_rest *rest;           /* NULL too if only snapshots are wanted */
    uint64_t *durable;               /* per node */
    unsigned *moves;                 /* likewise */
    uint64_t *goal_lsn;              /* to be caught up; NULL: not known yet */
    uint64_t imports;                /* of all nodes, at the look before */
    uint64_t seen_look;              /* that had begun when the generations were looked at */
    uint64_t quiet_look;             /* that had begun before the newest full sync */
    uint64_t first_look;             /* looks from here on are of what all full syncs brought */
    uint64_t stable_look; /* all nodes are in their journals since this one; 0: not yet */
    bool joining;         /* a node has joined, and no generation has been looked for since */
    bool caught_up;
};

/* set_note - a line for the user. */
void set_note(struct set_run *r, const char *text);
/* set_node_prepare - the node of this index, whose directory the set has; source is copied. Then set_node_release. */
int set_node_prepare(struct set_run *r, uint32_t index, const struct uri *source,
                     struct ft_err *err);
void set_node_release(struct node_run *n);
/* set_node_start - begin to record it. afresh: by a full sync, whatever could be resumed. */
int set_node_start(struct node_run *n, bool afresh, struct ft_err *err);
/* set_nodes_join - wait until all have ended. How far they are is known until set_nodes_forget. */
void set_nodes_join(struct set_run *r);
void set_nodes_forget(struct set_run *r);
/* set_imports - records of all nodes of which nothing but slots that move is the cause. */
uint64_t set_imports(struct set_run *r);
/* set_node_is_idle - it has no slots, and is the replica of another node or has left the cluster. */
bool set_node_is_idle(const struct set_run *r, uint32_t node);

#endif
