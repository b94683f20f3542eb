/*
 * item_scan.h - the items of an input, flow after flow, within bounds.
 *
 * Bounds   They are about the journal after the full sync: an LSN counts in each flow, a time is the
 *          receive time. With a lower bound the full sync is not read, and reading begins as near to
 *          it as the capture's index allows.
 */
#ifndef FLOWTAPE_CMD_ITEM_SCAN_H
#define FLOWTAPE_CMD_ITEM_SCAN_H

#include "input/source.h"

enum scan_bound_kind {
    SCAN_NO_BOUND = 0,
    SCAN_LSN,
    SCAN_TIME,
};

struct scan_bound {
    enum scan_bound_kind kind;
    uint64_t value; /* LSN, or microseconds since the epoch */
};

struct item_scan {
    const struct source *source;
    bool one_flow;
    uint32_t flow; /* with one_flow */
    struct scan_bound from, to;
};

/* scan_bound_parse - an LSN, or a time as cut.h has it. FT_ERR_USAGE names the option. */
int scan_bound_parse(struct scan_bound *ret, const char *option, const char *text,
                     const struct source *source, struct ft_err *err);

/* Takes an item. 0: go on; 1: that is enough; -1: err is set. */
typedef int item_scan_fn(void *context, const struct item *item, struct ft_err *err);

int item_scan_run(const struct item_scan *scan, item_scan_fn *take, void *context,
                  struct ft_err *err);

#endif
