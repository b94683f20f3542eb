/*
 * sync_served.h - a sync that serves its capture to replicas, instead of writing into a target.
 *
 * What it is   The service (serve/serve.h) as the worker that else is the replay, and what the cut-over wants to know of the
 *              replicas. The service does not end at the goal, its stream stands there.
 * Cut-over     It begins when there are as many replicas as --min-replicas says, none that is known is missing, and all get the
 *              stream; it arrives when all have acknowledged what the stream has at the goal, corrections of suspect keys
 *              included. Who is missing is waited for as long as a lost target is.
 * Threads      That of sync_run, but for the callbacks of the service.
 */
#ifndef FLOWTAPE_SYNC_SYNC_SERVED_H
#define FLOWTAPE_SYNC_SYNC_SERVED_H

#include <stdbool.h>

#include "base/err.h"

struct sync;

int sync_served_init(struct sync *s, struct ft_err *err);
void sync_served_release(struct sync *s);
/* sync_served_preflight - what replicas would need. */
int sync_served_preflight(struct sync *s, struct ft_err *err);
/* sync_served_run - the service, in the thread of its own; until it is cancelled. */
int sync_served_run(struct sync *s, struct ft_err *err);
/* sync_served_look - once in a step, before anything is asked for. */
int sync_served_look(struct sync *s, struct ft_err *err);

/* sync_served_is_ready - a cut-over can begin. sync_served_has_goal - the stream stands there, or, with `all`, has everything;
 * replicas have acknowledged it. */
bool sync_served_is_ready(const struct sync *s);
bool sync_served_has_goal(const struct sync *s, bool all);
/* sync_served_needs_goal - another one: at this, some flows have a flush and others do not. */
bool sync_served_needs_goal(const struct sync *s);
/* sync_served_has_all - replicas have acknowledged what the stream has now. */
bool sync_served_has_all(const struct sync *s);
/* sync_served_wait - somebody is waited for; FT_ERR_TIMEOUT: in vain. */
int sync_served_wait(struct sync *s, struct ft_err *err);
/* sync_served_forget - a cut-over does without this one; false: it is not known. The user is told. */
bool sync_served_forget(struct sync *s, const char *name);
/* sync_served_say_done - what is to be done with the replicas now. */
void sync_served_say_done(struct sync *s);

#endif
