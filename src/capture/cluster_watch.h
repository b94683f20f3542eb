/*
 * cluster_watch.h - looks at a Redis Cluster all the time: who is master for whom, and whose slots are.
 *
 * What it is   A thread that asks each node of a set, several times a second, for CLUSTER NODES and its replication
 *              offset, both in one step (MULTI): so a node says of all that it has replicated before that offset which
 *              slots it was written under.
 * Masters      A node of the set is a shard: a master and its replicas. When another one of them has become the master,
 *              that is where the node is from then on (cluster_watch_locate).
 * Joining      A master with slots that is of no shard yet becomes another node, after the others.
 * Leaving      A node that those with slots know no more has left. It keeps its number, and is idle until it comes back.
 * Owners       A slot has an owner when exactly one node says that it has it, and no node that it is on its way. What others
 *              think does not count, as nobody but a node itself decides whether it takes a write.
 * Threads      Everything from any thread, but for _new and _free. A look belongs to the thread that takes it.
 */
#ifndef FLOWTAPE_CAPTURE_CLUSTER_WATCH_H
#define FLOWTAPE_CAPTURE_CLUSTER_WATCH_H

#include "input/source_nodes.h"
#include "wire/uri.h"

struct cluster_watch;

struct cluster_watch_options {
    const struct uri
        *nodes;     /* of the set, in its order; copied. Whoever joins is asked as the first one */
    uint32_t count; /* CAPTURE_SET_NODES_MAX at most */
    /* of each node, all that were found to be of its shard earlier; NULL: nothing is known. Ids with a blank after each */
    const char *const *known_ids;
    void (*on_note)(void *context, const char *text); /* from the thread of the watch */
    void *context;
};

struct cluster_look {
    uint64_t number; /* ascending */
    /* each node has answered as the master that it is; else nothing of what follows means anything */
    bool whole;
    uint32_t count; /* of nodes */
    uint64_t
        *lsn; /* of each node: its next LSN, when it said what it has; 0: of one that is idle */
    uint64_t *epoch;                 /* of each node, its configuration epoch */
    unsigned *moves;                 /* of each node, how often it has been replaced */
    uint16_t owner[SLOT_COUNT];      /* SLOT_OWNER_NONE: on its way, or nobody's */
    char stranger[URI_ADDRESS_SIZE]; /* a master with slots for which there is no room; "": none */
};

/* cluster_watch_new - after a first look. */
int cluster_watch_new(struct cluster_watch **ret, const struct cluster_watch_options *options,
                      struct ft_err *err);
/*
 * cluster_watch_of_set - over the nodes of a set in this directory, or one that is to become one there. *ret NULL: they are not a
 * Redis Cluster. say: on_note of cluster_watch_options.
 */
int cluster_watch_of_set(struct cluster_watch **ret, const struct uri *nodes, uint32_t count,
                         const char *directory, void (*say)(void *context, const char *text),
                         void *context, struct ft_err *err);
void cluster_watch_free(struct cluster_watch *w);
/* cluster_watch_is_cluster - false: a node has said that it is not part of one, and nothing is watched. */
bool cluster_watch_is_cluster(const struct cluster_watch *w);

/*
 * cluster_watch_locate - where the node's master is; ret: to be released. moves: how often it has been replaced. Returns 1: it
 * is idle, since it has given all its slots away and is the replica of another node, or has left the cluster.
 */
int cluster_watch_locate(struct cluster_watch *w, uint32_t node, struct uri *ret,
                         unsigned *ret_moves, struct ft_err *err);
/* cluster_watch_moves - the same number alone. */
unsigned cluster_watch_moves(struct cluster_watch *w, uint32_t node);
/* cluster_watch_is_idle - as cluster_watch_locate says. */
bool cluster_watch_is_idle(struct cluster_watch *w, uint32_t node);
/*
 * cluster_watch_set_parts - of each node, whether it is in the generation of the set that is followed: of which there is a number.
 * cluster_watch_is_part - as that says.
 */
void cluster_watch_set_parts(struct cluster_watch *w, const uint32_t *generations, uint32_t count);
bool cluster_watch_is_part(struct cluster_watch *w, uint32_t node);
/* cluster_watch_count - of the nodes, with those that have joined. */
uint32_t cluster_watch_count(struct cluster_watch *w);
/* cluster_watch_place - where the node was last, idle or not; to be released. */
int cluster_watch_place(struct cluster_watch *w, uint32_t node, struct uri *ret,
                        struct ft_err *err);
/* cluster_watch_ids - of all that were found to be of the node's shard, with a blank after each; to be freed. */
char *cluster_watch_ids(struct cluster_watch *w, uint32_t node);

/* cluster_watch_fd - readable when there is a new look. */
int cluster_watch_fd(const struct cluster_watch *w);
/* cluster_watch_take - the newest look, which is lent until the next call. NULL: there is no new one. */
const struct cluster_look *cluster_watch_take(struct cluster_watch *w);
/* cluster_watch_last - the number of the newest look that has begun; a later one knows of everything that has happened. */
uint64_t cluster_watch_last(struct cluster_watch *w);

/* Of looks, what who takes them has found. */
struct cluster_calm {
    uint64_t calm;     /* the newest at which no slot was on its way, and all was written down */
    uint64_t restless; /* the newest at which that was not so */
};
void cluster_watch_set_calm(struct cluster_watch *w, const struct cluster_calm *calm);
struct cluster_calm cluster_watch_calm(struct cluster_watch *w);

#endif
