/*
 * entry_loss.h - what conversions of entries report and leave out alike.
 */
#ifndef FLOWTAPE_ITEM_ENTRY_LOSS_H
#define FLOWTAPE_ITEM_ENTRY_LOSS_H

#include "item/filter.h"
#include "item/loss.h"
#include "rdb/rdb_stream.h"
#include "rdb/target.h"

/* entry_passes - database, class and key. */
static inline bool entry_passes(const struct filter *f, const struct rdb_entry *entry);
/* Out of line: of a filter that is not empty. */
bool entry_passes_rules(const struct filter *f, const struct rdb_entry *entry);
/* entry_is_over - its time to live ended before now_ms. */
bool entry_is_over(const struct rdb_entry *entry, int64_t now_ms);
/* entry_add_loss - nothing for LOSS_NONE. */
int entry_add_loss(struct loss_report *r, const struct rdb_entry *entry, enum loss_reason reason,
                   struct ft_err *err);
/*
 * entry_add_notes - what is of no meaning to a Redis, or to this version of it: stickiness, memcache flags, metadata
 * of modules, state of streams. `by_commands`: also what no command sets.
 */
static inline int entry_add_notes(struct loss_report *r, const struct rdb_entry *entry,
                                  const struct target *target, bool by_commands,
                                  struct ft_err *err);
/* entry_may_have_notes - nearly none does. */
static inline bool entry_may_have_notes(const struct rdb_entry *entry)
{
    return entry->sticky || entry->has_mc_flags || entry->has_key_meta || entry->has_idle ||
           entry->has_freq || rdb_type_class(entry->type) == VALUE_STREAM;
}
/* Out of line: of one that may. */
int entry_add_its_notes(struct loss_report *r, const struct rdb_entry *entry,
                        const struct target *target, bool by_commands, struct ft_err *err);
/*
 * entry_of_member_times - the entry after whose value this AUX field says that a member has a time to
 * live, which no reader but KeyDB has (LOSS_MEMBER_TTL); once for an entry. NULL: it says nothing of
 * the kind, or the entry does not pass.
 */
const struct rdb_entry *entry_of_member_times(const struct filter *f, const struct rdb_item *aux);
/* function_loss - why a target does not take a function library, or LOSS_NONE. */
enum loss_reason function_loss(const struct target *target, const struct rdb_item *function);
/* entry_wrap - which key an error is about. Returns -1. */
int entry_wrap(const struct rdb_entry *entry, struct ft_err *err);

static inline bool entry_passes(const struct filter *f, const struct rdb_entry *entry)
{
    return filter_is_empty(f) || entry_passes_rules(f, entry);
}

static inline int entry_add_notes(struct loss_report *r, const struct rdb_entry *entry,
                                  const struct target *target, bool by_commands, struct ft_err *err)
{
    return entry_may_have_notes(entry) ? entry_add_its_notes(r, entry, target, by_commands, err)
                                       : 0;
}

#endif
