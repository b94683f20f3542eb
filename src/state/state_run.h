/*
 * state_run.h - the state of an input at a cut, as entries to sinks.
 *
 * What it is   The threads of a pool (input/stream_pool.h) pump one stream each into a sink of its own: a lane. Of a
 *              capture with a cut the keys that records touch are taken out (fold.h); a lane more, in a thread of its
 *              own, delivers their final values when all streams are through. Entries come in no order between
 *              lanes, each key once. No record is delivered.
 * Lanes        state_run_lanes sinks, all by the same rules (pump.h). finish is called in the lane's thread when all of
 *              it was delivered; free in any case, by the end of state_run_join.
 * Tracks       Sinks that wait for each other need all of their lanes to get on, however few processors there are. With
 *              tracks there are so many threads: lane I is run by thread I modulo their number, after those before it.
 * Stopping     After a failure in one lane, or state_run_stop, the others end with FT_ERR_CANCELLED. A sink that waits
 *              for its owner has to be woken by that.
 * Threads      state_run_new and state_run_free in one thread, which must outlive the run (fold.h).
 */
#ifndef FLOWTAPE_STATE_STATE_RUN_H
#define FLOWTAPE_STATE_STATE_RUN_H

#include <stdatomic.h>

#include "input/source_stream.h"
#include "pump/pump.h"
#include "state/fold_plan.h"

struct state_options {
    const struct source *source;
    const struct cut *cut; /* of a capture; NULL: the input has one state */
    const struct target *target;
    enum json_as json_as;
    const char *redis_server; /* program that applies the journal, when there is one to apply */
    const struct filter *filter;
    struct key_choice choice; /* others may be delivered too; of inputs without a cut they are */
    int64_t expired_ms;
    bool scripts_as_aux;
    struct loss_report *losses;      /* of what the fold cannot hold */
    struct suspect_report *suspects; /* NULL: not wanted */
    atomic_uint_fast64_t *bytes_in;  /* counts while it runs; NULL: nobody looks */
    uint32_t tracks;                 /* see Tracks; 0: the threads of a pool */
    struct source_turn turn;         /* with tracks; hold: NULL: nobody decides */
};

struct state_counts {
    uint64_t filtered;
    uint64_t expired;
    uint64_t bytes_in;
    uint64_t folded;                    /* that the journal touches, and that are there */
    struct journal_pass_counts journal; /* that was applied */
};

struct state_run;

/* state_run_new - finds out what the journal touches. options are copied, what they point to is not. */
int state_run_new(struct state_run **ret, const struct state_options *options, struct ft_err *err);
uint32_t state_run_lanes(const struct state_run *r);
/* state_run_start - sinks: one per lane, taken over even on failure. state_run_join in any case. */
int state_run_start(struct state_run *r, const struct item_sink *sinks, struct ft_err *err);
void state_run_stop(struct state_run *r);
/* state_run_join - the first error, by lane, that is not merely the echo of another one. */
int state_run_join(struct state_run *r, struct state_counts *ret, struct ft_err *err);
void state_run_free(struct state_run *r);

#endif
