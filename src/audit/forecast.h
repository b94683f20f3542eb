/*
 * forecast.h - what a conversion or replay for a target would lose, found without writing anything.
 *
 * How it works  Every entry goes through the recoder and every journal record through the translator,
 *               as a conversion does it, one thread per processor; the results are counted and thrown
 *               away.
 */
#ifndef FLOWTAPE_AUDIT_FORECAST_H
#define FLOWTAPE_AUDIT_FORECAST_H

#include "command/suspect.h"
#include "input/source.h"

#define TRANSLATION_CLASS_COUNT (TRANSLATION_LOSS + 1)

struct forecast_options {
    const struct target *target;
    bool cluster;
    enum json_as json_as;
};

/* The records of one command, by what becomes of them. */
struct forecast_command {
    uint64_t counts[TRANSLATION_CLASS_COUNT];
};

struct forecast {
    struct loss_report losses;
    struct suspect_report suspects;
    uint64_t keys;
    uint64_t records;
    uint64_t foreign;                  /* not applied: another flow owns their keys */
    uint64_t repeated;                 /* not applied: copies of what flow 0 brings */
    struct forecast_command *commands; /* one per row of command_rows */
    uint64_t other_db_keys;            /* outside database 0: a cluster has no other */
    uint64_t other_db_records;
    uint64_t cross_slot_records; /* of a cluster: no single node can carry them out */
};

int forecast_run(struct forecast *ret, const struct source *source,
                 const struct forecast_options *options, struct ft_err *err);
void forecast_release(struct forecast *f);

#endif
