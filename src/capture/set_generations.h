/*
 * set_generations.h - which generations of the nodes make one of the set, while it is recorded; and how far its flows are.
 *
 * What it is   Looks at what the nodes' captures say of themselves (live_flows.h). Those that have just become whole together are a
 *              generation of the set, when their full syncs fit together (input/set_slots.h; of a Redis Cluster set_cluster.h decides).
 *              What it says to who follows the set is in the same words, of all nodes' flows.
 * Threads      That of the run.
 */
#ifndef FLOWTAPE_CAPTURE_SET_GENERATIONS_H
#define FLOWTAPE_CAPTURE_SET_GENERATIONS_H

#include "capture/set_node.h"

/* set_generations_look - once more, of a set whose journals say whose slots are. r->clashed: they do not fit together. */
int set_generations_look(struct set_run *r, struct ft_err *err);
/* set_generations_find - the newest that can be read, of each node that has slots. False: not all have one, or they are known. */
bool set_generations_find(struct set_run *r, uint32_t *ret);
/* set_generations_take - they are known from now on. */
void set_generations_take(struct set_run *r, const uint32_t *generations);
/* set_generations_check_distinct - FT_ERR_USAGE: two addresses are one node, which would bring all of it twice. */
int set_generations_check_distinct(const struct set_run *r, const uint32_t *generations,
                                   struct ft_err *err);
/* set_generations_hold - what the set's newest generation consists of stays, also where a node has a newer one. */
int set_generations_hold(struct set_run *r, struct ft_err *err);
/* set_generations_begin_live - who follows the set goes over to its newest generation. */
int set_generations_begin_live(struct set_run *r, struct ft_err *err);
/* set_generations_tell_live - how far its flows are. */
void set_generations_tell_live(struct set_run *r);

#endif
