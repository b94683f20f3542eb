/*
 * record_filter.h - what filters leave of journal records.
 *
 * What it is   A record is left out if none of its keys passes by database and name; one of which some pass
 *              becomes what is left of it (command/record_part.h). Records without keys pass, FLUSHDB by its
 *              database. Types do not matter: a record does not tell them.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_PUMP_RECORD_FILTER_H
#define FLOWTAPE_PUMP_RECORD_FILTER_H

#include "command/record_part.h"
#include "command/suspect.h"
#include "input/effects.h"
#include "input/journal_pass.h"
#include "item/filter.h"

struct record_filter {
    /* set by the owner; a filter of nothing else is ready for use */
    const struct source *source;
    const struct filter *filter;
    const struct target *target;
    enum json_as json_as;
    struct suspect_report *suspects; /* NULL: not wanted */
    struct loss_report *losses;      /* of the run, which suspects depend on; NULL: they do not */
    /* its own */
    struct translator *translator; /* of what is left of records; NULL: nothing was yet */
    struct effects *effects;       /* NULL: none was asked for */
    struct record_part part;
    struct part_key *keys;
    struct translation_key *named;
    size_t key_capacity;
};

/* record_filter_passes - does one of its keys pass, or has it none? */
bool record_filter_passes(const struct filter *f, const struct item *item,
                          const struct translation *t);
/*
 * record_filter_run - gives take the record, or what is left of it, with the translation of that; the item's
 * record.dbid is then the database of what is left. Suspects are added. Returns 1 if nothing is left.
 */
int record_filter_run(struct record_filter *f, const struct item *item, const struct translation *t,
                      journal_record_fn *take, void *context, struct ft_err *err);
void record_filter_release(struct record_filter *f);

#endif
