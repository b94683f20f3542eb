/*
 * source_nodes.h - the nodes of a cluster of which an input consists: which streams are whose, and whose slots.
 *
 * What it is   The streams of a set of captures are those of its nodes, one node after the other. Any other
 *              input is one node, which has all slots.
 * Threads      Constant once the source is open.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_NODES_H
#define FLOWTAPE_INPUT_SOURCE_NODES_H

#include "item/slot.h"

#include <stdbool.h>
#include <stdint.h>

struct cut;
struct ft_err;
struct set_generation;
struct set_settled;
struct source;

/* No node has it, as far as is known. */
#define SLOT_OWNER_NONE UINT16_MAX

struct source_nodes {
    uint32_t count;
    uint32_t *
        first; /* of each node its first stream, and one more: all streams. A node that is not in the generation has none */
    /* by index of the node, when the full syncs of all of them were complete */
    uint16_t owner[SLOT_COUNT];
    const struct set_generation
        *moments; /* of which it was written down since (slot_owners.h); NULL: nothing was */
    const struct set_settled *settled; /* of a Dragonfly (given_up.h); NULL: nothing is known */
};

/* source_node_count - 1 for an input that is not a set. */
uint32_t source_node_count(const struct source *s);
/* source_node_of - the node of a stream, by its index. */
uint32_t source_node_of(const struct source *s, uint32_t stream);
/* source_node_first - the first stream of a node; for source_node_count: how many streams there are. */
uint32_t source_node_first(const struct source *s, uint32_t node);
/* source_nodes_check_rest - FT_ERR_STATE: slots were on their way at the cut, and it is not the end, so that it is not a state of the
 * cluster. Of a Dragonfly the pass finds that out (cut->at_rest). */
int source_nodes_check_rest(const struct source *s, struct cut *cut, struct ft_err *err);
/* source_nodes_check_end - FT_ERR_STATE: the end of the input is wanted, and slots were on their way there, so that it is not a state of
 * the cluster; likewise. Who follows asks nothing. */
int source_nodes_check_end(const struct source *s, struct cut *cut, struct ft_err *err);
/* source_has_foreign - may there be foreign entries at all? s: NULL: no. */
bool source_has_foreign(const struct source *s);
/* source_is_foreign - an entry that a full sync brings of a slot that another node had: what is left of
 * a slot that was given away. */
bool source_is_foreign(const struct source *s, uint32_t stream, struct bytes key);

#endif
