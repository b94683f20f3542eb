/* Which records of the journal exist, as time goes on and stands still. */
#include "base/clock.h"
#include "lib/master_int.h"

void time_begin(struct master *m)
{
    if (m->stable_began_us == 0)
        m->stable_began_us = clock_mono_us();
}

/* The next LSN behind what the flow has been sent, whole records of course. */
static uint64_t sent_lsn(const struct master *m, const struct recording_flow *f)
{
    uint64_t offset = f->stable_start, lsn;

    for (const struct session *s = m->sessions; s != NULL; s = s->next)
        for (uint32_t i = 0; i < m->recording->flow_count; i++)
            if (s->flows[i].tape == f && s->flows[i].sent_offset > offset)
                offset = s->flows[i].sent_offset;
    lsn = recording_lsn_at(f, offset);
    if (lsn < f->final_lsn && f->starts[lsn - f->first_lsn] < offset)
        lsn++;
    return lsn;
}

static void end_pause(struct master *m, uint64_t now_us)
{
    uint64_t ms = (now_us - m->pause_began_us) / 1000;

    m->paused_us += now_us - m->pause_began_us;
    if (ms > m->longest_pause_ms)
        m->longest_pause_ms = ms;
    m->pause_until_us = 0;
}

bool time_is_paused(struct master *m)
{
    if (m->pause_until_us != 0 && clock_mono_us() >= m->pause_until_us)
        end_pause(m, m->pause_until_us);
    return m->pause_until_us != 0;
}

/* One that runs is made longer, never shorter. */
void time_pause(struct master *m, uint64_t ms)
{
    uint64_t until_us = clock_mono_us() + ms * 1000;

    m->pauses++;
    if (time_is_paused(m)) {
        if (until_us > m->pause_until_us)
            m->pause_until_us = until_us;
        return;
    }
    m->pause_began_us = clock_mono_us();
    for (uint32_t i = 0; i < m->recording->flow_count; i++)
        m->frozen_lsn[i] = sent_lsn(m, &m->recording->flows[i]);
    m->pause_until_us = until_us;
}

void time_unpause(struct master *m)
{
    m->unpauses++;
    if (time_is_paused(m))
        end_pause(m, clock_mono_us());
}

static uint64_t written(struct master *m)
{
    uint64_t now_us = m->pause_until_us != 0 ? m->pause_began_us : clock_mono_us();

    if (m->stable_began_us == 0 || now_us < m->stable_began_us + m->paused_us)
        return 0;
    return (now_us - m->stable_began_us - m->paused_us) * m->options.write_rate / 1000000;
}

/* Records behind the recording. */
static uint64_t stamped(const struct master *m, const struct recording_flow *f)
{
    uint64_t count = 0;

    for (const struct session *s = m->sessions; s != NULL; s = s->next)
        for (uint32_t i = 0; i < m->recording->flow_count; i++)
            if (s->flows[i].tape == f && s->flows[i].stamped > count)
                count = s->flows[i].stamped;
    return count;
}

uint64_t time_lsn(struct master *m, const struct recording_flow *f)
{
    uint64_t end = flow_end_lsn(m, f);
    bool paused = time_is_paused(m);
    uint64_t lsn = end;

    if (m->options.write_rate > 0)
        lsn = f->first_lsn + written(m);
    else if (paused)
        lsn = m->frozen_lsn[f - m->recording->flows];
    return lsn < end ? lsn : end + stamped(m, f);
}

uint64_t time_offset(struct master *m, const struct recording_flow *f)
{
    uint64_t lsn = time_lsn(m, f);

    if (lsn >= flow_end_lsn(m, f))
        return flow_end_offset(m, f);
    return lsn == f->first_lsn ? f->stable_start : f->ends[lsn - 1 - f->first_lsn];
}
