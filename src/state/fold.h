/*
 * fold.h - the state of a capture at a cut, without a data set in memory.
 *
 * How it works  Keys that the journal touches up to the cut are few beside those it does not. A first
 *               pass over the journal notes the touched ones (item/touched.h: fixed memory). The
 *               second pass is the conversion itself: untouched entries go straight to the output;
 *               touched ones are loaded, with their records, in stream order, into a private
 *               redis-server (wire/private_redis.h), and in the end their values are taken from it
 *               by DUMP. Flushed databases drop what came before.
 * Order         Each stream has its own connection for the records inside the full sync; keys of
 *               different flows are independent. The journals behind it follow on one connection
 *               when all streams are through.
 * Refusals      A command that the server answers with an error the source cannot have had is a loss
 *               (LOSS_REFUSED): divergence is counted and named, never passed over.
 * Threads       fold_new, fold_free: one thread, which must outlive the server (private_redis.h).
 *               Each struct fold_stream belongs to one thread.
 */
#ifndef FLOWTAPE_STATE_FOLD_H
#define FLOWTAPE_STATE_FOLD_H

#include "command/suspect.h"
#include "input/cut.h"
#include "input/journal_pass.h"
#include "input/source.h"
#include "item/recode.h"

struct fold_options {
    const struct cut *cut;
    const struct target *target;
    enum json_as json_as;
    const char *redis_server; /* program */
    struct loss_report *losses;
    struct suspect_report *suspects; /* NULL: not wanted */
};

struct fold;
struct fold_stream;

/* fold_new - the first pass; starts the server if anything is touched. streams: how many
 * connections will be opened. */
int fold_new(struct fold **ret, const struct source *source, const struct fold_options *options,
             struct ft_err *err);
/* fold_note_entry - of the snapshot, whether the fold takes it or not: is its key suspect? */
int fold_note_entry(struct fold *f, const struct item *item, struct ft_err *err);
/* fold_takes - must this entry go to fold_entry instead of the output? */
bool fold_takes(const struct fold *f, uint32_t db, struct bytes key);
/* fold_drops - was it flushed before the cut? For entries that fold_takes does not want. */
bool fold_drops(const struct fold *f, uint32_t db, struct bytes key);
void fold_free(struct fold *f);

/* One connection. NULL is returned in ret when there is no server: nothing is touched. */
int fold_stream_new(struct fold_stream **ret, struct fold *f, struct ft_err *err);
/* fold_hide - all streams are open: leave no trace on disk from here on. */
void fold_hide(struct fold *f);
int fold_entry(struct fold_stream *s, const struct item *item, struct ft_err *err);
/* fold_record - a journal record inside the full sync. */
int fold_record(struct fold_stream *s, const struct item *item, struct ft_err *err);
/* fold_finish - everything given so far has taken effect. */
int fold_finish(struct fold_stream *s, struct ft_err *err);
/* fold_journal - the journals of all flows up to the cut. */
int fold_journal(struct fold_stream *s, struct journal_pass_counts *ret_counts, struct ft_err *err);

/* Takes one key as it is at the cut; the entry is valid during the call. */
typedef int fold_entry_fn(void *context, const struct rdb_entry *entry, struct ft_err *err);
/* fold_read_out - all keys of the server. */
int fold_read_out(struct fold_stream *s, fold_entry_fn *take, void *context, struct ft_err *err);
void fold_stream_free(struct fold_stream *s);

#endif
