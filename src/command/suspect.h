/*
 * suspect.h - keys whose state cannot be known from the journal.
 *
 * What it is   One report per run: which record made a key suspect (translate.h judges), the first
 *              SUSPECTS_SHOWN of them, and how many there were in all. A key counts each time.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_COMMAND_SUSPECT_H
#define FLOWTAPE_COMMAND_SUSPECT_H

#include "command/translate.h"
#include "item/item.h"

#define SUSPECTS_SHOWN 1000

struct suspect {
    uint32_t db;
    struct bytes key; /* owned; a long one is cut */
    char command[JOURNAL_NAME_MAX];
    uint32_t flow;
    uint64_t lsn; /* 0: inside the full sync */
};

struct suspect_report {
    struct suspect *first;
    size_t first_count;
    uint64_t count;
};

/* suspect_add_all - the keys of a record that its translation calls suspect. A zeroed report is
 * empty. */
int suspect_add_all(struct suspect_report *r, const struct item *item, const struct translation *t,
                    struct ft_err *err);
void suspect_release(struct suspect_report *r);

#endif
