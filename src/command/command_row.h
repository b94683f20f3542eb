/*
 * command_row.h - what is known of a command that Dragonfly can journal, or a Redis propagates: a row of command_table.h.
 *
 * Threads      Rows are constant.
 */
#ifndef FLOWTAPE_COMMAND_COMMAND_ROW_H
#define FLOWTAPE_COMMAND_COMMAND_ROW_H

#include "base/bytes.h"

struct rewrite;
struct key_list;

enum command_flag {
    /* its keys, each with the arguments up to the next, are independent of each other: DEL, MSET */
    COMMAND_SPLIT = 1 << 0,
    /* journalled although it only reads: nothing to do */
    COMMAND_READ_ONLY = 1 << 1,
    /* arrives as a slice without its options when its keys were on several shards */
    COMMAND_SLICED = 1 << 2,
    /* has no key: on a cluster it goes to every master */
    COMMAND_EVERY_NODE = 1 << 3,
    /* on all flows, to be executed once, after a barrier */
    COMMAND_FLUSH = 1 << 4,
    /* journalled on all flows, to be executed once (no barrier: harmless when repeated) */
    COMMAND_ALL_FLOWS = 1 << 5,
};

/* How a client executes a record that no single command of the target can express. */
enum plan_kind {
    PLAN_NONE = 0,
    PLAN_RENAME,     /* src becomes dst with its time to live; arguments: the record */
    PLAN_COPY,       /* as RENAME, src stays */
    PLAN_MOVE,       /* src in the record's database becomes dst in another, if that is absent */
    PLAN_SMOVE,      /* a member from src to dst */
    PLAN_LMOVE,      /* arguments: LMOVE src dst LEFT|RIGHT LEFT|RIGHT */
    PLAN_STORE,      /* run the command where dst is, its sources brought there under other names */
    PLAN_SORT_STORE, /* run without STORE where src is, write the result as list dst */
    PLAN_POP,        /* LMPOP, ZMPOP: pop from the first key that is not empty */
    PLAN_DELETE_DIGEST, /* DELEX IFDEQ, IFDNE: delete if the value's digest is (not) the argument's */
};

struct command_row {
    const char *name; /* canonical, upper case; the table is sorted by it */
    int arity;        /* as Redis counts: n exactly, -n at least, the name included */
    /* where the keys are, as in COMMAND INFO: first argument, last argument (negative: from the end), step;
     * 0: no keys, or find_keys tells */
    int key_first, key_last, key_step;
    unsigned flags;
    unsigned since;      /* target version (major * 100 + minor) of the plain form; 0: any */
    enum plan_kind plan; /* how it is done where its keys are in different slots */
    /* false: the arguments are not well formed, or a slice of what the client sent */
    bool (*find_keys)(const struct bytes *args, size_t count, struct key_list *ret);
    void (*rewrite)(struct rewrite *rw); /* NULL: as it is */
    /* of a Redis, where the command means another thing; NULL: it does not */
    void (*of_redis)(struct rewrite *rw);
    const char *expected_errors; /* parts of error texts, separated by '|'; NULL: none */
};

#endif
