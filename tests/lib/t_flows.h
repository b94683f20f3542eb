/*
 * t_flows.h - a capture of one's own making: a few journal records per flow, behind snapshots that
 * hold one string each ("key-of-flow-N").
 */
#ifndef FLOWTAPE_TESTS_LIB_T_FLOWS_H
#define FLOWTAPE_TESTS_LIB_T_FLOWS_H

#include "base/err.h"
#include "store/capture.h"

/* The LSN of the first record behind each snapshot; the snapshot's receive time. */
#define T_FLOWS_LSN     UINT64_C(10)
#define T_FLOWS_TIME_US UINT64_C(1700000000000000)

/* One record, in a block of its own. */
struct t_record {
    unsigned second;  /* received so long after the snapshot */
    unsigned txid;    /* below 64 */
    unsigned db;      /* likewise */
    const char *text; /* words separated by blanks */
};

#define T_FLOW_RECORDS_MAX 16

struct t_flow_records {
    struct t_record in_sync[T_FLOW_RECORDS_MAX]; /* in front of the snapshot's entry */
    struct t_record records[T_FLOW_RECORDS_MAX]; /* ends with a NULL text */
};

/* t_flows_make - a new capture at `path`. */
int t_flows_make(const char *path, const struct t_flow_records *flows, uint32_t flow_count,
                 enum sharding_rule rule, struct ft_err *err);

#endif
