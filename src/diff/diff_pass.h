/*
 * diff_pass.h - one reading of one side: what becomes of each key that it brings.
 *
 * What it is   In the first pass every key becomes a digest in a log. Later passes are about the keys of a table: the side
 *              that is read first leaves digests, names and some values there; the one that is read second is
 *              compared with them.
 * Use          A diff_reader in each thread of a side: diff_reader_entry for each key, then diff_reader_end.
 * Threads      A reader belongs to one thread. The pass is shared: what of it changes is locked.
 */
#ifndef FLOWTAPE_DIFF_DIFF_PASS_H
#define FLOWTAPE_DIFF_DIFF_PASS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/parted_log.h"
#include "command/suspect.h"
#include "diff/diff_functions.h"
#include "diff/diff_table.h"
#include "item/loss.h"

struct diff_pass {
    const struct diff_rules *rules;
    enum diff_of of;
    bool second;                      /* the other side has been read for the table */
    struct parted_log *log;           /* of struct entry_digest; NULL: not the first pass */
    struct diff_table *table;         /* of later passes */
    struct diff_functions *functions; /* NULL: not wanted again */
    struct loss_report *losses;       /* of A, in the first pass */
    struct suspect_report *suspects;  /* of A, in later passes; NULL: not wanted */
    atomic_uint_fast64_t *keys;       /* that were looked at */
    pthread_mutex_t mu;               /* for the table */
};

void diff_pass_init(struct diff_pass *p);
void diff_pass_release(struct diff_pass *p);

/* diff_pass_wants - of A, by its name: may it be one of the table's? Any thread; all of them without a table. */
bool diff_pass_wants(const struct diff_pass *p, uint32_t db, struct bytes name);

struct diff_reader;

int diff_reader_new(struct diff_reader **ret, struct diff_pass *pass, struct ft_err *err);
/*
 * diff_reader_entry - moment_ms: of what is read. Members that had ended by then are what a copy leaves out if the target
 * knows no times of members.
 */
int diff_reader_entry(struct diff_reader *r, const struct rdb_entry *entry, int64_t moment_ms,
                      struct ft_err *err);
/* diff_reader_wants - by its names alone; for who would have to ask for the value. 1, 0, -1. */
int diff_reader_wants(struct diff_reader *r, uint32_t db, struct bytes name, struct ft_err *err);
/* diff_reader_touch - a key that is being changed while the side is read: nothing is known of it yet. */
int diff_reader_touch(struct diff_reader *r, uint32_t db, struct bytes name, struct ft_err *err);
/* diff_reader_filtered - 1: a key of this type, whose value is not wanted as --type leaves it out, was taken; it may have
 * another type on the other side. 0: its value is wanted. */
int diff_reader_filtered(struct diff_reader *r, uint32_t db, struct bytes name,
                         enum value_class class_, struct ft_err *err);
/* diff_reader_unread - a key whose value cannot be had: nothing can be said of it. */
int diff_reader_unread(struct diff_reader *r, uint32_t db, struct bytes name, struct ft_err *err);
/* diff_reader_ask - what comes from here on was asked for by name, and holds even for keys that were touched. */
void diff_reader_ask(struct diff_reader *r);
/* diff_reader_gone - whatever was said of this key, it is not there. */
int diff_reader_gone(struct diff_reader *r, uint32_t db, struct bytes name, struct ft_err *err);
/* diff_reader_end - nothing more comes. */
int diff_reader_end(struct diff_reader *r, struct ft_err *err);
void diff_reader_free(struct diff_reader *r);

/* diff_classify - the kind of a key from what both sides have of it by now; without values. */
enum difference diff_classify(const struct diff_rules *rules, const struct diff_suspect *s);

#endif
