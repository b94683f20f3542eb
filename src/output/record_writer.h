/*
 * record_writer.h - journal records, already translated, as commands in a file.
 *
 * What it is   Decides per record: filtered out, nothing to do, lost (into the report), or its
 *              commands. Only for standalone targets: what would need values read by a client is
 *              a loss.
 * Filters      A record is left out if none of its keys passes by database and name; records without
 *              keys pass, FLUSHDB by its database. Types do not matter: a record does not tell them.
 * Slots        DFLYCLUSTER FLUSHSLOTS becomes a script that walks over database 0.
 */
#ifndef FLOWTAPE_OUTPUT_RECORD_WRITER_H
#define FLOWTAPE_OUTPUT_RECORD_WRITER_H

#include "command/suspect.h"
#include "item/filter.h"
#include "output/sink_resp.h"

struct record_writer {
    /* set by the caller; sink may change between records */
    struct sink_resp *sink;
    const struct filter *filter;
    struct loss_report *losses;
    struct suspect_report *suspects;
    /* counts */
    uint64_t filtered;
    uint64_t nothing; /* records without an effect on the target */
    uint64_t lost;
};

/* record_passes - by the filters; see above. */
bool record_passes(const struct filter *f, const struct item *item, const struct translation *t);
int record_writer_put(struct record_writer *w, const struct item *item, const struct translation *t,
                      struct ft_err *err);

#endif
