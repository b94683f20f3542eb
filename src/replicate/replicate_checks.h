/*
 * replicate_checks.h - what is looked at before a target is made a replica.
 *
 * What it is   Checks of a replay_checks.h list. The first that fails gives the error, and none after it is made; in a
 *              rehearsal a failed one does not end the others.
 * Writes       Nothing.
 */
#ifndef FLOWTAPE_REPLICATE_REPLICATE_CHECKS_H
#define FLOWTAPE_REPLICATE_REPLICATE_CHECKS_H

#include "replay/replay_survey.h"
#include "replay/report/replay_checks.h"
#include "replicate/replicate.h"
#include "replicate/replicate_target.h"

/* What is known of both sides when all checks have passed. */
struct replicate_plan {
    struct replicate_state target;
    const char *command; /* by which the target is made a replica */
    bool
        leftover; /* it is one already, of a master that is not there: see replicate_checks_leftover */
    struct uri listen; /* for listener_open */
    char local
        [URI_HOST_SIZE]; /* this machine's end of the connection to the target; "": a unix socket */
    uint32_t databases;  /* that the target has, as far as is known */
    struct replay_survey survey;
};

/* replicate_checks_run - r: connected, its input open. *ret_plan is to be released in any case. */
int replicate_checks_run(struct replay_checks *ret, struct replicate_plan *ret_plan,
                         struct replay *r, const struct replicate_options *options,
                         struct ft_err *err);
/* replicate_checks_leftover - of a target that is a replica: does it have a part of the stream with this id? Else an
 * error. */
int replicate_checks_leftover(const struct replicate_plan *plan, const char *id,
                              struct ft_err *err);
void replicate_plan_release(struct replicate_plan *plan);

#endif
