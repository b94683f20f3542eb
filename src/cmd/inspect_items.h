/*
 * inspect_items.h - inspect's views of single items: all of them like a packet dump, or what became
 * of one key.
 */
#ifndef FLOWTAPE_CMD_INSPECT_ITEMS_H
#define FLOWTAPE_CMD_INSPECT_ITEMS_H

#include "cmd/item_scan.h"
#include "item/filter.h"

/*
 * inspect_records - a line (json: an object a line) per item. With a filter only keys and records
 * that it lets pass: a record passes by any of its keys. limit: how many to print, 0: all.
 */
int inspect_records(const struct item_scan *scan, const struct filter *filter, uint64_t limit,
                    bool json, struct ft_err *err);

/*
 * inspect_history - the key's snapshot values with their first elements, every record that has it
 * among its keys, and the flushes that it fell under, in the databases that the filter lets pass.
 */
int inspect_history(const struct item_scan *scan, const struct filter *dbs, struct bytes key,
                    uint64_t limit, bool json, struct ft_err *err);

#endif
