/*
 * diff.h - two sides compared key by key: `flowtape diff`.
 *
 * How it works  Both sides are read at the same time, each key once, and leave a digest of 56 bytes for each in files that
 *               are sorted by hash into parts; these are compared one by one. Keys that differ are read again, by
 *               which they get their names and the place of the difference. If a side is live, that is done in
 *               rounds, until the difference is gone or the rounds are over: what remains lasts.
 * Piece by piece  Who compares a copy that is still being made does so in pieces (copy_check.h): diff_open, diff_read
 *               (every key) or diff_want (some), then as often as A has got further diff_move, diff_resolve, diff_report.
 * Equal         What that means is written in doc/diff.md.
 * Threads       diff_run blocks and uses threads of its own; progress may be read meanwhile.
 */
#ifndef FLOWTAPE_DIFF_DIFF_H
#define FLOWTAPE_DIFF_DIFF_H

#include "diff/diff_side.h"
#include "diff/diff_sum.h"
#include "item/key_set.h"

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
    bool still;         /* no side changes any more when diff_resolve reads it: one reading tells */
    bool keep_digests;  /* diff_sum will be asked for */
    /* of the keys of A that are read again: those whose state its journal does not tell; NULL: not wanted */
    struct suspect_report *suspects;
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
    uint64_t unread;                  /* keys of which a side does not give the value */
    uint64_t changing; /* keys that were another with each reading: nothing is known */
    uint64_t expected; /* keys of A of which B cannot hold all */
    uint64_t suspects; /* keys that were read again */
    uint64_t apart;    /* keys of diff_set_apart that differ */
    unsigned rounds;   /* that were made */
    bool live[DIFF_SIDES];
    bool by_type[DIFF_SIDES];      /* a server that refuses DUMP */
    bool no_functions[DIFF_SIDES]; /* a server hides its libraries, while the other side has some */
};

/* diff_run - losses: initialised; of A, for B's version. FT_ERR_CANCELLED by cancel_fd. */
int diff_run(const struct diff_options *options, struct diff_progress *progress,
             struct loss_report *losses, struct diff_result *ret, struct ft_err *err);

struct diff;

/* diff_open - as diff_run; all pointers must outlive it. *ret is NULL after a failure. */
int diff_open(struct diff **ret, const struct diff_options *options, struct diff_progress *progress,
              struct loss_report *losses, struct diff_result *result, struct ft_err *err);
/* diff_read - both sides, every key. Once. */
int diff_read(struct diff *d, struct ft_err *err);
/* diff_want - this key of A, by its name, is to be read by diff_resolve, as is what B calls so. */
int diff_want(struct diff *d, uint32_t db, struct bytes name, struct ft_err *err);
/* diff_move - A, a file, is at another moment from now on. want: keys that its journal names in between are to be read again;
 * *ret_flushed: all are, and nothing but another diff will do. */
int diff_move(struct diff *d, const char *at, bool want, bool *ret_flushed, struct ft_err *err);
/* diff_resolve - what differs, or is to be read, is read by name, in rounds if a side is live. */
int diff_resolve(struct diff *d, struct ft_err *err);
/* diff_count_due - so many keys are to be read by diff_resolve. */
uint64_t diff_count_due(const struct diff *d);
/* diff_report - counts anew what differs now; calls on_found. apart: keys of A that are not to be called different, as
 * no file tells their state; NULL: none. */
int diff_report(struct diff *d, const struct key_set *const *apart, size_t apart_count,
                struct ft_err *err);
/* diff_sum_up - sums over all keys, as last read. moment_ms: see diff_sum.h. */
int diff_sum_up(struct diff *d, int64_t moment_ms, struct diff_sums *ret, struct ft_err *err);
/* diff_side_of - for what only its kind can do. diff_kind_of_b - what B can hold. */
struct diff_side *diff_side_of(struct diff *d, enum diff_of of);
const struct target *diff_kind_of_b(const struct diff *d);
void diff_free(struct diff *d);

/* diff_is_equal - nothing differs, and nothing is unknown. */
bool diff_is_equal(const struct diff_result *r);

#endif
