/*
 * convert.h - an INPUT as a file that Redis loads.
 *
 * How it works  The threads of a pool (input/stream_pool.h) parse, filter and re-encode entries of one
 *               stream each into chunks; the calling thread appends them to the file as they come. Chunks circulate, so
 *               memory does not depend on the data set; a value larger than a chunk is lent to the
 *               writing thread instead of being copied.
 * Point in time With a cut that needs journal records, fold.h takes the keys they touch out of the
 *               stream; a thread of its own puts their final values into the same output when all
 *               streams are through.
 */
#ifndef FLOWTAPE_OUTPUT_CONVERT_H
#define FLOWTAPE_OUTPUT_CONVERT_H

#include <stdatomic.h>

#include "command/suspect.h"
#include "input/journal_pass.h"
#include "input/source.h"
#include "item/filter.h"
#include "item/recode.h"

struct convert_options {
    const struct target *target;
    enum json_as json_as;
    bool fail_on_loss;
    bool drop_expired; /* leave out keys and members whose time is over now */
    struct filter filter;
    uint32_t databases;       /* of the server that will load it; 0: not known */
    const struct cut *cut;    /* of a capture; NULL for other inputs */
    const char *redis_server; /* program that applies the journal, when there is one to apply */
};

/* Counters that another thread may read while it runs. */
struct convert_progress {
    atomic_uint_fast64_t bytes_in;
    atomic_uint_fast64_t keys;
};

struct convert_result {
    uint64_t keys;
    uint64_t expires;
    uint64_t filtered;
    uint64_t dropped_expired;
    uint64_t emptied; /* keys of which nothing was left */
    uint64_t bytes_in;
    uint64_t bytes_out; /* also of what was not finished, as far as it was handed over */
    bool written;
    uint32_t databases; /* that the server needs */
    uint64_t folded;    /* keys that went through the private redis-server */
    struct journal_pass_counts journal;
};

/*
 * convert_to_rdb - FT_ERR_CANCELLED when source->cancel_fd became readable; FT_ERR_LOSS when something is lost and fail_on_loss is set: nothing is then under
 * the final name, but losses is complete. losses must be initialised, suspects zeroed. progress and
 * suspects may be NULL. The calling thread must not end before the call does (fold.h).
 */
int convert_to_rdb(const struct source *source, const char *output,
                   const struct convert_options *options, struct convert_progress *progress,
                   struct loss_report *losses, struct suspect_report *suspects,
                   struct convert_result *ret, struct ft_err *err);

/* convert_check_output - FT_ERR_USAGE if to write there would change the input. */
int convert_check_output(const struct source *source, const char *output, struct ft_err *err);

/* convert_check_losses - FT_ERR_LOSS if there are any and the policy is to fail. */
int convert_check_losses(const struct convert_options *options, const struct loss_report *losses,
                         struct ft_err *err);

#endif
