/*
 * replay_follow.h - what a replay does at the end of what a growing capture has.
 *
 * What it is   The callback of a journal pass that follows (journal_pass.h): batches that are not full
 *              go out, replies are taken as they come, and the pass goes on as soon as there is more
 *              to read. A capture of this process says so (live_flows.h); another process's
 *              directory is looked at when somebody has written there (dir_watch.h), and every few milliseconds.
 * Batches      While nothing else is to be read, a node gets what there is for it as soon as fewer
 *              than two batches are in flight there: alone, a record goes at once; under load,
 *              batches grow by themselves.
 * Applied      A flow's records before an LSN are applied when every node either has acknowledged a
 *              batch that was sent when the replay was there, or has nothing left to do.
 * Threads      The replay's.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_FOLLOW_H
#define FLOWTAPE_REPLAY_REPLAY_FOLLOW_H

#include "replay/replay_impl.h"

/* replay_follow_open - r->follow, unless this replay does not follow. */
int replay_follow_open(struct replay *r, struct ft_err *err);
void replay_follow_close(struct replay *r);
/* replay_follow_await - until the capture has a snapshot that can be replayed. */
int replay_follow_await(struct replay *r, struct ft_err *err);
/* replay_follow_reach - until the capture has all that the target has: a machine that went down may
 * have taken the tail of the capture with it, but the source sends it again. */
int replay_follow_reach(struct replay *r, struct ft_err *err);
/* replay_follow_begin - a pass begins, with r->set.next set. */
int replay_follow_begin(struct replay *r, struct ft_err *err);
/* replay_follow_passed - for struct journal_follow. */
uint64_t *replay_follow_passed(struct replay *r);
/* replay_follow_more - for struct journal_follow. records: that this pass has taken; between: there is no transaction
 * of which batches have a part alone, so they may be sent. */
int replay_follow_more(struct replay *r, uint64_t records, bool idle, bool between,
                       struct ft_err *err);
/* replay_follow_tell - everything has been sent and answered. */
void replay_follow_tell(struct replay *r);
/* replay_follow_turned_over - the pass ended because there is another generation. */
bool replay_follow_turned_over(const struct replay *r);

#endif
