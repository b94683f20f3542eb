#include "replay/replay_told.h"

#include <stdlib.h>

#include "base/clock.h"
#include "replay/position/replay_position.h"

static uint64_t end_of(const struct replay *r, uint32_t flow)
{
    uint64_t next = source_lsns(r->source, flow).next;

    return r->follow == NULL && r->cut.stop_lsn[flow] < next ? r->cut.stop_lsn[flow] : next;
}

int replay_told_begin(struct replay *r, struct ft_err *err)
{
    uint32_t generation = r->source->generation == 0 ? 1 : r->source->generation;
    uint32_t n = r->source->stream_count;
    uint64_t *ends;
    int rc;

    if (r->o->told == NULL || r->o->live != NULL)
        return 0;
    ends = calloc(n + 1u, sizeof(*ends));
    if (ends == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < n; i++)
        ends[i] = end_of(r, i);
    if (source_can(r->source, SOURCE_LSN_IS_OFFSET))
        live_flows_by_offset(r->o->told);
    rc = live_flows_begin(r->o->told, generation, n, ends, true, err);
    free(ends);
    if (rc == 0)
        rc = live_flows_replay_at(r->o->told, generation, n, r->set.next, err);
    if (rc == 0 && r->follow == NULL)
        rc = replay_positions_follow(&r->set, err);
    return rc;
}

void replay_told_move(struct replay *r)
{
    uint64_t now_us = clock_wall_us();

    if (r->o->told == NULL || r->o->live != NULL)
        return;
    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        uint64_t lsn = replay_positions_applied(&r->set, i);

        live_flows_received(r->o->told, i, lsn, now_us); /* more, where the capture grows */
        live_flows_advance(r->o->told, LIVE_DURABLE, i, lsn);
        live_flows_applied(r->o->told, i, lsn);
    }
}
