/*
 * journal_pass.h - the journals of all flows of a capture as one sequence of records to apply.
 *
 * What it is   Runs the flows up to a cut, each in its order, and holds each at a flush until all flows
 *              have it: the flush is then delivered once. Records that are not to be applied are
 *              dropped and counted: those for keys that the flow does not own (PFMERGE comes on every
 *              shard that took part), and later copies of commands that come once per flow.
 * Order        Between flows by receive time, as good as blocks tell it; after a flush a flow that
 *              was held may bring a somewhat earlier time. Nothing depends on it but time marks: keys
 *              of different flows are independent, and flushes have their barrier.
 * Flushes      A flush that not all flows have before the cut is not applied, nor what follows it on
 *              the flows that have it: a state with half of a flush never existed. counts says so.
 * Clusters     Of a set of captures each node has flushes of its own, which delete what is the node's: they are
 *              delivered as flushes of its slots. A flow that brings a record for a slot of another node is
 *              held until that node has given the slot up (slot_owners.h), or its own journal says that it never gets it
 *              (flush_ahead.h); if neither is so before the cut, the flow ends there, and counts says so. Who begins in the middle has the records before read
 *              again, to know whose the slots are by then.
 *              A cut that wants a state of the cluster (cut.h, at_rest) makes the pass fail at its end if a node has given slots
 *              up, and it is not known that what the others have got of them is there (given_up.h).
 * Following    A capture that grows can be followed: where the pass has come to the end of what is
 *              there, or of what it may read, it asks whether there is more, and reads on in the same
 *              places. The barrier of a flush lasts over that. An unknown sharding rule is learnt from
 *              the records as they come.
 * Transactions Of a Redis the commands between MULTI and EXEC come one after the other, with none of another
 *              flow in between, unless a flow has to wait within one. counts says whether one is open.
 * Threads      Runs in the caller's thread.
 */
#ifndef FLOWTAPE_INPUT_JOURNAL_PASS_H
#define FLOWTAPE_INPUT_JOURNAL_PASS_H

#include "command/translate.h"
#include "input/cut.h"
#include "input/sharding.h"
#include "input/source.h"

struct journal_pass_counts {
    uint64_t records;             /* that take an LSN and lie before the cut */
    uint64_t foreign;             /* dropped: another flow owns the key */
    uint64_t repeated;            /* dropped: a copy of what another flow brought */
    uint64_t flushes;             /* delivered */
    uint64_t after_partial_flush; /* not applied, see above */
    uint32_t partial_flush_flows; /* flows that stop at such a flush */
    uint64_t
        after_foreign_slot; /* not applied: of flows that were held for a slot of another node */
    uint32_t foreign_slot_flows; /* those */
    uint64_t
        given_up_nodes; /* have given up slots, and what the others got of them may lie behind the end */
    uint32_t open_transactions; /* of which some records were taken, and not all yet */
};

/*
 * Takes one record. item->record has its arguments; translation is what it becomes. A flush comes with
 * the item of the last flow that reached it.
 */
typedef int journal_record_fn(void *context, const struct item *item,
                              const struct translation *translation, struct ft_err *err);

/* journal_translator_new - for the records of this source, on a standalone target. */
int journal_translator_new(struct translator **ret, const struct source *source,
                           const struct target *target, enum json_as json_as, struct ft_err *err);

/*
 * journal_is_repeated - commands without keys that come on every flow are executed when flow 0 brings them;
 * of a set: of each node (owner_guard_own_flow).
 * flushes: the caller reads a flow without the others, so the flush of flow 0 stands for all; who
 * holds the flows at a flush says false.
 */
bool journal_is_repeated(const struct translation *t, uint32_t flow, bool flushes);
/*
 * journal_record_applies - false: a record to be dropped, and counted as foreign or repeated. For
 * flushes the caller has to look first. Also for records inside a full sync, which the pass does not
 * bring.
 */
bool journal_record_applies(const struct owner_guard *g, const struct item *item,
                            const struct translation *t, struct journal_pass_counts *counts);

/* journal_pass_run - counts is filled in any case. Errors of `take` end the run and are passed on. */
int journal_pass_run(const struct source *source, const struct cut *cut,
                     struct translator *translator, journal_record_fn *take, void *context,
                     struct journal_pass_counts *counts, struct ft_err *err);

/*
 * What a pass that follows asks for. `cut` of the call says how far the flows may be read; `more` may
 * raise its stop_lsn.
 */
struct journal_follow {
    /*
     * idle: everything that may be read has been taken; wait until there may be more. Else, now and
     * then: do not wait. Returns 1: go on, 0: leave it at that, -1: error.
     */
    int (*more)(void *context, bool idle, struct ft_err *err);
    /* per flow, kept up to date by the pass: what lies before was taken or is not to be applied */
    uint64_t *next_lsn;
};

/* journal_pass_follow - as journal_pass_run; both callbacks get the context. */
int journal_pass_follow(const struct source *source, const struct cut *cut,
                        struct translator *translator, journal_record_fn *take,
                        const struct journal_follow *follow, void *context,
                        struct journal_pass_counts *counts, struct ft_err *err);

#endif
