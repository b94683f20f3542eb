/*
 * fold.h - the state of a capture at a cut, without a data set in memory.
 *
 * How it works  Keys that the journal touches up to the cut are few beside those it does not. A first
 *               pass over the journal notes the touched ones (touched_keys.h: fixed memory). The
 *               second pass is that over the streams (state_run.h): untouched entries go straight to the sink;
 *               touched ones that records only set, delete or
 *               expire are written down (plain_keys.h), what records do to them by the first pass already; the others are
 *               loaded, with their records, in stream order, into
 *               a private redis-server (wire/private_redis.h), and in the end their values are taken from it by DUMP.
 *               Where there are no others, there is no server and no second pass over the journal.
 *               Flushed databases drop what came before.
 * Order         Each stream has its own connection for the records inside the full sync; keys of
 *               different flows are independent. The journals after it follow on one connection
 *               when all streams are through.
 * Refusals      A command that the server answers with an error the source cannot have had is a loss
 *               (LOSS_REFUSED): divergence is counted and named, never passed over.
 * Threads       fold_new, fold_free: one thread, which must outlive the server (private_redis.h).
 */
#ifndef FLOWTAPE_STATE_FOLD_H
#define FLOWTAPE_STATE_FOLD_H

#include "command/suspect.h"
#include "state/fold_plan.h"
#include "state/plain_keys.h"
#include "wire/private_redis.h"

struct fold_options {
    const struct cut *cut;
    const struct target *target;
    enum json_as json_as;
    const char *redis_server; /* program */
    struct loss_report *losses;
    struct suspect_report *suspects; /* NULL: not wanted */
    struct key_choice choice;
};

/* fold_check_server - would this program do? It is started and ended again. FT_ERR_STATE. */
int fold_check_server(const char *program, int cancel_fd, struct ft_err *err);

/* What the streams of a fold (fold_stream.h) share; constant once they are open. */
struct fold {
    const struct source *source;
    struct fold_options options;
    struct fold_plan *plan;
    struct plain_keys *plain;
    bool noted;                   /* what plain records do is in it */
    struct private_redis *server; /* NULL: it is not needed */
    struct target own;            /* what the server is, with its modules */
    const struct target *engine;  /* it, once it is known */
    pthread_mutex_t suspects_mu;  /* guards options.suspects */
};

/* fold_new - the first pass; starts the server if anything needs it. */
int fold_new(struct fold **ret, const struct source *source, const struct fold_options *options,
             struct ft_err *err);
/* fold_note_entry - of the snapshot, whether the fold takes it or not: is its key suspect? */
int fold_note_entry(struct fold *f, const struct item *item, struct ft_err *err);
/* fold_look - enum touched_marks; not 0: the entry must go to fold_stream_entry instead of the output. */
unsigned fold_look(const struct fold *f, uint32_t db, struct bytes key);
/* fold_look_run - bit i: entry i of the run must. */
uint64_t fold_look_run(const struct fold *f, const struct rdb_run *run);
/* fold_takes_functions - must libraries of functions go to fold_stream_function instead of the output?
 * fold_wants_scripts - to fold_stream_script too? */
bool fold_takes_functions(const struct fold *f);
bool fold_wants_scripts(const struct fold *f);
/* fold_drops - was it flushed before the cut? For entries that go to the output. */
bool fold_drops(const struct fold *f, uint32_t db, struct bytes key);

/* fold_hide - all streams are open: leave no trace on disk from here on. */
void fold_hide(struct fold *f);
void fold_free(struct fold *f);

#endif
