/*
 * record_writer.h - journal records, already translated, as commands in a file.
 *
 * What it is   Decides per record: filtered out, nothing to do, lost (into the report), or its
 *              commands. Only for standalone targets: what would need values read by a client is
 *              a loss.
 * Filters      A record is left out if none of its keys passes by database and name; one of which some
 *              pass becomes what is left of it (command/record_part.h). Records without keys pass, FLUSHDB
 *              by its database. Types do not matter: a record does not tell them.
 * Slots        DFLYCLUSTER FLUSHSLOTS becomes a script that walks over database 0.
 */
#ifndef FLOWTAPE_OUTPUT_RECORD_WRITER_H
#define FLOWTAPE_OUTPUT_RECORD_WRITER_H

#include "command/record_part.h"
#include "command/suspect.h"
#include "input/effects.h"
#include "item/filter.h"
#include "output/sink_resp.h"

struct record_writer {
    /* set by the caller, before record_writer_init; sink may change between records */
    struct sink_resp *sink;
    const struct filter *filter;
    struct loss_report *losses;
    struct suspect_report *suspects;
    /* counts */
    uint64_t filtered;
    uint64_t nothing; /* records without an effect on the target */
    uint64_t lost;
    /* its own */
    const struct source *source;
    struct translator *translator; /* of what is left of records */
    struct effects *effects;       /* NULL: none was asked for */
    struct record_part part;
    struct part_key *keys;
    struct translation_key *named;
    size_t key_capacity;
};

int record_writer_init(struct record_writer *w, const struct source *source,
                       const struct target *target, enum json_as json_as, struct ft_err *err);

/* record_passes - does one of its keys pass, or has it none? */
bool record_passes(const struct filter *f, const struct item *item, const struct translation *t);
int record_writer_put(struct record_writer *w, const struct item *item, const struct translation *t,
                      struct ft_err *err);
/* record_writer_release - also of one that was not initialised, or is zeroed. */
void record_writer_release(struct record_writer *w);

#endif
