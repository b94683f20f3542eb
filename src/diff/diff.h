/*
 * diff.h - two sides compared key by key: `flowtape diff`.
 *
 * How it works  Both sides are read at the same time, each key once, and leave a digest of 56 bytes for each in files that
 *               are sorted by hash into parts; these are compared one by one. Keys that differ are read again, by
 *               which they get their names and the place of the difference. If a side is live, that is done in
 *               rounds, until the difference is gone or the rounds are over: what remains lasts.
 * Equal         What that means is written in doc/diff.md.
 * Threads       diff_run blocks and uses threads of its own; progress may be read meanwhile.
 */
#ifndef FLOWTAPE_DIFF_DIFF_H
#define FLOWTAPE_DIFF_DIFF_H

#include "diff/diff_side.h"

struct diff_input {
    const char *name;
    const char *at; /* NULL: the end */
    uint32_t generation;
    const struct uri *uri; /* of a server; NULL: name is a path */
};

/* A difference that lasts. */
struct diff_found {
    enum difference kind;
    bool function; /* db and key are not set */
    uint32_t db;
    struct bytes key;           /* as B calls it; or the name of the library */
    int class_;                 /* enum value_class, of A if it has the key; -1: a function */
    const struct comparison *c; /* NULL: only its kind is known */
};

struct diff_options {
    struct diff_input input[DIFF_SIDES];
    struct diff_rules rules;
    bool like_replay;  /* rules from what a replay wrote down on B */
    bool target_given; /* rules.target is the user's */
    const char *redis_server;
    unsigned rounds;
    uint64_t interval_ms;
    uint64_t rate_keys; /* a second, of each server; 0: no limit */
    size_t show;        /* of each kind with its place */
    int cancel_fd;
    /* every difference that lasts, once both sides are read; NULL: not wanted. A comparison comes with the first
     * ones of each kind */
    int (*on_found)(void *context, const struct diff_found *found, struct ft_err *err);
    void *context;
};

struct diff_result {
    const char *kind_name[DIFF_SIDES]; /* "capture", "redis"; NULL: not opened */
    char target[16];                   /* the version whose losses are expected; "": none */
    uint64_t keys[DIFF_SIDES];
    uint64_t kinds[DIFFERENCE_COUNT]; /* of keys that differ */
    uint64_t functions;               /* that differ */
    uint64_t unnamed;                 /* of the keys: they could not be found again by name */
    uint64_t changing; /* keys that were another with each reading: nothing is known */
    uint64_t expected; /* keys of A of which B cannot hold all */
    uint64_t suspects; /* keys that were read again */
    unsigned rounds;   /* that were made */
    bool live[DIFF_SIDES];
};

/* diff_run - losses: initialised; of A, for B's version. FT_ERR_CANCELLED by cancel_fd. */
int diff_run(const struct diff_options *options, struct diff_progress *progress,
             struct loss_report *losses, struct diff_result *ret, struct ft_err *err);
/* diff_is_equal - nothing differs, and nothing is unknown. */
bool diff_is_equal(const struct diff_result *r);

#endif
