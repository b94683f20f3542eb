/*
 * given_up.h - slots that a node of a Dragonfly cluster has given up: have the journals of the other nodes come to what these got of them?
 *
 * What it is   The node journals that it has given a slot up when another one has it. That one's records of it lie in another journal,
 *              which may end before them: then the slot's keys are in neither. What the capture has written down (store/set_moments.h)
 *              tells from where on they are all there.
 * Following    A capture that grows writes down more of that. So it is read again at the end.
 * Threads      Belongs to one thread.
 */
#ifndef FLOWTAPE_INPUT_GIVEN_UP_H
#define FLOWTAPE_INPUT_GIVEN_UP_H

#include "input/cut.h"
#include "input/source.h"

struct given_up;

/* given_up_new - of a pass to this cut; follow: it has no end yet. *ret NULL: nothing is known of it in this source. */
int given_up_new(struct given_up **ret, const struct source *source, const struct cut *cut,
                 bool follow, struct ft_err *err);
void given_up_free(struct given_up *g);
/* given_up_note - a node has given up slots; for each of its flows, with the LSN there. g: NULL: nothing happens. */
void given_up_note(struct given_up *g, uint32_t flow, uint64_t lsn);
/*
 * given_up_count - nodes that have given up slots of which it is not known that the others have got all by these LSNs, the next
 * ones of each flow. g: NULL: none.
 */
int given_up_count(struct given_up *g, const uint64_t *next_lsn, uint64_t *ret, struct ft_err *err);
/* given_up_check - FT_ERR_STATE: there were some, and a state of the cluster is wanted (cut->at_rest). After given_up_count. */
int given_up_check(const struct given_up *g, struct ft_err *err);

#endif
