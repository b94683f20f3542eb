/*
 * set_marks.h - of a set of Dragonflies: how far the nodes' journals have to be for slots that were given up to be at rest.
 *
 * What it is   When a node has journalled that it has given slots up (DFLYCLUSTER FLUSHSLOTS), and once at the beginning, since nobody knows what was on
 *              its way when the run before ended, all nodes are asked how far they are, and then once more: what was given up before
 *              the first answers, other nodes had got before the second ones. As soon as all that lies before these is durable, the set
 *              says so (struct set_settled). What was given up and is not covered by that counts as on its way, so nothing has to be
 *              written down before the journal is.
 * Caught up    A set is caught up when that has been written down, and nothing was given up since.
 * Threads      That of the run.
 */
#ifndef FLOWTAPE_CAPTURE_SET_MARKS_H
#define FLOWTAPE_CAPTURE_SET_MARKS_H

#include "capture/set_node.h"

/* set_marks_begin - the nodes are started. */
void set_marks_begin(struct set_run *r);
/* set_marks_look - once more. May set r->caught_up. */
int set_marks_look(struct set_run *r, struct ft_err *err);
/* set_marks_is_due - there is something to be found out, so that looks should not be far apart. */
bool set_marks_is_due(const struct set_run *r);
/* set_marks_end - the nodes have ended, and what they have is durable. */
int set_marks_end(struct set_run *r, struct ft_err *err);
void set_marks_release(struct set_run *r);

#endif
