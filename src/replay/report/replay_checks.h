/*
 * replay_checks.h - what was looked at before the first write, and what was seen.
 *
 * What it is   A list of named checks, each with an outcome and a sentence, in the order in which they were made.
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_REPLAY_REPORT_REPLAY_CHECKS_H
#define FLOWTAPE_REPLAY_REPORT_REPLAY_CHECKS_H

#include <stddef.h>

#include "replay/report/replay_report.h"

enum replay_check_outcome {
    REPLAY_CHECK_PASSED,
    REPLAY_CHECK_NOTED, /* to be known; no reason to stop */
    REPLAY_CHECK_LOST,  /* of a rehearsal: things would be lost, or the loss would end the replay */
    REPLAY_CHECK_FAILED, /* the replay ends there */
};

struct replay_check {
    const char *name; /* "permissions" */
    enum replay_check_outcome outcome;
    char text[400]; /* what was seen */
};

#define REPLAY_CHECKS_MAX 24

struct replay_checks {
    struct replay_check list[REPLAY_CHECKS_MAX];
    size_t count;
};

void replay_checks_add(struct replay_checks *c, const char *name, enum replay_check_outcome outcome,
                       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* replay_checks_fail - the error of a check is its sentence. Returns -1. */
int replay_checks_fail(struct replay_checks *c, const char *name, const struct ft_err *err);
/* replay_checks_count - how many have this outcome. */
size_t replay_checks_count(const struct replay_checks *c, enum replay_check_outcome outcome);
/* replay_checks_losses - what a survey has found: "losses", and FT_ERR_LOSS with the first of them where the policy is to
 * fail. In a rehearsal it is no error. redis: the version that cannot hold them. */
int replay_checks_losses(struct replay_checks *c, struct replay_report *rep,
                         struct loss_report *found, const char *redis, bool dry_run,
                         struct ft_err *err);
/* replay_check_outcome_name - "passed", "noted", "lost", "failed". */
const char *replay_check_outcome_name(enum replay_check_outcome outcome);

#endif
