/*
 * replay_growing.h - a full sync that is still running, for those who send what has come of it.
 *
 * What it is   The generation that is being recorded in this process, and whether it is any good still: it is over when
 *              another one has begun, or when the capture has ended without its snapshots. What one sender fails at
 *              ends the others, as a full sync may last for hours.
 * Threads      Every function: any.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_GROWING_H
#define FLOWTAPE_REPLAY_REPLAY_GROWING_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/live_flows.h"

struct replay_growing {
    /* constant */
    struct live_flows *live;
    uint32_t generation;
    int cancel_fd;

    atomic_bool broken; /* a sender has failed */
    pthread_mutex_t mu;
    struct ft_err cause; /* of the first that did; guarded by mu */
};

void replay_growing_init(struct replay_growing *g, struct live_flows *live, uint32_t generation,
                         int cancel_fd);
void replay_growing_release(struct replay_growing *g);
/* replay_growing_break - a sender has failed. */
void replay_growing_break(struct replay_growing *g, const struct ft_err *cause);
/* replay_growing_check - FT_ERR_NET: it is over; or why another sender has failed. */
int replay_growing_check(struct replay_growing *g, struct ft_err *err);
/* replay_growing_wait - for a moment, longer each time: *wait_ms is 0 where there was something last. Errors as those of
 * _check, or FT_ERR_CANCELLED. */
int replay_growing_wait(struct replay_growing *g, uint32_t *wait_ms, struct ft_err *err);
/* replay_growing_await - until all snapshots are complete and durable. Errors as above. */
int replay_growing_await(struct replay_growing *g, struct ft_err *err);

#endif
