/*
 * fold_plan.h - which keys the journal touches up to a cut, and what of them was flushed.
 *
 * What it is   The first pass over a capture, before a state is made of it (fold.h): it decides for each entry of
 *              the snapshot whether it goes straight to the output, through the private server, or nowhere.
 *              Fixed memory; it may name too many keys, never too few (touched_keys.h).
 * Wanted       Who wants some keys only has those in the plan, and those that their values depend on by records that name
 *              several (RENAME, SUNIONSTORE...). What a key depends on may come first in the journal: it is gone
 *              through until nothing more is found, most of the time once.
 * Threads      Filled by one thread; asked by any number after that.
 */
#ifndef FLOWTAPE_STATE_FOLD_PLAN_H
#define FLOWTAPE_STATE_FOLD_PLAN_H

#include "command/translate.h"
#include "input/cut.h"
#include "input/journal_pass.h"
#include "input/source.h"
#include "state/plain_keys.h"
#include "state/touched_keys.h"

/* The keys that somebody wants, by the source's names. Asked in any thread. */
struct key_choice {
    bool (*wants)(void *context, uint32_t db, struct bytes key); /* NULL: all */
    void *context;
};

static inline bool key_choice_wants(const struct key_choice *c, uint32_t db, struct bytes key)
{
    return c->wants == NULL || c->wants(c->context, db, key);
}

/* Of a higher one a flush of this database alone is not noted: no server has so many. */
#define FOLD_DATABASES 65536u

struct fold_plan_options {
    const struct cut *cut;
    const struct target *target; /* of the translation: the private server, where there is one */
    enum json_as json_as;
    struct key_choice choice;
    /* Gets what plain commands do, of all keys. NULL, or with a choice: it does not. */
    struct plain_keys *plain;
    bool plain_only; /* fail at the first record that fold_plan_asks for */
};

struct fold_plan;

/* fold_plan_new - nothing is touched yet. cut: how many keys are to be expected. */
int fold_plan_new(struct fold_plan **ret, const struct source *source, const struct cut *cut,
                  struct ft_err *err);
/* fold_plan_scan - the records inside the full sync, and the journal up to the cut. */
int fold_plan_scan(struct fold_plan *p, const struct fold_plan_options *options,
                   struct ft_err *err);
/* fold_plan_flush - one flush. */
void fold_plan_flush(struct fold_plan *p, uint32_t db, const struct translation_flush *flush);
/* fold_plan_concerns - does a record have a part in what is taken? */
bool fold_plan_concerns(const struct fold_plan *p, const struct translation *t);
/* fold_plan_asks - must the records be gone through once more, as not all that they do is in options.plain? */
bool fold_plan_asks(const struct fold_plan *p);
/* fold_plan_counts - of the journal that was scanned. */
const struct journal_pass_counts *fold_plan_counts(const struct fold_plan *p);
/* fold_plan_functions - are there records that change libraries of functions? fold_plan_takes_all: that concern keys
 * which they do not name, as scripts do? Then no key goes straight to the output. */
bool fold_plan_functions(const struct fold_plan *p);
bool fold_plan_takes_all(const struct fold_plan *p);
bool fold_plan_is_empty(const struct fold_plan *p);
/* fold_plan_look - enum touched_marks of a key; not 0: its value at the cut is to be found out. */
unsigned fold_plan_look(const struct fold_plan *p, uint32_t db, struct bytes key);
/* fold_plan_look_run - bit i: of entry i of the run it is. */
uint64_t fold_plan_look_run(const struct fold_plan *p, const struct rdb_run *run);
/* fold_plan_drops - it was flushed before the cut. Of keys that are not taken. */
bool fold_plan_drops(const struct fold_plan *p, uint32_t db, struct bytes key);
void fold_plan_free(struct fold_plan *p);

#endif
