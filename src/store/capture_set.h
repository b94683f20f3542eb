/*
 * capture_set.h - several captures that belong together: one for each node of a source that is a cluster.
 *
 * Layout       set.json                the description, replaced atomically
 *              set.lock                held by the one process that writes
 *              node-0001/              an ordinary capture (capture.h); nodes are numbered from 1 here, in
 *                                      memory by their index
 *              doc/format-capture.md has the specification.
 * Generations  Each node has its own. A generation of the set is one complete generation of each node, and
 *              says which node had which slots when all of them were complete. Nodes that had not joined the cluster yet,
 *              or had left it, are not in it.
 * Durability   A generation of the set is written down when those of the nodes are durable.
 * Threads      Belongs to one thread, or is constant.
 */
#ifndef FLOWTAPE_STORE_CAPTURE_SET_H
#define FLOWTAPE_STORE_CAPTURE_SET_H

#include "store/capture.h"
#include "store/set_moments.h"

#define CAPTURE_SET_FILE      "set.json"
#define CAPTURE_SET_NODES_MAX 256
#define CAPTURE_SET_MAX_BYTES (64u << 20) /* of the description */
#define CAPTURE_SET_DIR_SIZE  16

struct set_generation {
    uint32_t id;     /* from 1, ascending */
    uint32_t *nodes; /* of each node its generation; 0: the node is not in it */
    struct set_slots *slots;
    size_t slots_count; /* 0: nobody told */
    struct set_moment *moments;
    size_t moment_count; /* 0: the journals tell (a Dragonfly) */
    uint64_t
        *moving; /* slots are on their way: per node, before these LSNs none was; NULL: none is */
    uint64_t *
        archived; /* in an archive (archive/set_coverage.h): how far it knows of slots; else NULL */
    struct set_settled settled; /* of a Dragonfly */
};

struct set_node {
    char directory[CAPTURE_SET_DIR_SIZE]; /* in that of the set */
    char address[300];                    /* as in a capture */
    char *
        ids; /* by which the cluster knows the node's masters and replicas, a blank after each; NULL: not known */
};

struct capture_set {
    char *path;
    int dirfd;
    int lock_fd; /* -1 when reading */
    uint8_t id[CAPTURE_ID_SIZE];
    uint64_t created_us;
    struct set_node *nodes;
    uint32_t node_count;
    struct set_generation *generations;
    size_t generation_count;
    bool keeps_marks; /* generations that are added have `settled` */
};

/* capture_set_is_dir - is there one at this path? */
bool capture_set_is_dir(const char *path);
/* capture_set_open_read - takes no lock. */
int capture_set_open_read(struct capture_set **ret, const char *path, struct ft_err *err);
/*
 * capture_set_open_write - open or create, with the lock. addresses: of the nodes, in their order; a set
 * that exists has to have as many, of which each capture checks its own (capture_check_source). Or fewer, if it is of a
 * Redis Cluster (capture_set_follows_cluster): the others have joined.
 */
int capture_set_open_write(struct capture_set **ret, const char *path, const char *const *addresses,
                           uint32_t count, struct ft_err *err);
/* capture_set_from_text - what a description says, without a directory. */
int capture_set_from_text(struct capture_set **ret, struct bytes text, const char *path,
                          struct ft_err *err);
void capture_set_free(struct capture_set *s);
/* capture_set_follows_cluster - it knows its nodes by what a cluster calls them, so that nodes may join it, and leave. */
bool capture_set_follows_cluster(const struct capture_set *s);
/* capture_set_join - one more node, durably, which is in no generation yet. */
int capture_set_join(struct capture_set *s, const char *address, struct ft_err *err);

/* capture_set_find - by number, 0: the newest; NULL: there is none. */
const struct set_generation *capture_set_find(const struct capture_set *s, uint32_t id);
/* capture_set_write - the description of a set as that of one in another directory, with this generation, or 0: all. */
int capture_set_write(const struct capture_set *s, uint32_t generation, int dirfd,
                      struct ft_err *err);
/* capture_set_text - what capture_set_write writes, to be freed. */
int capture_set_text(const struct capture_set *s, uint32_t generation, char **ret,
                     struct ft_err *err);
/*
 * capture_set_cut - only so many generations stay, and of the last of them so many moments: as if the others had not been
 * written down yet. `moving` becomes what is known of slots after that. In memory only.
 */
int capture_set_cut(struct capture_set *s, size_t generations, size_t moments, struct ft_err *err);
/* capture_set_has - is the node in this generation? NULL: in any. */
bool capture_set_has(const struct capture_set *s, const struct set_generation *g, uint32_t node);
/* capture_set_node_path - the directory of a node, or its archive (archive/pack_set.h), to be freed; NULL: no memory. */
char *capture_set_node_path(const struct capture_set *s, uint32_t node);
/*
 * capture_set_add - these generations of the nodes are the set's newest from now on, durably; nothing
 * happens if they are already, and there is nothing settled. slots are copied, and so is settled.
 */
int capture_set_add(struct capture_set *s, const uint32_t *nodes, const struct set_slots *slots,
                    size_t slots_count, const struct set_moment *moment, size_t moment_count,
                    struct ft_err *err);
/* capture_set_add_moment - one more of the newest generation, durably. It is copied. */
int capture_set_add_moment(struct capture_set *s, const struct set_moment *moment,
                           struct ft_err *err);
/* capture_set_mark_moving - lsn: as in struct set_generation, of the newest; durably, unless it is so already. */
int capture_set_mark_moving(struct capture_set *s, const uint64_t *lsn, struct ft_err *err);
/* capture_set_add_mark - one more mark of the newest generation (set_settled_add), durably, unless it is there already. */
int capture_set_add_mark(struct capture_set *s, uint32_t flow_count, const uint64_t *given_up,
                         const uint64_t *at_rest, struct ft_err *err);
/* capture_set_know - the ids of a node, durably, unless they are these already. */
int capture_set_know(struct capture_set *s, uint32_t node, const char *ids, struct ft_err *err);

#endif
