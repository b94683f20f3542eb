/*
 * replay_report.h - what becomes known while a replay runs: its result, losses, suspects, notes, and the
 *                   failure that ends it.
 *
 * Threads      Every function: any. Its fields are its own; what the run ends with is read from the result when no
 *              thread is left.
 */
#ifndef FLOWTAPE_REPLAY_REPORT_REPLAY_REPORT_H
#define FLOWTAPE_REPLAY_REPORT_REPLAY_REPORT_H

#include <pthread.h>

#include "item/loss.h"
#include "replay/report/replay_result.h"

struct replay_report {
    /* constant */
    struct replay_progress *progress; /* atomic counters */
    struct loss_report *losses;       /* has a lock of its own */
    uint64_t bytes_before;            /* of progress, which several replays of a sync add to */
    bool fail_on_loss;
    void (*on_note)(void *context, const char *text); /* may be NULL */
    void *context;
    atomic_bool failed; /* the run is to end, with failure */
    pthread_mutex_t mu;
    /* guarded by mu */
    const char *target_name; /* of its version, for messages; NULL before it is known */
    struct ft_err failure;
    struct replay_result *result;
};

/* replay_report_init - of progress, losses and result, which the caller has; fail_on_loss, on_note and its context
 * may be set then. */
void replay_report_init(struct replay_report *rep, struct replay_progress *progress,
                        struct loss_report *losses, struct replay_result *result);
void replay_report_release(struct replay_report *rep);

/*
 * How the run gets on
 */

/* replay_report_input - this generation, with so many flows: their numbers begin at 0. */
int replay_report_input(struct replay_report *rep, uint32_t generation, uint32_t flow_count,
                        struct ft_err *err);
/* replay_report_connected - name: of the version; NULL: not known. */
void replay_report_connected(struct replay_report *rep, unsigned version, bool cluster,
                             const char *name);
void replay_report_resumed(struct replay_report *rep);
/* replay_report_retry - another attempt. redirected: as slots had moved. */
void replay_report_retry(struct replay_report *rep, bool redirected);
void replay_report_phase(struct replay_report *rep, bool in_journal);
/* replay_report_lag - what is not applied yet: records, or bytes where LSNs are offsets. */
void replay_report_lag(struct replay_report *rep, uint64_t lag, bool is_bytes);
/* replay_report_end - the numbers of a run that is over. */
void replay_report_end(struct replay_report *rep, bool complete, bool guard_off,
                       uint64_t elapsed_ms);

/*
 * What it has done
 */

/* replay_report_sent_keys - of a stream, while it is sent. */
void replay_report_sent_keys(struct replay_report *rep, uint64_t keys);
/* replay_report_sent_bytes - of batches. */
void replay_report_sent_bytes(struct replay_report *rep, uint64_t bytes);
/* replay_report_snapshots - streams that are not done are sent now: none of their keys has been yet. */
void replay_report_snapshots(struct replay_report *rep);
void replay_report_stream_done(struct replay_report *rep, uint32_t flow, uint64_t keys);
void replay_report_stream_not_done(struct replay_report *rep, uint64_t keys);
/* replay_report_pumped - of a stream: items left out, and records inside the full sync. */
void replay_report_pumped(struct replay_report *rep, uint64_t filtered, uint64_t in_sync);
/* replay_report_applied - records of a flow. */
void replay_report_applied(struct replay_report *rep, uint32_t flow, uint64_t records);
/* replay_report_pass - a pass over the journals is over. */
void replay_report_pass(struct replay_report *rep, const struct journal_pass_counts *pass);
/* replay_report_position - where a flow stands. */
void replay_report_position(struct replay_report *rep, uint32_t flow, uint64_t next_lsn);
void replay_report_deleted(struct replay_report *rep);
void replay_report_overdue(struct replay_report *rep, uint64_t keys);
void replay_report_resent(struct replay_report *rep, uint64_t commands);
/* replay_report_kept - so many keys of the target are left alone. */
void replay_report_kept(struct replay_report *rep, uint64_t keys);
/* replay_report_letter - a letter was applied. */
void replay_report_letter(struct replay_report *rep);
/* replay_report_letters - so many refused commands are left, those of earlier runs counted. */
void replay_report_letters(struct replay_report *rep, uint64_t left);

/*
 * What is to be known of it
 */

void replay_report_note(struct replay_report *rep, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* replay_report_loss - counted, and an error if losses are not allowed. */
int replay_report_loss(struct replay_report *rep, enum loss_reason reason, const char *class_name,
                       uint32_t db, struct bytes key, struct ft_err *err);
/* replay_report_add_loss - counted, whether losses are allowed or not. */
int replay_report_add_loss(struct replay_report *rep, enum loss_reason reason,
                           const char *class_name, uint32_t db, struct bytes key,
                           struct ft_err *err);
/* replay_report_losses - all that a survey has found, unless some were reported before; *found is left empty then. */
void replay_report_losses(struct replay_report *rep, struct loss_report *found);
/* replay_report_entry_notes - what is noted of an entry that was sent to this kind of target. */
int replay_report_entry_notes(struct replay_report *rep, const struct rdb_entry *entry,
                              const struct target *target, struct ft_err *err);
/* replay_report_is_resumed, _has_retried - did an earlier run begin, has an attempt of this one failed? */
bool replay_report_is_resumed(struct replay_report *rep);
bool replay_report_has_retried(struct replay_report *rep);
/* replay_report_keys, _flushes - that were sent, or executed, by now. */
uint64_t replay_report_keys(const struct replay_report *rep);
uint64_t replay_report_flushes(struct replay_report *rep);
/* replay_report_fail - the first one is what the run ends with. */
void replay_report_fail(struct replay_report *rep, const struct ft_err *failure);
/* replay_report_has_failed - is the run to end? _check: with the error that ends it. */
static inline bool replay_report_has_failed(const struct replay_report *rep)
{
    return atomic_load(&rep->failed);
}
int replay_report_check(struct replay_report *rep, struct ft_err *err);
/* replay_report_refused - a command that the target refused. */
void replay_report_refused(struct replay_report *rep);
/* replay_report_error - one that is no reason to stop: of a doubtful record, or one that the source had. */
void replay_report_error(struct replay_report *rep, bool doubtful);
/* replay_report_left_out - an entry or a record: by a filter, or for a key of the target that is kept. */
void replay_report_left_out(struct replay_report *rep, bool kept);
/* replay_report_listed - so many keys are on the target's list of suspects, or one more is. */
void replay_report_listed(struct replay_report *rep, uint64_t count);
void replay_report_listed_one(struct replay_report *rep);
/* replay_report_any_listed - is there one? Cheap. */
static inline bool replay_report_any_listed(const struct replay_report *rep)
{
    return atomic_load(&rep->progress->suspects) != 0;
}
/* replay_report_suspects - those of a record. _suspect: one that an earlier run has found. _suspect_entry: of a
 * snapshot. */
int replay_report_suspects(struct replay_report *rep, const struct item *item,
                           const struct translation *t, struct ft_err *err);
int replay_report_suspect(struct replay_report *rep, uint32_t db, struct bytes key,
                          struct ft_err *err);
int replay_report_suspect_entry(struct replay_report *rep, unsigned journal_release,
                                const struct item *item, struct ft_err *err);
/* replay_report_node - what was sent to a node, by whomever. */
void replay_report_node(struct replay_report *rep, const struct replay_node_count *count);

#endif
