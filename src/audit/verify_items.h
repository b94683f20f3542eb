/*
 * verify_items.h - what verify checks of items, which the reader has checked already as far as it understands them.
 *
 * Threads      Not shared, but for the log of keys.
 */
#ifndef FLOWTAPE_AUDIT_VERIFY_ITEMS_H
#define FLOWTAPE_AUDIT_VERIFY_ITEMS_H

#include "audit/verify_report.h"
#include "item/key_log.h"
#include "pump/pump.h"
#include "rdb/value_check.h"

/* The keys of one flow or file; the log is that of the whole snapshot. */
struct verify_keys {
    struct hash_log *log;
    struct hash_log_batch batch;
    int64_t
        now_ms; /* what has ended by now is dropped by redis-server before it looks for the name */
};

/* report and keys are the caller's, and are set first. */
struct verify_items {
    struct verify_report *report;
    struct verify_keys *keys;
    struct value_check values;
    struct rdb_run run; /* for who has it filled */
    struct pump *pump;
};

int verify_items_init(struct verify_items *c, struct ft_err *err);
void verify_items_release(struct verify_items *c);
/* verify_item - FT_ERR_CORRUPT and friends, with the item's offset. */
int verify_item(struct verify_items *c, const struct item *item, struct ft_err *err);
/* verify_items_run - the entries of c->run. */
int verify_items_run(struct verify_items *c, struct ft_err *err);

#endif
