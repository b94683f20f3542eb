/*
 * slot_owners.h - which node of a cluster has which slot, while the journals of all nodes are run as one.
 *
 * What it is   A slot that moves is written by two nodes: the new one gets the keys, and the writes that go on
 *              at the old one, before it has the slot for itself. Only one of them counts at a time, so that
 *              the records of a key come in one order: the old node's until it journals that it deletes the
 *              slot's keys (DFLYCLUSTER FLUSHSLOTS), from there on the new node's, from its first one. Who
 *              brings a record for the slot of another node has to wait until that.
 * Unowned      After that flush, and where nobody knew an owner, the first node that brings a record has it.
 * Threads      Belongs to one thread.
 */
#ifndef FLOWTAPE_INPUT_SLOT_OWNERS_H
#define FLOWTAPE_INPUT_SLOT_OWNERS_H

#include "command/translation.h"
#include "input/source_nodes.h"

#include "base/err.h"

struct slot_owners {
    uint16_t owner[SLOT_COUNT]; /* index of the node, or SLOT_OWNER_NONE */
    struct slot_range *ranges;  /* of the last flush */
};

/* slot_owners_new - as they are at the end of the full syncs. *ret NULL: the source is not a cluster. */
int slot_owners_new(struct slot_owners **ret, const struct source *source, struct ft_err *err);
void slot_owners_free(struct slot_owners *o);
/* slot_owners_take - may the node change these keys? Those of unowned slots are its own then. */
bool slot_owners_take(struct slot_owners *o, uint32_t node, const struct translation_key *keys,
                      size_t count);
/*
 * slot_owners_flush - a flush of a node, of which only what is the node's stays: in t it becomes one of
 * slots, until the next call. False: nothing of it is.
 */
bool slot_owners_flush(struct slot_owners *o, uint32_t node, uint32_t db, struct translation *t);

#endif
