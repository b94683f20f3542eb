/*
 * replicate.h - an INPUT into a running Redis by replication: `flowtape replay --via replication`.
 *
 * What it is   The input is served as a Redis master (serve/serve.h), the target is made a replica of it, and a master again
 *              once it has executed all of the stream. It loads the state natively, and keeps the offset itself.
 * Replaced     Everything that the target has; so it has to be empty, unless the options say that it may go (flush).
 * Failure      Whatever goes wrong after REPLICAOF, the target is made a master again. Only a process that was killed cannot do
 *              so; a replica that has executed a part of this input's stream resumes when it is started again.
 * Report       That of a replay, as far as its numbers mean something here.
 * Threads      Both block, and use threads of their own, which have ended on return. The progress may be read by others.
 */
#ifndef FLOWTAPE_REPLICATE_REPLICATE_H
#define FLOWTAPE_REPLICATE_REPLICATE_H

#include "replay/replay.h"
#include "replay/replay_rehearsal.h"

struct replicate_options {
    const struct replay_options
        *replay; /* input, target, flush, losses, follow, patience, notes: the rest is not heeded */
    const struct uri *listen;   /* NULL: a loopback address, and a port that is free */
    const struct uri *announce; /* as the target reaches that; port 0: the same. NULL: as it is */
    const char *redis_server;   /* program that makes states of captures */
};

/* replicate_run - as replay_run. */
int replicate_run(const struct replicate_options *options, struct replay_progress *progress,
                  struct loss_report *losses, struct replay_result *ret, struct ft_err *err);
/* replicate_rehearse - as replay_rehearse: nothing listens, and the target is given no orders. */
int replicate_rehearse(struct replay_rehearsal *ret, const struct replicate_options *options,
                       struct loss_report *losses, struct ft_err *err);

#endif
