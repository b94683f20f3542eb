/*
 * entry_loss.h - what conversions of entries report and leave out alike.
 */
#ifndef FLOWTAPE_ITEM_ENTRY_LOSS_H
#define FLOWTAPE_ITEM_ENTRY_LOSS_H

#include "item/filter.h"
#include "item/loss.h"
#include "rdb/rdb_stream.h"

/* entry_passes - database, class and key. */
bool entry_passes(const struct filter *f, const struct rdb_entry *entry);
/* entry_is_over - its time to live ended before now_ms. */
bool entry_is_over(const struct rdb_entry *entry, int64_t now_ms);
/* entry_add_loss - nothing for LOSS_NONE. */
int entry_add_loss(struct loss_report *r, const struct rdb_entry *entry, enum loss_reason reason,
                   struct ft_err *err);
/* entry_add_notes - stickiness and memcache flags. */
int entry_add_notes(struct loss_report *r, const struct rdb_entry *entry, struct ft_err *err);
/* entry_wrap - which key an error is about. Returns -1. */
int entry_wrap(const struct rdb_entry *entry, struct ft_err *err);

#endif
