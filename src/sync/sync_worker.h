/*
 * sync_worker.h - the capture and the replay of a sync, each in its thread.
 *
 * Threads      The thread of sync_run; callbacks come from the workers.
 */
#ifndef FLOWTAPE_SYNC_SYNC_WORKER_H
#define FLOWTAPE_SYNC_SYNC_WORKER_H

#include "sync/sync_impl.h"

/* sync_workers_init - options of both; their descriptors to wake them. sync_workers_release also after a failure. */
int sync_workers_init(struct sync *s, struct ft_err *err);
void sync_workers_release(struct sync *s);
/* sync_capture - the capture, of one source or of all nodes, until it ends. */
int sync_capture(struct sync *s, struct ft_err *err);
int sync_start_capture(struct sync *s, struct ft_err *err);
/* sync_start_replay - or the service; once more, when the one before has ended. */
int sync_start_replay(struct sync *s, struct ft_err *err);
/* sync_start_early - in the replay's place, while the capture runs: what can be brought before its full sync is complete. */
int sync_start_early(struct sync *s, struct ft_err *err);
/* sync_worker_start - run gets s, and sets done in the end. sync_worker_join - of one that may never have been started. */
int sync_worker_start(struct sync_worker *w, void *(*run)(void *), struct sync *s,
                      struct ft_err *err);
void sync_worker_join(struct sync_worker *w);
void sync_cancel(struct sync_worker *w);
void sync_join_capture(struct sync *s);
/* sync_join_replay - what it did is added to the result. */
void sync_join_replay(struct sync *s);
/* sync_forget_position - what --finish asks for, when no replay will go on. */
int sync_forget_position(struct sync *s, struct ft_err *err);
/* sync_hand_over - begin: notes of the capture are kept back; else they are shown from now on, and what
 * was kept back is, if `show`. */
void sync_hand_over(struct sync *s, bool begin, bool show);

#endif
