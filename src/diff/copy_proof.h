/*
 * copy_proof.h - what a check has written down of the input (copy_check.h), computed again from the input alone.
 *
 * Errors       FT_ERR_USAGE: it is another input. Else those of reading it.
 */
#ifndef FLOWTAPE_DIFF_COPY_PROOF_H
#define FLOWTAPE_DIFF_COPY_PROOF_H

#include "diff/diff_side.h"
#include "diff/diff_sum.h"

/* All that decides the sums of one side. */
struct copy_proof {
    const char *source_id; /* 32 hexadecimal digits */
    uint32_t generation;
    uint32_t flow_count;
    const uint64_t *next_lsn;
    const char *rules; /* as mapping/replay_saved.h has them */
    struct target target;
    int64_t moment_ms;
    const char *redis_server; /* the program that applies the journal */
};

/* copy_proof_run - ret is zero at first, and gets the sums of the input as side A. */
int copy_proof_run(const struct copy_proof *proof, const char *input, int cancel_fd,
                   struct diff_progress *progress, struct diff_sums *ret, struct ft_err *err);

#endif
