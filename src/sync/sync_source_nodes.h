/*
 * sync_source_nodes.h - a source of several nodes: what sync_source.h asks, asked of each of them.
 *
 * What it is   Offsets are those of all nodes, one node after the other, as in the set of captures. A pause is one of all nodes:
 *              all are paused before the offsets of any are asked, and none is left paused alone. A key is read
 *              from the node that has its slot. A takeover is of one source only.
 * Threads      One.
 */
#ifndef FLOWTAPE_SYNC_SYNC_SOURCE_NODES_H
#define FLOWTAPE_SYNC_SYNC_SOURCE_NODES_H

#include "capture/cluster_watch.h"
#include "store/live_flows.h"
#include "sync/sync_source.h"

/*
 * sync_source_nodes_open - s becomes one of these nodes; connects to none of them. Then sync_source_nodes_free. watch: where their
 * masters are now, NULL: where they are named; live: how far what each has sent was received.
 */
int sync_source_nodes_open(struct sync_source *s, const struct uri *nodes, uint32_t count,
                           struct cluster_watch *watch, struct live_flows *live,
                           struct ft_err *err);
void sync_source_nodes_free(struct sync_source *s);

/*
 * sync_source_nodes_rest - wait until no slot is on its way between the nodes, and all that have been are written down: at a
 * look that began after the call. *ret: that look. FT_ERR_STATE: they do not come to rest. At once, of a source that is not watched.
 */
int sync_source_nodes_rest(struct sync_source *s, uint64_t *ret, struct ft_err *err);
/* sync_source_nodes_rested - has it been so at each look since that one? */
bool sync_source_nodes_rested(const struct sync_source *s, uint64_t since);

/* As in sync_source.h, which calls them. */
int sync_source_nodes_offsets(struct sync_source *s, uint64_t *ret_lsn, uint32_t flow_count,
                              struct ft_err *err);
int sync_source_nodes_read(struct sync_source *s, uint32_t db, struct bytes key,
                           struct sync_value *ret, uint64_t *ret_lsn, uint32_t flow_count,
                           struct ft_err *err);
int sync_source_nodes_pops(struct sync_source *s, uint64_t *ret_calls, struct ft_err *err);
int sync_source_nodes_pause(struct sync_source *s, uint64_t ms, struct ft_err *err);
int sync_source_nodes_unpause(struct sync_source *s, struct ft_err *err);
/* sync_source_nodes_part - the source of one flow's node, of a Redis; the source itself, of a single server. NULL: there are no more. */
struct sync_source *sync_source_nodes_part(struct sync_source *s, uint32_t flow);
uint64_t sync_source_nodes_blind_ms(struct sync_source *s);
void sync_source_nodes_close(struct sync_source *s);

#endif
