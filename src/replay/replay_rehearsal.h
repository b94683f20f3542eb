/*
 * replay_rehearsal.h - what a replay would do, with nothing written: `--dry-run`.
 *
 * What it is   The checks of replay_preflight.h, all of them, and those of replay_outlook.h, as a list; and what the
 *              input comes to. The target is not given a lease, a name of a connection or a probe that is
 *              executed.
 * Verdict      From the outcomes: a check that failed, then one that would lose, else it may begin.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_REHEARSAL_H
#define FLOWTAPE_REPLAY_REPLAY_REHEARSAL_H

#include "replay/replay.h"
#include "replay/replay_preflight.h"

struct replay_rehearsal {
    struct replay_checks checks;
    unsigned target_version; /* major * 100 + minor; 0: not reached */
    size_t masters;
    bool cluster;
    bool resumes;           /* an earlier run has begun */
    uint64_t keys, records; /* of the input, that go to the target */
    uint64_t bytes;         /* as the input has them; of a source, its memory */
    uint64_t estimated_ms;  /* 0: not known */
};

/* replay_rehearse - losses gets what would be lost. An error is one of the looking: the input cannot be read, or it
 * was cancelled. */
int replay_rehearse(struct replay_rehearsal *ret, const struct replay_options *options,
                    struct loss_report *losses, struct ft_err *err);
/* replay_rehearse_target - of a sync, whose input is not there yet; adds to *ret. */
int replay_rehearse_target(struct replay_rehearsal *ret, const struct replay_options *options,
                           const struct replay_expected *expected, struct ft_err *err);

#endif
