/*
 * slot_owners.h - which node of a cluster has which slot, while the journals of all nodes are run as one.
 *
 * What it is   A slot that moves is written by two nodes: the new one gets the keys, and the writes that go on
 *              at the old one, before it has the slot for itself. Only one of them counts at a time, so that
 *              the records of a key come in one order: the old node's until it journals that it deletes the
 *              slot's keys (DFLYCLUSTER FLUSHSLOTS), from there on the new node's, from its first one. Who
 *              brings a record for the slot of another node has to wait until that.
 * Unowned      After that flush, and where nobody knew an owner, the first node that brings a record has it.
 * Settled      The journals of a Redis say nothing of that. There the capture has written down, for each slot that was on its way,
 *              at which LSNs of all nodes it had come to rest, and with whom (struct set_moment). Between two such
 *              moments the slot's owner before, and the one after it, count: first all of the one, then all of the
 *              other, which begins with the whole value of each key. What others brought is dropped: it went away again, with
 *              all that became of it. Before the first of these moments all that counts is what its owner has.
 *              What comes after the last one of another node than the owner waits until there is another moment; but that
 *              somebody deletes a key who does not own it does nothing.
 * Threads      Belongs to one thread.
 */
#ifndef FLOWTAPE_INPUT_SLOT_OWNERS_H
#define FLOWTAPE_INPUT_SLOT_OWNERS_H

#include "command/translation.h"
#include "input/source_nodes.h"

#include "base/err.h"

struct source;

/* A slot has come to rest with a node. */
struct slot_rest {
    uint32_t moment; /* index of the moment */
    uint32_t next;   /* the same slot's next one, as index + 1; 0: none */
    uint16_t node;
};

struct slot_owners {
    uint16_t owner[SLOT_COUNT]; /* index of the node, or SLOT_OWNER_NONE */
    struct slot_range *ranges;  /* of the last flush */

    /* of a source whose set has moments at which slots are settled */
    size_t moment_count; /* 0: it has none */
    uint32_t node_count;
    uint64_t *lsns; /* node_count for each */
    struct slot_rest *rests;
    size_t rest_count;
    uint32_t first[SLOT_COUNT]; /* as index + 1 */
    uint32_t last[SLOT_COUNT];
    uint32_t now[SLOT_COUNT]; /* the one whose node is the owner */
};

/* slot_owners_new - as they are at the end of the full syncs. *ret NULL: the source is not a cluster. */
int slot_owners_new(struct slot_owners **ret, const struct source *source, struct ft_err *err);
void slot_owners_free(struct slot_owners *o);

/* slot_owners_has_moments - by moments that were written down, and not by what the journals say. */
static inline bool slot_owners_has_moments(const struct slot_owners *o)
{
    return o->moment_count != 0;
}
/* slot_owners_update - has another moment been written down? Returns 1: yes, which may free who waits. */
int slot_owners_update(struct slot_owners *o, const struct source *source, struct ft_err *err);

enum slot_claim {
    SLOT_TAKE, /* the node may change the keys */
    SLOT_DROP, /* what it does to them is not to be applied */
    SLOT_WAIT, /* not before another node has come further */
};

/* A record that changes keys, and how far the nodes are. */
struct slot_claimant {
    uint32_t node;
    uint64_t lsn;
    bool deletes; /* and does nothing else */
    const uint64_t
        *passed; /* per node: all before this LSN has been taken; where slots are settled */
};

/* slot_owners_claim - keys of slots that nobody owns are the node's own then. */
enum slot_claim slot_owners_claim(struct slot_owners *o, const struct slot_claimant *c,
                                  const struct translation_key *keys, size_t count);
/*
 * slot_owners_flush - a flush of a node, of which only what is the node's stays: in t it becomes one of
 * slots, until the next call. False: nothing of it is.
 */
bool slot_owners_flush(struct slot_owners *o, const struct slot_claimant *c, uint32_t db,
                       struct translation *t);

#endif
