/*
 * suspect.h - keys whose state cannot be known from the journal.
 *
 * What it is   One report per run: each such key once, with the record that made it suspect first
 *              (translate.h says which). A record that makes one key of another spreads suspicion: what it
 *              changes by means of a suspect key is suspect as well.
 * Memory       A hash per key (item/key_set.h) and the first SUSPECTS_SHOWN names; all names are in a
 *              spool (base/spool.h).
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_COMMAND_SUSPECT_H
#define FLOWTAPE_COMMAND_SUSPECT_H

#include "base/spool.h"
#include "command/translation.h"
#include "item/filter.h"
#include "item/item.h"
#include "item/key_set.h"
#include "item/loss.h"

/* So many are in memory, for who shows some. */
#define SUSPECTS_SHOWN 1000

struct suspect {
    uint32_t db;
    struct bytes key;
    char command[JOURNAL_NAME_MAX]; /* "": found by an earlier run */
    uint32_t flow;
    uint64_t lsn; /* 0: inside the full sync */
};

struct suspect_report {
    struct suspect *first; /* keys are owned; a long one is cut */
    size_t first_count;
    uint64_t count;              /* of keys */
    const struct filter *filter; /* set by the owner: only keys that pass are named; NULL: all */
    struct key_set known;
    struct spool names;
};

/* Up to this release the source does not journal XREADGROUP: what its groups have read is known only from
 * values. */
#define SUSPECT_GROUP_READS_RELEASE 136u

/* suspect_group_reads - is this the value of a stream with groups, of such a release (0: of the newest)? */
int suspect_group_reads(unsigned source_release, uint8_t type, struct bytes value, bool *ret,
                        struct ft_err *err);

/* A zeroed report is empty. suspect_add - unless it is known. */
int suspect_add(struct suspect_report *r, const struct suspect *s, struct ft_err *err);
/* suspect_add_all - the keys of a record that its translation calls suspect, and those it changes by
 * means of one that is known, or that was left out (left_out.h). losses: NULL if the caller sees to the latter. */
int suspect_add_all(struct suspect_report *r, struct loss_report *losses, const struct item *item,
                    const struct translation *t, struct ft_err *err);
/* suspect_add_entry - an entry in front of a journal: a stream whose groups may have read meanwhile. */
int suspect_add_entry(struct suspect_report *r, unsigned source_release, const struct item *item,
                      struct ft_err *err);
/* suspect_add_report - all of another one. */
int suspect_add_report(struct suspect_report *r, const struct suspect_report *more,
                       struct ft_err *err);
/*
 * suspect_next - one after the other: *at is 0 at first. Returns 1, 0: there are no more, -1. The key
 * is in `key` until the next call.
 */
int suspect_next(const struct suspect_report *r, uint64_t *at, struct buf *key, struct suspect *ret,
                 struct ft_err *err);
void suspect_release(struct suspect_report *r);

#endif
