/*
 * diff_side.h - one of the two that are compared, whatever it is: how it is read.
 *
 * What it is   A kind brings a file of its own: side_file.h (every INPUT, at a cut), side_server.h (a running Redis or
 *              cluster).
 * Errors       Those of the kind, with the side's name in front.
 * Threads      One at a time; progress may be read by others.
 */
#ifndef FLOWTAPE_DIFF_DIFF_SIDE_H
#define FLOWTAPE_DIFF_DIFF_SIDE_H

#include <stdatomic.h>

#include "diff/diff_pass.h"

struct diff_progress {
    atomic_uint_fast64_t done[DIFF_SIDES];  /* bytes of a file, keys of a server */
    atomic_uint_fast64_t total[DIFF_SIDES]; /* likewise; 0: not known */
    atomic_uint_fast64_t keys[DIFF_SIDES];
    atomic_uint_fast64_t suspects; /* keys that have differed so far */
    atomic_uint_fast32_t round;    /* 0: both sides are read for the first time */
};

struct diff_side {
    enum diff_of of;
    char *name;   /* as the user called it; what cannot be printed is escaped. Owned */
    bool live;    /* it may change while it is read */
    bool by_type; /* a server that refuses DUMP: values are read by the commands of their types */
    bool limited; /* kind is what it can hold */
    struct target kind;
    const char *kind_name; /* "capture", "redis"... */
    int64_t
        began_ms; /* when a file was begun to be saved; of a server with a replay, when that began; 0 */
    struct buf options; /* of that replay, as replay_saved.h has them; empty: there is none */
    struct diff_progress *progress;
    const struct diff_side_ops *ops;
};

struct diff_side_ops {
    /* read - every key, into the pass, or at least those of its table. */
    int (*read)(struct diff_side *s, struct diff_pass *pass, struct ft_err *err);
    void (*free)(struct diff_side *s);
};

/* What of the command line a side needs. */
struct diff_side_options {
    const char *at; /* NULL: the end */
    uint32_t generation;
    const char *redis_server;
    const struct uri *uri;      /* of a server; NULL: name is a path */
    uint64_t rate_keys;         /* a second, of a server; 0: no limit */
    int cancel_fd;              /* readable: stop */
    struct loss_report *losses; /* of what cannot be applied to get at a state */
    struct diff_progress *progress;
};

/* diff_side_escape - a name for messages; NULL: no memory. */
char *diff_side_escape(const char *name);

#endif
