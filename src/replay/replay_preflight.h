/*
 * replay_preflight.h - decide before touching: everything that can be known about a target is looked at
 * before the first write.
 *
 * What it is   A list of checks, each with an outcome and a sentence. The first that fails gives the
 *              error, and none after it is made.
 * Rehearsal    With dry_run a failed check does not end the others, and gives no error: what was looked at is
 *              the list. An error is then one of the looking.
 * Two callers  A replay that begins, with its input open (replay_preflight_run); a sync, before its
 *              source is asked for anything (replay_preflight_target).
 * Writes       Nothing.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_PREFLIGHT_H
#define FLOWTAPE_REPLAY_REPLAY_PREFLIGHT_H

#include "replay/replay.h"
#include "replay/report/replay_checks.h"

struct replay;
struct replay_survey;

/* replay_preflight_run - of a replay that begins: connected, the state loaded. With --on-conflict
 * the keys of the target that are in the way are known afterwards (r->kept). */
int replay_preflight_run(struct replay_checks *ret, struct replay *r, struct ft_err *err);
/* replay_preflight_early - of one that begins while the full sync is still running (replay_early.h), of which nothing is known
 * but that all of it can be taken back. FT_ERR_STATE: it has to be complete first. */
int replay_preflight_early(struct replay_checks *ret, struct replay *r, struct ft_err *err);
/* replay_preflight_survey - the same, and what was found in the input; *ret_survey is to be released in any
 * case. */
int replay_preflight_survey(struct replay_checks *ret, struct replay_survey *ret_survey,
                            struct replay *r, struct ft_err *err);

/* What a sync knows of its source before it is recorded. */
struct replay_expected {
    const uint32_t *dbs; /* databases that have keys */
    size_t db_count;
    uint64_t keys;
    uint64_t used_memory; /* bytes; 0: not known */
    const char *capture;  /* id of the capture that is to be continued; NULL: a new one */
};

/*
 * replay_preflight_target - connects and disconnects. A target that is only not ready yet, as it is
 * loading or its cluster is down, will do: a replay waits for it.
 */
int replay_preflight_target(struct replay_checks *ret, const struct replay_options *options,
                            const struct replay_expected *expected, struct ft_err *err);

/* replay_preflight_look - what is done with a connected target. */
int replay_preflight_look(struct replay_checks *ret, struct replay *r,
                          const struct replay_expected *expected, struct ft_err *err);

#endif
