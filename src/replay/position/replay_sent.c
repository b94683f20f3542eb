#include "replay/position/replay_sent.h"

#include <stdlib.h>
#include <string.h>

int replay_sent_init(struct replay_sent *s, uint32_t flow_count, const uint64_t *acked,
                     struct ft_err *err)
{
    replay_sent_release(s);
    s->lsn = calloc(flow_count + 1u, (REPLAY_SENT_MAX + 1) * sizeof(*s->lsn));
    if (s->lsn == NULL)
        return err_nomem(err, "the batches of a node");
    s->flow_count = flow_count;
    s->acked = s->lsn + (size_t)REPLAY_SENT_MAX * flow_count;
    memcpy(s->acked, acked, flow_count * sizeof(*acked));
    return 0;
}

void replay_sent_release(struct replay_sent *s)
{
    free(s->lsn);
    *s = (struct replay_sent){0};
}

static uint64_t *vector(const struct replay_sent *s, uint32_t slot)
{
    return s->lsn + (size_t)slot * s->flow_count;
}

void replay_sent_add(struct replay_sent *s, uint64_t batch, const uint64_t *next_lsn)
{
    uint32_t slot;

    if (s->lsn == NULL)
        return;
    if (s->count < REPLAY_SENT_MAX)
        s->count++;
    slot = (s->first + s->count - 1) % REPLAY_SENT_MAX;
    s->batch[slot] = batch;
    memcpy(vector(s, slot), next_lsn, s->flow_count * sizeof(*next_lsn));
}

void replay_sent_ack(struct replay_sent *s, uint64_t batch)
{
    while (s->count > 0 && s->batch[s->first] <= batch) {
        memcpy(s->acked, vector(s, s->first), s->flow_count * sizeof(*s->acked));
        s->first = (s->first + 1) % REPLAY_SENT_MAX;
        s->count--;
    }
}
