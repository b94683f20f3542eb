#include "serve/dragonfly_clock.h"

#include <stdlib.h>

#include "base/clock.h"

#define US_PER_MS     1000u
#define US_PER_SECOND UINT64_C(1000000)

/* Reads the time of the block after those that exist. *ret_some: there is one. */
static int peek(struct dragonfly_clock_flow *f, bool *ret_some, struct ft_err *err)
{
    struct segment_block block;
    enum segment_kind kind;
    enum step step;

    *ret_some = f->next_time_us != 0;
    if (*ret_some)
        return 0;
    step = flow_reader_next(f->reader, &block, &kind, err);
    if (step == STEP_ERROR)
        return -1;
    if (step != STEP_ITEM)
        return 0;
    *ret_some = true;
    f->next_time_us = block.time_us == 0 ? 1 : block.time_us;
    f->next_lsn = block.first_lsn + block.record_count;
    return 0;
}

/* A flow whose journal is empty so far has no time. */
static int open_flow(struct dragonfly_clock *c, const struct capture *capture, uint32_t flow,
                     struct ft_err *err)
{
    struct dragonfly_clock_flow *f = &c->flows[flow];
    bool some;

    f->exists_lsn = c->generation->flows[flow].stable_lsn;
    if (flow_reader_new(&f->reader, capture, c->generation, flow, err) != 0 ||
        flow_reader_seek_lsn(f->reader, f->exists_lsn, err) != 0 || peek(f, &some, err) != 0)
        return -1;
    if (some && (c->first_time_us == 0 || f->next_time_us < c->first_time_us))
        c->first_time_us = f->next_time_us;
    return 0;
}

int dragonfly_clock_init(struct dragonfly_clock *c, const struct dragonfly_options *o,
                         const struct capture *capture, const struct generation *g, bool follows,
                         struct ft_err *err)
{
    *c = (struct dragonfly_clock){.o = o, .generation = g, .follows = follows};
    c->flows = calloc(g->flow_count, sizeof(*c->flows));
    c->frozen_lsn = calloc(g->flow_count, sizeof(*c->frozen_lsn));
    if (c->flows == NULL || c->frozen_lsn == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < g->flow_count; i++) {
        if (open_flow(c, capture, i, err) != 0)
            return -1;
    }
    return 0;
}

void dragonfly_clock_release(struct dragonfly_clock *c)
{
    for (uint32_t i = 0; c->flows != NULL && i < c->generation->flow_count; i++)
        flow_reader_free(c->flows[i].reader);
    free(c->flows);
    free(c->frozen_lsn);
}

void dragonfly_clock_begin(struct dragonfly_clock *c)
{
    if (c->began_us == 0)
        c->began_us = clock_mono_us();
}

static void end_stop(struct dragonfly_clock *c, uint64_t now_us)
{
    /* what stood still before time began has cost none of it */
    uint64_t from_us = c->stop_began_us > c->began_us ? c->stop_began_us : c->began_us;

    if (c->began_us != 0 && now_us > from_us)
        c->stopped_us += now_us - from_us;
    c->stop_began_us = 0;
}

bool dragonfly_clock_is_stopped(struct dragonfly_clock *c)
{
    if (c->stop_began_us != 0 && clock_mono_us() >= c->stop_until_us)
        end_stop(c, c->stop_until_us);
    return c->stop_began_us != 0;
}

/* How long the records have been coming. */
static uint64_t elapsed_us(const struct dragonfly_clock *c)
{
    return c->began_us == 0 ? 0 : clock_mono_us() - c->began_us - c->stopped_us;
}

/* All blocks that were received until `until_us`. */
static int advance(struct dragonfly_clock_flow *f, uint64_t until_us, struct ft_err *err)
{
    for (;;) {
        bool some;

        if (peek(f, &some, err) != 0)
            return -1;
        if (!some || f->next_time_us > until_us)
            return 0;
        f->exists_lsn = f->next_lsn;
        f->next_time_us = 0;
    }
}

static int all_there(struct dragonfly_clock *c, uint32_t flow, uint64_t *ret_lsn,
                     struct ft_err *err)
{
    if (!c->follows) {
        *ret_lsn = c->generation->flows[flow].next_lsn;
        return 0;
    }
    if (advance(&c->flows[flow], UINT64_MAX, err) != 0)
        return -1;
    *ret_lsn = c->flows[flow].exists_lsn;
    return 0;
}

int dragonfly_clock_exists(struct dragonfly_clock *c, uint32_t flow, uint64_t *ret_lsn,
                           struct ft_err *err)
{
    struct dragonfly_clock_flow *f = &c->flows[flow];
    uint64_t lsn;

    if (dragonfly_clock_is_stopped(c)) {
        *ret_lsn = c->frozen_lsn[flow];
        return 0;
    }
    switch (c->o->pace) {
    case DRAGONFLY_PACE_RECORDED:
        if (c->began_us != 0 &&
            advance(f, c->first_time_us + (uint64_t)((double)elapsed_us(c) * c->o->speed), err) !=
                0)
            return -1;
        *ret_lsn = f->exists_lsn;
        return 0;
    case DRAGONFLY_PACE_RECORDS:
        if (all_there(c, flow, &lsn, err) != 0)
            return -1;
        *ret_lsn = c->generation->flows[flow].stable_lsn +
                   elapsed_us(c) * c->o->records_per_s / US_PER_SECOND;
        if (*ret_lsn > lsn)
            *ret_lsn = lsn;
        return 0;
    default:
        return all_there(c, flow, ret_lsn, err);
    }
}

int dragonfly_clock_limit(struct dragonfly_clock *c, uint32_t flow, uint64_t *ret_lsn,
                          struct ft_err *err)
{
    if (c->o->pace == DRAGONFLY_PACE_MAX && !dragonfly_clock_is_stopped(c)) {
        *ret_lsn = UINT64_MAX;
        return 0;
    }
    return dragonfly_clock_exists(c, flow, ret_lsn, err);
}

int dragonfly_clock_stop(struct dragonfly_clock *c, uint64_t ms, const uint64_t *sent_lsn,
                         struct ft_err *err)
{
    uint64_t now_us = clock_mono_us();
    uint64_t until_us = now_us + ms * US_PER_MS;

    if (dragonfly_clock_is_stopped(c)) {
        if (until_us > c->stop_until_us)
            c->stop_until_us = until_us;
        return 0;
    }
    for (uint32_t i = 0; i < c->generation->flow_count; i++) {
        if (dragonfly_clock_exists(c, i, &c->frozen_lsn[i], err) != 0)
            return -1;
        if (sent_lsn[i] > c->frozen_lsn[i])
            c->frozen_lsn[i] = sent_lsn[i];
    }
    c->stop_began_us = now_us;
    c->stop_until_us = until_us;
    return 0;
}

void dragonfly_clock_resume(struct dragonfly_clock *c)
{
    if (dragonfly_clock_is_stopped(c))
        end_stop(c, clock_mono_us());
}
