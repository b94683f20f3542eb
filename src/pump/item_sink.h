/*
 * item_sink.h - whoever takes what is in an input: a file, a running server, a count.
 *
 * What it is   The pump (pump.h) decides what becomes of each item; a sink does it. So every sink means the
 *              same by a filter, a script or a record of another flow, and knows nothing of the ways in which
 *              an input can say so.
 * Callbacks    One that is NULL: the sink wants nothing of the kind. Each returns 0, or -1 with an error of
 *              which key or record the pump tells. What they get is borrowed and valid during the call.
 * Order        Of one stream, that of the input. free comes last, and once, whether finish was called or not.
 * Threads      A sink belongs to the thread of its pump.
 */
#ifndef FLOWTAPE_PUMP_ITEM_SINK_H
#define FLOWTAPE_PUMP_ITEM_SINK_H

#include "command/translate.h"
#include "item/item.h"
#include "item/loss.h"
#include "rdb/rdb_stream_run.h"

struct item_sink {
    void *context;
    /* entry - a key with its value, item->rdb.entry. Values are serialised, and may be lent: one that is
     * needed later has to be copied. */
    int (*entry)(void *context, const struct item *item, struct ft_err *err);
    /*
     * run - several entries at once, all of them strings as the target takes them; what follows each other in memory
     * does so in the input. Its errors are reported without a key. NULL: they come by `entry`.
     */
    int (*run)(void *context, const struct rdb_run *run, struct ft_err *err);
    /*
     * record - one that is to be applied. item->record is as it came, but that its dbid is the database of
     * what filters leave of it; t is what that becomes. NULL: the pump delivers everything as it is. A flush
     * comes from journals only, and once for all flows.
     */
    int (*record)(void *context, const struct item *item, const struct translation *t,
                  struct ft_err *err);
    /* script - one that the target can load; it may come once per stream. */
    int (*script)(void *context, const struct item *item, struct bytes body, struct ft_err *err);
    /* function - a library that the target can load, likewise. */
    int (*function)(void *context, const struct item *item, struct bytes code, struct ft_err *err);
    /* loss - what the target cannot hold, or a note; of entries and records the sink finds out itself.
     * class_name, db and key as in loss_add. NULL: nobody counts. */
    int (*loss)(void *context, enum loss_reason reason, const char *class_name, uint32_t db,
                struct bytes key, struct ft_err *err);
    /* finish - everything was delivered. Only now may the output appear under its name. */
    int (*finish)(void *context, struct ft_err *err);
    /* free - cannot fail; what was not finished is gone. */
    void (*free)(void *context);
};

#endif
