/*
 * replay_sent.h - what the batches of one node that are in flight cover.
 *
 * What it is   A ring of (batch, next LSN per flow as it was when the batch was sent). When there are
 *              more than REPLAY_SENT_MAX, the newest ones are told apart no longer: what is
 *              acknowledged is then known later, never too early.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_SENT_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_SENT_H

#include "base/err.h"

#define REPLAY_SENT_MAX 64u

/* A zeroed one is valid, and remembers nothing. */
struct replay_sent {
    uint32_t flow_count;
    uint64_t *lsn;   /* REPLAY_SENT_MAX vectors */
    uint64_t *acked; /* one vector */
    uint64_t batch[REPLAY_SENT_MAX];
    uint32_t first;
    uint32_t count;
};

/* replay_sent_init - acked: what lies before these LSNs is there already. */
int replay_sent_init(struct replay_sent *s, uint32_t flow_count, const uint64_t *acked,
                     struct ft_err *err);
void replay_sent_release(struct replay_sent *s);
/* replay_sent_add - the batch, a number that grows, was sent after what lies before next_lsn. */
void replay_sent_add(struct replay_sent *s, uint64_t batch, const uint64_t *next_lsn);
/* replay_sent_ack - batches up to this one have been answered. */
void replay_sent_ack(struct replay_sent *s, uint64_t batch);

#endif
