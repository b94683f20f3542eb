/*
 * replay_preflight.h - decide before touching: everything that can be known about a target is looked at
 * before the first write.
 *
 * What it is   A list of checks, each with an outcome and a sentence. The first that fails gives the
 *              error, and none behind it is made.
 * Two callers  A replay that begins, with its input open (replay_preflight_run); a sync, before its
 *              source is asked for anything (replay_preflight_target).
 * Writes       Nothing.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_PREFLIGHT_H
#define FLOWTAPE_REPLAY_REPLAY_PREFLIGHT_H

#include "replay/replay.h"

enum replay_check_outcome {
    REPLAY_CHECK_PASSED,
    REPLAY_CHECK_NOTED, /* to be known; no reason to stop */
    REPLAY_CHECK_FAILED,
};

struct replay_check {
    const char *name; /* "permissions" */
    enum replay_check_outcome outcome;
    char text[400]; /* what was seen */
};

#define REPLAY_CHECKS_MAX 12

struct replay_preflight {
    struct replay_check checks[REPLAY_CHECKS_MAX]; /* in the order in which they were made */
    size_t count;
};

struct replay;

/* replay_preflight_run - of a replay that begins: connected, the state loaded. With --on-conflict
 * the keys of the target that are in the way are known afterwards (r->kept). */
int replay_preflight_run(struct replay_preflight *ret, struct replay *r, struct ft_err *err);

/* What a sync knows of its source before it is recorded. */
struct replay_expected {
    const uint32_t *dbs; /* databases that have keys */
    size_t db_count;
    uint64_t used_memory; /* bytes; 0: not known */
    const char *capture;  /* id of the capture that is to be continued; NULL: a new one */
};

/*
 * replay_preflight_target - connects and disconnects. A target that is only not ready yet, as it is
 * loading or its cluster is down, will do: a replay waits for it.
 */
int replay_preflight_target(struct replay_preflight *ret, const struct replay_options *options,
                            const struct replay_expected *expected, struct ft_err *err);

#endif
