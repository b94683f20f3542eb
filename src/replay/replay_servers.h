/* replay_servers.h - what masters have been through since snapshots were brought to them. */
#ifndef FLOWTAPE_REPLAY_REPLAY_SERVERS_H
#define FLOWTAPE_REPLAY_REPLAY_SERVERS_H

#include "base/err.h"

struct replay;

/* replay_check_servers - at the beginning of an attempt: a master of a cluster that was restarted since
 * snapshots were marked as done may have come back without them, one that was emptied has not got them; then
 * all are to be brought again. */
int replay_check_servers(struct replay *r, struct ft_err *err);
/* replay_check_flushes - when they are there: has somebody emptied a master, or a database, meanwhile? 1: so it
 * is, and none counts as done any more. */
int replay_check_flushes(struct replay *r, struct ft_err *err);
/* replay_watch_flushes, replay_prove_flushes - from then until now, in the journal: on a single server a database
 * other than 0 may have been emptied without a position going with it. FT_ERR_STATE, in later runs too, where the input
 * has keys outside of database 0; a note where that is not known. */
int replay_watch_flushes(struct replay *r, struct ft_err *err);
int replay_prove_flushes(struct replay *r, struct ft_err *err);
/* replay_watch_evictions, replay_report_evictions - before the first write and at the end: a note says how many keys a full
 * target has evicted in between. */
int replay_watch_evictions(struct replay *r, struct ft_err *err);
int replay_report_evictions(struct replay *r, struct ft_err *err);

#endif
