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

/* What the snapshots' AUX field df-ver says: set before a capture is made. */
extern const char *t_flows_release;

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

/*
 * A capture that grows: each flow's journal goes to an open segment, one block per record.
 */
struct t_growing;

/* t_growing_new - with the snapshots of all flows, and no journal. */
int t_growing_new(struct t_growing **ret, const char *path, uint32_t flow_count,
                  enum sharding_rule rule, struct ft_err *err);
int t_growing_add(struct t_growing *g, uint32_t flow, const struct t_record *record,
                  struct ft_err *err);
/* t_growing_seal - the flow's segment; the next record begins another one. */
int t_growing_seal(struct t_growing *g, uint32_t flow, struct ft_err *err);
/* t_growing_crash - the flow's segment has half a block at its end, as if its writer had died. */
int t_growing_crash(struct t_growing *g, uint32_t flow, struct ft_err *err);
/* t_growing_recover - what the next start of the capture does about that. */
int t_growing_recover(struct t_growing *g, uint32_t flow, struct ft_err *err);
void t_growing_free(struct t_growing *g);

#endif
