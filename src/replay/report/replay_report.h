/*
 * replay_report.h - what becomes known while a replay runs: its result, losses, suspects, notes, and the
 *                   failure that ends it.
 *
 * Threads      Any; the numbers of the result are changed under mu.
 */
#ifndef FLOWTAPE_REPLAY_REPORT_REPLAY_REPORT_H
#define FLOWTAPE_REPLAY_REPORT_REPLAY_REPORT_H

#include <pthread.h>

#include "item/loss.h"
#include "replay/report/replay_result.h"

struct replay_report {
    struct replay_progress *progress;
    struct loss_report *losses;
    bool fail_on_loss;
    const char *target_name; /* of its version, for messages; NULL before it is known */
    void (*on_note)(void *context, const char *text); /* may be NULL */
    void *context;
    atomic_bool failed; /* the run is to end, with failure */
    pthread_mutex_t mu;
    struct ft_err failure; /* guarded by mu */
    struct replay_result *result;
};

void replay_report_init(struct replay_report *rep, struct replay_progress *progress,
                        struct loss_report *losses, struct replay_result *result);
void replay_report_release(struct replay_report *rep);
void replay_report_note(struct replay_report *rep, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* replay_report_loss - counted, and an error if losses are not allowed. */
int replay_report_loss(struct replay_report *rep, enum loss_reason reason, const char *class_name,
                       uint32_t db, struct bytes key, struct ft_err *err);
/* replay_report_fail - the first one is what the run ends with. */
void replay_report_fail(struct replay_report *rep, const struct ft_err *failure);
/* replay_report_refused - a command that the target refused. */
void replay_report_refused(struct replay_report *rep);
/* replay_report_error - one that is no reason to stop: of a doubtful record, or one that the source had. */
void replay_report_error(struct replay_report *rep, bool doubtful);
/* replay_report_left_out - an entry or a record: by a filter, or for a key of the target that is kept. */
void replay_report_left_out(struct replay_report *rep, bool kept);
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
