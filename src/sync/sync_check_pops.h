/*
 * sync_check_pops.h - were elements popped of which the journal does not tell?
 *
 * LMPOP and BLMPOP with COUNT leave the trace of a pop of one element. The source counts its commands (INFO
 * commandstats): if there were any of these since the sync began, or since the last look, the keys that the
 * journal pops from (replay/replay_pops.h) are put on the list of suspects before this is read again.
 *
 * Threads      That of the sync_check.
 */
#ifndef FLOWTAPE_SYNC_SYNC_CHECK_POPS_H
#define FLOWTAPE_SYNC_SYNC_CHECK_POPS_H

#include "sync/sync_check.h"

/* sync_pops_begin - with the run. A directory that holds a capture already has a journal of times that nobody
 * asked about: all that the source ever counted is new then. */
void sync_pops_begin(struct sync_check *c);
/* sync_pops_ask - the source, whether there is something to do; errors leave it at what was known. */
void sync_pops_ask(struct sync_check *c);
/* sync_pops_read - what the journal has so far, while nothing waits for it. */
int sync_pops_read(struct sync_check *c, struct ft_err *err);
/* sync_pops_list - the rest, and all onto the list of the target, to which c is connected. */
int sync_pops_list(struct sync_check *c, struct ft_err *err);

#endif
