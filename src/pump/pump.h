/*
 * pump.h - brings the items of an input to a sink: the one place that decides what is delivered.
 *
 * What it is   Reads a stream, or takes its items one by one, and calls the sink (item_sink.h):
 *   entries    that pass the filter and have not ended by expired_ms;
 *   scripts    that the target's Lua takes, libraries of functions that it knows;
 *   records    inside the full sync, at their places, and those of journals: of their own flow (owner guard),
 *              once where they come on every flow, translated, and cut down to the keys that pass;
 *   losses     search indexes, AUX fields of modules, scripts and functions that do not go over, times of
 *              members that KeyDB keeps beside the value.
 *              A flush inside a full sync is an error: the full sync is worthless.
 * As it is     With as_is the sink gets everything as it stands in the input, foreign copies, repetitions and
 *              flushes as well: for who counts, checks or shows. Filters apply, a record passes whole if one
 *              of its keys does, and nothing is a loss.
 * Errors       Those of the sink get the key, or flow and command, in front; "cancelled", a connection that is lost and
 *              what the command line has to be changed for stay as they are.
 * Threads      A pump belongs to one thread. Several may read the streams of one source at a time, each into a
 *              sink of its own.
 */
#ifndef FLOWTAPE_PUMP_PUMP_H
#define FLOWTAPE_PUMP_PUMP_H

#include "command/suspect.h"
#include "input/cut.h"
#include "input/journal_pass.h"
#include "input/source.h"
#include "item/filter.h"
#include "pump/item_sink.h"

/* expired_ms of a pump that leaves no entry out for its time. */
#define PUMP_NOTHING_EXPIRED INT64_MIN

/* Sees entries, scripts, functions and records of full syncs before filters do. Returns 1: it has taken it, 0, -1. */
struct pump_divert {
    void *context;
    int (*entry)(void *context, const struct item *item, struct ft_err *err);
    /* may_take - of strings that come many at a time: bit i is 0 if `entry` need not see entry i. NULL: it sees all. */
    uint64_t (*may_take)(void *context, const struct rdb_run *run);
    int (*record)(void *context, const struct item *item, const struct translation *t,
                  struct ft_err *err);
    /* NULL: it takes none */
    int (*script)(void *context, struct bytes body, struct ft_err *err);
    int (*function)(void *context, struct bytes code, struct ft_err *err);
};

struct pump_options {
    const struct source *source;
    bool as_is;
    /* translates records; with as_is it finds their keys, and may be NULL without a filter. Else NULL: no
     * record is to be applied */
    struct translator *translator;
    const struct target *target; /* NULL with as_is */
    enum json_as json_as;
    const struct filter *filter; /* NULL: everything passes */
    bool whole_records;          /* the sink filters records itself */
    bool scripts_as_aux;         /* a script goes into an RDB file, where few targets take one */
    int64_t expired_ms;
    struct suspect_report *suspects;  /* of records; NULL: the sink's affair */
    struct loss_report *losses;       /* what suspects depend on; NULL: they do not */
    const struct pump_divert *divert; /* NULL: none */
    const uint64_t *stop_lsn; /* per flow: a stream ends before this record; NULL: with its data */
    /* called now and then while a stream is read, and at its end: bytes of it so far. NULL: never */
    int (*tick)(void *context, uint64_t stream_bytes, struct ft_err *err);
    void *tick_context;
};

struct pump_counts {
    uint64_t filtered;                  /* entries */
    uint64_t expired;                   /* likewise: ended by then */
    uint64_t records_filtered;          /* of which no key passes, or nothing is left */
    uint64_t in_sync;                   /* records inside the full sync, delivered or not */
    struct journal_pass_counts journal; /* foreign and repeated: of full syncs too */
};

struct pump;

/* pump_new - options and sink are copied, what they point to is not. */
int pump_new(struct pump **ret, const struct pump_options *options, const struct item_sink *sink,
             struct ft_err *err);
/* pump_item - one item, whoever reads them. */
int pump_item(struct pump *p, const struct item *item, struct ft_err *err);
/* pump_entry - an entry that comes from elsewhere and has passed the divert. */
int pump_entry(struct pump *p, const struct item *item, struct ft_err *err);
/* pump_function - the same of a library of functions. */
int pump_function(struct pump *p, const struct item *item, struct ft_err *err);
/* pump_stream - all that the stream, which the caller has opened and frees, has left. */
int pump_stream(struct pump *p, struct source_stream *stream, struct ft_err *err);
/* pump_journal - the journals of all flows up to the cut, see journal_pass.h. Not as_is. */
int pump_journal(struct pump *p, const struct cut *cut, struct ft_err *err);
/* pump_follow - the same of an input that grows, see journal_follow; its `more` gets the context given here. */
int pump_follow(struct pump *p, const struct cut *cut, const struct journal_follow *follow,
                void *context, struct ft_err *err);
const struct pump_counts *pump_counts(const struct pump *p);
void pump_free(struct pump *p);

#endif
